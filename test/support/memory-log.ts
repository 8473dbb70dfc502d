// A range's log in memory. Its groups are synced when the test says so, and a crash loses the groups that are not synced.

import { assert } from '../../common/base/assert.ts';
import { type Epoch, origin, type Position, type Seq } from '../../common/model/ids.ts';
import type { LogEntry, RecoveredReplica, ReplicaLog } from '../../kvnode/storage/storage.ts';

type Record =
  | { readonly kind: 'epoch-seen'; readonly epoch: Epoch }
  | { readonly kind: 'append'; readonly entries: readonly LogEntry[] }
  | { readonly kind: 'truncate'; readonly lastKept: Seq };

interface Contents {
  base: Position;
  epochSeen: Epoch;
  entries: LogEntry[];
}

export class MemoryLog implements ReplicaLog {
  gathering = 1;
  /** All records that were ever logged, each with its group. */
  #records: { readonly group: number; readonly record: Record }[] = [];
  #contents: Contents;
  /** The epochSeen that a tombstone of this range has kept. */
  readonly #firstEpochSeen: Epoch;

  constructor(epochSeen: Epoch = 0) {
    this.#firstEpochSeen = epochSeen;
    this.#contents = { base: origin, epochSeen, entries: [] };
  }

  get entries(): readonly LogEntry[] {
    return this.#contents.entries;
  }

  get base(): Position {
    return this.#contents.base;
  }

  get last(): Position {
    const newest = this.entries.at(-1);
    return newest === undefined ? this.#contents.base : { epoch: newest.epoch, seq: newest.seq };
  }

  get lastSeq(): Seq {
    return this.last.seq;
  }

  epochAt(seq: Seq): Epoch | undefined {
    const { base, entries } = this.#contents;
    return seq === base.seq ? base.epoch : entries[seq - base.seq - 1]?.epoch;
  }

  has(position: Position): boolean {
    return this.epochAt(position.seq) === position.epoch;
  }

  newestAtOrBefore(limit: Position): Position {
    const found = this.entries.findLast(({ seq, epoch }) => seq <= limit.seq && epoch <= limit.epoch);
    return found === undefined ? this.#contents.base : { epoch: found.epoch, seq: found.seq };
  }

  /** Drops everything up to `base`, as a compaction or an installed snapshot does. */
  startAfter(base: Position): void {
    this.#contents.entries = this.entries.filter(({ seq }) => seq > base.seq);
    this.#contents.base = base;
  }

  setEpochSeen(epoch: Epoch): void {
    this.#log({ kind: 'epoch-seen', epoch });
  }

  append(entries: readonly LogEntry[]): void {
    this.#log({ kind: 'append', entries: [...entries] });
  }

  truncate(lastKept: Seq): void {
    this.#log({ kind: 'truncate', lastKept });
  }

  read(from: Seq, bytesMax: number): readonly LogEntry[] | null {
    const { base, entries } = this.#contents;
    if (from <= base.seq) return null;
    const found: LogEntry[] = [];
    let bytes = 0;
    for (const entry of entries.slice(from - base.seq - 1)) {
      if (found.length > 0 && bytes + entry.payload.length > bytesMax) break;
      bytes += entry.payload.length;
      found.push(entry);
    }
    return found;
  }

  retainAfter(): void {}

  /** Closes the gathering group. */
  seal(): void {
    this.gathering++;
  }

  /** The entries that a restart would find if the groups up to `group` were synced. */
  durable(group: number): readonly LogEntry[] {
    const contents: Contents = { base: origin, epochSeen: this.#firstEpochSeen, entries: [] };
    for (const logged of this.#records) if (logged.group <= group) applyRecord(contents, logged.record);
    return contents.entries;
  }

  /** Restarts with the groups up to `group`, and returns what recovery finds. */
  recover(group: number, meta: Pick<RecoveredReplica, 'range' | 'inc'>): RecoveredReplica {
    this.#records = this.#records.filter((logged) => logged.group <= group);
    this.#contents = { base: origin, epochSeen: this.#firstEpochSeen, entries: [] };
    for (const { record } of this.#records) applyRecord(this.#contents, record);
    this.gathering = group + 1;
    const { epochSeen, entries } = this.#contents;
    const allKeys = { namespace: 'default', namespaceId: 1, start: new Uint8Array(0), end: null };
    return {
      ...meta,
      ...allKeys,
      epochSeen,
      base: origin,
      lastSeq: entries.length,
      applied: origin,
      committed: 0,
      void: false,
    };
  }

  #log(record: Record): void {
    this.#records.push({ group: this.gathering, record });
    applyRecord(this.#contents, record);
  }
}

function applyRecord(contents: Contents, record: Record): void {
  const { base, entries } = contents;
  switch (record.kind) {
    case 'epoch-seen':
      contents.epochSeen = record.epoch;
      return;
    case 'truncate':
      entries.length = record.lastKept - base.seq;
      return;
    case 'append':
      for (const entry of record.entries) {
        assert(entry.seq === base.seq + entries.length + 1, 'entries continue the log');
        entries.push(entry);
      }
  }
}
