// A coordinator from its start to its end. In each ZooKeeper session it makes sure that the cluster's znodes exist, joins the
// election queue, and leads when it is the first. It starts over when the session has ended or a newer leader has fenced it.

import type { Env } from '../common/base/env.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import type { Logger } from '../common/base/log.ts';
import { BadDataError, UnknownFormatError } from '../common/model/fields.ts';
import type { ClusterRecord, CoordinatorRecord } from '../common/model/records.ts';
import { type Zk, ZkError, type ZkSession } from '../common/zk/store.ts';
import { paths } from '../common/zk/znodes.ts';
import type { ClusterView } from './cluster-view.ts';
import type { LeaderConfig } from './config.ts';
import { campaign, type ElectionDeps, leaveQueue } from './election.ts';
import { Leader } from './loop.ts';
import { ensureCluster } from './new-cluster.ts';
import { isEnded, retryUnanswered } from './retry.ts';
import type { Step } from './step.ts';

export type Role = 'connecting' | 'standby' | 'leader';

export interface CoordinatorOptions {
  readonly zk: Zk;
  readonly env: Env;
  readonly logger: Logger;
  readonly record: CoordinatorRecord;
  readonly config: LeaderConfig;
  /** ZooKeeper's tickTime, ms, for a cluster that is made now; null: not known. */
  readonly tickMs: number | null;
  readonly roleChanged: (role: Role) => void;
  readonly committed: (step: Step) => void;
}

/** How often a coordinator without a ZooKeeper session logs that it is still trying, ms. */
const WAIT_LOG_MS = 10_000;

export class Coordinator {
  readonly #options: CoordinatorOptions;
  #role: Role = 'connecting';
  #leader: Leader | null = null;
  #closed = false;
  /** Whether it has had a session before, with a cluster that it can serve. */
  #served = false;
  #giveUp: () => void = () => {};

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  get role(): Role {
    return this.#role;
  }

  /** The leader's last view of the cluster; null on a standby. */
  get view(): ClusterView | null {
    return this.#leader?.view ?? null;
  }

  /** Runs until `close`. Rejects with an error that waiting does not cure: a cluster of another format, or a defect. */
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

  /** Ends the session, so that the next coordinator in the queue leads at once. */
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
      zk.ready(WAIT_LOG_MS).then(resolve, (error) => {
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
        'the cluster has been made with another tickTime; the flag is ignored',
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
      logger.info({ term: fence.term, end }, 'no longer the leader');
      if (end !== 'fenced') return;
      await leaveQueue(session, election);
    }
  }

  /**
   * The cluster's record, which is made if there is none. Null: it cannot be read. The coordinator leads all the same, because
   * ranges need a leader. Rejects with NO_CLUSTER if the cluster has another format and this process has just started.
   */
  async #cluster(session: ZkSession): Promise<ClusterRecord | null> {
    const { env, config, tickMs, logger } = this.#options;
    try {
      return await retryUnanswered(session, env, config.retryMs, () => ensureCluster(session, env, tickMs));
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
