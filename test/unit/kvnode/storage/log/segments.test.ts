// Old segments of the log are deleted when nobody can need them, and never before. Needed are entries that the state
// store has not applied, entries after the position of a snapshot that is being sent, and within a bound the entries
// that a follower needs.

import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../../../../common/base/bytes.ts';
import { origin, type Position } from '../../../../../common/model/ids.ts';
import { LoggedReplica } from '../../../../../kvnode/storage/log/logged-replicas.ts';
import { RangeLogIndex } from '../../../../../kvnode/storage/log/range-log-index.ts';
import type { Storage } from '../../../../../kvnode/storage/storage.ts';
import {
  at,
  createWhole,
  entry,
  getText,
  logText,
  meta,
  pause,
  put,
  synced,
  turn,
} from '../../../../suites/storage/shorthand.ts';
import { TwinWorld } from '../../../../suites/storage/world.ts';

const KB = 1024;
const LIMITS = {
  segmentBytes: 8 * KB,
  tailBytesMax: 1,
  keepBytes: 16 * KB,
  retainBytes: 64 * KB,
  flushMs: 1,
};

/** Appends `count` entries of 1 KB, and applies them if `apply` is set. */
async function fill(storage: Storage, range: number, count: number, apply: boolean): Promise<void> {
  for (let i = 0; i < count; i++) {
    const seq = (lastSeq.get(storage)?.get(range) ?? 0) + 1;
    const seqs = lastSeq.get(storage) ?? new Map<number, number>();
    lastSeq.set(storage, seqs.set(range, seq));
    storage.logOf(range).append([entry(1, seq, 'x'.repeat(KB))]);
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

/** The seq of the base of the log of a range. */
function baseOf(storage: Storage, range = 1): number {
  return storage.logOf(range).base.seq;
}

test('segments whose entries are applied are deleted, except for the last bytes', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  createWhole(storage);
  await fill(storage, 1, 200, true);
  await written(t, storage);
  const base = baseOf(storage);
  t.true(
    storage.stats.logBytes <= LIMITS.keepBytes + 2 * LIMITS.segmentBytes,
    `${storage.stats.logBytes} bytes`,
  );
  t.true(base > 150);
  t.is(storage.logOf(1).read(base, 100), null);
  t.is(storage.logOf(1).read(base + 1, 1_000_000)?.length, 200 - base);
  await storage.close();
  const again = await world.open();
  t.like(again.recovered[0], { base: at(1, base), lastSeq: 200, applied: at(1, 200) });
  t.is(getText(again, '1 7'), '1 7=197@197');
});

test('entries that are not applied stay, whatever the bounds', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  createWhole(storage);
  await fill(storage, 1, 20, true);
  await fill(storage, 1, 150, false);
  await written(t, storage);
  t.true(baseOf(storage) <= 20);
  t.is(storage.logOf(1).read(21, 1_000_000)?.length, 150);
  const again = await world.afterPowerCut(() => false).open();
  t.is(again.recovered[0]?.lastSeq, 170);
  t.is(again.logOf(1).read(21, 1_000_000)?.length, 150);
});

test('entries that only the overlay has applied stay', async (t) => {
  const world = new TwinWorld({ ...LIMITS, flushMs: 1_000_000 });
  const storage = await world.open();
  t.teardown(() => storage.close());
  createWhole(storage);
  await fill(storage, 1, 100, true);
  t.is(baseOf(storage), 0);
  t.is((await world.afterPowerCut(() => false).open()).recovered[0]?.applied.seq, 0);
  t.is((await world.afterPowerCut(() => false).open()).logOf(1).read(1, 1_000_000)?.length, 100);
});

test('an idle range does not keep the log; a range that waits does, within the bound', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  storage.createReplica(meta(1, '', 'm'), origin, 0);
  storage.createReplica(meta(2, 'm', null), origin, 0);
  await fill(storage, 2, 2, true);
  await fill(storage, 1, 100, true);
  await written(t, storage);
  t.is(baseOf(storage, 2), 2, 'all of it is applied');
  await fill(storage, 2, 1, false);
  const before = baseOf(storage);
  await fill(storage, 1, 40, true);
  await written(t, storage);
  t.true(baseOf(storage) < before + 20);
  t.is(storage.stats.carriedBytes, 0);
  const again = await world.afterPowerCut(() => false).open();
  t.is(again.logOf(2).read(3, 100_000)?.length, 1);
});

/** Range 1 goes on; ranges 2 and 3 have entries that they cannot apply. */
async function openWithWaiting(world: TwinWorld): Promise<Storage> {
  const storage = await world.open();
  storage.createReplica(meta(1, '', 'm'), origin, 0);
  storage.createReplica(meta(2, 'm', 'p'), origin, 0);
  storage.createReplica(meta(3, 'p', null), origin, 0);
  storage.logOf(2).append([entry(1, 1), entry(1, 2), entry(2, 3)]);
  for (let seq = 1; seq <= 2; seq++) storage.apply(2, at(1, seq), [put('n', String(seq))]);
  storage.logOf(2).append([entry(2, 4), entry(5, 5)]);
  storage.logOf(3).append([entry(1, 1, 'z'.repeat(9 * KB))]);
  await synced(storage);
  return storage;
}

const WAITING = ['2/3:2/3', '2/4:2/4', '5/5:5/5'];

test('ranges that cannot commit do not keep the log of the node: their entries are carried', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await openWithWaiting(world);
  for (let i = 0; i < 100; i++) {
    await fill(storage, 1, 5, true);
    await written(t, storage);
    t.true(
      storage.stats.logBytes <= LIMITS.retainBytes + 3 * LIMITS.segmentBytes,
      `${storage.stats.logBytes} bytes`,
    );
  }
  t.true(storage.stats.carriedBytes > 2 * 9 * KB, 'carried entries are carried again');
  t.true(baseOf(storage) > 400);
  t.is(baseOf(storage, 2), 2);
  t.deepEqual(logText(storage, 2, 3), WAITING);
  t.is(storage.logOf(2).read(2, 1000), null);
  const cut = await world.afterPowerCut(() => false).open();
  t.like(
    cut.recovered.find(({ range }) => range === 2),
    { base: at(1, 2), lastSeq: 5, applied: at(1, 2) },
  );
  t.like(
    cut.recovered.find(({ range }) => range === 3),
    { base: origin, lastSeq: 1 },
  );
  t.deepEqual(logText(cut, 2, 3), WAITING);
  storage.logOf(2).append([entry(6, 6)]);
  storage.logOf(3).truncate(0);
  for (const [epoch, seq] of [
    [2, 3],
    [2, 4],
    [5, 5],
    [6, 6],
  ] as const)
    storage.apply(2, at(epoch, seq), [put('n', `${seq}`)]);
  await fill(storage, 1, 100, true);
  await storage.close();
  const again = await world.open();
  t.is(getText(again, 'n'), 'n=6@6');
  t.is(again.recovered.find(({ range }) => range === 3)?.lastSeq, 0);
});

test('a power cut at any time while entries are carried loses none of them', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await openWithWaiting(world);
  let tosses = 0;
  let last = 5;
  const check = async (): Promise<void> => {
    const again = await world.afterPowerCut(() => (tosses++ * 7) % 3 === 0).open();
    t.deepEqual(logText(again, 2, 3)?.slice(0, 3), WAITING);
    t.is(again.recovered.find(({ range }) => range === 2)?.lastSeq, last);
    t.is(again.logOf(3).read(1, 1)?.[0]?.payload.length, 9 * KB);
    await again.close();
  };
  for (let i = 1; i <= 120; i++) {
    await fill(storage, 1, 3, true);
    if (i % 40 === 0) {
      storage.logOf(2).append([entry(7, ++last)]);
      await synced(storage);
    }
    await check();
  }
  t.true(storage.stats.carriedBytes > 0);
});

test('carried entries stay at their old place until they are synced at the new one', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await openWithWaiting(world);
  await fill(storage, 1, 40, true);
  await written(t, storage);
  world.disk.hold();
  // Three groups, each in a segment of its own, which nobody needs. The carried entries come after them.
  const big = 'x'.repeat(4096 * KB);
  storage.logOf(1).append([entry(1, 41, big), entry(1, 42, big), entry(1, 43, big)]);
  storage.logOf(1).truncate(40);
  for (let group = 0; group < 8; group++) {
    for (let turns = 0; turns < 50; turns++) await turn();
    const again = await world.afterPowerCut(() => false).open();
    t.deepEqual(logText(again, 2, 3), WAITING);
    await again.close();
    world.disk.releaseOne();
  }
  t.true(storage.stats.carriedBytes > 0);
  world.disk.release();
  await fill(storage, 1, 20, true);
  await written(t, storage);
  t.true(storage.stats.logBytes < 9 * 1024 * KB);
});

test('truncated or wiped entries keep their segments until the log says so on the disk', async (t) => {
  for (const end of ['truncate', 'wipe'] as const) {
    const world = new TwinWorld({ ...LIMITS, retainBytes: 1024 * KB });
    const storage = await openWithWaiting(world);
    await fill(storage, 1, 60, true);
    await written(t, storage);
    let letWrite = () => {};
    world.image.beforeRead = () =>
      new Promise((resolve) => {
        letWrite = resolve;
      });
    storage.logOf(1).append([entry(1, 61)]);
    storage.apply(1, at(1, 61), [put('a', '1')]);
    while (world.image.underWay.size === 0) await turn();
    world.disk.hold();
    storage.logOf(3).truncate(0);
    if (end === 'truncate') storage.logOf(2).truncate(2);
    else void storage.wipe(2).catch(() => {});
    world.image.beforeRead = () => Promise.resolve();
    letWrite();
    while (world.image.underWay.size > 0) await turn();
    for (let turns = 0; turns < 50; turns++) await turn();
    const again = await world.afterPowerCut(() => false).open();
    t.deepEqual(logText(again, 2, 3), WAITING);
    await again.close();
    world.disk.release();
    await storage.close();
  }
});

const location = (segment: number) => ({ segment, offset: 0, chunk: -1, chunkAt: 0 });

/** Entries 1 to 30 in three records of epochs 1, 1 and 2, each in a segment of its own. */
function threeRecords(): RangeLogIndex {
  const log = new RangeLogIndex(origin);
  for (const [i, epoch] of [1, 1, 2].entries()) {
    log.addRow(epoch, 10 * i + 1, location(i + 1));
    log.extend(10 * i + 10);
    log.closeRow(100);
  }
  return log;
}

const carried = (epoch: number, prev: Position, count: number, segment: number) => ({
  prev,
  epoch,
  count,
  length: 100,
  location: location(segment),
});

test('a carry that was cut short has no effect, the complete one after it has', (t) => {
  const log = threeRecords();
  log.carry(carried(1, at(1, 5), 5, 4));
  log.carry(carried(1, at(1, 10), 10, 4));
  t.is(log.segmentAfter(5), 1);
  log.carry(carried(1, at(1, 8), 12, 5));
  t.is(log.segmentAfter(8), 1);
  log.carry(carried(2, at(1, 20), 10, 6));
  t.is(log.segmentAfter(8), 5);
  t.is(log.segmentAfter(20), 6);
  t.is(log.segmentAfter(7), 1, 'entries that were not carried are where they were');
  t.true(log.compact(3));
  t.deepEqual(log.base, at(1, 8));
  t.deepEqual(
    [8, 9, 20, 21, 30].map((seq) => log.epochAt(seq)),
    [1, 1, 1, 2, 2],
  );
  t.is(log.bytesAfter(20), 100);
});

test('a truncation ends a carry that was cut short', (t) => {
  const log = threeRecords();
  log.carry(carried(1, at(1, 5), 15, 4));
  log.truncate(at(1, 20));
  log.addRow(3, 21, location(4));
  log.extend(30);
  log.carry(carried(3, at(1, 20), 10, 5));
  t.is(log.segmentAfter(5), 1);
  t.is(log.segmentAfter(20), 5);
});

test('a carry may begin below the base that a checkpoint has', (t) => {
  const log = new RangeLogIndex(at(2, 30));
  log.carry(carried(1, at(1, 5), 15, 4));
  t.deepEqual(log.base, at(2, 30));
  log.carry(carried(2, at(1, 20), 10, 4));
  t.deepEqual(log.base, at(1, 5));
  t.is(log.lastSeq, 30);
  t.is(log.epochAt(20), 1);
});

test('a checkpoint names no base above what is applied, though all entries may be in the group that is logged again', (t) => {
  const { namespaceId, start, end } = meta(1);
  const body = {
    ...{ inc: 1, epochSeen: 2, committed: 0, void: false, stateRequired: false, namespace: 'default' },
    ...{ base: origin, last: at(2, 2), span: { namespaceId, start, end }, leaving: null },
  };
  const replica = new LoggedReplica(1, body);
  t.deepEqual(replica.body(), body, 'the checkpoint that a start writes before it logs that group again');
  replica.log.carry(carried(1, origin, 1, 7));
  replica.log.carry(carried(2, at(1, 1), 1, 7));
  t.deepEqual(replica.log.base, origin);
  t.deepEqual(replica.recovered.applied, origin);
});

test('entries that a follower may need stay within the larger bound', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  createWhole(storage);
  storage.logOf(1).retainAfter(10);
  await fill(storage, 1, 45, true);
  await written(t, storage);
  t.true(baseOf(storage) <= 10);
  await fill(storage, 1, 100, true);
  await written(t, storage);
  t.true(baseOf(storage) > 10);
  t.true(storage.stats.logBytes <= LIMITS.retainBytes + 2 * LIMITS.segmentBytes);
});

test('a snapshot that is being sent keeps the log after its position', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  createWhole(storage);
  await fill(storage, 1, 10, true);
  await written(t, storage);
  const reader = await storage.openSnapshot(1);
  t.deepEqual(reader.position, at(1, 10));
  await fill(storage, 1, 100, true);
  await written(t, storage);
  t.true(baseOf(storage) <= 10);
  t.is(storage.logOf(1).read(11, 1_000_000)?.length, 100);
  t.deepEqual((await reader.next(1_000_000))?.map((row) => row.revision).sort((a, b) => a - b)[9], 10);
  reader.close();
  reader.close();
  await fill(storage, 1, 20, true);
  await written(t, storage);
  t.true(baseOf(storage) > 80);
});

test('a snapshot whose sending never ends does not keep the log for ever', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  createWhole(storage);
  await fill(storage, 1, 10, true);
  await written(t, storage);
  const reader = await storage.openSnapshot(1);
  await fill(storage, 1, 300, true);
  await written(t, storage);
  t.true(storage.stats.logBytes <= 2 * LIMITS.retainBytes + 2 * LIMITS.segmentBytes);
  t.is(storage.logOf(1).read(11, 1_000), null);
  reader.close();
});

test('tombstones and epochs outlive the segments in which they were logged', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  storage.createReplica(meta(1, '', 'm', 4), origin, 7);
  storage.createReplica(meta(2, 'm', 'p'), origin, 0);
  storage.createReplica(meta(3, 'p', null), origin, 0);
  await storage.wipe(1);
  storage.logOf(2).setEpochSeen(9);
  const writer = await storage.beginSnapshot(3, { start: toBytes('p'), end: null }, at(3, 30));
  await writer.add([{ key: toBytes('q'), value: toBytes('1'), revision: 30 }]);
  await fill(storage, 2, 100, true);
  await written(t, storage);
  t.true(baseOf(storage, 2) > 50);
  const again = await world.afterPowerCut(() => false).open();
  t.like(again.tombstones.get(1), { inc: 4, epochSeen: 7 });
  t.is(again.recovered.find(({ range }) => range === 2)?.epochSeen, 9);
  t.is(again.recovered.find(({ range }) => range === 3)?.void, true);
});

test('a power cut at any time after segments were deleted leaves a complete log', async (t) => {
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
