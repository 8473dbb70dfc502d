// How a node handles damage of its state store and its log, at a start and while it runs (R12). Here the twins are
// damaged. test/e2e/storage-damage.test.ts damages real files.

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { compareBytes, toBytes } from '../../../../common/base/bytes.ts';
import { realEnv } from '../../../../common/base/env.ts';
import { origin } from '../../../../common/model/ids.ts';
import { wholeKeySpace } from '../../../../common/model/key-range.ts';
import { setAside } from '../../../../kvnode/storage/aside.ts';
import { CorruptDataError } from '../../../../kvnode/storage/data-errors.ts';
import { verifyLevel } from '../../../../kvnode/storage/state/level/verify.ts';
import { openLevel } from '../../../../kvnode/storage/state/level-engine.ts';
import { batchKey } from '../../../../kvnode/storage/state/stored-keys.ts';
import type { Storage } from '../../../../kvnode/storage/storage.ts';
import {
  at,
  createWhole,
  EVERYTHING,
  entries,
  entry,
  getText,
  meta,
  put,
  synced,
  turn,
} from '../../../suites/storage/shorthand.ts';
import { realWorld, TwinWorld } from '../../../suites/storage/world.ts';

/** Logs and applies an entry, and waits until it is in the state store as a batch of its own. */
async function write(storage: Storage, seq: number, key: string, value: string): Promise<void> {
  storage.logOf(1).append([entry(1, seq)]);
  storage.apply(1, at(1, seq), [put(key, value)]);
  while (storage.stats.overlayBytes > 0) await turn();
}

async function closedWorld(rows: number): Promise<TwinWorld> {
  const world = new TwinWorld();
  const storage = await world.open();
  createWhole(storage);
  for (let seq = 1; seq <= rows; seq++) await write(storage, seq, `key ${seq}`, `value ${seq}`);
  await storage.close();
  return world;
}

async function failsToOpen(t: ExecutionContext, world: TwinWorld, message: RegExp): Promise<void> {
  await t.throwsAsync(world.open(), { instanceOf: CorruptDataError, message });
}

// ---- a row that is not what was written --------------------------------------------------------------------------------

type Reader = (storage: Storage) => Promise<unknown>;

const meetsDamage = test.macro({
  title: (_, reader) =>
    `${reader} meets a row with a flipped bit: it fails, the damage is marked, and the next start sets the directory aside`,
  exec: async (t, _reader: string, read: Reader) => {
    const world = await closedWorld(3);
    flip(world, 'value 2');
    const storage = await world.open();
    const failures: Error[] = [];
    storage.onFailure((error) => failures.push(error));
    await t.throwsAsync(async () => read(storage), { instanceOf: CorruptDataError, message: /checksum/ });
    t.is(failures.length, 1);
    await storage.close();

    const reason = await t.throwsAsync(world.open(), {
      instanceOf: CorruptDataError,
      message: /process found damage/,
    });
    await setAside(world.directory, reason, world.options);
    const fresh = await new TwinWorld(world.options.limits, world.disk).open();
    t.not(fresh.nodeId, storage.nodeId);
    await fresh.close();
  },
});

function flip({ image }: TwinWorld, value: string): void {
  image.pairs = image.pairs.map(([key, stored]) => {
    const bytes = Uint8Array.from(stored);
    if (Buffer.from(bytes).includes(value)) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    return [key, bytes];
  });
}

test(meetsDamage, 'a lookup', async (storage) => storage.get(1, toBytes('key 2')));
test(meetsDamage, 'a scan', (storage) => storage.scan(1, wholeKeySpace, EVERYTHING));
test(meetsDamage, 'a scan backwards', (storage) => {
  return storage.scan(1, wholeKeySpace, { ...EVERYTHING, reverse: true });
});
test(meetsDamage, 'a count', (storage) => {
  return storage.scan(1, wholeKeySpace, { ...EVERYTHING, countOnly: true });
});
test(meetsDamage, 'a snapshot', async (storage) => (await storage.openSnapshot(1)).next(1 << 20));

test(meetsDamage, 'a view', async (storage) => storage.openView(1).next(1 << 20));

test('damage in the files of the state that is found while the node runs stops it for good', async (t) => {
  const world = await closedWorld(3);
  const storage = await world.open();
  const failures: Error[] = [];
  storage.onFailure((error) => failures.push(error));
  t.true((await storage.verifyState(async () => {})) > 0);
  world.image.damage = 'a block of a table is damaged';
  await t.throwsAsync(
    storage.verifyState(async () => {}),
    { instanceOf: CorruptDataError, message: /a block/ },
  );
  t.is(failures.length, 1);
  await storage.close();
  await failsToOpen(t, world, /found damage: a block of a table/);
});

test('damage that is found by a comparison of replicas is marked, and stops the node', async (t) => {
  const world = await closedWorld(1);
  const storage = await world.open();
  const failures: Error[] = [];
  storage.onFailure((error) => failures.push(error));
  storage.reportDamage('outvoted');
  t.is(failures[0]?.constructor, CorruptDataError);
  await storage.close();
  await failsToOpen(t, world, /found damage: outvoted/);
});

test('damage to a table of an open LevelDB is found; a table that LevelDB has deleted is not reported as missing', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'rangekeeper-level-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const engine = await openLevel(directory);
  const fill = async () => {
    const batch = engine.batch();
    for (let i = 0; i < 30; i++) batch.put(toBytes(`key ${i}`), realEnv.randomBytes(20_000));
    await batch.write();
    await engine.flush();
  };
  const tables = async () => (await readdir(directory)).filter((name) => name.endsWith('.ldb'));
  // The first table goes to a level where it stays for long. Later ones are merged soon.
  for (let round = 0; round < 3; round++) await fill();
  const before = await tables();
  let rounds = 0;
  const allThere = async () => {
    const now = await tables();
    return before.every((name) => now.includes(name));
  };
  await engine.verify(async () => {
    // Until LevelDB has merged and deleted a table that is still to be verified.
    for (; (await allThere()) && rounds < 20; rounds++) await fill();
  });
  t.false(await allThere(), `${before.length} tables are there after ${rounds} rounds`);
  const [name = ''] = await tables();
  const bytes = await readFile(join(directory, name));
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(join(directory, name), bytes);
  await t.throwsAsync(
    engine.verify(async () => {}),
    { instanceOf: CorruptDataError, message: /is damaged/ },
  );
  await rm(join(directory, name));
  await t.throwsAsync(
    engine.verify(async () => {}),
    { instanceOf: CorruptDataError, message: /cannot be read|is missing/ },
  );
  await engine.close();
});

test('a row under the key of another one is damage', async (t) => {
  const world = await closedWorld(2);
  const [first, second] = world.image.pairs.filter(([, value]) => Buffer.from(value).includes('value'));
  world.image.pairs = world.image.pairs.map(([key, value]) => {
    return second !== undefined && compareBytes(key, second[0]) === 0
      ? [key, first?.[1] ?? value]
      : [key, value];
  });
  const storage = await world.open();
  t.throws(() => getText(storage, 'key 2'), { instanceOf: CorruptDataError });
});

// ---- batches -------------------------------------------------------------------------------------------------------------

test('a missing batch between others is damage', async (t) => {
  const world = await closedWorld(4);
  world.image.pairs = world.image.pairs.filter(([key]) => compareBytes(key, batchKey(2)) !== 0);
  await failsToOpen(t, world, /lost batch 2 of 4/);
});

test('old marks of batches are deleted', async (t) => {
  const world = new TwinWorld();
  const storage = await world.open();
  createWhole(storage);
  for (let seq = 1; seq <= 300; seq++) await write(storage, seq, 'key', String(seq));
  await storage.close();
  const marks = world.image.pairs.filter(
    ([key]) => compareBytes(key, batchKey(0)) > 0 && compareBytes(key, batchKey(1e6)) < 0,
  );
  t.true(marks.length > 0 && marks.length <= 70, String(marks.length));
  t.is(getText(await world.open(), 'key'), 'key=300@300');
});

test('LevelDB drops a batch with a flipped bit and keeps a newer one: the start finds it', async (t) => {
  const world = await realWorld();
  t.teardown(() => world.remove());
  const storage = await world.open();
  createWhole(storage);
  // The batches are longer than the blocks of the log of LevelDB, so that the batch after the damaged one is read.
  for (let seq = 1; seq <= 4; seq++) await write(storage, seq, `key ${seq}`, 'x'.repeat(50_000));
  await storage.close();
  const state = join(world.directory, 'state');
  const log = (await readdir(state)).find((name) => name.endsWith('.log')) ?? '';
  const bytes = await readFile(join(state, log));
  bytes[60_000] = (bytes[60_000] ?? 0) ^ 1;
  await writeFile(join(state, log), bytes);
  await t.throwsAsync(world.open(), { instanceOf: CorruptDataError, message: /lost batch 2 of 4/ });
});

test('the start finds a flipped bit in a table of LevelDB', async (t) => {
  const world = await realWorld();
  t.teardown(() => world.remove());
  const storage = await world.open();
  createWhole(storage);
  await write(storage, 1, 'key', 'value');
  await storage.close();
  // LevelDB moves its log into a table.
  await (await world.open()).close();
  const state = join(world.directory, 'state');
  const table = (await readdir(state)).find((name) => name.endsWith('.ldb')) ?? '';
  const bytes = await readFile(join(state, table));
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  await writeFile(join(state, table), bytes);
  await t.throwsAsync(world.open(), { instanceOf: CorruptDataError, message: /damaged in its block at 0/ });
});

// ---- state and log without each other --------------------------------------------------------------------------------------

test('a lost state is damage if rows came by a snapshot', async (t) => {
  const world = new TwinWorld();
  const storage = await world.open();
  createWhole(storage);
  const writer = await storage.beginSnapshot(1, wholeKeySpace, at(1, 9));
  await writer.add([{ key: toBytes('a'), value: toBytes('9'), revision: 9 }]);
  await writer.finish([]);
  await storage.close();
  world.image.pairs = [];
  await failsToOpen(t, world, /ends with batch 0, but the log knows of batch/);
});

test('a lost state is restored from a log that reaches back to the begin of the replica', async (t) => {
  const world = await closedWorld(3);
  world.image.pairs = [];
  const storage = await world.open();
  t.like(storage.recovered[0], { base: origin, applied: origin, lastSeq: 3 });
  await storage.close();
});

test('a lost log, or a lost end of it, is damage: the state has its entries', async (t) => {
  const removed = await closedWorld(3);
  for (const path of removed.disk.paths) if (path.includes('/wal/')) await removed.disk.remove(path);
  await failsToOpen(t, removed, /log ends in group 0, but the state store holds entries of group/);

  const cut = await closedWorld(3);
  const path = cut.disk.paths.find((one) => one.includes('/wal/')) ?? '';
  const bytes = cut.disk.contentOf(path);
  const end = bytes.findLastIndex((byte) => byte !== 0);
  bytes.fill(0, end - 20);
  await failsToOpen(t, cut, /log ends in group/);
});

/** Which part of the log is lost while the state store is empty, and whether the node has registered before. */
const LOGS_LOST: readonly (readonly [
  what: string,
  registered: boolean,
  lose: Lose,
  verdict: RegExp | null,
])[] = [
  ['all of it', true, () => true, /ends in group 0, but node.json says that it was synced through group/],
  ['all of it, before it registered', false, () => true, null],
  ['its newest segment', true, (_, i, all) => i === all.length - 1, /but node.json says/],
  ['nothing', true, () => false, null],
];
type Lose = (path: string, index: number, segments: readonly string[]) => boolean;

for (const [what, registered, lose, verdict] of LOGS_LOST) {
  test(`with an empty state store, the log loses ${what}`, async (t) => {
    const world = new TwinWorld({ flushMs: 1_000_000 });
    for (let start = 0; start < 2; start++) {
      const storage = await world.open();
      if (registered) await storage.raiseGeneration('writer');
      await storage.close();
    }
    const segments = world.disk.paths.filter((path) => path.includes('/wal/'));
    t.is(world.image.pairs.length, 0);
    for (const path of segments.filter(lose)) await world.disk.remove(path);
    if (verdict !== null) return failsToOpen(t, world, verdict);
    await (await world.open()).close();
    t.pass();
  });
}

test('the synced group in node.json is checked, and derived from a node.json of the format before', async (t) => {
  const world = new TwinWorld();
  const storage = await world.open();
  await storage.raiseGeneration('writer');
  await storage.close();
  const path = join(world.directory, 'node.json');
  const written = JSON.parse(Buffer.from(world.disk.contentOf(path)).toString());
  t.true(written.logGroup > 0);
  const change = (more: object) => {
    world.disk.setContent(path, toBytes(JSON.stringify({ ...written, ...more })));
  };
  for (const logGroup of [undefined, -1, 1.5, '7']) {
    change({ logGroup });
    await failsToOpen(t, world, /does not say how far the log was synced/);
  }
  change({ format: 2, logGroup: undefined });
  await (await world.open()).close();
  for (const one of world.disk.paths) if (one.includes('/wal/')) await world.disk.remove(one);
  await failsToOpen(t, world, /node.json says that it was synced through group 1/);
});

test('a missing newest segment before a prepared one is damage', async (t) => {
  const world = new TwinWorld({ segmentBytes: 4096, tailBytesMax: 1 });
  const storage = await world.open();
  createWhole(storage);
  for (let seq = 1; seq <= 40; seq++) {
    storage.logOf(1).append([entry(1, seq, 'x'.repeat(200))]);
    await synced(storage);
  }
  const copy = world.disk.copy();
  const segments = copy.paths.filter((path) => path.includes('/wal/'));
  const isPrepared = (path: string) => copy.contentOf(path).every((byte) => byte === 0);
  t.true(isPrepared(segments.at(-1) ?? ''), 'the next segment is prepared');
  await copy.remove(segments.at(-2) ?? '');
  await failsToOpen(t, new TwinWorld(world.options.limits, copy), /segment \d+ of the log is missing/);
});

test('a missing file of LevelDB is damage, a missing directory is not', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'rangekeeper-level-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await t.notThrowsAsync(verifyLevel(join(directory, 'none')));
  await writeFile(join(directory, '000003.log'), '');
  await t.throwsAsync(verifyLevel(directory), {
    instanceOf: CorruptDataError,
    message: /CURRENT is missing/,
  });
});

// ---- what is committed -----------------------------------------------------------------------------------------------------

test('knowledge of what is committed survives a crash, even if the state is behind', async (t) => {
  const world = new TwinWorld({ flushMs: 1_000_000 });
  const storage = await world.open();
  createWhole(storage);
  storage.logOf(1).append(entries(1, 1, 3));
  for (let seq = 1; seq <= 3; seq++) storage.apply(1, at(1, seq), [put('a', String(seq))]);
  storage.logOf(1).append([entry(1, 4)]);
  await synced(storage);
  const again = await world.afterPowerCut(() => false).open();
  t.like(again.recovered[0], { applied: origin, committed: 3, lastSeq: 4 });
  t.throws(() => again.logOf(1).truncate(2), { message: /committed is never truncated/ });
  await again.close();
  await storage.close();
});

test('a replica keeps its knowledge of what is committed when its first segments are deleted', async (t) => {
  const world = new TwinWorld({
    segmentBytes: 4096,
    keepBytes: 4096,
    retainBytes: 8192,
    tailBytesMax: 1,
    flushMs: 2,
  });
  const storage = await world.open();
  storage.createReplica(meta(1), origin, 0);
  for (let seq = 1; seq <= 60; seq++) {
    storage.logOf(1).append([entry(1, seq, 'x'.repeat(300))]);
    storage.apply(1, at(1, seq), [put('a', String(seq))]);
    await synced(storage);
  }
  await storage.close();
  const again = await world.open();
  t.true((again.recovered[0]?.base.seq ?? 0) > 0);
  t.is(again.recovered[0]?.committed, 60);
});
