// A coordinator's life: for every ZooKeeper session it makes sure that the cluster's znodes are there, stands in the
// queue, leads when its turn comes, and starts again when a session is over or a newer leader has fenced it.

import type { Env } from '../common/base/env.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import type { Logger } from '../common/base/log.ts';
import { BadDataError, UnknownFormatError } from '../common/model/fields.ts';
import type { ClusterRecord, CoordinatorRecord } from '../common/model/records.ts';
import { type Zk, ZkError, type ZkSession } from '../common/zk/store.ts';
import { paths } from '../common/zk/znodes.ts';
import type { View } from './cluster-view.ts';
import type { LeaderConfig } from './config.ts';
import { campaign, type ElectionDeps, leaveQueue } from './election.ts';
import { Leader } from './loop.ts';
import { ensureCluster } from './new-cluster.ts';
import { isEnded, persist } from './retry.ts';
import type { Step } from './step.ts';

export type Role = 'connecting' | 'standby' | 'leader';

export interface CoordinatorOptions {
  readonly zk: Zk;
  readonly env: Env;
  readonly logger: Logger;
  readonly record: CoordinatorRecord;
  readonly config: LeaderConfig;
  /** For a cluster made now; null: unset. */
  readonly tickMs: number | null;
  readonly roleChanged: (role: Role) => void;
  readonly committed: (step: Step) => void;
}

/** So often a coordinator without ZooKeeper says that it is still trying. */
const COMPLAIN_MS = 10_000;

export class Coordinator {
  readonly #options: CoordinatorOptions;
  #role: Role = 'connecting';
  #leader: Leader | null = null;
  #closed = false;
  /** Some session has been served. */
  #served = false;
  #giveUp: () => void = () => {};

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  get role(): Role {
    return this.#role;
  }

  /** What the leader saw last; null on a standby. */
  get view(): View | null {
    return this.#leader?.view ?? null;
  }

  /** Serves until closed. Rejects for what no waiting mends: a cluster of another format, a defect. */
  async run(): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#serve(await this.#session());
      } catch (error) {
        if (!isEnded(error) && !(error instanceof ZkError && error.failure === 'timeout')) throw error;
      }
      this.#enter('connecting');
    }
  }

  /** Ends the session, so that the next in the queue leads at once. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#leader?.stop();
    this.#giveUp();
    await this.#options.zk.close();
  }

  #session(): Promise<ZkSession> {
    const { zk, logger } = this.#options;
    return new Promise((resolve, reject) => {
      this.#giveUp = () => reject(new ZkError('ended', '/'));
      zk.ready(COMPLAIN_MS).then(resolve, (error) => {
        if (!this.#closed) logger.warn({}, 'no ZooKeeper session yet; still trying');
        reject(error);
      });
    });
  }

  async #serve(session: ZkSession): Promise<void> {
    const { tickMs, logger } = this.#options;
    const cluster = await this.#cluster(session);
    if (tickMs !== null && cluster !== null && cluster.tickMs !== tickMs) {
      logger.warn(
        { tickMs, cluster: cluster.tickMs },
        'the cluster has another tickTime; the flag is ignored',
      );
    }
    this.#served = true;
    const election = this.#election();
    while (!this.#closed) {
      const fence = await campaign(session, election);
      this.#leader = new Leader(fence, this.#options);
      logger.info({ term: fence.term, session: session.id }, 'leading');
      this.#enter('leader');
      const end = await this.#leader.run().finally(() => {
        this.#leader = null;
      });
      logger.info({ term: fence.term, end }, 'leads no longer');
      if (end !== 'fenced') return;
      await leaveQueue(session, election);
    }
  }

  /**
   * Null: there is one, and its record cannot be read. Ranges need a leader all the same. Rejects with NO_CLUSTER where this
   * coordinator has just been started for a cluster of another format.
   */
  async #cluster(session: ZkSession): Promise<ClusterRecord | null> {
    const { env, config, tickMs, logger } = this.#options;
    try {
      return await persist(session, env, config.retryMs, () => ensureCluster(session, env, tickMs));
    } catch (error) {
      if (!(error instanceof BadDataError)) throw error;
      if (error instanceof UnknownFormatError && !this.#served)
        throw new RangekeeperError('NO_CLUSTER', error.message);
      logger.error({ path: paths.cluster, reason: error.message }, 'a znode cannot be read');
      return null;
    }
  }

  #election(): ElectionDeps {
    const { zk, env, logger, record, config } = this.#options;
    const standingBy = () => this.#enter('standby');
    return { zk, env, logger, record, retryMs: config.retryMs, standingBy };
  }

  #enter(role: Role): void {
    if (this.#role === role) return;
    this.#role = role;
    this.#options.roleChanged(role);
  }
}
