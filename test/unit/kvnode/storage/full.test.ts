// A full disk: nothing fails, nothing is lost, and the storage continues when there is space again.

import test, { type ExecutionContext } from 'ava';
import type { Storage } from '../../../../kvnode/storage/storage.ts';
import { createWhole, entry, synced, turn } from '../../../suites/storage/shorthand.ts';
import { TwinWorld } from '../../../suites/storage/world.ts';

const PAYLOAD = 'x'.repeat(2_000);

async function until(t: ExecutionContext, what: string, condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 1_000_000) t.fail(what);
    await turn();
  }
}

interface Filled {
  readonly storage: Storage;
  readonly failures: Error[];
  /** The highest synced seq. */
  syncedSeq(): number;
  append(count: number, payload?: string): void;
}

async function opened(world: TwinWorld): Promise<Filled> {
  const storage = await world.open();
  const failures: Error[] = [];
  storage.onFailure((error) => failures.push(error));
  createWhole(storage);
  await synced(storage);
  const groups: { group: number; seq: number }[] = [];
  let last = 0;
  let done = 0;
  storage.onSynced((group) => {
    for (const one of groups) if (one.group <= group) done = Math.max(done, one.seq);
  });
  return {
    storage,
    failures,
    syncedSeq: () => done,
    append(count, payload = PAYLOAD) {
      for (let i = 0; i < count; i++) storage.logOf(1).append([entry(1, ++last, payload)]);
      groups.push({ group: storage.gathering, seq: last });
    },
  };
}

test('a full disk is noticed while the segment has space; the log waits and continues', async (t) => {
  const world = new TwinWorld();
  const { storage, failures, syncedSeq, append } = await opened(world);
  world.disk.full = true;
  append(5);
  await until(t, 'the next segment is needed', () => storage.full);
  await until(t, 'what fits is synced', () => syncedSeq() === 5);
  append(5);
  await until(t, 'the log waits', () => storage.waitingSince !== null);
  t.is(syncedSeq(), 5);
  t.deepEqual(failures, []);
  const cut = await world.afterPowerCut(() => false);
  cut.disk.full = false;
  t.true(((await cut.open()).recovered[0]?.lastSeq ?? 0) >= 5, 'a power cut loses nothing that was synced');
  world.disk.full = false;
  await until(t, 'it continues by itself', () => syncedSeq() === 10);
  t.false(storage.full);
  t.deepEqual(failures, []);
  await storage.close();
  t.is((await world.afterPowerCut(() => false).open()).recovered[0]?.lastSeq, 10);
});

test('a segment after large groups begins empty; the log waits if the disk is full then', async (t) => {
  const world = new TwinWorld({ segmentBytes: 1024 * 1024 });
  const { storage, failures, syncedSeq, append } = await opened(world);
  const second = '/data/wal/00000000000000000002.log';
  const payload = 'y'.repeat(300_000);
  for (const seq of [1, 2, 3]) {
    append(1, payload);
    await until(t, 'it is synced', () => syncedSeq() === seq);
  }
  t.is(world.disk.contentOf(second).length, 0);
  append(1, payload);
  await until(t, 'the second segment has begun', () => syncedSeq() === 4);
  append(1, payload);
  await until(t, 'and is written to', () => syncedSeq() === 5);
  world.disk.full = true;
  append(1, payload);
  await until(t, 'the log waits', () => storage.full && storage.waitingSince !== null);
  t.is(syncedSeq(), 5);
  world.disk.full = false;
  await until(t, 'it continues by itself', () => syncedSeq() === 6);
  t.deepEqual(failures, []);
  await storage.close();
  t.is((await world.afterPowerCut(() => false).open()).recovered[0]?.lastSeq, 6);
});

test('a storage on a full disk can be closed, and opened when there is space', async (t) => {
  const world = new TwinWorld();
  const { storage, syncedSeq, append } = await opened(world);
  world.disk.full = true;
  append(5);
  await until(t, 'what fits is synced', () => storage.full && syncedSeq() === 5);
  append(5);
  await until(t, 'the log waits', () => storage.waitingSince !== null);
  await storage.close();
  await t.throwsAsync(world.open(), { code: 'ENOSPC' });
  world.disk.full = false;
  t.true(((await world.open()).recovered[0]?.lastSeq ?? 0) >= 5);
});
