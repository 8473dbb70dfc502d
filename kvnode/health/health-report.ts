// Reports this node's health to the leader, in a znode that is an ephemeral of the session in which the node is registered. It is
// written when it changes, and at most every few seconds, so that a network failure in a large cluster costs one write per
// node. Nothing waits for it. If ZooKeeper does not answer, the next check tries again.

import { equalBytes } from '../../common/base/bytes.ts';
import { type Env, every, type Timer } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { HealthRecord } from '../../common/model/records.ts';
import { ZkError, type ZkSession } from '../../common/zk/store.ts';
import { healthCodec, paths } from '../../common/zk/znodes.ts';

/** Interval of checks, ms. */
const CHECK_MS = 500;
/** After a write, this many checks write nothing. */
const CHECKS_BETWEEN_WRITES = 4;

export interface HealthReportOptions {
  readonly self: NodeId;
  readonly env: Env;
  readonly logger: Logger;
  /** Checks the node's health and returns what to report. */
  readonly check: () => HealthRecord;
}

export class HealthReport {
  readonly #options: HealthReportOptions;
  readonly #timer: Timer;
  #session: ZkSession | null = null;
  /** What is in ZooKeeper, written in this session; null if nothing is, or if that is not known. */
  #written: Uint8Array | null = null;
  #writing = false;
  /** Checks left that write nothing. */
  #pause = 0;

  constructor(options: HealthReportOptions) {
    this.#options = options;
    this.#timer = every(options.env, CHECK_MS, () => this.#check());
  }

  /** The session in which the node is registered; null if there is none. */
  useSession(session: ZkSession | null): void {
    this.#session = session;
    this.#written = null;
    this.#pause = 0;
  }

  close(): void {
    this.#timer.cancel();
    this.#session = null;
  }

  #check(): void {
    const data = healthCodec.encode(this.#options.check());
    const session = this.#session;
    if (session === null || session.ended || this.#writing || this.#pause-- > 0) return;
    this.#pause = 0;
    if (this.#written !== null && equalBytes(this.#written, data)) return;
    this.#writing = true;
    // A write without an answer may have been done. So even a report that was written before must be written again.
    this.#written = null;
    this.#pause = CHECKS_BETWEEN_WRITES;
    void this.#write(session, data).then((written) => {
      this.#writing = false;
      if (written && session === this.#session) this.#written = data;
    });
  }

  /** Returns whether the data is in ZooKeeper. A znode of an older session is in the way until that session ends. */
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
