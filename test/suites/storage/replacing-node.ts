// What a node does with its storage when ranges are split and merged, in short: it applies entries in the turn in which they are logged,
// keeps a table of sessions for each replica, steps, and completes after a start what a crash has left. Beside it an oracle of
// plain maps. All is in one log, so a crash leaves a prefix of what happened.

import { present } from '../../../common/base/assert.ts';
import { utf8OrNull } from '../../../common/base/bytes.ts';
import { origin } from '../../../common/model/ids.ts';
import { contains } from '../../../common/model/key-range.ts';
import type { LogEntry, RecoveredReplica, ReplicaMeta, Storage } from '../../../kvnode/storage/storage.ts';
import { at, EVERYTHING, entry, put, remove, textOfRow } from './shorthand.ts';
import { TextTable, textOfSession } from './text-table.ts';

export type Event =
  | { readonly kind: 'create'; readonly meta: ReplicaMeta }
  /** `client` writes `value` to `key`; an empty value deletes it. */
  | {
      readonly kind: 'write';
      readonly range: number;
      readonly key: string;
      readonly value: string;
      readonly client: string;
    }
  | {
      readonly kind: 'replace';
      readonly parents: readonly number[];
      readonly children: readonly ReplicaMeta[];
    };

/** What a node has after some events. */
export interface Described {
  /** Range and last seq of each replica. */
  readonly logs: readonly string[];
  readonly rows: readonly string[];
  readonly sessions: readonly string[];
  readonly tombstones: readonly number[];
}

export class ReplacingNode {
  readonly storage: Storage;
  readonly metas = new Map<number, ReplicaMeta>();
  readonly #tables = new Map<number, TextTable>();

  /** Completes the steps that a crash has interrupted, and applies all that is logged. */
  constructor(storage: Storage) {
    this.storage = storage;
    const begun = new Map<number, TextTable>();
    for (const step of storage.unsettled) {
      const tables = step.parents.map((parent) => this.#applyAll(parent, parent.final.seq, null));
      for (const child of step.children) begun.set(child, merged(storage, tables));
    }
    for (const replica of storage.recovered) {
      if (replica.void) continue;
      this.metas.set(replica.range, replica);
      const table = this.#applyAll(replica, replica.lastSeq, begun.get(replica.range) ?? null);
      this.#tables.set(replica.range, table);
    }
  }

  #applyAll({ range, applied }: RecoveredReplica, through: number, begun: TextTable | null): TextTable {
    const table = begun ?? new TextTable(this.storage);
    table.keep(range);
    const entries = this.storage.logOf(range).read(applied.seq + 1, Number.MAX_SAFE_INTEGER) ?? [];
    for (const one of entries) if (one.seq <= through) this.#apply(range, table, one);
    return table;
  }

  #apply(range: number, table: TextTable, { epoch, seq, payload }: LogEntry): void {
    const [key = '', value = '', client = ''] = (utf8OrNull(payload) ?? '').split('|');
    table.set(client, String(seq));
    this.storage.apply(range, at(epoch, seq), [value === '' ? remove(key) : put(key, value)]);
  }

  do(event: Event): void {
    switch (event.kind) {
      case 'create':
        this.storage.createReplica(event.meta, origin, 0);
        return this.#adopt(event.meta, new TextTable(this.storage));
      case 'write':
        return this.#write(event.range, `${event.key}|${event.value}|${event.client}`);
      case 'replace':
        return this.#replace(event.parents, event.children);
    }
  }

  #adopt(meta: ReplicaMeta, table: TextTable): void {
    table.keep(meta.range);
    this.metas.set(meta.range, meta);
    this.#tables.set(meta.range, table);
  }

  #write(range: number, payload: string): void {
    const log = this.storage.logOf(range);
    const epoch = log.lastSeq === log.base.seq ? log.base.epoch + 1 : log.last.epoch;
    const one = entry(epoch, log.lastSeq + 1, payload);
    log.append([one]);
    this.#apply(range, this.#tableOf(range), one);
  }

  #replace(ranges: readonly number[], children: readonly ReplicaMeta[]): void {
    const parents = ranges.map((range) => ({ range, final: this.storage.logOf(range).last }));
    this.storage.replace({ parents, children });
    const tables = ranges.map((range) => this.#tableOf(range));
    for (const range of ranges) {
      this.metas.delete(range);
      this.#tables.delete(range);
    }
    for (const child of children) this.#adopt(child, merged(this.storage, tables));
  }

  #tableOf(range: number): TextTable {
    return present(this.#tables.get(range), 'a table');
  }

  /** The range that has the key. */
  rangeOf(key: Uint8Array): number {
    const found = [...this.metas.values()].find((meta) => contains(meta, key));
    return present(found, 'a range').range;
  }

  async describe(): Promise<Described> {
    const ranges = [...this.metas.keys()].sort((a, b) => a - b);
    const rows = ranges.map(async (range) => {
      const { start, end } = present(this.metas.get(range), 'a range');
      return (await this.storage.scan(range, { start, end }, EVERYTHING)).rows.decode().map(textOfRow);
    });
    return {
      logs: ranges.map((range) => `${range}:${this.storage.logOf(range).lastSeq}`),
      rows: (await Promise.all(rows)).flat().sort(),
      sessions: ranges.flatMap((range) => {
        const table = this.#tableOf(range).rows().map(textOfSession).sort();
        return table.map((text) => `${range} ${text}`);
      }),
      tombstones: [...this.storage.tombstones.keys()].sort((a, b) => a - b),
    };
  }
}

/** S8 in short: of each client the higher seq. All of it are changes. */
function merged(storage: Storage, tables: readonly TextTable[]): TextTable {
  const seqs = new Map<string, number>();
  for (const text of tables.flatMap((table) => table.rows().map(textOfSession)))
    keepHigher(seqs, text.split('=')[0] ?? '', Number(text.split('=')[1]));
  const table = new TextTable(storage);
  for (const [client, seq] of seqs) table.set(client, String(seq));
  return table;
}

function keepHigher(seqs: Map<string, number>, client: string, seq: number): void {
  seqs.set(client, Math.max(seq, seqs.get(client) ?? 0));
}

/** The state after the events, from nothing but the events. */
export function describedBy(events: readonly Event[]): Described {
  const logs = new Map<number, { seq: number; readonly sessions: Map<string, number> }>();
  const rows = new Map<string, string>();
  const tombstones = new Set<number>();
  for (const event of events) {
    if (event.kind === 'create') logs.set(event.meta.range, { seq: 0, sessions: new Map() });
    else if (event.kind === 'write') {
      const log = present(logs.get(event.range), 'a range');
      log.seq++;
      log.sessions.set(event.client, log.seq);
      if (event.value === '') rows.delete(event.key);
      else rows.set(event.key, `${event.key}=${event.value}@${log.seq}`);
    } else {
      const parents = event.parents.map((range) => present(logs.get(range), 'a range'));
      const seq = Math.max(...parents.map((log) => log.seq));
      for (const range of event.parents) {
        logs.delete(range);
        tombstones.add(range);
      }
      for (const { range } of event.children) {
        const sessions = new Map<string, number>();
        for (const log of parents)
          for (const [client, last] of log.sessions) keepHigher(sessions, client, last);
        logs.set(range, { seq, sessions });
      }
    }
  }
  const ranges = [...logs].sort(([a], [b]) => a - b);
  return {
    logs: ranges.map(([range, { seq }]) => `${range}:${seq}`),
    rows: [...rows.values()].sort(),
    sessions: ranges.flatMap(([range, { sessions }]) =>
      [...sessions].map(([client, seq]) => `${range} ${client}=${seq}`).sort(),
    ),
    tombstones: [...tombstones].sort((a, b) => a - b),
  };
}

/** How many of the events are there. */
export function eventsIn(described: Described, events: readonly Event[]): number {
  for (let count = events.length; count >= 0; count--) {
    const { logs, tombstones } = describedBy(events.slice(0, count));
    if (String(logs) === String(described.logs) && String(tombstones) === String(described.tombstones))
      return count;
  }
  throw new Error(`no such state was ever there: ${described.logs}`);
}

/** Writes of two clients to these keys, in this order. The value of each tells its number. */
export function writes(range: number, keys: string, from = 0): Event[] {
  return [...keys].map((key, i) => ({
    ...{ kind: 'write', range, key, value: `${from + i}` },
    client: i % 2 === 0 ? 'ada' : 'bob',
  }));
}
