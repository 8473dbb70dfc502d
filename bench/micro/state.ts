// The state of a range (overlay, row cache, write-behind to LevelDB), compared with LevelDB alone.

import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import { origin } from '../../common/model/ids.ts';
import { openStorage } from '../../kvnode/storage/open.ts';
import { ENTRY_KINDS } from '../../kvnode/storage/storage.ts';
import { keyOf, valuePool } from '../load/keys.ts';
import { PREFIX, VALUE_BYTES } from '../rig.ts';
import { seeded } from '../stats/draws.ts';
import type { OpenParts, Part, Side } from './part.ts';

const KEYS = 100_000;
const BATCH = 1_000;
const PAGE = 100;
const READS = 1_000;
const PAGES = 20;
const META = { range: 1, inc: 1, namespace: 'default', namespaceId: 1, start: new Uint8Array(0), end: null };
const ALL = { limitBytes: 1024 * 1024, reverse: false, valueBytesMax: null, countOnly: false };

export const stateParts: OpenParts = async (directory) => {
  const storage = await openStorage(join(directory, 'state'), { env: realEnv, logger: silentLogger });
  storage.createReplica(META, origin, 1);
  const level = new ClassicLevel<Uint8Array, Uint8Array>(join(directory, 'level'), {
    keyEncoding: 'view',
    valueEncoding: 'view',
  });
  await level.open();
  const random = seeded(1);
  const keys = Array.from({ length: KEYS }, (_, i) => new Uint8Array(Buffer.from(keyOf(PREFIX, i))));
  const values = valuePool(VALUE_BYTES).map((text) => new Uint8Array(Buffer.from(text)));
  const empty = new Uint8Array(0);
  const keyAt = (index: number): Uint8Array => keys[index] ?? empty;
  const anyKey = (): Uint8Array => keyAt(Math.floor(random() * KEYS));
  const anyValue = (): Uint8Array => values[Math.floor(random() * values.length)] ?? empty;
  const synced = new Promise<void>((resolve) => storage.onSynced(() => resolve()));
  let seq = 0;
  const put = async (key: () => Uint8Array): Promise<number> => {
    const first = seq + 1;
    const entries = Array.from({ length: BATCH }, () => ({
      ...{ epoch: 1, seq: ++seq, kind: ENTRY_KINDS.operation, payload: empty },
    }));
    // The state store gets only changes whose entries the log has synced.
    storage.logOf(META.range).append(entries);
    for (let at = first; at <= seq; at++) {
      storage.apply(META.range, { epoch: 1, seq: at }, [{ key: key(), value: anyValue() }]);
    }
    while (storage.saturated) await turn();
    await turn();
    return BATCH;
  };
  const putRaw = async (key: () => Uint8Array): Promise<number> => {
    await level.batch(
      Array.from({ length: BATCH }, () => ({ type: 'put' as const, key: key(), value: anyValue() })),
    );
    return BATCH;
  };
  let filled = 0;
  for (let i = 0; i < KEYS; i += BATCH) await put(() => keyAt(filled++));
  filled = 0;
  for (let i = 0; i < KEYS; i += BATCH) await putRaw(() => keyAt(filled++));
  await synced;
  const get = (): number => {
    for (let i = 0; i < READS; i++) storage.get(META.namespaceId, anyKey());
    return READS;
  };
  const getRaw = (): number => {
    for (let i = 0; i < READS; i++) level.getSync(anyKey());
    return READS;
  };
  const scan = async (): Promise<number> => {
    let rows = 0;
    for (let i = 0; i < PAGES; i++) {
      const bounds = { start: keyAt(Math.floor(random() * (KEYS - PAGE))), end: null };
      rows += (await storage.scan(META.range, bounds, { ...ALL, limitRows: PAGE })).count;
    }
    return rows;
  };
  const scanRaw = async (): Promise<number> => {
    let rows = 0;
    for (let i = 0; i < PAGES; i++) {
      const iterator = level.iterator({ gte: keyAt(Math.floor(random() * (KEYS - PAGE))), limit: PAGE });
      rows += (await iterator.nextv(PAGE)).length;
      await iterator.close();
    }
    return rows;
  };
  const part = (name: string, unit: string, run: Side['run'], raw: Side): Part => ({
    ...{ name: `state, ${name}`, subject: 'state', variant: `${KEYS} keys of ${VALUE_BYTES} B`, unit },
    own: { how: 'overlay, row cache, LevelDB behind', run },
    raw,
  });
  const parts = [
    part('put', 'ops/s', () => put(anyKey), { how: 'LevelDB, batches', run: () => putRaw(anyKey) }),
    part('get', 'ops/s', get, { how: 'LevelDB, getSync', run: getRaw }),
    part(`scan of ${PAGE}`, 'rows/s', scan, { how: 'LevelDB, nextv', run: scanRaw }),
  ];
  const close = async (): Promise<void> => {
    await storage.close();
    await level.close();
  };
  return { parts, close };
};

function turn(): Promise<void> {
  return new Promise((resolve) => {
    realEnv.soon(resolve);
  });
}
