// Nothing is reported as durable before it is: the order of groups, failed syncs, power cuts, and what the state store
// may hold before the log is synced.

import test, { type ExecutionContext } from 'ava';
import { compareBytes, toBytes } from '../../../../common/base/bytes.ts';
import { realEnv } from '../../../../common/base/env.ts';
import { origin } from '../../../../common/model/ids.ts';
import { BATCH_BOUNDS } from '../../../../kvnode/storage/state/stored-keys.ts';
import type { Storage } from '../../../../kvnode/storage/storage.ts';
import type { StateImage } from '../../../suites/storage/memory-state.ts';
import {
  at,
  createWhole,
  entries,
  entry,
  meta,
  pause,
  put,
  synced,
  turn,
} from '../../../suites/storage/shorthand.ts';
import { TwinWorld } from '../../../suites/storage/world.ts';

async function until(t: ExecutionContext, what: string, condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 1_000_000) t.fail(what);
    await turn();
  }
}

/** The number of stored pairs, without the marks of batches. */
function rowsIn({ pairs }: StateImage): number {
  const { start, end } = BATCH_BOUNDS;
  return pairs.filter(([key]) => compareBytes(key, start) < 0 || compareBytes(key, end) >= 0).length;
}

async function openWithReplica(
  world: TwinWorld,
): Promise<{ storage: Storage; groups: number[]; failures: Error[] }> {
  const storage = await world.open();
  const groups: number[] = [];
  const failures: Error[] = [];
  storage.onSynced((group) => groups.push(group));
  storage.onFailure((error) => failures.push(error));
  createWhole(storage);
  await synced(storage);
  groups.length = 0;
  return { storage, groups, failures };
}

test('a group is reported only after its sync, and only then the next one is written', async (t) => {
  const world = new TwinWorld();
  const { storage, groups } = await openWithReplica(world);
  world.disk.hold();
  storage.logOf(1).append(entries(1, 1, 2));
  const first = storage.gathering;
  await until(t, 'the first group is written', () => world.disk.heldSyncs === 1);
  storage.logOf(1).append(entries(1, 3, 4));
  const second = storage.gathering;
  storage.logOf(1).append(entries(1, 5, 6));
  t.is(storage.gathering, second, 'what comes while a group is written is collected in one group');
  t.true(second > first);
  for (let i = 0; i < 20; i++) await turn();
  t.is(world.disk.heldSyncs, 1, 'one group at a time');
  t.deepEqual(groups, []);
  const lost = world.afterPowerCut(() => false);
  t.is((await lost.open()).recovered[0]?.lastSeq, 0);

  world.disk.releaseOne();
  await until(t, 'the second group is written', () => world.disk.heldSyncs === 1);
  t.deepEqual(groups, [first]);
  const half = world.afterPowerCut(() => false);
  t.is((await half.open()).recovered[0]?.lastSeq, 2);

  world.disk.release();
  await until(t, 'the second group is synced', () => groups.length === 2);
  t.deepEqual(groups, [first, second]);
  t.is((await world.afterPowerCut(() => false).open()).recovered[0]?.lastSeq, 6);
});

test('writes of one turn share one sync', async (t) => {
  const world = new TwinWorld();
  const { storage } = await openWithReplica(world);
  const { syncs } = world.disk;
  for (let seq = 1; seq <= 100; seq++) storage.logOf(1).append([entry(1, seq)]);
  await synced(storage);
  t.is(world.disk.syncs, syncs + 1);
});

test('a failed sync stops everything: nothing is acknowledged, nothing is retried', async (t) => {
  const world = new TwinWorld();
  const { storage, groups, failures } = await openWithReplica(world);
  world.disk.syncError = new Error('EIO');
  storage.logOf(1).append(entries(1, 1, 2));
  await until(t, 'the failure is reported', () => failures.length > 0);
  world.disk.syncError = null;
  const { syncs } = world.disk;
  t.throws(() => storage.logOf(1).append(entries(1, 3, 3)), { message: /after a failure/ });
  for (let i = 0; i < 20; i++) await turn();
  t.is(failures.length, 1);
  t.deepEqual(groups, []);
  t.is(world.disk.syncs, syncs);
  await storage.close();
});

test('a failed write of the state stops everything', async (t) => {
  const world = new TwinWorld();
  const { storage, failures } = await openWithReplica(world);
  world.image.writeError = new Error('EIO');
  storage.logOf(1).append(entries(1, 1, 1));
  storage.apply(1, at(1, 1), [put('a', '1')]);
  await until(t, 'the failure is reported', () => failures.length > 0);
  t.is(failures.length, 1);
  t.throws(() => storage.logOf(1).append(entries(1, 2, 2)), { message: /after a failure/ });
});

test('the state store never holds an entry that the log has not synced', async (t) => {
  const world = new TwinWorld();
  const { storage } = await openWithReplica(world);
  const { batches } = world.image;
  world.disk.hold();
  storage.logOf(1).append(entries(1, 1, 1));
  storage.apply(1, at(1, 1), [put('a', '1')]);
  t.is(storage.get(1, toBytes('a'))?.revision, 1);
  // Long enough for the write-behind to be due many times.
  await pause(30);
  t.is(world.image.batches, batches);
  world.disk.release();
  await until(t, 'the state is written', () => world.image.batches > batches);
});

test('changes applied while a batch is written are written next, without further changes', async (t) => {
  const world = new TwinWorld();
  const { storage } = await openWithReplica(world);
  storage.logOf(1).append(entries(1, 1, 2));
  await synced(storage);
  let letWrite = () => {};
  world.image.beforeRead = () => {
    return new Promise((resolve) => {
      letWrite = resolve;
    });
  };
  storage.apply(1, at(1, 1), [put('a', '1')]);
  await until(t, 'a batch is being written', () => world.image.underWay.size === 1);
  storage.apply(1, at(1, 2), [put('b', '1')]);
  // Long enough for the second one to be due while the first one is being written.
  await pause(30);
  world.image.beforeRead = () => Promise.resolve();
  letWrite();
  await until(t, 'all is written', () => storage.stats.overlayBytes === 0);
  t.is(rowsIn(world.image), 3);
});

test('changes of many entries to one key are written once', async (t) => {
  const world = new TwinWorld({ flushBytes: 1024 * 1024 });
  const { storage } = await openWithReplica(world);
  storage.logOf(1).append(entries(1, 1, 500));
  for (let seq = 1; seq <= 500; seq++) storage.apply(1, at(1, seq), [put('hot', String(seq))]);
  const { batches } = world.image;
  await storage.close();
  t.is(world.image.batches, batches + 1);
  t.is(rowsIn(world.image), 2, 'the row and how far the range is applied');
});

test('while a snapshot is installed, changes of others are written behind an eighth as often', async (t) => {
  const world = new TwinWorld({ flushBytes: 10_000, flushRows: 10, flushMs: 1_000_000 });
  const storage = await world.open();
  storage.createReplica(meta(1, '', 'm'), origin, 1);
  storage.createReplica(meta(2, 'm', null), origin, 1);
  const writer = await storage.beginSnapshot(2, { start: toBytes('m'), end: null }, at(1, 9));
  await writer.add([{ key: toBytes('n'), value: toBytes('1'), revision: 9 }]);
  const { batches } = world.image;
  storage.logOf(1).append(entries(1, 1, 80));
  await synced(storage);
  const applyThrough = async (last: number, from: number) => {
    for (let seq = from; seq <= last; seq++) storage.apply(1, at(1, seq), [put('hot', String(seq))]);
    await pause(30);
  };
  await applyThrough(79, 1);
  t.is(world.image.batches, batches);
  await applyThrough(80, 80);
  await until(t, 'the state is written', () => world.image.batches > batches);
});

test('repeated changes of one key are written before the log to replay is long', async (t) => {
  const world = new TwinWorld({ flushBytes: 10_000, flushMs: 1_000_000 });
  const { storage } = await openWithReplica(world);
  const { batches } = world.image;
  for (let seq = 1; seq <= 100; seq++) {
    storage.logOf(1).append(entries(1, seq, seq));
    storage.apply(1, at(1, seq), [put('hot', 'x'.repeat(100))]);
  }
  await until(t, 'a batch is written', () => world.image.batches > batches);
  t.true(storage.stats.overlayBytes < 1_000, 'it is one row, however often it was changed');
});

test('many small rows are written before they are many bytes', async (t) => {
  const world = new TwinWorld({ flushRows: 50, flushBytes: 1024 * 1024, flushMs: 1_000_000 });
  const { storage } = await openWithReplica(world);
  storage.logOf(1).append(entries(1, 1, 50));
  for (let seq = 1; seq < 50; seq++) storage.apply(1, at(1, seq), [put(`key ${seq}`, 'v')]);
  const { batches } = world.image;
  await turn();
  t.is(world.image.batches, batches);
  storage.apply(1, at(1, 50), [put('key 50', 'v')]);
  await until(t, 'all is written', () => storage.stats.overlayBytes === 0);
});

test('the storage is saturated while too many changes wait to be written behind', async (t) => {
  const world = new TwinWorld({ flushBytes: 1000, overlayBytesMax: 20_000 });
  const { storage } = await openWithReplica(world);
  world.disk.hold();
  storage.logOf(1).append(entries(1, 1, 100));
  t.false(storage.saturated);
  for (let seq = 1; seq <= 100; seq++) storage.apply(1, at(1, seq), [put(`key ${seq}`, 'x'.repeat(100))]);
  t.true(storage.saturated);
  world.disk.release();
  await until(t, 'the overlay is written', () => storage.stats.overlayBytes === 0);
  t.false(storage.saturated);
});

test('closing writes all that is logged and applied', async (t) => {
  const world = new TwinWorld();
  const { storage } = await openWithReplica(world);
  storage.logOf(1).append(entries(1, 1, 3));
  storage.apply(1, at(1, 1), [put('a', '1')]);
  await storage.close();
  const again = await world.afterPowerCut(() => false).open();
  t.is(again.recovered[0]?.lastSeq, 3);
  t.deepEqual(again.recovered[0]?.applied, at(1, 1));
});

test('the storage reports since when the disk has been writing a group', async (t) => {
  const world = new TwinWorld();
  const { storage } = await openWithReplica(world);
  t.is(storage.waitingSince, null);
  world.disk.hold();
  const before = realEnv.now();
  storage.logOf(1).append(entries(1, 1, 2));
  await until(t, 'the group is written', () => world.disk.heldSyncs === 1);
  const since = storage.waitingSince;
  t.true(since !== null && since >= before && since <= realEnv.now());
  world.disk.release();
  await until(t, 'it is synced', () => storage.waitingSince === null);
});
