// Splits and merges on one node: rows, revisions and sessions before and after a start, what a step refuses, and what waits until a step
// is settled.

import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../../../common/base/bytes.ts';
import { origin } from '../../../../common/model/ids.ts';
import { wholeKeySpace } from '../../../../common/model/key-range.ts';
import type { ReplicaMeta, Storage } from '../../../../kvnode/storage/storage.ts';
import { describedBy, type Event, ReplacingNode, writes } from '../../../suites/storage/replacing-node.ts';
import {
  at,
  EVERYTHING,
  entries,
  entry,
  getText,
  meta,
  put,
  rowsText,
  synced,
  textOfRow,
  turn,
} from '../../../suites/storage/shorthand.ts';
import { TextTable, textOfSession } from '../../../suites/storage/text-table.ts';
import { realWorld, SMALL_LIMITS, TwinWorld, type World } from '../../../suites/storage/world.ts';

/** The state is written behind only where a test asks for it. */
const LAZY = { ...SMALL_LIMITS, flushMs: 600_000, flushBytes: 1 << 30, flushRows: 1 << 30 };

const create = (range: ReplicaMeta): Event => ({ kind: 'create', meta: range });
const replace = (parents: readonly number[], ...children: readonly ReplicaMeta[]): Event => {
  return { kind: 'replace', parents, children };
};

const WHOLE: readonly Event[] = [create(meta(1)), ...writes(1, 'azbymnab')];
const SPLIT: readonly Event[] = [...WHOLE, replace([1], meta(2, '', 'm'), meta(3, 'm', null))];
const TWO: readonly Event[] = [
  create(meta(1, '', 'm')),
  create(meta(2, 'm', null)),
  ...writes(1, 'abcda'),
  ...writes(2, 'xyzx', 10),
  { kind: 'write', range: 2, key: 'w', value: '', client: 'cy' },
];

async function told(world: World, events: readonly Event[]): Promise<ReplacingNode> {
  const node = new ReplacingNode(await world.open());
  for (const event of events) node.do(event);
  return node;
}

// ---- stories -----------------------------------------------------------------------------------------------------------

interface Story {
  /** The parts are separated by settlements. */
  readonly parts: readonly (readonly Event[])[];
}

const stories: Readonly<Record<string, Story>> = {
  'a split': { parts: [[...SPLIT, ...writes(2, 'aca', 20), ...writes(3, 'zn', 30)]] },
  'a split into three': {
    parts: [
      [...WHOLE, replace([1], meta(2, '', 'b'), meta(3, 'b', 'n'), meta(4, 'n')), ...writes(3, 'bm', 20)],
    ],
  },
  'a merge': { parts: [[...TWO, replace([1, 2], meta(3)), ...writes(3, 'ax', 20)]] },
  'a merge of empty ranges': {
    parts: [[create(meta(1, '', 'm')), create(meta(2, 'm')), replace([1, 2], meta(3)), ...writes(3, 'a')]],
  },
  'a split, and a merge of its children': {
    parts: [
      SPLIT,
      [...writes(2, 'ab', 20), ...writes(3, 'z', 30), replace([2, 3], meta(4)), ...writes(4, 'az')],
    ],
  },
};

async function agrees(t: ExecutionContext, node: ReplacingNode, events: readonly Event[]): Promise<void> {
  t.deepEqual(await node.describe(), describedBy(events));
}

async function tell(t: ExecutionContext, world: World, { parts }: Story): Promise<void> {
  let node = new ReplacingNode(await world.open());
  for (const part of parts) {
    await node.storage.settle();
    for (const event of part) node.do(event);
  }
  await agrees(t, node, parts.flat());
  t.is(node.storage.unsettled.length, 1);
  // At the second start nothing is left to be settled.
  for (const unsettled of [1, 0]) {
    await node.storage.close();
    const storage = await world.open();
    t.is(storage.unsettled.length, unsettled);
    node = new ReplacingNode(storage);
    await agrees(t, node, parts.flat());
    await storage.settle();
    t.deepEqual(storage.unsettled, []);
  }
  await node.storage.close();
}

for (const [title, story] of Object.entries(stories)) {
  test(`twins: ${title}`, (t) => tell(t, new TwinWorld(), story));
  test(`LevelDB: ${title}`, async (t) => {
    const world = await realWorld();
    t.teardown(() => world.remove());
    await tell(t, world, story);
  });
}

test('children begin after the highest position of their parents, and see no lower epoch', async (t) => {
  const node = await told(new TwinWorld(), TWO);
  const [child] = node.storage.replace({
    parents: [
      { range: 1, final: at(1, 5) },
      { range: 2, final: at(1, 5) },
    ],
    children: [meta(3)],
  });
  t.like(child, {
    range: 3,
    epochSeen: 1,
    base: at(1, 5),
    lastSeq: 5,
    applied: at(1, 5),
    committed: 5,
    void: false,
  });
  t.like(node.storage.tombstones.get(1), { inc: 1, epochSeen: 0 });
  t.like(node.storage.tombstones.get(2), { inc: 1, epochSeen: 0 });
});

test('a settled step leaves nothing of the parents in the state store', async (t) => {
  const world = new TwinWorld();
  const node = await told(world, SPLIT);
  await node.storage.settle();
  const other = new TwinWorld();
  const plain = await told(other, [
    create(meta(2, '', 'm')),
    create(meta(3, 'm')),
    ...writes(2, 'aabba'),
    ...writes(3, 'nmyzm'),
  ]);
  await plain.storage.close();
  const rowsOf = ({ image }: TwinWorld) =>
    image.pairs.filter(([key]) => key[4] !== 0x62).map(([key]) => Buffer.from(key).toString('hex'));
  t.deepEqual(rowsOf(world), rowsOf(other));
});

// ---- what a step refuses -----------------------------------------------------------------------------------------------

interface Refusal {
  readonly before?: readonly Event[];
  readonly prepare?: (storage: Storage) => unknown;
  readonly parents?: readonly (readonly [number, number])[];
  readonly children?: readonly ReplicaMeta[];
  readonly message: RegExp;
}

const refuses = test.macro({
  title: (_, what) => `a step is refused, and nothing is logged: ${what}`,
  exec: async (t, _what: string, refusal: Refusal) => {
    const { before = WHOLE, prepare, parents = [[1, 8]], children = [meta(9)], message } = refusal;
    const world = new TwinWorld();
    const { storage } = await told(world, before);
    await prepare?.(storage);
    const step = {
      parents: parents.map(([range, seq]) => ({ range, final: at(1, seq) })),
      children,
    };
    t.throws(() => storage.replace(step), { message });
    const ranges = storage.recovered.length;
    await storage.close();
    const again = await world.open();
    t.false(
      again.recovered.some(({ range }) => range === 9),
      `of ${ranges}`,
    );
    t.true(again.unsettled.every((one) => one.parents.every(({ range }) => range === 1)));
  },
});

const SPLIT_STEP = { before: SPLIT, parents: [[2, 8]] as const };

test(refuses, 'the parent is not settled', {
  ...SPLIT_STEP,
  children: [meta(9, '', 'm')],
  message: /settled before/,
});
test(refuses, 'there is no parent', { parents: [], message: /a parent/ });
test(refuses, 'the parent is not here', { parents: [[5, 8]], message: /a replica of range 5/ });
test(refuses, 'the parent is not applied', { parents: [[1, 9]], message: /has applied its log/ });
test(refuses, 'the parent is void', {
  prepare: (storage) => storage.beginSnapshot(1, wholeKeySpace, at(1, 8)),
  message: /not void/,
});
test(refuses, 'another range has keys of the child', {
  before: TWO,
  parents: [[1, 5]],
  message: /overlaps range 2/,
});
test(refuses, 'the children have a key in common', {
  children: [meta(9, '', 'n'), meta(10, 'm')],
  message: /no key in common/,
});
test(refuses, 'the child was here before', {
  before: SPLIT,
  prepare: async (storage) => {
    await storage.wipe(3);
    await storage.settle();
  },
  parents: [[2, 8]],
  children: [meta(3, '', 'm')],
  message: /tombstone/,
});

test('entries after the end of a parent are dropped', async (t) => {
  const world = new TwinWorld();
  const { storage } = await told(world, WHOLE);
  storage.logOf(1).append(entries(1, 9, 11));
  storage.replace({ parents: [{ range: 1, final: at(1, 8) }], children: [meta(2)] });
  new TextTable(storage).keep(2);
  await synced(storage);
  const cut = await world.afterPowerCut(() => false).open();
  t.like(cut.unsettled[0]?.parents[0], { lastSeq: 8, final: at(1, 8) });
  await storage.settle();
  t.true(storage.isSettled(2));
});

test('a replaced replica takes no more records', async (t) => {
  const node = await told(new TwinWorld(), WHOLE);
  const log = node.storage.logOf(1);
  node.do(replace([1], meta(2)));
  t.throws(() => log.append(entries(1, 9, 9)), { message: /was replaced/ });
  t.throws(() => log.truncate(8), { message: /was replaced/ });
  t.throws(() => log.setEpochSeen(3), { message: /was replaced/ });
});

// ---- reads while a step is unsettled -----------------------------------------------------------------------------------

test('a page of a range that is replaced meanwhile is not returned', async (t) => {
  const node = await told(new TwinWorld(), WHOLE);
  const scan = rowsText(node.storage, 1);
  node.do(replace([1], meta(2)));
  await t.throwsAsync(scan, { code: 'NOT_OWNER' });
});

test('a view of an unsettled child has rows and sessions', async (t) => {
  const { storage } = await told(new TwinWorld(LAZY), SPLIT);
  t.teardown(() => storage.close());
  const view = storage.openView(2);
  t.deepEqual((await view.next(1 << 20))?.map(textOfRow), ['a=6@7', 'b=7@8']);
  t.deepEqual(view.sessions.map(textOfSession).sort(), ['ada=7', 'bob=8']);
  view.close();
});

test('a snapshot of an unsettled child waits until it is settled, so it has all rows', async (t) => {
  const { storage } = await told(new TwinWorld(LAZY), SPLIT);
  t.false(storage.isSettled(3));
  const reader = await storage.openSnapshot(3);
  t.true(storage.isSettled(3));
  t.deepEqual(reader.position, at(1, 8));
  t.deepEqual((await reader.next(1 << 20))?.map(textOfRow), ['m=4@5', 'n=5@6', 'y=3@4', 'z=1@2']);
  t.deepEqual((await reader.sessions()).map(textOfSession).sort(), ['ada=7', 'bob=8']);
  reader.close();
  await storage.close();
});

test('what waits for a settlement is refused if its replica goes away, or becomes void', async (t) => {
  const { storage } = await told(new TwinWorld(), SPLIT);
  const right = { start: toBytes('m'), end: null };
  const wiped = storage.wipe(2);
  const writer = storage.beginSnapshot(3, right, at(2, 20));
  await Promise.all([
    t.throwsAsync(storage.openSnapshot(2), { code: 'NOT_OWNER' }),
    t.throwsAsync(storage.openSnapshot(3), { code: 'NOT_OWNER' }),
    t.throwsAsync(storage.beginSnapshot(2, { start: toBytes(''), end: toBytes('m') }, at(2, 20)), {
      code: 'CLOSED',
    }),
  ]);
  await wiped;
  await (await writer).finish([]);
  t.deepEqual(await rowsText(storage, 3), []);
});

// ---- write-behind ------------------------------------------------------------------------------------------------------

test('the table of a child is not taken before the turn ends in which it was attached', async (t) => {
  const world = new TwinWorld({ ...SMALL_LIMITS, flushRows: 1 });
  const { storage } = await told(world, WHOLE);
  // The overlay is full as soon as something is in it, and nothing is being written.
  while (storage.stats.overlayBytes > 0) await turn();
  storage.replace({ parents: [{ range: 1, final: at(1, 8) }], children: [meta(2)] });
  const table = new TextTable(storage);
  table.keep(2);
  table.set('ada', 'filled later');
  await storage.settle();
  await storage.close();
  t.deepEqual(new TextTable(await world.open()).keep(2), ['ada=filled later']);
});

test('what is applied while a step is being settled is written next, without further changes', async (t) => {
  const world = new TwinWorld({ ...LAZY, flushRows: 2 });
  const node = await told(world, [create(meta(1)), ...writes(1, 'a'), replace([1], meta(2))]);
  let letWrite = () => {};
  world.image.beforeRead = () => new Promise((resolve) => (letWrite = resolve));
  const settled = node.storage.settle();
  while (world.image.underWay.size === 0) await turn();
  for (const event of writes(2, 'bc')) node.do(event);
  world.image.beforeRead = () => Promise.resolve();
  letWrite();
  await settled;
  while (node.storage.stats.overlayBytes > 0) await turn();
  t.is(getText(node.storage, 'c'), 'c=1@3');
  await node.storage.close();
});

test('closing waits for a settlement', async (t) => {
  const world = new TwinWorld();
  const { storage } = await told(world, SPLIT);
  const failures: Error[] = [];
  storage.onFailure((error) => failures.push(error));
  world.image.beforeRead = turn;
  const settled = storage.settle();
  await storage.close();
  await settled;
  t.deepEqual(failures, []);
  t.deepEqual((await world.open()).unsettled, []);
});

// ---- void from the beginning -------------------------------------------------------------------------------------------

test('a replica that is made void stays void until a snapshot is installed', async (t) => {
  const world = new TwinWorld();
  const storage = await world.open();
  storage.createReplica(meta(1), at(4, 70), 4, true);
  await synced(storage);
  const again = await world.afterPowerCut(() => false).open();
  t.like(again.recovered[0], { void: true, epochSeen: 4 });
  t.throws(() => again.logOf(1).append(entries(5, 71, 71)), { message: /void/ });
  const writer = await again.beginSnapshot(1, wholeKeySpace, at(5, 80));
  await writer.add([{ key: toBytes('a'), value: toBytes('1'), revision: 80 }]);
  await writer.finish([]);
  again.logOf(1).append([entry(5, 81)]);
  again.apply(1, at(5, 81), [put('b', '2')]);
  t.deepEqual(await rowsText(again, 1), ['a=1@80', 'b=2@81']);
  await again.close();
});

test('a void replica can be wiped', async (t) => {
  const storage = await new TwinWorld().open();
  storage.createReplica(meta(1), at(4, 70), 4, true);
  await storage.wipe(1);
  t.like(storage.tombstones.get(1), { inc: 1, epochSeen: 4 });
  storage.createReplica(meta(2), origin, 0);
  t.deepEqual((await storage.scan(2, wholeKeySpace, EVERYTHING)).count, 0);
});
