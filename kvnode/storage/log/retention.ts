// Decides which old segments of the log are deleted (docs/storage.md#retention). Some history is always kept, so that a
// new owner can feed its followers. More is kept while a follower asks for it, or while a snapshot is sent and the log
// after it is needed. Both are bounded in bytes. Beyond the bound a follower gets a snapshot, and a second one if
// needed.
//
// A segment stays while it has an entry that no synced batch of the state store has applied. So a range that cannot
// commit would keep all later log of the node. Beyond the bound its unapplied entries are therefore carried: written
// again at the end of the log. The old segment is deleted once they are synced. This is done only while other ranges have
// most of the log. Otherwise the carried bytes would fill the log and be carried again.

import { present } from '../../../common/base/assert.ts';
import type { Seq } from '../../../common/model/ids.ts';
import type { LoggedReplica, LoggedReplicas } from './logged-replicas.ts';
import type { Segments } from './segments.ts';
import type { SharedLog } from './shared-log.ts';

export interface RetentionBounds {
  /** Bytes that are always kept. */
  readonly keepBytes: number;
  /** Bytes that are kept while a follower may need them. */
  readonly retainBytes: number;
}

/**
 * While a snapshot is sent, this many times `retainBytes` are kept: the log that a receiver needs afterwards grows
 * meanwhile.
 */
const PINNED_FACTOR = 2;
/** Entries are carried only if the rest of the log has this many times their bytes. */
const CARRY_FACTOR = 2;
/** Bytes that are read and written again in one step. */
const CARRY_READ_BYTES = 1024 * 1024;
/** After this many bytes in one turn no further range is carried. */
const CARRY_TURN_BYTES = 4 * 1024 * 1024;

/** The first segment that is needed, for each reason. */
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
  /** A decision waits until all that was logged before it is synced. */
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

  /** From now on nothing is carried or deleted. */
  close(): void {
    this.#closed = true;
  }

  /** Bytes of records carried so far. */
  get carriedBytes(): number {
    return this.#carriedBytes;
  }

  /**
   * Deletes the segments that are not needed, and carries entries if the log is beyond its bound. The decision is made
   * now, and executed when all that is logged now is synced: an entry that was truncated, wiped or carried is needed at
   * its old place until the log says so on the disk.
   */
  run(): void {
    if (this.#closed || this.#deciding || this.#bytesWithoutFirst < this.#bounds.keepBytes) return;
    const needs = this.#needs();
    const carried = this.#isStuck(needs) && this.#carryFrom(needs.applied);
    if (!carried && !this.#isDeletable(needs)) return;
    this.#deciding = true;
    this.#log.flushed().then(
      () => {
        this.#deciding = false;
        if (this.#closed) return;
        this.#delete(needs);
        if (carried) this.run();
      },
      // The log has reported the failure, and the process stops.
      () => {},
    );
  }

  #needs(): Needs {
    return {
      // A segment is not needed for recovery once a later one has a synced checkpoint.
      synced: this.#log.syncedSegment,
      applied: this.#firstNeeded((replica) => replica.appliedSynced.seq),
      pinned: this.#firstNeeded((replica) => replica.pinnedAfter),
      wanted: this.#firstNeeded((replica) => replica.retainAfter),
    };
  }

  /** Whether the oldest segment may be deleted. */
  #isDeletable({ synced, applied, pinned, wanted }: Needs): boolean {
    const first = this.#segments.numbers[0];
    if (first === undefined || first >= synced || first >= applied) return false;
    const { keepBytes, retainBytes } = this.#bounds;
    const left = this.#bytesWithoutFirst;
    if (left < keepBytes || (first >= wanted && left < retainBytes)) return false;
    return first < pinned || left >= PINNED_FACTOR * retainBytes;
  }

  /** Whether the oldest segment should be deleted, but has entries that are not applied. */
  #isStuck({ synced, applied }: Needs): boolean {
    const first = this.#segments.numbers[0];
    return first === applied && first < synced && this.#bytesWithoutFirst >= this.#bounds.retainBytes;
  }

  #delete(needs: Needs): void {
    let deleted = 0;
    while (this.#isDeletable(needs)) {
      deleted = present(this.#segments.numbers[0], 'a segment to delete');
      this.#segments.deleteFirst();
    }
    for (const { log } of this.#replicas.all) log.compact(deleted);
  }

  /** Bytes of the log without the oldest segment. */
  get #bytesWithoutFirst(): number {
    return this.#segments.bytes - this.#segments.firstBytes;
  }

  #firstNeeded(after: (replica: LoggedReplica) => Seq): number {
    let first = Number.POSITIVE_INFINITY;
    for (const replica of this.#replicas.all) {
      first = Math.min(first, replica.log.segmentAfter(after(replica)));
    }
    return first;
  }

  // ---- carrying ----------------------------------------------------------------------------------------------------

  /**
   * Carries the unapplied entries of ranges that need `segment`. False if the rest of the log is too small for that.
   */
  #carryFrom(segment: number): boolean {
    const waiting = this.#replicas.all.filter(({ log, appliedSynced }) => log.lastSeq > appliedSynced.seq);
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
      this.#log.carry(range, log, { prev: log.positionAt(prev), entries, committed });
      prev += entries.length;
    }
  }
}
