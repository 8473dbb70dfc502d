// An index of the entries of one range in the shared log: where they are, and of which epochs. It has one row per
// record of entries. The rows are in one typed array and not in objects, since a node may hold millions of entries.

import { assert, present } from '../../../common/base/assert.ts';
import type { Epoch, Position, Seq } from '../../../common/model/ids.ts';
import type { LogIndex } from '../storage.ts';

/** Where a record is: at an offset of a segment and, while it is in the tail, in memory too. */
export interface RecordLocation {
  readonly segment: number;
  readonly offset: number;
  /** The chunk of the tail that has the record, and its offset there. -1 if the start found the record on the disk. */
  readonly chunk: number;
  readonly chunkAt: number;
}

/** One row of the index. */
export interface IndexRow extends RecordLocation {
  readonly epoch: number;
  readonly firstSeq: Seq;
  /** The last entry that counts. The record may have more, which were truncated. */
  readonly lastSeq: Seq;
  /** Bytes of the record. 0 while entries are still added to it. */
  readonly length: number;
}

const FIRST_SEQ = 0;
const LAST_SEQ = 1;
const EPOCH = 2;
const SEGMENT = 3;
const OFFSET = 4;
const LENGTH = 5;
const CHUNK = 6;
const CHUNK_AT = 7;
const WIDTH = 8;

const ROWS_MIN = 8;

/** A record with entries that the log already has. */
export interface CarriedRecord {
  /** The position before its first entry. */
  readonly prev: Position;
  readonly epoch: number;
  readonly count: number;
  readonly length: number;
  readonly location: RecordLocation;
}

export class RangeLogIndex implements LogIndex {
  #base: Position;
  #rows = new Float64Array(ROWS_MIN * WIDTH);
  /** The rows in [first, end) are in use. */
  #first = 0;
  #end = 0;
  #lastEpoch: number;
  #lastSeq: Seq;
  /** The records of a carry that has not reached the end of the log yet. They follow one another. */
  #carried: CarriedRecord[] = [];

  constructor(base: Position) {
    this.#base = base;
    this.#lastEpoch = base.epoch;
    this.#lastSeq = base.seq;
  }

  get base(): Position {
    return this.#base;
  }

  get last(): Position {
    return { epoch: this.#lastEpoch, seq: this.#lastSeq };
  }

  get lastEpoch(): Epoch {
    return this.#lastEpoch;
  }

  get lastSeq(): Seq {
    return this.#lastSeq;
  }

  /** Adds a row for a new record, which has no entry yet. Its first entry will follow the last one of the log. */
  addRow(epoch: number, firstSeq: Seq, location: RecordLocation): void {
    assert(epoch >= this.#lastEpoch, 'epochs do not fall along a log');
    if (this.#end * WIDTH === this.#rows.length) this.#makeRoom();
    const at = this.#end++ * WIDTH;
    this.#rows[at + FIRST_SEQ] = firstSeq;
    this.#rows[at + LAST_SEQ] = firstSeq - 1;
    this.#rows[at + EPOCH] = epoch;
    this.#rows[at + SEGMENT] = location.segment;
    this.#rows[at + OFFSET] = location.offset;
    this.#rows[at + LENGTH] = 0;
    this.#rows[at + CHUNK] = location.chunk;
    this.#rows[at + CHUNK_AT] = location.chunkAt;
    this.#lastEpoch = epoch;
  }

  /** The record of the last row now has entries through `seq`. */
  extend(seq: Seq): void {
    this.#rows[(this.#end - 1) * WIDTH + LAST_SEQ] = seq;
    this.#lastSeq = seq;
  }

  /** The record of the last row is complete. */
  closeRow(length: number): void {
    this.#rows[(this.#end - 1) * WIDTH + LENGTH] = length;
  }

  /**
   * Adds a carried record. Its entries are found there once the records of the carry have reached the end of the log. A
   * carry that was cut short has no effect; the next one begins anew.
   */
  carry(record: CarriedRecord): void {
    const before = this.#carried.at(-1);
    if (before !== undefined && before.prev.seq + before.count !== record.prev.seq) this.#carried = [];
    this.#carried.push(record);
    const end = record.prev.seq + record.count;
    assert(end <= this.#lastSeq, 'what is carried is in the log');
    if (end < this.#lastSeq) return;
    const records = this.#carried;
    const first = present(records[0], 'a carried record');
    const lastEpoch = this.#lastEpoch;
    this.truncate(first.prev);
    for (const { prev, epoch, count, length, location } of records) {
      this.addRow(epoch, prev.seq + 1, location);
      this.extend(prev.seq + count);
      this.closeRow(length);
    }
    assert(this.#lastEpoch === lastEpoch, 'what is carried is what the log had');
  }

  /** Bytes of the records that have entries after `seq`. */
  bytesAfter(seq: Seq): number {
    let bytes = 0;
    for (let row = this.#find(seq + 1); row < this.#end; row++) bytes += this.#at(row, LENGTH);
    return bytes;
  }

  epochAt(seq: Seq): Epoch | undefined {
    // Almost all calls ask for the end.
    if (seq >= this.#lastSeq) return seq === this.#lastSeq ? this.#lastEpoch : undefined;
    if (seq <= this.#base.seq) return seq === this.#base.seq ? this.#base.epoch : undefined;
    return this.#at(this.#find(seq), EPOCH);
  }

  has(position: Position): boolean {
    return this.epochAt(position.seq) === position.epoch;
  }

  /** The position at `seq`. The log must have it, or it is the base. */
  positionAt(seq: Seq): Position {
    return { epoch: present(this.epochAt(seq), 'an entry in the log'), seq };
  }

  newestAtOrBefore(limit: Position): Position {
    const row = Math.min(this.#find(limit.seq), this.#endOf(limit.epoch) - 1);
    if (row < this.#first || this.#at(row, FIRST_SEQ) > limit.seq) return this.#base;
    return { epoch: this.#at(row, EPOCH), seq: Math.min(limit.seq, this.#at(row, LAST_SEQ)) };
  }

  /**
   * Removes the entries after `last`. If `last` is below the base (which then comes from a checkpoint), it becomes the
   * base.
   */
  truncate(last: Position): void {
    const cut = this.#find(last.seq + 1);
    if (cut < this.#end && this.#at(cut, FIRST_SEQ) <= last.seq) {
      this.#rows[cut * WIDTH + LAST_SEQ] = last.seq;
      this.#end = cut + 1;
    } else {
      this.#end = cut;
    }
    if (last.seq < this.#base.seq) this.#base = last;
    this.#lastEpoch = last.epoch;
    this.#lastSeq = last.seq;
    this.#carried = [];
  }

  /** Removes all entries. The log continues after `base`. */
  reset(base: Position): void {
    this.#base = base;
    this.#first = 0;
    this.#end = 0;
    this.#lastEpoch = base.epoch;
    this.#lastSeq = base.seq;
    this.#carried = [];
  }

  /** Removes the rows of segments up to `segment`. Returns whether the base has moved. */
  compact(segment: number): boolean {
    const before = this.#first;
    while (this.#first < this.#end && this.#at(this.#first, SEGMENT) <= segment) this.#first++;
    if (this.#first === before) return false;
    const dropped = this.#first - 1;
    this.#base = { epoch: this.#at(dropped, EPOCH), seq: this.#at(dropped, LAST_SEQ) };
    return true;
  }

  /** The segment of the first entry after `seq`. Infinity if there is none. */
  segmentAfter(seq: Seq): number {
    const row = this.#find(seq + 1);
    return row < this.#end ? this.#at(row, SEGMENT) : Number.POSITIVE_INFINITY;
  }

  /** The number of the row that has `seq`, or of the first one after it. */
  rowOf(seq: Seq): number {
    return this.#find(seq);
  }

  /** Undefined after the last row. */
  row(row: number): IndexRow | undefined {
    return row < this.#end ? this.#row(row) : undefined;
  }

  /** The first row whose last seq is at or after `seq`. */
  #find(seq: Seq): number {
    let low = this.#first;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#at(middle, LAST_SEQ) >= seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The first row with an epoch above `epoch`. Epochs never fall along a log. */
  #endOf(epoch: Epoch): number {
    let low = this.#first;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#at(middle, EPOCH) > epoch) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #at(row: number, column: number): number {
    return this.#rows[row * WIDTH + column] as number;
  }

  #row(row: number): IndexRow {
    return {
      epoch: this.#at(row, EPOCH),
      firstSeq: this.#at(row, FIRST_SEQ),
      lastSeq: this.#at(row, LAST_SEQ),
      segment: this.#at(row, SEGMENT),
      offset: this.#at(row, OFFSET),
      length: this.#at(row, LENGTH),
      chunk: this.#at(row, CHUNK),
      chunkAt: this.#at(row, CHUNK_AT),
    };
  }

  /** Moves the rows to the front. If they fill more than half of the array, into a larger one. */
  #makeRoom(): void {
    const used = this.#rows.subarray(this.#first * WIDTH, this.#end * WIDTH);
    const count = this.#end - this.#first;
    if (count * 2 * WIDTH > this.#rows.length) {
      const larger = new Float64Array(this.#rows.length * 2);
      larger.set(used);
      this.#rows = larger;
    } else {
      this.#rows.copyWithin(0, this.#first * WIDTH, this.#end * WIDTH);
    }
    this.#first = 0;
    this.#end = count;
  }
}
