// Short forms for tests of the storage: rows, entries, replicas, and waiting for a sync.

import { toBytes, utf8OrNull } from '../../../common/base/bytes.ts';
import { delay, realEnv } from '../../../common/base/env.ts';
import { origin, type Position } from '../../../common/model/ids.ts';
import { wholeKeySpace } from '../../../common/model/key-range.ts';
import {
  ENTRY_KINDS,
  type LogEntry,
  type PageRequest,
  type ReplicaMeta,
  type Row,
  type RowChange,
  type Storage,
} from '../../../kvnode/storage/storage.ts';

export function meta(range: number, start = '', end: string | null = null, inc = 1): ReplicaMeta {
  return {
    range,
    inc,
    namespace: 'default',
    namespaceId: 1,
    start: toBytes(start),
    end: end === null ? null : toBytes(end),
  };
}

/** Makes an empty replica of the whole key space. */
export function createWhole(storage: Storage, range = 1): void {
  storage.createReplica(meta(range), origin, 0);
}

export function entry(epoch: number, seq: number, payload = `${epoch}/${seq}`): LogEntry {
  return { epoch, seq, kind: ENTRY_KINDS.operation, payload: toBytes(payload) };
}

/** Entries of one epoch, seqs from first to last. */
export function entries(epoch: number, first: number, last: number): LogEntry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => entry(epoch, first + i));
}

export function at(epoch: number, seq: number): Position {
  return { epoch, seq };
}

export function put(key: string, value: string): RowChange {
  return { key: toBytes(key), value: toBytes(value) };
}

export function remove(key: string): RowChange {
  return { key: toBytes(key), value: null };
}

/** Resolves when all that is logged now is synced. Rejects if the log fails. */
export function synced(storage: Storage): Promise<void> {
  const group = storage.gathering;
  return new Promise((resolve, reject) => {
    storage.onSynced((number) => {
      if (number >= group) resolve();
    });
    storage.onFailure(reject);
  });
}

export function textOf(entry: LogEntry): string {
  return `${entry.epoch}/${entry.seq}:${utf8OrNull(entry.payload)}`;
}

export function textOfRow(row: Row): string {
  return `${utf8OrNull(row.key)}=${utf8OrNull(row.value)}@${row.revision}`;
}

/** All entries of a range's log as text. */
export function logText(storage: Storage, range: number, from = 1): string[] | null {
  return storage.logOf(range).read(from, Number.MAX_SAFE_INTEGER)?.map(textOf) ?? null;
}

export const EVERYTHING: PageRequest = {
  limitRows: 100_000,
  limitBytes: 1 << 30,
  reverse: false,
  valueBytesMax: null,
  countOnly: false,
};

/** All rows of a range's namespace as text. */
export async function rowsText(storage: Storage, range = 1): Promise<string[]> {
  return (await storage.scan(range, wholeKeySpace, EVERYTHING)).rows.decode().map(textOfRow);
}

export function getText(storage: Storage, key: string): string | undefined {
  const row = storage.get(1, toBytes(key));
  return row === undefined ? undefined : textOfRow(row);
}

/** Ends this turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => realEnv.soon(resolve));
}

/** Waits at least `ms` milliseconds. */
export function pause(ms: number): Promise<void> {
  return delay(realEnv, ms);
}
