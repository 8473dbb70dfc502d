// Where the entries of one range are, and of which epochs: the logical log of a replica as an index over the shared one. One
// row per record of entries, in one typed array and not an object each, since a node may hold millions of entries.

import { assert, present } from '../../../common/base/assert.ts';
import type { Epoch, Position, Seq } from '../../../common/model/ids.ts';
import type { LogIndex } from '../storage.ts';

/** Where a record is: in a segment at an offset, and at first in memory too. */
export interface RecordLocation {
  readonly segment: number;
  readonly offset: number;
  /** A chunk of the tail and the record's place in it; -1 where it was found on disk at start. */
  readonly chunk: number;
  readonly chunkAt: number;
}

/** One row, as {@link RangeLogIndex.row} hands it out. */
export interface IndexRow extends RecordLocation {
  readonly epoch: number;
  readonly firstSeq: Seq;
  /** The last entry that counts; the record may hold more that were truncated. */
  readonly lastSeq: Seq;
  /** Bytes of the record; 0 while it is still being written to. */
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

/** A record that holds again what the log has already. */
export interface CarriedRecord {
  /** Of its first entry. */
  readonly prev: Position;
  readonly epoch: number;
  readonly count: number;
  readonly length: number;
  readonly place: RecordLocation;
}

export class RangeLogIndex implements LogIndex {
  #base: Position;
  #rows = new Float64Array(ROWS_MIN * WIDTH);
  /** Rows [first, end) are in use. */
  #first = 0;
  #end = 0;
  #lastEpoch: number;
  #lastSeq: Seq;
  /** Records of a carry that has not reached the end of the log yet: they follow one another. */
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

  /** A new record whose first entry follows the last one. It has no entry yet. */
  addRow(epoch: number, firstSeq: Seq, place: RecordLocation): void {
    assert(epoch >= this.#lastEpoch, 'epochs do not fall along a log');
    if (this.#end * WIDTH === this.#rows.length) this.#makeRoom();
    const at = this.#end++ * WIDTH;
    this.#rows[at + FIRST_SEQ] = firstSeq;
    this.#rows[at + LAST_SEQ] = firstSeq - 1;
    this.#rows[at + EPOCH] = epoch;
    this.#rows[at + SEGMENT] = place.segment;
    this.#rows[at + OFFSET] = place.offset;
    this.#rows[at + LENGTH] = 0;
    this.#rows[at + CHUNK] = place.chunk;
    this.#rows[at + CHUNK_AT] = place.chunkAt;
    this.#lastEpoch = epoch;
  }

  /** The last row's record holds entries through `seq` now. */
  extend(seq: Seq): void {
    this.#rows[(this.#end - 1) * WIDTH + LAST_SEQ] = seq;
    this.#lastSeq = seq;
  }

  /** The last row's record is complete. */
  closeRow(length: number): void {
    this.#rows[(this.#end - 1) * WIDTH + LENGTH] = length;
  }

  /**
   * What the record holds counts from now on where it stands, once the records of its carry have reached the end of the
   * log. A carry that was cut short stays without effect; the next one begins anew.
   */
  carry(record: CarriedRecord): void {
    const before = this.#carried.at(-1);
    if (before !== undefined && before.prev.seq + before.count !== record.prev.seq) this.#carried = [];
    this.#carried.push(record);
    const end = record.prev.seq + record.count;
    assert(end <= this.#lastSeq, 'what is carried is in the log');
    if (end < this.#lastSeq) return;
    const records = this.#carried;
    const first = records[0] as CarriedRecord;
    const lastEpoch = this.#lastEpoch;
    this.truncate(first.prev);
    for (const { prev, epoch, count, length, place } of records) {
      this.addRow(epoch, prev.seq + 1, place);
      this.extend(prev.seq + count);
      this.closeRow(length);
    }
    assert(this.#lastEpoch === lastEpoch, 'what is carried is what the log had');
  }

  /** Bytes of the records with entries after `seq`. */
  bytesAfter(seq: Seq): number {
    let bytes = 0;
    for (let row = this.#find(seq + 1); row < this.#end; row++) bytes += this.#at(row, LENGTH);
    return bytes;
  }

  epochAt(seq: Seq): Epoch | undefined {
    // The end is where almost all calls look.
    if (seq >= this.#lastSeq) return seq === this.#lastSeq ? this.#lastEpoch : undefined;
    if (seq <= this.#base.seq) return seq === this.#base.seq ? this.#base.epoch : undefined;
    return this.#at(this.#find(seq), EPOCH);
  }

  has(position: Position): boolean {
    return this.epochAt(position.seq) === position.epoch;
  }

  /** The position at `seq`, which is in the log or at its base. */
  positionAt(seq: Seq): Position {
    return { epoch: present(this.epochAt(seq), 'an entry in the log'), seq };
  }

  newestAtOrBefore(limit: Position): Position {
    const row = Math.min(this.#find(limit.seq), this.#endOf(limit.epoch) - 1);
    if (row < this.#first || this.#at(row, FIRST_SEQ) > limit.seq) return this.#base;
    return { epoch: this.#at(row, EPOCH), seq: Math.min(limit.seq, this.#at(row, LAST_SEQ)) };
  }

  /** Drops the entries after `last`. At or below the base (known only from a checkpoint), the base moves back to it. */
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

  /** Forgets everything; the log goes on after `base`. */
  reset(base: Position): void {
    this.#base = base;
    this.#first = 0;
    this.#end = 0;
    this.#lastEpoch = base.epoch;
    this.#lastSeq = base.seq;
    this.#carried = [];
  }

  /** Forgets what is in segments through `segment`; answers whether the base has moved. */
  compact(segment: number): boolean {
    const before = this.#first;
    while (this.#first < this.#end && this.#at(this.#first, SEGMENT) <= segment) this.#first++;
    if (this.#first === before) return false;
    const dropped = this.#first - 1;
    this.#base = { epoch: this.#at(dropped, EPOCH), seq: this.#at(dropped, LAST_SEQ) };
    return true;
  }

  /** The segment of the first entry after `seq`; Infinity where there is none. */
  segmentAfter(seq: Seq): number {
    const row = this.#find(seq + 1);
    return row < this.#end ? this.#at(row, SEGMENT) : Number.POSITIVE_INFINITY;
  }

  /** Which row holds `seq`, or is the first after it. */
  rowOf(seq: Seq): number {
    return this.#find(seq);
  }

  /** Undefined behind the last one. */
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

  /** The first row of an epoch above `epoch`: epochs do not fall along a log. */
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

  /** Moves the rows to the front, into a larger array unless half of this one is free. */
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
