// How a start handles a torn or damaged log (R12): a small log is cut and flipped at every offset. With the twin disk
// each case starts from the same bytes.

import test from 'ava';
import fc from 'fast-check';
import { toBytes } from '../../../../../common/base/bytes.ts';
import { setAside } from '../../../../../kvnode/storage/aside.ts';
import { pathsOf } from '../../../../../kvnode/storage/files.ts';
import { findLog } from '../../../../../kvnode/storage/log/recovery.ts';
import { openStorage } from '../../../../../kvnode/storage/open.ts';
import type { MemoryDisk } from '../../../../suites/storage/memory-disk.ts';
import { StateImage } from '../../../../suites/storage/memory-state.ts';
import {
  at,
  createWhole,
  entries,
  entry,
  logText,
  put,
  synced,
  turn,
} from '../../../../suites/storage/shorthand.ts';
import { TwinWorld } from '../../../../suites/storage/world.ts';

const LIMITS = { segmentBytes: 4096, tailBytesMax: 1 };
const paths = pathsOf('/data');
const FIRST = '/data/wal/00000000000000000001.log';

/** A log of three groups after the first one: entries 1 to 3, 4 to 6, 7 to 9. Also returns where the groups start. */
async function smallLog(): Promise<{ disk: MemoryDisk; starts: number[]; end: number }> {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  const starts: number[] = [];
  createWhole(storage);
  storage.logOf(1).setEpochSeen(1);
  await synced(storage);
  for (const first of [1, 4, 7]) {
    starts.push(storage.stats.logBytes);
    storage.logOf(1).append(entries(1, first, first + 2));
    await synced(storage);
  }
  return { disk: world.disk.copy(), starts, end: storage.stats.logBytes };
}

async function lastSeqOf(disk: MemoryDisk): Promise<number> {
  const storage = await new TwinWorld(LIMITS, disk).open();
  const last = storage.recovered[0]?.lastSeq ?? 0;
  // The entries must be a prefix of what was written.
  const expected = entries(1, 1, last).map((one) => `1/${one.seq}:1/${one.seq}`);
  const found = logText(storage, 1);
  if (JSON.stringify(found) !== JSON.stringify(expected)) throw new Error(`found ${found}`);
  return last;
}

function damaged(disk: MemoryDisk, change: (bytes: Uint8Array) => void): MemoryDisk {
  const copy = disk.copy();
  change(copy.contentOf(FIRST));
  return copy;
}

test('a last group that is torn at any byte is cut off, and nothing before it', async (t) => {
  const { disk, starts, end } = await smallLog();
  const start = starts[2] ?? 0;
  for (let from = start; from < end; from++) {
    // The last bytes are padding: writing zeros there changes nothing.
    const intact = disk
      .contentOf(FIRST)
      .subarray(from)
      .every((byte) => byte === 0);
    const zeroed = damaged(disk, (bytes) => bytes.fill(0, from));
    t.is(await lastSeqOf(zeroed), intact ? 9 : 6, `zeros from ${from}`);
    const short = disk.copy();
    short.setContent(FIRST, disk.contentOf(FIRST).slice(0, from));
    t.is(await lastSeqOf(short), 6, `file ends at ${from}`);
  }
  t.is(await lastSeqOf(disk), 9);
});

test('a byte flipped in the last group cuts it off, one in an earlier group is damage', async (t) => {
  const { disk, starts, end } = await smallLog();
  for (let position = 0; position < end; position++) {
    const flipped = damaged(disk, (bytes) => {
      bytes[position] = (bytes[position] ?? 0) ^ 0x10;
    });
    if (position >= (starts[2] ?? 0)) t.is(await lastSeqOf(flipped), 6, `flipped at ${position}`);
    else await t.throwsAsync(lastSeqOf(flipped), { name: 'CorruptDataError' }, `flipped at ${position}`);
  }
});

test('a group with missing bytes before a later group is damage, not a torn end', async (t) => {
  const { disk, starts } = await smallLog();
  const [, second = 0, third = 0] = starts;
  for (let from = second; from < third; from += 8) {
    const hole = damaged(disk, (bytes) => bytes.fill(0, from, third));
    await t.throwsAsync(lastSeqOf(hole), { name: 'CorruptDataError' }, `from ${from}`);
  }
});

test('a group whose pages survived in any combination is cut off at the first missing one', async (t) => {
  const world = new TwinWorld({ ...LIMITS, segmentBytes: 32 * 1024 });
  const storage = await world.open();
  createWhole(storage);
  storage.logOf(1).append(entries(1, 1, 3));
  await synced(storage);
  world.disk.hold();
  for (let seq = 4; seq <= 40; seq++) {
    storage.logOf(1).append([entry(1, seq, 'x'.repeat(200))]);
    // This ends the record, so that each entry has its own.
    storage.logOf(1).setEpochSeen(seq);
  }
  while (world.disk.heldSyncs === 0) await turn();
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.boolean()), async (coins) => {
      const cut = world.afterPowerCut(() => coins.next().value ?? false);
      const again = await cut.open();
      const replica = again.recovered[0];
      const last = replica?.lastSeq ?? 0;
      const seen = replica?.epochSeen ?? 0;
      t.true(last >= 3 && last <= 40);
      t.true(seen === 0 ? last <= 4 : seen === last || seen === last - 1);
      t.is(again.logOf(1).read(1, 1_000_000)?.length, last);
    }),
    { numRuns: 60, endOnFailure: true },
  );
});

test('the valid part of the last group is in a new segment, synced, before anything counts', async (t) => {
  const { disk, end, starts } = await smallLog();
  const found = findLog(disk, paths, JSON.parse(Buffer.from(disk.contentOf(paths.node)).toString()).nodeId);
  t.deepEqual(found.segments, [{ number: 1, end: starts[2] }]);
  t.deepEqual(found.last, { number: 1, from: starts[2], to: end });
  const world = new TwinWorld(LIMITS, disk);
  const syncs = disk.syncs;
  await world.open();
  t.true(disk.syncs > syncs);
  // The bytes of the old last group are not needed any more.
  const cut = world.afterPowerCut(() => false);
  cut.disk.contentOf(FIRST).fill(0, starts[2]);
  t.is(await lastSeqOf(cut.disk), 9);
});

test('a power cut while the last group is being rewritten loses nothing', async (t) => {
  const { disk } = await smallLog();
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.boolean()), fc.integer({ min: 1, max: 3 }), async (coins, cuts) => {
      let world = new TwinWorld(LIMITS, disk.copy());
      for (let i = 0; i < cuts; i++) {
        world.disk.hold();
        void world.open().catch(() => {});
        while (world.disk.heldSyncs === 0) await turn();
        world = world.afterPowerCut(() => coins.next().value ?? false);
      }
      t.is(await lastSeqOf(world.disk), 9);
    }),
    { numRuns: 40, endOnFailure: true },
  );
});

test('many starts leave one segment, not many', async (t) => {
  const { disk } = await smallLog();
  const world = new TwinWorld(LIMITS, disk);
  for (let i = 0; i < 5; i++) {
    const storage = await world.open();
    t.is(storage.recovered[0]?.lastSeq, 9);
    await storage.close();
  }
  t.deepEqual(disk.list(paths.log), ['00000000000000000001.log', '00000000000000000006.log']);
});

test('a flipped bit in any older segment is damage', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  createWhole(storage);
  for (let seq = 1; seq <= 60; seq++) {
    storage.logOf(1).append([entry(1, seq, 'x'.repeat(200))]);
    await synced(storage);
  }
  const segments = world.disk.list(paths.log).slice(0, -2);
  t.true(segments.length >= 2);
  for (const name of segments) {
    const path = `${paths.log}/${name}`;
    const bytes = world.disk.contentOf(path);
    for (let position = 0; position < bytes.length; position += 97) {
      const copy = world.disk.copy();
      const target = copy.contentOf(path);
      target[position] = (target[position] ?? 0) ^ 0x01;
      await t.throwsAsync(lastSeqOf(copy), { name: 'CorruptDataError' }, `${name} at ${position}`);
    }
  }
});

test('a segment whose first group is torn still says how far the one before it was synced', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  createWhole(storage);
  const last = () => findLog(world.disk, paths, storage.nodeId).last;
  let seq = 0;
  do {
    storage.logOf(1).append([entry(1, ++seq, 'x'.repeat(200))]);
    await synced(storage);
  } while (last()?.number === 1);
  t.like(last(), { number: 2, from: 0 });
  const end = findLog(world.disk, paths, storage.nodeId).segments[0]?.end ?? 0;

  const lastSeqAfter = async (firstEnd: number) => {
    const torn = world.disk.copy();
    torn.contentOf('/data/wal/00000000000000000002.log').fill(0, 150);
    torn.contentOf(FIRST).fill(0, firstEnd);
    return (await new TwinWorld(LIMITS, torn).open()).recovered[0]?.lastSeq;
  };
  t.is(await lastSeqAfter(end), seq - 1);
  await t.throwsAsync(lastSeqAfter(end - 100), { name: 'CorruptDataError' });
});

test('a log that ends before its state is damage', async (t) => {
  const world = new TwinWorld(LIMITS);
  const storage = await world.open();
  createWhole(storage);
  storage.logOf(1).append(entries(1, 1, 3));
  storage.apply(1, at(1, 1), [put('a', '1')]);
  storage.apply(1, at(1, 2), [put('a', '2')]);
  await storage.close();
  const fresh = new TwinWorld(LIMITS);
  const other = await fresh.open();
  createWhole(other);
  other.logOf(1).append(entries(1, 1, 1));
  await other.close();
  const mixed = new TwinWorld(LIMITS, fresh.disk, world.image);
  await t.throwsAsync(mixed.open(), { name: 'CorruptDataError', message: /applied through seq 2/ });
});

test('a log without its node.json, or of another node, is refused', async (t) => {
  const { disk } = await smallLog();
  const nameless = disk.copy();
  await nameless.remove(paths.node);
  await t.throwsAsync(lastSeqOf(nameless), { name: 'CorruptDataError', message: /no node.json/ });
  const renamed = disk.copy();
  const text = Buffer.from(disk.contentOf(paths.node)).toString();
  renamed.setContent(paths.node, Buffer.from(text.replace(/n-[0-9a-f]{16}/, `n-${'0'.repeat(16)}`)));
  await t.throwsAsync(lastSeqOf(renamed), { name: 'CorruptDataError', message: /not to n-0000000000000000/ });
  const newer = disk.copy();
  newer.setContent(paths.node, Buffer.from(text.replace(/"format": \d+/, '"format": 99')));
  await t.throwsAsync(lastSeqOf(newer), { name: 'DataFormatError' });
});

test('a damaged directory is set aside with all of its content and opens as a new node', async (t) => {
  const { disk } = await smallLog();
  disk.contentOf(FIRST)[100] = 0xff;
  const image = new StateImage();
  const world = new TwinWorld(LIMITS, disk, image);
  const reason = await t.throwsAsync(world.open(), { name: 'CorruptDataError' });
  const oldId = JSON.parse(Buffer.from(disk.contentOf(paths.node)).toString()).nodeId;
  const errors: string[] = [];
  const logger = {
    ...world.options.logger,
    error: (_: object, message: string) => void errors.push(message),
  };
  const aside = await setAside('/data', reason ?? new Error(), { ...world.options, logger });
  t.true(aside.endsWith(oldId));
  t.true(
    disk.paths.includes(`${aside}/node.json`) && disk.paths.includes(`${aside}/wal/00000000000000000001.log`),
  );
  t.is(errors.length, 1);
  const storage = await openStorage('/data', world.options);
  t.not(storage.nodeId, oldId);
  t.deepEqual(
    storage.former.map(({ nodeId }) => nodeId),
    [oldId],
  );
  t.deepEqual(storage.recovered, []);
});

test('the former nodes of a directory are read from their own files, whatever else is set aside', async (t) => {
  const world = new TwinWorld(LIMITS);
  const first = await world.open();
  await first.close();
  const { disk } = world;
  const text = Buffer.from(disk.contentOf(paths.node)).toString();
  const as = (nodeId: string) => toBytes(text.replace(first.nodeId, nodeId));
  disk.setContent('/data/aside/2026-02-n-2222222222222222/node.json', as('n-2222222222222222'));
  disk.setContent('/data/aside/2026-01-unknown/node.json', as('n-1111111111111111'));
  // A crash before the file was moved; half a file; the node itself; a file of an administrator.
  disk.setContent('/data/aside/2026-03-n-3333333333333333/damage.json', toBytes('{}'));
  disk.setContent('/data/aside/2026-04-n-4444444444444444/node.json', as('n-4444444444444444').slice(0, 40));
  disk.setContent(`/data/aside/2026-05-${first.nodeId}/node.json`, as(first.nodeId));
  disk.setContent('/data/aside/notes', toBytes('?'));
  const storage = await world.open();
  t.deepEqual(
    storage.former.map(({ nodeId }) => nodeId),
    ['n-1111111111111111', 'n-2222222222222222'],
  );
  await storage.close();
});
