// Which old segments of the log may go (docs/storage.md#retention). Some history is always kept, so that a new owner can feed its
// followers; more of it while a follower asks for it or a snapshot that is being sent goes on from it. That is bounded in
// bytes: beyond the bound a follower is brought up to date by a snapshot, once more if need be.
//
// An entry that no synced batch of the state has applied can't go. So that a range which does not commit, while others go
// on, does not keep the log of the whole node: beyond the bound what such ranges still need is carried, written again at
// the end of the log, and the segment goes once that is synced. It is done only while others have most of the log, or
// carrying would feed itself.

import type { Seq } from '../../../common/model/ids.ts';
import type { LoggedReplica, LoggedReplicas } from './logged-replicas.ts';
import type { Segments } from './segments.ts';
import type { SharedLog } from './shared-log.ts';

export interface RetentionBounds {
  /** Kept in any case, if there is so much. */
  readonly keepBytes: number;
  /** Kept while a follower may need it. */
  readonly retainBytes: number;
}

/** While a snapshot is being sent so many times the retained bytes are kept: the log that goes on from it grows meanwhile. */
const PINNED_FACTOR = 2;
/** Others have to have so many times the bytes that are carried. */
const CARRY_FACTOR = 2;
/** Read and written again at once. */
const CARRY_READ_BYTES = 1024 * 1024;
/** No further range is carried in a turn that has carried so much. */
const CARRY_TURN_BYTES = 4 * 1024 * 1024;

/** The first segments that are needed, each for its reason. */
interface Needs {
  readonly synced: number;
  readonly applied: number;
  readonly pinned: number;
  readonly wanted: number;
}

export class Retention {
  readonly #log: SharedLog;
  readonly #segments: Segments;
  readonly #replicas: LoggedReplicas;
  readonly #bounds: RetentionBounds;
  /** What was decided waits until all that was logged then is synced. */
  #deciding = false;
  #closed = false;
  #carriedBytes = 0;

  constructor(log: SharedLog, segments: Segments, replicas: LoggedReplicas, bounds: RetentionBounds) {
    this.#log = log;
    this.#segments = segments;
    this.#replicas = replicas;
    this.#bounds = bounds;
    let segment = log.syncedSegment;
    log.onSynced(() => {
      if (log.syncedSegment === segment) return;
      segment = log.syncedSegment;
      this.run();
    });
  }

  /** Nothing is logged or deleted any more. */
  close(): void {
    this.#closed = true;
  }

  /** Bytes of records carried so far. */
  get carriedBytes(): number {
    return this.#carriedBytes;
  }

  /**
   * Deletes what may go, and sees to it that what is beyond the bound may go soon. Decided now, done when all that is logged
   * now is synced: an entry truncated, wiped or carried is needed where it was until the log says so on the disk.
   */
  run(): void {
    if (this.#closed || this.#deciding || this.#left < this.#bounds.keepBytes) return;
    const needs = this.#needs();
    const carried = this.#isStuck(needs) && this.#carryFrom(needs.applied);
    if (!carried && !this.#mayGo(needs)) return;
    this.#deciding = true;
    this.#log.flushed().then(
      () => {
        this.#deciding = false;
        if (this.#closed) return;
        this.#delete(needs);
        if (carried) this.run();
      },
      // The log has told of it: the process stops.
      () => {},
    );
  }

  #needs(): Needs {
    return {
      // The segment after it has its checkpoint synced.
      synced: this.#log.syncedSegment,
      applied: this.#firstNeeded((replica) => replica.appliedSynced.seq),
      pinned: this.#firstNeeded((replica) => replica.pinnedAfter),
      wanted: this.#firstNeeded((replica) => replica.retainAfter),
    };
  }

  /** Whether the oldest segment may go. */
  #mayGo({ synced, applied, pinned, wanted }: Needs): boolean {
    const first = this.#segments.numbers[0];
    if (first === undefined || first >= synced || first >= applied) return false;
    const { keepBytes, retainBytes } = this.#bounds;
    const left = this.#left;
    if (left < keepBytes || (first >= wanted && left < retainBytes)) return false;
    return first < pinned || left >= PINNED_FACTOR * retainBytes;
  }

  /** Whether it would have to go, but for entries that are not applied. */
  #isStuck({ synced, applied }: Needs): boolean {
    const first = this.#segments.numbers[0];
    return first === applied && first < synced && this.#left >= this.#bounds.retainBytes;
  }

  #delete(needs: Needs): void {
    let deleted = 0;
    while (this.#mayGo(needs)) {
      deleted = this.#segments.numbers[0] as number;
      this.#segments.deleteFirst();
    }
    for (const { log } of this.#replicas.byRange.values()) log.compact(deleted);
  }

  /** Bytes that would be left without the oldest segment. */
  get #left(): number {
    return this.#segments.bytes - this.#segments.firstBytes;
  }

  #firstNeeded(after: (replica: LoggedReplica) => Seq): number {
    let first = Number.POSITIVE_INFINITY;
    for (const replica of this.#replicas.byRange.values()) {
      first = Math.min(first, replica.log.segmentAfter(after(replica)));
    }
    return first;
  }

  // ---- carrying ----------------------------------------------------------------------------------------------------

  /** Whether it was worth it. */
  #carryFrom(segment: number): boolean {
    const waiting = [...this.#replicas.byRange.values()].filter(
      ({ log, appliedSynced }) => log.lastSeq > appliedSynced.seq,
    );
    const bytesOf = ({ log, appliedSynced }: LoggedReplica): number => log.bytesAfter(appliedSynced.seq);
    const needed = waiting.reduce((sum, replica) => sum + bytesOf(replica), 0);
    if (this.#segments.bytes < (1 + CARRY_FACTOR) * needed) return false;
    let carried = 0;
    for (const replica of waiting) {
      if (replica.log.segmentAfter(replica.appliedSynced.seq) > segment) continue;
      carried += bytesOf(replica);
      this.#carry(replica);
      if (carried >= CARRY_TURN_BYTES) break;
    }
    this.#carriedBytes += carried;
    return true;
  }

  #carry({ range, log, appliedSynced, committed }: LoggedReplica): void {
    const last = log.lastSeq;
    for (let prev = appliedSynced.seq; prev < last; ) {
      const entries = this.#log.read(log, prev + 1, CARRY_READ_BYTES) ?? [];
      this.#log.carry(range, log, log.positionAt(prev), entries, committed);
      prev += entries.length;
    }
  }
}
