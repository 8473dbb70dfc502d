// Old segments of the log go when nobody can need them, and never before: not what is not applied in the state store, not
// what a snapshot that is being sent goes on from, and within a bound not what a follower asks for.

import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../common/base/bytes.ts';
import { origin } from '../../common/model/ids.ts';
import type { Storage } from '../../kvnode/storage/storage.ts';
import { at, createWhole, entry, getText, meta, pause, put, synced } from '../suites/storage/words.ts';
import { TwinWorld } from '../suites/storage/world.ts';

const KB = 1024;
const LIMITS = {
  segmentBytes: 8 * KB,
  tailBytesMax: 1,
  keepBytes: 16 * KB,
  retainBytes: 64 * KB,
  flushMs: 1,
};

/** Appends `count` entries of 1 KB, and applies them or not. */
async function fill(storage: Storage, range: number, count: number, apply: boolean): Promise<void> {
  for (let i = 0; i < count; i++) {
    const seq = (lastSeq.get(storage)?.get(range) ?? 0) + 1;
    const seqs = lastSeq.get(storage) ?? new Map<number, number>();
    lastSeq.set(storage, seqs.set(range, seq));
    storage.append(range, [entry(1, seq, 'x'.repeat(KB))]);
    if (apply) storage.apply(range, at(1, seq), [put(`${range} ${seq % 10}`, String(seq))]);
    await synced(storage);
  }
}

const lastSeq = new WeakMap<Storage, Map<number, number>>();

async function written(t: ExecutionContext, storage: Storage): Promise<void> {
  for (let turns = 0; storage.stats.overlayBytes > 0; turns++) {
    if (turns > 10_000) t.fail('the state is not written');
    await pause(1);
  }
}

function bases(storage: Storage): Map<number, number> {
  const bases = new Map<number, number>();
  storage.onCompacted((range, base) => bases.set(range, base.seq));
  return bases;
}

test('what is applied goes but for the last bytes', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  const compacted = bases(storage);
  createWhole(storage);
  await fill(storage, 1, 200, true);
  await written(t, storage);
  const base = compacted.get(1) ?? 0;
  t.true(
    storage.stats.logBytes <= LIMITS.keepBytes + 2 * LIMITS.segmentBytes,
    `${storage.stats.logBytes} bytes`,
  );
  t.true(base > 150);
  t.is(storage.read(1, base, 100), null);
  t.is(storage.read(1, base + 1, 1_000_000)?.length, 200 - base);
  await storage.close();
  const again = await world.open();
  t.like(again.recovered[0], { base: at(1, base), lastSeq: 200, applied: at(1, 200) });
  t.is(getText(again, '1 7'), '1 7=197@197');
});

test('what is not applied stays, whatever the bounds', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  const compacted = bases(storage);
  createWhole(storage);
  await fill(storage, 1, 20, true);
  await fill(storage, 1, 150, false);
  await written(t, storage);
  t.true((compacted.get(1) ?? 0) <= 20);
  t.is(storage.read(1, 21, 1_000_000)?.length, 150);
  const again = await world.afterPowerCut(() => false).open();
  t.is(again.recovered[0]?.lastSeq, 170);
  t.is(again.read(1, 21, 1_000_000)?.length, 150);
});

test('what only the overlay has applied stays', async (t) => {
  const world = new TwinWorld({ ...LIMITS, flushMs: 1_000_000 });
  const storage = await world.open();
  t.teardown(() => storage.close());
  const compacted = bases(storage);
  createWhole(storage);
  await fill(storage, 1, 100, true);
  t.is(compacted.size, 0);
  t.is((await world.afterPowerCut(() => false).open()).recovered[0]?.applied.seq, 0);
  t.is((await world.afterPowerCut(() => false).open()).read(1, 1, 1_000_000)?.length, 100);
});

test('a range that rests does not hold the log back, one that waits does', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  const compacted = bases(storage);
  storage.createReplica(meta(1, '', 'm'), origin, 0);
  storage.createReplica(meta(2, 'm', null), origin, 0);
  await fill(storage, 2, 2, true);
  await fill(storage, 1, 100, true);
  await written(t, storage);
  t.is(compacted.get(2), 2, 'all of it is applied');
  await fill(storage, 2, 1, false);
  const before = compacted.get(1) ?? 0;
  await fill(storage, 1, 100, true);
  await written(t, storage);
  t.true((compacted.get(1) ?? 0) < before + 20);
  const again = await world.afterPowerCut(() => false).open();
  t.is(again.read(2, 3, 100_000)?.length, 1);
});

test('what a follower may need stays within the larger bound', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  const compacted = bases(storage);
  createWhole(storage);
  storage.retainAfter(1, 10);
  await fill(storage, 1, 45, true);
  await written(t, storage);
  t.true((compacted.get(1) ?? 0) <= 10);
  await fill(storage, 1, 100, true);
  await written(t, storage);
  t.true((compacted.get(1) ?? 0) > 10);
  t.true(storage.stats.logBytes <= LIMITS.retainBytes + 2 * LIMITS.segmentBytes);
});

test('a snapshot that is being sent keeps the log after its position until it is closed', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  const compacted = bases(storage);
  createWhole(storage);
  await fill(storage, 1, 10, true);
  await written(t, storage);
  const reader = await storage.openSnapshot(1);
  t.deepEqual(reader.position, at(1, 10));
  await fill(storage, 1, 150, true);
  await written(t, storage);
  t.true((compacted.get(1) ?? 0) <= 10);
  t.is(storage.read(1, 11, 1_000_000)?.length, 150);
  t.deepEqual((await reader.next(1_000_000))?.map((row) => row.revision).sort((a, b) => a - b)[9], 10);
  reader.close();
  reader.close();
  await fill(storage, 1, 1, true);
  await written(t, storage);
  t.true((compacted.get(1) ?? 0) > 100);
});

test('tombstones and epochs outlive the segments that they were logged in', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  const compacted = bases(storage);
  storage.createReplica(meta(1, '', 'm', 4), origin, 7);
  storage.createReplica(meta(2, 'm', 'p'), origin, 0);
  storage.createReplica(meta(3, 'p', null), origin, 0);
  await storage.wipe(1);
  storage.setEpochSeen(2, 9);
  const writer = await storage.beginSnapshot(3, { start: toBytes('p'), end: null }, at(3, 30));
  await writer.add([{ key: toBytes('q'), value: toBytes('1'), revision: 30 }]);
  await fill(storage, 2, 100, true);
  await written(t, storage);
  t.true((compacted.get(2) ?? 0) > 50);
  const again = await world.afterPowerCut(() => false).open();
  t.like(again.tombstones.get(1), { inc: 4, epochSeen: 7 });
  t.is(again.recovered.find(({ range }) => range === 2)?.epochSeen, 9);
  t.is(again.recovered.find(({ range }) => range === 3)?.void, true);
});

test('a power cut after segments went finds a whole log at any time', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  createWhole(storage);
  for (let i = 1; i <= 60; i++) {
    await fill(storage, 1, 3, true);
    if (i % 6 !== 0) continue;
    let tosses = 0;
    const again = await world.afterPowerCut(() => (tosses++ + i) % 3 === 0).open();
    t.is(again.recovered[0]?.lastSeq, i * 3);
  }
});
