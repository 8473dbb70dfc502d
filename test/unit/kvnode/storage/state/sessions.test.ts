// The client-session table (R13) on the disk. It is always of the same moment as the rows and the applied position,
// whenever a crash comes, and never of another life of the range.

import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { realEnv } from '../../../../../common/base/env.ts';
import { origin } from '../../../../../common/model/ids.ts';
import { wholeKeySpace } from '../../../../../common/model/key-range.ts';
import {
  at,
  createWhole,
  entries,
  meta,
  put,
  rowsText,
  synced,
} from '../../../../suites/storage/shorthand.ts';
import {
  textRow as rowOf,
  TextTable,
  textOfSession as textOf,
} from '../../../../suites/storage/text-table.ts';
import { realWorld, TwinWorld, type World } from '../../../../suites/storage/world.ts';

type Story = (t: ExecutionContext, world: World) => Promise<void>;

const stories: Readonly<Record<string, Story>> = {
  'changed sessions are read back, evicted ones are not': async (t, world) => {
    const storage = await world.open();
    createWhole(storage);
    const table = new TextTable(storage);
    t.deepEqual(table.keep(), []);
    storage.logOf(1).append(entries(1, 1, 2));
    table.set('', 'table');
    table.set('ada', '1');
    table.set('bob', '1');
    storage.apply(1, at(1, 1), [put('a', '1')]);
    await storage.close();

    const again = await world.open();
    const other = new TextTable(again);
    t.deepEqual(other.keep(), ['=table', 'ada=1', 'bob=1']);
    other.set('ada', null);
    other.set('bob', null);
    other.set('bob', 'known again');
    again.apply(1, at(1, 2), []);
    await again.close();

    const third = await world.open();
    t.deepEqual(new TextTable(third).keep(), ['=table', 'bob=known again']);
    await third.close();
  },

  'a snapshot has the table of its own moment; an installed one brings its table': async (t, world) => {
    const storage = await world.open();
    createWhole(storage);
    const table = new TextTable(storage);
    table.keep();
    storage.logOf(1).append(entries(1, 1, 2));
    table.set('ada', '1');
    storage.apply(1, at(1, 1), [put('a', '1')]);
    await storage.close();

    const source = await world.open();
    const kept = new TextTable(source);
    kept.keep();
    const reader = await source.openSnapshot(1);
    kept.set('bob', '2');
    source.apply(1, at(1, 2), []);
    t.deepEqual((await reader.sessions()).map(textOf), ['ada=1']);
    t.deepEqual(reader.position, at(1, 1));
    reader.close();

    const writer = await source.beginSnapshot(1, wholeKeySpace, at(3, 30));
    await writer.finish([rowOf('', 'of the owner'), rowOf('cy', '29')]);
    await source.close();
    const again = await world.open();
    t.deepEqual(new TextTable(again).keep(), ['=of the owner', 'cy=29']);
    await again.close();
  },

  'a wiped range leaves no sessions, and its neighbour keeps its own': async (t, world) => {
    const storage = await world.open();
    storage.createReplica(meta(1, '', 'm'), origin, 1);
    storage.createReplica(meta(2, 'm', null), origin, 1);
    for (const range of [1, 2]) {
      const table = new TextTable(storage);
      table.keep(range);
      table.set('ada', `of ${range}`);
      storage.logOf(range).append(entries(1, 1, 1));
      storage.apply(range, at(1, 1), []);
    }
    await storage.wipe(1);
    storage.createReplica(meta(1, '', 'm', 2), origin, 1);
    storage.logOf(1).append(entries(1, 1, 1));
    storage.apply(1, at(1, 1), []);
    await storage.close();
    const again = await world.open();
    t.deepEqual(new TextTable(again).keep(1), []);
    t.deepEqual(new TextTable(again).keep(2), ['ada=of 2']);
    await again.close();
  },
};

for (const [title, story] of Object.entries(stories)) {
  test(`twins: ${title}`, (t) => story(t, new TwinWorld()));
  test(`LevelDB: ${title}`, async (t) => {
    const world = await realWorld();
    t.teardown(() => world.remove());
    await story(t, world);
  });
}

test('after a power cut at any moment rows, table and applied position are of one moment', async (t) => {
  const found = new Set<number>();
  await fc.assert(
    fc.asyncProperty(fc.nat(60), fc.infiniteStream(fc.boolean()), async (turns, coins) => {
      const world = new TwinWorld({ flushMs: 1, flushBytes: 600 });
      const storage = await world.open();
      createWhole(storage);
      await synced(storage);
      const table = new TextTable(storage);
      table.keep();
      // Entries are applied while their log, and the batch before, are still being written.
      for (let seq = 1; seq <= turns; seq++) {
        storage.logOf(1).append(entries(1, seq, seq));
        table.set('ada', String(seq));
        storage.apply(1, at(1, seq), [put(`a${seq % 7}`, String(seq))]);
        if (coins.next().value) await new Promise<void>((resolve) => realEnv.soon(resolve));
      }
      const after = await world.afterPowerCut(() => coins.next().value ?? false).open();
      const applied = after.recovered[0]?.applied.seq ?? -1;
      found.add(applied);
      t.deepEqual(new TextTable(after).keep(), applied === 0 ? [] : [`ada=${applied}`]);
      const newest = Math.max(0, ...(await rowsText(after)).map((row) => Number(row.split('@')[1])));
      t.is(newest, applied);
      await storage.close();
    }),
    { numRuns: 40, endOnFailure: true },
  );
  t.true(found.size > 3, `cut at ${[...found].join(', ')}`);
});
