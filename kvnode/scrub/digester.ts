// Computes the digests of this node's replicas for consistency checks. A view is opened in the turn in which the check's entry is
// applied, so that all replicas see the same seq. Views are read later, one after another and at a limited rate, because
// clients come first. A node with VIEWS_MAX open views declines further digests; the range is checked again later.

import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { RangeId } from '../../common/model/ids.ts';
import type { BackgroundRateLimiter } from '../background-rate-limiter.ts';
import type { ReplicaView, Storage } from '../storage/storage.ts';
import { digestOf } from './digest.ts';
import type { Digest } from './verdict.ts';

/** Limit of open views. Each keeps in memory the rows that were not yet in the state store when it was opened. */
const VIEWS_MAX = 4;

export interface DigesterOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly storage: Pick<Storage, 'openView'>;
  readonly limiter: BackgroundRateLimiter;
}

export class Digester {
  readonly #options: DigesterOptions;
  #views = 0;
  /** Ends with the last view that is being read or waits. */
  #last: Promise<void> = Promise.resolve();
  #closed = false;
  /** Number of rows read and verified since the start. */
  rows = 0;

  constructor(options: DigesterOptions) {
    this.#options = options;
  }

  /**
   * Begins to compute the digest of the range's replica as it is in this turn.
   * @param done called later with the digest, or with null if it was declined; never called if the node stops before
   */
  begin(range: RangeId, done: (digest: Digest | null) => void): void {
    if (this.#closed) return;
    if (this.#views >= VIEWS_MAX) return done(null);
    const view = this.#options.storage.openView(range);
    this.#views++;
    this.#last = this.#last.then(async () => {
      const digest = await this.#compute(view);
      if (!this.#closed) done(digest);
    });
  }

  async #compute(view: ReplicaView): Promise<Digest | null> {
    const { limiter, logger } = this.#options;
    try {
      if (this.#closed) return null;
      const digest = await digestOf(view, async (bytes) => {
        await limiter.acquire(bytes);
        return !this.#closed;
      });
      this.rows += digest?.rows ?? 0;
      return digest;
    } catch (error) {
      // If the cause is damage, the storage has reported it. Otherwise the storage was closed.
      logger.warn(
        { range: view.meta.range, error: String(error) },
        'a replica could not be read to be checked',
      );
      return null;
    } finally {
      this.#views--;
      view.close();
    }
  }

  close(): void {
    this.#closed = true;
  }
}
