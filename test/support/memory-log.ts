// One range's log in memory, with groups that are synced when the test says so and a suffix that a crash can lose.

import { assert } from '../../common/base/assert.ts';
import { type Epoch, origin, type Seq } from '../../common/model/ids.ts';
import type { ReplicaLog } from '../../kvnode/replica/log-state.ts';
import type { EpochRun, LogEntry, RecoveredReplica } from '../../kvnode/storage/storage.ts';

type Record =
  | { readonly kind: 'epoch-seen'; readonly epoch: Epoch }
  | { readonly kind: 'append'; readonly entries: readonly LogEntry[] }
  | { readonly kind: 'truncate'; readonly lastKept: Seq };

interface Contents {
  epochSeen: Epoch;
  entries: LogEntry[];
}

export class MemoryLog implements ReplicaLog {
  gathering = 1;
  /** All that was ever logged, by group. */
  #records: { readonly group: number; readonly record: Record }[] = [];
  #contents: Contents;
  /** What a tombstone remembered. */
  readonly #firstEpochSeen: Epoch;

  constructor(epochSeen: Epoch = 0) {
    this.#firstEpochSeen = epochSeen;
    this.#contents = { epochSeen, entries: [] };
  }

  get entries(): readonly LogEntry[] {
    return this.#contents.entries;
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
    const found: LogEntry[] = [];
    let bytes = 0;
    for (const entry of this.#contents.entries.slice(from - 1)) {
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

  /** The entries that a restart would find if the groups through `group` reached the disk. */
  durable(group: number): readonly LogEntry[] {
    const contents: Contents = { epochSeen: this.#firstEpochSeen, entries: [] };
    for (const logged of this.#records) if (logged.group <= group) carryOut(contents, logged.record);
    return contents.entries;
  }

  /** What a restart finds when only the groups through `group` reached the disk. */
  recover(group: number, meta: Pick<RecoveredReplica, 'range' | 'inc'>): RecoveredReplica {
    this.#records = this.#records.filter((logged) => logged.group <= group);
    this.#contents = { epochSeen: this.#firstEpochSeen, entries: [] };
    for (const { record } of this.#records) carryOut(this.#contents, record);
    this.gathering = group + 1;
    const { epochSeen, entries } = this.#contents;
    const whole = { namespace: 'default', namespaceId: 1, start: new Uint8Array(0), end: null };
    return {
      ...meta,
      ...whole,
      epochSeen,
      base: origin,
      runs: runsOf(entries),
      lastSeq: entries.length,
      applied: origin,
      committed: 0,
      void: false,
    };
  }

  #log(record: Record): void {
    this.#records.push({ group: this.gathering, record });
    carryOut(this.#contents, record);
  }
}

function carryOut(contents: Contents, record: Record): void {
  const { entries } = contents;
  switch (record.kind) {
    case 'epoch-seen':
      contents.epochSeen = record.epoch;
      return;
    case 'truncate':
      entries.length = record.lastKept;
      return;
    case 'append':
      for (const entry of record.entries) {
        assert(entry.seq === entries.length + 1, 'entries continue the log');
        entries.push(entry);
      }
  }
}

function runsOf(entries: readonly LogEntry[]): EpochRun[] {
  const runs: EpochRun[] = [];
  for (const { epoch, seq } of entries) {
    if (runs.at(-1)?.epoch !== epoch) runs.push({ epoch, firstSeq: seq });
  }
  return runs;
}
