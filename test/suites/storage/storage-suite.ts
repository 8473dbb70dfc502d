// Tests of what every Storage promises, on any disk and state store.

import type { ExecutionContext, TestFn } from 'ava';
import { emptyBytes, equalBytes, toBytes } from '../../../common/base/bytes.ts';
import { origin } from '../../../common/model/ids.ts';
import { wholeKeySpace } from '../../../common/model/key-range.ts';
import type { Storage } from '../../../kvnode/storage/storage.ts';
import {
  at,
  createWhole,
  EVERYTHING,
  entries,
  entry,
  getText,
  logText,
  meta,
  put,
  remove,
  rowsText,
  synced,
  textOfRow,
} from './shorthand.ts';
import type { World } from './world.ts';

type Story = (t: ExecutionContext, storage: Storage, reopen: () => Promise<Storage>) => Promise<void>;

const stories: Readonly<Record<string, Story>> = {
  'a new directory becomes a node with its own id, and keeps it': async (t, storage, reopen) => {
    t.regex(storage.nodeId, /^n-[0-9a-f]{16}$/);
    t.is(storage.clusterId, null);
    await storage.joinCluster('c-1');
    await storage.joinCluster('c-1');
    await t.throwsAsync(storage.joinCluster('c-2'), {
      name: 'RangekeeperError',
      message: /belongs to cluster c-1/,
    });
    const again = await reopen();
    t.is(again.nodeId, storage.nodeId);
    t.is(again.clusterId, 'c-1');
  },

  'its generation is raised durably, with the name of the process that raised it': async (
    t,
    storage,
    reopen,
  ) => {
    t.deepEqual(storage.lineage, { generation: 0, runs: [] });
    await Promise.all([
      storage.raiseGeneration('a'),
      storage.joinCluster('c-1'),
      storage.raiseGeneration('a'),
    ]);
    const again = await reopen();
    t.is(again.clusterId, 'c-1');
    t.deepEqual(again.lineage, { generation: 2, runs: [{ from: 1, writer: 'a' }] });
    await again.raiseGeneration('b');
    const last = await reopen();
    t.deepEqual(last.lineage.runs.at(-1), { from: 3, writer: 'b' });
    t.is(last.lineage.generation, 3);
  },

  'after a reopen a replica has its log, its epochs and its applied position': async (t, storage, reopen) => {
    storage.createReplica(meta(7, 'b', 'm', 3), at(4, 100), 4);
    storage.logOf(7).setEpochSeen(5);
    storage.logOf(7).append([entry(5, 101), entry(5, 102)]);
    storage.logOf(7).setEpochSeen(8);
    storage.logOf(7).append([entry(8, 103)]);
    storage.apply(7, at(5, 101), [put('c', 'one')]);
    const again = await reopen();
    t.deepEqual(again.recovered, [
      {
        ...meta(7, 'b', 'm', 3),
        epochSeen: 8,
        base: at(4, 100),
        lastSeq: 103,
        applied: at(5, 101),
        committed: 101,
        void: false,
      },
    ]);
    t.deepEqual(
      [100, 101, 102, 103].map((seq) => again.logOf(7).epochAt(seq)),
      [4, 5, 5, 8],
    );
    t.deepEqual(logText(again, 7, 101), ['5/101:5/101', '5/102:5/102', '8/103:8/103']);
    t.is(again.logOf(7).read(100, 1000), null);
    t.is(getText(again, 'c'), 'c=one@101');
    again.apply(7, at(5, 102), [put('c', 'two')]);
    t.is(getText(again, 'c'), 'c=two@102');
  },

  'truncated entries do not come back, and other entries replace them': async (t, storage, reopen) => {
    createWhole(storage);
    storage.logOf(1).append(entries(1, 1, 9));
    storage.logOf(1).truncate(5);
    t.deepEqual(logText(storage, 1, 5), ['1/5:1/5']);
    storage.logOf(1).append(entries(2, 6, 7));
    const expected = ['1/4:1/4', '1/5:1/5', '2/6:2/6', '2/7:2/7'];
    t.deepEqual(logText(storage, 1, 4), expected);
    const again = await reopen();
    t.deepEqual(logText(again, 1, 4), expected);
    t.deepEqual(
      [0, 1, 5, 6, 7, 8].map((seq) => again.logOf(1).epochAt(seq)),
      [0, 1, 1, 2, 2, undefined],
    );
    again.logOf(1).truncate(0);
    t.deepEqual(logText(again, 1), []);
    t.is((await reopen()).recovered[0]?.lastSeq, 0);
  },

  'applied entries cannot be truncated': async (t, storage) => {
    createWhole(storage);
    storage.logOf(1).append(entries(1, 1, 3));
    storage.apply(1, at(1, 1), []);
    t.throws(() => storage.logOf(1).truncate(0), { name: 'AssertionError' });
  },

  'a read returns at most its bytes, but at least one entry': async (t, storage) => {
    createWhole(storage);
    const sizes = [10, 20, 30, 1000].map((size, i) => entry(1, i + 1, 'x'.repeat(size)));
    storage.logOf(1).append(sizes);
    await synced(storage);
    const lengths = (from: number, bytes: number) =>
      storage
        .logOf(1)
        .read(from, bytes)
        ?.map((one) => one.payload.length);
    t.deepEqual(lengths(1, 30), [10, 20]);
    t.deepEqual(lengths(1, 29), [10]);
    t.deepEqual(lengths(4, 1), [1000]);
    t.deepEqual(lengths(5, 1), []);
  },

  'entries of many ranges share the log': async (t, storage, reopen) => {
    const keys = ['a', 'b', 'c', 'd', 'e'];
    for (const [i, key] of keys.entries()) storage.createReplica(meta(i + 1, key, `${key}~`), origin, 0);
    for (let seq = 1; seq <= 20; seq++) {
      for (let range = 1; range <= 5; range++)
        storage.logOf(range).append([entry(1, seq, `${range}:${seq}`)]);
      if (seq % 7 === 0) await synced(storage);
    }
    const again = await reopen();
    for (let range = 1; range <= 5; range++) {
      const payloads = logText(again, range)?.map((text) => text.split(':').slice(1).join(':'));
      t.deepEqual(
        payloads,
        Array.from({ length: 20 }, (_, i) => `${range}:${i + 1}`),
      );
    }
  },

  'large entries are read completely': async (t, storage, reopen) => {
    createWhole(storage);
    const large = entry(1, 2, 'L'.repeat(3 * 1024 * 1024));
    storage.logOf(1).append([entry(1, 1), large, entry(1, 3)]);
    const again = await reopen();
    const read = again.logOf(1).read(1, Number.MAX_SAFE_INTEGER) ?? [];
    t.deepEqual(
      read.map((one) => one.payload.length),
      [3, large.payload.length, 3],
    );
    t.true(equalBytes(read[1]?.payload ?? emptyBytes, large.payload));
  },

  'more entries than a group or a segment holds can be appended at once': async (t, storage, reopen) => {
    createWhole(storage);
    const many = Array.from({ length: 5 }, (_, i) => entry(1, i + 1, String(i).repeat(2 * 1024 * 1024)));
    storage.logOf(1).append(many);
    const again = await reopen();
    const read = again.logOf(1).read(1, Number.MAX_SAFE_INTEGER) ?? [];
    t.is(read.length, 5);
    t.true(read.every((one, i) => equalBytes(one.payload, many[i]?.payload ?? emptyBytes)));
  },

  'a change is visible at once, and after it is written': async (t, storage, reopen) => {
    createWhole(storage);
    storage.logOf(1).append(entries(1, 1, 3));
    storage.apply(1, at(1, 1), [put('a', '1'), put('b', '1'), put('é', '1')]);
    storage.apply(1, at(1, 2), [remove('a'), put('b', '')]);
    const expected = ['b=@2', 'é=1@1'];
    t.is(getText(storage, 'a'), undefined);
    t.is(getText(storage, 'b'), 'b=@2');
    t.deepEqual(await rowsText(storage), expected);
    const again = await reopen();
    t.deepEqual(again.recovered[0]?.applied, at(1, 2));
    t.is(getText(again, 'a'), undefined);
    t.is(getText(again, 'b'), 'b=@2');
    t.deepEqual(await rowsText(again), expected);
  },

  'entries are applied in order, and only if the log has them': async (t, storage) => {
    createWhole(storage);
    storage.logOf(1).append(entries(1, 1, 2));
    t.throws(() => storage.apply(1, at(1, 2), []), { message: /without gaps/ });
    storage.apply(1, at(1, 1), []);
    storage.apply(1, at(1, 2), []);
    t.throws(() => storage.apply(1, at(1, 3), []), { message: /in the log/ });
  },

  'appended entries must continue the log': async (t, storage) => {
    createWhole(storage);
    storage.logOf(1).append(entries(3, 1, 2));
    t.throws(() => storage.logOf(1).append([entry(3, 4)]), { message: /continue the log/ });
    t.throws(() => storage.logOf(1).append([entry(2, 3)]), { message: /do not fall/ });
  },

  'pages stay within their bounds, and say how far they are complete': async (t, storage) => {
    createWhole(storage);
    storage.logOf(1).append(entries(1, 1, 1));
    const keys = ['a', 'b', 'c', 'd', 'e'];
    storage.apply(1, at(1, 1), [...keys.map((key) => put(key, key.repeat(10)))]);
    const scan = async (start: string, end: string | null, options: Partial<typeof EVERYTHING>) => {
      const bounds = { start: toBytes(start), end: end === null ? null : toBytes(end) };
      const page = await storage.scan(1, bounds, { ...EVERYTHING, ...options });
      const bound = page.bound === null ? null : Buffer.from(page.bound).toString('latin1');
      return {
        keys: page.rows
          .decode()
          .map((row) => Buffer.from(row.key).toString())
          .join(''),
        count: page.count,
        bound,
      };
    };
    t.deepEqual(await scan('b', 'd', {}), { keys: 'bc', count: 2, bound: 'd' });
    t.deepEqual(await scan('b', 'd', { reverse: true }), { keys: 'cb', count: 2, bound: 'b' });
    t.deepEqual(await scan('', null, { limitRows: 2 }), { keys: 'ab', count: 2, bound: 'b\0' });
    t.deepEqual(await scan('', null, { limitRows: 2, reverse: true }), { keys: 'ed', count: 2, bound: 'd' });
    t.deepEqual(await scan('', null, { limitBytes: 25 }), { keys: 'ab', count: 2, bound: 'c' });
    t.deepEqual(await scan('', null, { limitBytes: 1 }), { keys: 'a', count: 1, bound: 'b' });
    t.deepEqual(await scan('', null, { limitBytes: 25, reverse: true }), {
      keys: 'ed',
      count: 2,
      bound: 'c\0',
    });
    t.deepEqual(await scan('', null, { countOnly: true }), { keys: '', count: 5, bound: null });
    t.deepEqual(await scan('', null, { valueBytesMax: 0, limitBytes: 3 }), {
      keys: 'abc',
      count: 3,
      bound: 'd',
    });
    t.deepEqual(await scan('x', 'z', {}), { keys: '', count: 0, bound: 'z' });
    t.deepEqual(await scan('c', 'c', {}), { keys: '', count: 0, bound: 'c' });
  },

  'a snapshot transfers rows and position from node to node': async (t, storage, reopen) => {
    storage.createReplica(meta(1, '', 'm'), origin, 0);
    storage.createReplica(meta(2, 'm', null), origin, 0);
    storage.logOf(1).append(entries(1, 1, 3));
    storage.logOf(2).append(entries(1, 1, 1));
    storage.apply(1, at(1, 1), [put('a', 'old'), put('k', 'old')]);
    storage.apply(2, at(1, 1), [put('n', 'neighbour')]);
    const source = await reopen();
    const reader = await source.openSnapshot(1);
    const slow = await source.openSnapshot(1);
    t.deepEqual(reader.position, at(1, 1));
    source.apply(1, at(1, 2), [remove('a')]);
    const rows = (await reader.next(1_000_000)) ?? [];
    t.deepEqual(rows.map(textOfRow), ['a=old@1', 'k=old@1']);
    t.is(await reader.next(1_000_000), null);
    reader.close();
    const byRow = [await slow.next(1), await slow.next(1), await slow.next(1)];
    t.deepEqual(
      byRow.map((some) => some?.map(textOfRow)),
      [['a=old@1'], ['k=old@1'], undefined],
    );
    slow.close();

    // Install a snapshot in the same storage, as if from another node that is far ahead.
    source.logOf(1).setEpochSeen(6);
    const writer = await source.beginSnapshot(1, wholeUpTo('m'), at(5, 50));
    t.deepEqual(await rowsText(source, 2), ['n=neighbour@1']);
    await writer.add([{ key: toBytes('b'), value: toBytes('new'), revision: 44 }]);
    await writer.add([{ key: toBytes('c'), value: toBytes('new'), revision: 50 }]);
    await writer.finish([]);
    const expected = ['b=new@44', 'c=new@50', 'n=neighbour@1'];
    t.deepEqual(await rowsText(source), expected);
    source.logOf(1).append([entry(6, 51)]);
    const again = await reopen();
    const replica = again.recovered.find((one) => one.range === 1);
    t.deepEqual(await rowsText(again), expected);
    t.is(replica?.epochSeen, 6);
    t.deepEqual([replica?.base, replica?.applied, replica?.lastSeq], [at(5, 50), at(5, 50), 51]);
    t.is(again.logOf(1).read(50, 100), null);
  },

  'a wiped replica leaves a tombstone and no rows': async (t, storage, reopen) => {
    storage.createReplica(meta(1, '', 'm', 4), origin, 2);
    storage.createReplica(meta(2, 'm', null), origin, 0);
    storage.logOf(1).append(entries(2, 1, 1));
    storage.logOf(2).append(entries(2, 1, 1));
    storage.apply(1, at(2, 1), [put('a', '1')]);
    storage.apply(2, at(2, 1), [put('n', '1')]);
    await storage.wipe(1);
    t.deepEqual(await rowsText(storage, 2), ['n=1@1']);
    const again = await reopen();
    t.deepEqual([...again.tombstones.keys()], [1]);
    t.like(again.tombstones.get(1), { range: 1, inc: 4, epochSeen: 2 });
    t.deepEqual(
      again.recovered.map((one) => one.range),
      [2],
    );
    t.deepEqual(await rowsText(again, 2), ['n=1@1']);
    t.throws(() => again.createReplica(meta(1, '', 'm', 4), origin, 0), { message: /R9/ });
    again.createReplica(meta(1, '', 'm', 5), origin, 0);
    t.deepEqual((await reopen()).recovered.map((one) => [one.range, one.inc, one.applied.seq]).sort(), [
      [1, 5, 0],
      [2, 1, 1],
    ]);
  },

  'a replica that is created again after a wipe stays, and so does the tombstone of the earlier one': async (
    t,
    storage,
    reopen,
  ) => {
    storage.createReplica(meta(1, '', null, 4), origin, 2);
    await storage.wipe(1);
    storage.createReplica(meta(1, '', null, 5), origin, 2);
    await synced(storage);
    storage.logOf(1).append(entries(3, 1, 2));
    await synced(storage);
    // From the second start on, the log begins with a checkpoint that has both.
    for (let start = 0; start < 3; start++) {
      const again = await reopen();
      t.deepEqual(
        again.recovered.map(({ range, inc, lastSeq }) => ({ range, inc, lastSeq })),
        [{ range: 1, inc: 5, lastSeq: 2 }],
      );
      t.is(again.tombstones.get(1)?.inc, 4);
      t.deepEqual(logText(again, 1), ['3/1:3/1', '3/2:3/2']);
    }
  },

  'replicas of one namespace never overlap': async (t, storage) => {
    storage.createReplica(meta(1, 'b', 'm'), origin, 0);
    t.throws(() => storage.createReplica(meta(2, 'l', null), origin, 0), { message: /overlaps range 1/ });
    storage.createReplica({ ...meta(3, 'l', null), namespaceId: 2 }, origin, 0);
    storage.createReplica(meta(4, 'm', null), origin, 0);
    await t.throwsAsync(storage.beginSnapshot(1, wholeKeySpace, at(1, 1)), { message: /overlaps range 4/ });
  },
};

function wholeUpTo(end: string) {
  return { start: toBytes(''), end: toBytes(end) };
}

/** Registers the tests of the suite. */
export function storageSuite(
  test: TestFn,
  name: string,
  makeWorld: () => Promise<Pick<World, 'open' | 'remove' | 'until'>>,
): void {
  for (const [title, story] of Object.entries(stories)) {
    test(`${name}: ${title}`, async (t) => {
      const world = await makeWorld();
      let storage = await world.until(world.open());
      t.teardown(async () => {
        await world.until(storage.close());
        await world.remove();
      });
      const reopen = async () => {
        await storage.close();
        storage = await world.open();
        return storage;
      };
      await world.until(story(t, storage, reopen));
    });
  }
}
