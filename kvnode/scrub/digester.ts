// Computes the digests that consistency checks ask of this node's replicas. A view is opened in the turn in which the check's
// entry is applied, so that all replicas see the same seq; it is read later, one view after another and at a pace, because
// clients come first. A node that has as many views open as it may declines: a check can wait for another day.

import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { RangeId } from '../../common/model/ids.ts';
import type { BackgroundPace } from '../background-rate-limiter.ts';
import type { ReplicaView, Storage } from '../storage/storage.ts';
import { digestOf } from './digest.ts';
import type { Digest } from './verdict.ts';

/** Each keeps rows in memory that were applied and not written behind when it was opened. */
const VIEWS_MAX = 4;

export interface DigesterOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly storage: Pick<Storage, 'openView'>;
  readonly pace: BackgroundPace;
}

export class Digester {
  readonly #options: DigesterOptions;
  #views = 0;
  /** The last view that is read, or waits. */
  #last: Promise<void> = Promise.resolve();
  #closed = false;
  /** Rows read and verified since the start. */
  rows = 0;

  constructor(options: DigesterOptions) {
    this.#options = options;
  }

  /**
   * The digest of the range's replica as it is in this turn.
   * @param done called later, unless the node stops before; null: declined
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
    const { pace, logger } = this.#options;
    try {
      if (this.#closed) return null;
      const digest = await digestOf(view, async (bytes) => {
        await pace.turn(bytes);
        return !this.#closed;
      });
      this.rows += digest?.rows ?? 0;
      return digest;
    } catch (error) {
      // Damage was reported where it was met; else the storage was closed.
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
