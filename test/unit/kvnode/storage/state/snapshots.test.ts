// Installing and clearing rows, interrupted at any moment. A replica is what its snapshot says, or void. A wiped one
// does not come back. Neighbours in the same namespace are never touched.

import test from 'ava';
import fc from 'fast-check';
import { toBytes } from '../../../../../common/base/bytes.ts';
import { origin } from '../../../../../common/model/ids.ts';
import type { Row, Storage } from '../../../../../kvnode/storage/storage.ts';
import { at, entries, meta, put, rowsText, synced, turn } from '../../../../suites/storage/shorthand.ts';
import { TwinWorld } from '../../../../suites/storage/world.ts';

const LEFT = { start: toBytes(''), end: toBytes('m') };

function row(key: string, value: string, revision: number): Row {
  return { key: toBytes(key), value: toBytes(value), revision };
}

/** Two replicas: the left one has rows in the store and in the overlay, the right one has a row. */
async function twoReplicas(world: TwinWorld): Promise<Storage> {
  const storage = await world.open();
  storage.createReplica(meta(1, '', 'm'), origin, 1);
  storage.createReplica(meta(2, 'm', null), origin, 1);
  storage.logOf(1).append(entries(1, 1, 2));
  storage.logOf(2).append(entries(1, 1, 1));
  storage.apply(2, at(1, 1), [put('n', 'neighbour')]);
  storage.apply(1, at(1, 1), [put('a', 'old'), put('l', 'old')]);
  await synced(storage);
  return storage;
}

/** Runs `work` and cuts the power at a random moment. Returns what the next start finds. */
async function cutDuring(
  world: TwinWorld,
  work: () => Promise<void>,
  turns: number,
  survives: () => boolean,
) {
  let done = false;
  const ended = work().then(() => {
    done = true;
  });
  // Most steps follow each other within a turn. The log begins its writes at the end of a turn.
  for (let i = 0; i < turns && !done; i++) await (i % 8 === 7 ? turn() : undefined);
  const finished = done;
  const after = world.afterPowerCut(survives);
  await ended;
  return { after, finished };
}

const TURNS_MAX = 120;
const cut = [fc.nat(TURNS_MAX), fc.infiniteStream(fc.boolean())] as const;

/** Cuts at every other turn come first, so that every outcome is met without luck. */
const examples = Array.from({ length: TURNS_MAX / 2 }, (_, i): [number, fc.Stream<boolean>] => [
  2 * i,
  fc.stream(endless(i % 2 === 0)),
]);

function* endless(coin: boolean): Generator<boolean> {
  for (;;) yield coin;
}

test('an installation interrupted at any moment leaves the replica as it was, void, or installed', async (t) => {
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(...cut, async (turns, coins) => {
      const world = new TwinWorld();
      const storage = await twoReplicas(world);
      const install = async () => {
        const writer = await storage.beginSnapshot(1, LEFT, at(3, 30));
        await writer.add([row('b', 'new', 29)]);
        await writer.add([row('c', 'new', 30)]);
        await writer.finish([]);
      };
      const { after, finished } = await cutDuring(world, install, turns, () => coins.next().value ?? false);
      const again = await after.open();
      const replica = again.recovered.find(({ range }) => range === 1);
      const rows = (await rowsText(again, 2)).filter((text) => text < 'm');
      t.true((await rowsText(again, 2)).every((text) => text < 'm' || text === 'n=neighbour@1'));
      if (replica?.void) {
        outcomes.add('void');
        t.false(finished);
        // The next snapshot clears whatever was left.
        const writer = await again.beginSnapshot(1, LEFT, at(3, 31));
        await writer.add([row('d', 'newer', 31)]);
        await writer.finish([]);
        t.deepEqual(
          (await rowsText(again, 1)).filter((text) => text < 'm'),
          ['d=newer@31'],
        );
      } else if (replica?.lastSeq === 30) {
        outcomes.add('installed');
        t.deepEqual([replica.base, replica.applied], [at(3, 30), at(3, 30)]);
        t.deepEqual(rows, ['b=new@29', 'c=new@30']);
      } else {
        outcomes.add('as it was');
        t.false(finished);
        t.deepEqual(rows, replica?.applied.seq === 0 ? [] : ['a=old@1', 'l=old@1']);
      }
    }),
    { numRuns: 150, examples, endOnFailure: true },
  );
  t.deepEqual([...outcomes].sort(), ['as it was', 'installed', 'void']);
});

test('a wipe interrupted at any moment is completed at the next start, or has not begun', async (t) => {
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(...cut, async (turns, coins) => {
      const world = new TwinWorld();
      const storage = await twoReplicas(world);
      const { after, finished } = await cutDuring(
        world,
        () => storage.wipe(1),
        turns,
        () => coins.next().value ?? false,
      );
      const again = await after.open();
      const rows = await rowsText(again, 2);
      if (again.tombstones.has(1)) {
        outcomes.add('wiped');
        t.true(rows.every((text) => text === 'n=neighbour@1'));
        // Another replica can have the keys, and does not see the old rows.
        again.createReplica(meta(3, '', 'm'), origin, 0);
        t.deepEqual(await rowsText(again, 3), rows);
      } else {
        outcomes.add('as it was');
        t.false(finished);
        t.is(again.recovered.length, 2);
      }
    }),
    { numRuns: 150, examples, endOnFailure: true },
  );
  t.deepEqual([...outcomes].sort(), ['as it was', 'wiped']);
});

test('a snapshot with narrower bounds leaves no rows outside of them', async (t) => {
  const world = new TwinWorld();
  const storage = await twoReplicas(world);
  const writer = await storage.beginSnapshot(1, { start: toBytes(''), end: toBytes('f') }, at(2, 9));
  await writer.add([row('b', 'new', 9)]);
  await writer.finish([]);
  storage.createReplica(meta(3, 'f', 'm'), origin, 0);
  t.deepEqual(await rowsText(storage, 3), ['b=new@9', 'n=neighbour@1']);
  await storage.close();
  t.deepEqual((await world.open()).recovered.find(({ range }) => range === 1)?.end, toBytes('f'));
});

test('an abandoned snapshot leaves the replica void, and its writer unusable', async (t) => {
  const world = new TwinWorld();
  const storage = await twoReplicas(world);
  const first = await storage.beginSnapshot(1, LEFT, at(2, 9));
  await first.add([row('b', 'first', 9)]);
  const late = first.add([row('c', 'late', 9)]);
  first.abandon();
  await t.throwsAsync(late, { message: /abandoned/ });
  t.throws(() => storage.logOf(1).append(entries(1, 1, 1)), { message: /void/ });
  t.throws(() =>
    storage.scan(1, LEFT, {
      limitRows: 1,
      limitBytes: 1,
      reverse: false,
      valueBytesMax: null,
      countOnly: false,
    }),
  );
  const second = await storage.beginSnapshot(1, LEFT, at(2, 10));
  await t.throwsAsync(first.finish([]), { message: /abandoned/ });
  await second.finish([]);
  t.deepEqual(await rowsText(storage, 1), ['n=neighbour@1']);
});

test('rows outside the range of a snapshot are refused', async (t) => {
  const storage = await twoReplicas(new TwinWorld());
  const writer = await storage.beginSnapshot(1, LEFT, at(2, 9));
  await t.throwsAsync(writer.add([row('n', 'foreign', 9)]), { message: /its range only/ });
  t.deepEqual(await rowsText(storage, 2), ['n=neighbour@1']);
});

test('epochs seen while a replica is void are kept', async (t) => {
  const world = new TwinWorld();
  const storage = await twoReplicas(world);
  const writer = await storage.beginSnapshot(1, LEFT, at(2, 9));
  storage.logOf(1).setEpochSeen(5);
  await writer.finish([]);
  const again = await world.afterPowerCut(() => false).open();
  t.like(
    again.recovered.find(({ range }) => range === 1),
    { epochSeen: 5, lastSeq: 9, void: false },
  );
});

test('a page is not returned if its replica is wiped meanwhile', async (t) => {
  const world = new TwinWorld();
  const storage = await twoReplicas(world);
  const scan = rowsText(storage, 1);
  const wipe = storage.wipe(1);
  await t.throwsAsync(scan, { code: 'NOT_OWNER' });
  await wipe;
});
