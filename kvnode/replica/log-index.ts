// Which epoch each seq of a replica's log belongs to, without the entries: a base, the runs of equal epochs, the last
// seq. All that R3 asks of a log (is prev there, where do two logs part) is answered from here, in memory.

import { assert } from '../../common/base/assert.ts';
import type { Epoch, Position, Seq } from '../../common/model/ids.ts';
import type { EpochRun } from '../storage/storage.ts';

export class LogIndex {
  #base: Position;
  #runs: EpochRun[];
  #lastSeq: Seq;

  constructor(base: Position, runs: readonly EpochRun[], lastSeq: Seq) {
    this.#base = base;
    this.#runs = [...runs];
    this.#lastSeq = lastSeq;
    assert(lastSeq >= base.seq, 'the log ends at or after its base');
    assert(runs.length > 0 === lastSeq > base.seq, 'runs cover the entries');
  }

  /** The log holds entries after this position. */
  get base(): Position {
    return this.#base;
  }

  get lastSeq(): Seq {
    return this.#lastSeq;
  }

  get last(): Position {
    return { epoch: this.#runs.at(-1)?.epoch ?? this.#base.epoch, seq: this.#lastSeq };
  }

  /** The epoch at `seq`, of the base too; undefined below the base and beyond the end. */
  epochAt(seq: Seq): Epoch | undefined {
    if (seq > this.#lastSeq || seq < this.#base.seq) return undefined;
    if (seq === this.#base.seq) return this.#base.epoch;
    return this.#runs[this.#runOf(seq)]?.epoch;
  }

  has(position: Position): boolean {
    return this.epochAt(position.seq) === position.epoch;
  }

  /** The newest position at or before `limit` in seq whose epoch is not above `limit`'s; the base if there is none. */
  newestAtOrBefore(limit: Position): Position {
    let seq = Math.min(limit.seq, this.#lastSeq);
    while (seq > this.#base.seq) {
      const run = this.#runs[this.#runOf(seq)];
      assert(run !== undefined, 'every entry has a run');
      if (run.epoch <= limit.epoch) return { epoch: run.epoch, seq };
      seq = run.firstSeq - 1;
    }
    return this.#base;
  }

  append(epoch: Epoch, seq: Seq): void {
    assert(seq === this.#lastSeq + 1, 'entries continue the log');
    const newest = this.#runs.at(-1);
    assert(epoch >= (newest?.epoch ?? this.#base.epoch), 'epochs never fall along a log');
    if (newest?.epoch !== epoch) this.#runs.push({ epoch, firstSeq: seq });
    this.#lastSeq = seq;
  }

  /** Forgets the entries after `lastKept`. */
  truncate(lastKept: Seq): void {
    assert(lastKept >= this.#base.seq && lastKept <= this.#lastSeq, 'truncation stays inside the log');
    while ((this.#runs.at(-1)?.firstSeq ?? 0) > lastKept) this.#runs.pop();
    this.#lastSeq = lastKept;
  }

  /** The entries up to `base` are gone from the log. */
  compact(base: Position): void {
    if (base.seq <= this.#base.seq) return;
    assert(this.has(base), 'a log is compacted at a position that it holds');
    const firstKept = base.seq + 1;
    this.#runs = this.#runs
      .filter((_, at) => (this.#runs[at + 1]?.firstSeq ?? this.#lastSeq + 1) > firstKept)
      .map((run) => ({ epoch: run.epoch, firstSeq: Math.max(run.firstSeq, firstKept) }));
    this.#base = base;
  }

  /** Starts over after a snapshot at `base`. */
  reset(base: Position): void {
    this.#base = base;
    this.#runs = [];
    this.#lastSeq = base.seq;
  }

  /** Index of the run that holds `seq`; -1 at or below the base. Newest first: that is where almost all calls look. */
  #runOf(seq: Seq): number {
    let at = this.#runs.length - 1;
    while (at >= 0 && (this.#runs[at]?.firstSeq ?? 0) > seq) at--;
    return at;
  }
}
