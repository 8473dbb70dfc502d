// Steps that fill a small data directory in which any loss shows: rows from a snapshot, which are in no log, rows that were wiped
// and must not come back, rows in tables, and rows in batches that are in no table yet.

import { toBytes, utf8OrNull } from '../../common/base/bytes.ts';
import { realEnv } from '../../common/base/env.ts';
import { origin } from '../../common/model/ids.ts';
import type { KeyRange } from '../../common/model/key-range.ts';
import type { LogEntry, RowChange, Storage } from '../../kvnode/storage/storage.ts';
import { at, EVERYTHING, entry, meta, put, textOfRow } from '../suites/storage/shorthand.ts';

/** The keys of the range whose rows came from a snapshot. */
const INSTALLED: KeyRange = { start: toBytes('m'), end: toBytes('t') };

/** The steps; tests close the storage after each of them. */
export const STEPS: readonly ((storage: Storage) => Promise<void>)[] = [
  async (storage) => {
    storage.createReplica(meta(1, '', 'm'), origin, 0);
    await write(storage, 1, 1, ['a=1', 'b=1', 'c=1', 'a=2']);
    storage.createReplica(meta(3, 't', null), origin, 0);
    await write(storage, 3, 1, ['u=ghost', 'v=ghost']);
  },
  async (storage) => {
    storage.createReplica(meta(2, 'm', 't'), origin, 0);
    const writer = await storage.beginSnapshot(2, INSTALLED, at(1, 9));
    await writer.add(['n', 'o', 'p'].map((key) => ({ key: toBytes(key), value: toBytes('9'), revision: 9 })));
    await writer.finish([{ clientId: toBytes('client'), record: toBytes('record') }]);
  },
  async (storage) => {
    await storage.wipe(3);
    storage.createReplica(meta(4, 't', null), origin, 0);
  },
  async (storage) => {
    await write(storage, 1, 5, ['c=5', 'd=5']);
    await write(storage, 2, 10, ['o=10']);
    await write(storage, 1, 7, ['a=7']);
  },
];

/** All rows after each step. */
export const ROWS: readonly (readonly string[])[] = [
  ['a=2@4', 'b=1@2', 'c=1@3', 'u=ghost@1', 'v=ghost@2'],
  ['a=2@4', 'b=1@2', 'c=1@3', 'n=9@9', 'o=9@9', 'p=9@9', 'u=ghost@1', 'v=ghost@2'],
  ['a=2@4', 'b=1@2', 'c=1@3', 'n=9@9', 'o=9@9', 'p=9@9'],
  ['a=7@7', 'b=1@2', 'c=5@5', 'd=5@6', 'n=9@9', 'o=10@10', 'p=9@9'],
];

/** Logs and applies entries, and waits until they are written to the state store in a batch of their own. */
async function write(
  storage: Storage,
  range: number,
  first: number,
  texts: readonly string[],
): Promise<void> {
  const entries = texts.map((text, i) => entry(1, first + i, text));
  storage.logOf(range).append(entries);
  applyAll(storage, range, entries);
  while (storage.stats.overlayBytes > 0) await new Promise<void>((resolve) => realEnv.soon(resolve));
}

function applyAll(storage: Storage, range: number, entries: readonly LogEntry[]): void {
  for (const { epoch, seq, payload } of entries) storage.apply(range, at(epoch, seq), [changeOf(payload)]);
}

function changeOf(payload: Uint8Array): RowChange {
  const [key = '', value = ''] = (utf8OrNull(payload) ?? '').split('=');
  return put(key, value);
}

/**
 * Applies what the log holds beyond the state, as a node does at its start, and returns all rows. Reads them by scans and by
 * lookups, and adds the rows of the lookups if these differ.
 */
export async function readRows(storage: Storage, keys: readonly string[]): Promise<readonly string[]> {
  const rows: string[] = [];
  for (const replica of storage.recovered) {
    const { range, applied, start, end } = replica;
    applyAll(storage, range, storage.logOf(range).read(applied.seq + 1, 1 << 20) ?? []);
    const page = await storage.scan(range, { start, end }, EVERYTHING);
    rows.push(...page.rows.decode().map(textOfRow));
  }
  const looked = keys.map((key) => storage.get(1, toBytes(key))).filter((row) => row !== undefined);
  const found = rows.toSorted();
  const same = JSON.stringify(looked.map(textOfRow)) === JSON.stringify(found);
  return same ? found : [...found, 'but lookups give', ...looked.map(textOfRow)];
}

/** Every key that any step writes. */
export const KEYS: readonly string[] = ['a', 'b', 'c', 'd', 'n', 'o', 'p', 'u', 'v'];

/** The client sessions of the range that was installed from a snapshot. */
export function sessionsOf(storage: Storage): string {
  if (!storage.recovered.some(({ range }) => range === 2)) return '';
  const rows = storage.attachSessions(2, { takeChanges: () => [], rows: () => [] });
  return rows.map(({ clientId, record }) => `${utf8OrNull(clientId)}=${utf8OrNull(record)}`).join();
}
