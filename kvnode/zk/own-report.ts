// Keeps a report of this node to the leader in ZooKeeper, in a znode that is an ephemeral of the session in which the node is registered.
// It is written when it says something new, and at most every few seconds, so that many changes at once cost one write a node.
// Nothing waits for it. If ZooKeeper does not answer, the next check tries again.

import { type Env, every, type Timer } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import { ZkError, type ZkSession } from '../../common/zk/store.ts';

export interface OwnReportOptions<T> {
  readonly path: string;
  /** For the log. */
  readonly what: string;
  readonly env: Env;
  readonly logger: Logger;
  /** Interval of checks, ms. */
  readonly checkMs: number;
  /** After a write, this many checks write nothing. */
  readonly checksBetweenWrites: number;
  /** The report as it is now. Called at each check. */
  readonly check: () => T;
  readonly encode: (report: T) => Uint8Array;
  /** Whether the report has to be written. `checks`: how long ago the former one was written. */
  readonly isNews: (written: T, report: T, checks: number) => boolean;
}

export class OwnReport<T> {
  readonly #options: OwnReportOptions<T>;
  readonly #timer: Timer;
  #session: ZkSession | null = null;
  /** What is in ZooKeeper, written in this session; null if nothing is, or if that is not known. */
  #written: { readonly report: T } | null = null;
  #writing = false;
  /** Checks since the last write began. */
  #checks = 0;

  constructor(options: OwnReportOptions<T>) {
    this.#options = options;
    this.#timer = every(options.env, options.checkMs, () => this.#check());
  }

  /** The session in which the node is registered; null if there is none. */
  useSession(session: ZkSession | null): void {
    this.#session = session;
    this.#written = null;
    this.#checks = this.#options.checksBetweenWrites;
  }

  close(): void {
    this.#timer.cancel();
    this.#session = null;
  }

  #check(): void {
    const { check, isNews, checksBetweenWrites } = this.#options;
    const report = check();
    const session = this.#session;
    const mayWrite = session !== null && !session.ended && !this.#writing;
    if (!mayWrite || this.#checks++ < checksBetweenWrites) return;
    if (this.#written !== null && !isNews(this.#written.report, report, this.#checks)) return;
    this.#writing = true;
    // A write without an answer may have been done. So even a report that was written before must be written again.
    this.#written = null;
    this.#checks = 0;
    void this.#write(session, this.#options.encode(report)).then((written) => {
      this.#writing = false;
      if (written && session === this.#session) this.#written = { report };
    });
  }

  /** Returns whether the data is in ZooKeeper. A znode of an older session is in the way until that session ends. */
  async #write(session: ZkSession, data: Uint8Array): Promise<boolean> {
    const { path, logger, what } = this.#options;
    try {
      const found = await session.get(path);
      if (found === null) await session.create(path, data, 'ephemeral');
      else if (found.ephemeralOwner !== session.id) return false;
      else await session.set(path, data, found.version);
      return true;
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      logger.debug({ failure: error.failure, what }, 'report not written');
      return false;
    }
  }
}
