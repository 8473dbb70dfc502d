// Which old segments of the log may go (DESIGN.md section 5). Never one that holds an entry which is not applied by a synced
// batch of the state, or after which a snapshot that is being sent goes on; those that are free so far are kept within two
// bounds: some history always, so that a new owner can feed its followers, and more of it while a follower asks for it.

import type { Position, RangeId } from '../../common/model/ids.ts';
import type { SharedLog } from './log.ts';
import type { Replica, Replicas } from './replicas.ts';
import type { Segments } from './segments.ts';

export interface RetentionBounds {
  /** Kept in any case, if there is so much. */
  readonly keepBytes: number;
  /** Kept while a follower may need it. */
  readonly retainBytes: number;
}

export class Retention {
  readonly #log: SharedLog;
  readonly #segments: Segments;
  readonly #replicas: Replicas;
  readonly #bounds: RetentionBounds;
  readonly #listeners: ((range: RangeId, base: Position) => void)[] = [];

  constructor(log: SharedLog, segments: Segments, replicas: Replicas, bounds: RetentionBounds) {
    this.#log = log;
    this.#segments = segments;
    this.#replicas = replicas;
    this.#bounds = bounds;
  }

  onCompacted(listener: (range: RangeId, base: Position) => void): void {
    this.#listeners.push(listener);
  }

  /** Deletes what may go. */
  run(): void {
    if (this.#segments.bytes - this.#segments.firstBytes < this.#bounds.keepBytes) return;
    // The segment after it has its checkpoint synced.
    const free = Math.min(
      this.#log.syncedSegment,
      this.#firstNeeded((replica) => replica.neededAfter),
    );
    const wanted = this.#firstNeeded((replica) => replica.retainAfter);
    let deleted = 0;
    for (const number of [...this.#segments.numbers]) {
      if (number >= free || !this.#isOver(number >= wanted)) break;
      this.#segments.deleteFirst();
      deleted = number;
    }
    if (deleted > 0) this.#compact(deleted);
  }

  #isOver(wanted: boolean): boolean {
    const left = this.#segments.bytes - this.#segments.firstBytes;
    return left >= (wanted ? this.#bounds.retainBytes : this.#bounds.keepBytes);
  }

  #firstNeeded(after: (replica: Replica) => number): number {
    let first = Number.POSITIVE_INFINITY;
    for (const replica of this.#replicas.byRange.values()) {
      first = Math.min(first, replica.log.segmentAfter(after(replica)));
    }
    return first;
  }

  #compact(deleted: number): void {
    for (const replica of this.#replicas.byRange.values()) {
      if (!replica.log.compact(deleted)) continue;
      for (const listener of this.#listeners) listener(replica.range, replica.log.base);
    }
  }
}
