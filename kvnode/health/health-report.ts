// Tells the leader how this node fares, in its health znode: an ephemeral of the session in which the node is registered. It is
// written when it changes and at most every few seconds, so that a cut through a large cluster costs one write a node. Nothing
// waits for it: where ZooKeeper does not answer, the next turn tries again.

import { equalBytes } from '../../common/base/bytes.ts';
import { type Env, every, type Timer } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { HealthRecord } from '../../common/model/records.ts';
import { ZkError, type ZkSession } from '../../common/zk/store.ts';
import { healthCodec, paths } from '../../common/zk/znodes.ts';

/** Between two looks, ms. */
const LOOK_MS = 500;
/** A write is followed by so many looks without one. */
const LOOKS_BETWEEN_WRITES = 4;

export interface HealthReportOptions {
  readonly self: NodeId;
  readonly env: Env;
  readonly logger: Logger;
  /** Looks again, and says what there is to report. */
  readonly look: () => HealthRecord;
}

export class HealthReport {
  readonly #options: HealthReportOptions;
  readonly #timer: Timer;
  #session: ZkSession | null = null;
  /** As written in this session; null: nothing yet. */
  #written: Uint8Array | null = null;
  #writing = false;
  #pause = 0;

  constructor(options: HealthReportOptions) {
    this.#options = options;
    this.#timer = every(options.env, LOOK_MS, () => this.#turn());
  }

  /** The session in which the node is registered; null: none. */
  useSession(session: ZkSession | null): void {
    this.#session = session;
    this.#written = null;
    this.#pause = 0;
  }

  close(): void {
    this.#timer.cancel();
    this.#session = null;
  }

  #turn(): void {
    const data = healthCodec.encode(this.#options.look());
    const session = this.#session;
    if (session === null || session.ended || this.#writing || this.#pause-- > 0) return;
    this.#pause = 0;
    if (this.#written !== null && equalBytes(this.#written, data)) return;
    this.#writing = true;
    this.#pause = LOOKS_BETWEEN_WRITES;
    void this.#write(session, data).then((written) => {
      this.#writing = false;
      if (written && session === this.#session) this.#written = data;
    });
  }

  /** True: it is there. Whose znode is in the way, of a session that is ending, is waited for by trying again. */
  async #write(session: ZkSession, data: Uint8Array): Promise<boolean> {
    const { self, logger } = this.#options;
    const path = paths.health(self);
    try {
      const found = await session.get(path);
      if (found === null) await session.create(path, data, 'ephemeral');
      else if (found.ephemeralOwner !== session.id) return false;
      else await session.set(path, data, found.version);
      return true;
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      logger.debug({ failure: error.failure }, 'health report not written');
      return false;
    }
  }
}
