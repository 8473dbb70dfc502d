// A power cut at every moment of a step: while it is logged, while its state is written behind, while its parents leave, and while its
// children are replaced, wiped, or filled by a snapshot.

import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../../../common/base/bytes.ts';
import { origin } from '../../../../common/model/ids.ts';
import { appliedKey } from '../../../../kvnode/storage/state/stored-keys.ts';
import type { Storage } from '../../../../kvnode/storage/storage.ts';
import {
  describedBy,
  type Event,
  eventsIn,
  ReplacingNode,
  writes,
} from '../../../suites/storage/replacing-node.ts';
import { at, meta, rowsText, turn } from '../../../suites/storage/shorthand.ts';
import { SMALL_LIMITS, TwinWorld } from '../../../suites/storage/world.ts';

const KB = 1024;
/** A segment holds few records, so that one begins within each step, with its checkpoint. */
const TINY = { ...SMALL_LIMITS, segmentBytes: 1 * KB, keepBytes: 2 * KB, retainBytes: 4 * KB, flushMs: 500 };

const SURVIVAL: Readonly<Record<string, () => () => boolean>> = {
  'nothing that was not synced survives': () => () => false,
  'everything that was written survives': () => () => true,
  'every second piece survives': () => {
    let count = 0;
    return () => count++ % 2 === 0;
  },
};

/** Does all of it, and one turn of the disk at a time while it works. */
type Scenario = (node: ReplacingNode, does: (event: Event) => void) => Promise<void>;

interface Cut {
  readonly world: TwinWorld;
  readonly events: readonly Event[];
  readonly synced: number;
}

/** Cuts the power after so many turns. Null: the scenario was over before. */
async function cutAfter(after: number, scenario: Scenario, survives: () => boolean): Promise<Cut | null> {
  const world = new TwinWorld(TINY);
  const node = new ReplacingNode(await world.open());
  world.image.beforeRead = turn;
  const events: Event[] = [];
  let syncedEvents = 0;
  let over = false;
  const does = (event: Event): void => {
    const group = node.storage.gathering;
    node.do(event);
    events.push(event);
    const count = events.length;
    node.storage.onSynced((number) => {
      if (number > group) syncedEvents = Math.max(syncedEvents, count);
    });
  };
  const done = scenario(node, does).then(() => {
    over = true;
  });
  world.disk.hold();
  for (let i = 0; i < after && !over; i++) {
    await turn();
    if (i % 2 === 0) world.disk.releaseOne();
  }
  const found = over
    ? null
    : { world: world.afterPowerCut(survives), events: [...events], synced: syncedEvents };
  world.disk.release();
  await done;
  await node.storage.close();
  return found;
}

/** What the start after a cut found. */
function stageOf(storage: Storage): string {
  const [step] = storage.unsettled;
  if (step === undefined) return storage.tombstones.size === 0 ? 'before' : 'settled';
  return step.children.length > 0 ? 'without state' : 'with state';
}

async function agrees(
  t: ExecutionContext,
  { world, events, synced: least }: Cut,
  after: number,
): Promise<string> {
  const storage = await world.open();
  const stage = stageOf(storage);
  const node = new ReplacingNode(storage);
  const found = await node.describe();
  const count = eventsIn(found, events);
  t.true(count >= least, `after ${after} turns ${count} of ${least} synced events are there`);
  t.deepEqual(found, describedBy(events.slice(0, count)), `after ${after} turns`);
  await storage.settle();
  t.deepEqual(storage.unsettled, []);
  await storage.close();
  const again = new ReplacingNode(await world.open());
  t.deepEqual(await again.describe(), found, `after ${after} turns, and another start`);
  await again.storage.close();
  for (const range of again.storage.tombstones.keys())
    t.false(
      world.image.pairs.some(([key]) => Buffer.from(appliedKey(range)).equals(key)),
      'its position is gone',
    );
  return stage;
}

const SPLIT: readonly Event[] = [
  { kind: 'create', meta: meta(1) },
  ...writes(1, 'azbymnab'),
  { kind: 'replace', parents: [1], children: [meta(2, '', 'm'), meta(3, 'm')] },
];
const WRITTEN: readonly Event[] = [...writes(2, 'ab', 20), ...writes(3, 'zn', 30)];

const scenarios: Readonly<Record<string, Scenario>> = {
  'a split while its children are written': async (node, does) => {
    for (const event of SPLIT) does(event);
    await turns();
    await settledWhile(node, (i) => {
      for (const event of [...writes(2, 'ab', i), ...writes(3, 'zn', i)]) does(event);
    });
  },
  'a split whose children are merged again': async (node, does) => {
    for (const event of [...SPLIT, ...WRITTEN]) does(event);
    await turns();
    await node.storage.settle();
    does({ kind: 'replace', parents: [2, 3], children: [meta(4)] });
    for (const event of writes(4, 'amz', 40)) does(event);
    await turns();
    await node.storage.settle();
  },
};

/** The log is synced within these, and nothing is written behind. */
async function turns(): Promise<void> {
  for (let i = 0; i < 8; i++) await turn();
}

/** Settles, and writes meanwhile. */
async function settledWhile({ storage }: ReplacingNode, write: (from: number) => void): Promise<void> {
  let over = false;
  const settled = storage.settle().then(() => {
    over = true;
  });
  for (let i = 1; !over; i++) {
    write(100 * i);
    await turn();
  }
  await settled;
}

const survivesAnyCut = test.macro({
  title: (_, what, __, ___, survival) => `${what}: after a power cut at any moment, if ${survival}`,
  exec: async (
    t,
    _what: string,
    scenario: Scenario,
    stages: { readonly agrees: typeof agrees; readonly found: readonly string[] },
    survival: string,
  ) => {
    const found = new Set<string>();
    for (let after = 0; ; after++) {
      const cut = await cutAfter(after, scenario, SURVIVAL[survival]?.() ?? (() => false));
      if (cut === null) break;
      found.add(await stages.agrees(t, cut, after));
    }
    t.deepEqual([...found].sort(), stages.found);
  },
});

for (const survival of Object.keys(SURVIVAL)) {
  const found = ['before', 'settled', 'with state', 'without state'];
  for (const [title, scenario] of Object.entries(scenarios))
    test(survivesAnyCut, title, scenario, { agrees, found }, survival);
}

// ---- a child that goes away --------------------------------------------------------------------------------------------

const RIGHT = { start: toBytes('m'), end: null };
const LEFT_ROWS = describedBy([...SPLIT, ...WRITTEN]).rows.filter((row) => row < 'm');

/** A wipe of the right child, or a snapshot for it, is not begun before the step is settled. */
async function agreesWithoutRight(t: ExecutionContext, cut: Cut, after: number): Promise<string> {
  const storage = await cut.world.open();
  const isVoid = storage.recovered.some((replica) => replica.range === 3 && replica.void);
  const isInstalled = storage.recovered.some((replica) => replica.range === 3 && replica.lastSeq === 50);
  if (!isVoid && !isInstalled && !storage.tombstones.has(3)) {
    await storage.close();
    return agrees(t, cut, after);
  }
  t.deepEqual(storage.unsettled, [], `after ${after} turns`);
  const node = new ReplacingNode(storage);
  t.deepEqual(await rowsText(storage, 2).then((rows) => rows.filter((row) => row < 'm')), LEFT_ROWS);
  if (storage.tombstones.has(3)) storage.createReplica(meta(5, 'm'), origin, 0);
  else if (isVoid) await install(node);
  const rows = await rowsText(storage, storage.tombstones.has(3) ? 5 : 3);
  t.deepEqual(
    rows.filter((row) => row >= 'm'),
    storage.tombstones.has(3) ? [] : ['o=new@50'],
  );
  await storage.close();
  return storage.tombstones.has(3) ? 'wiped' : isVoid ? 'void' : 'installed';
}

async function install({ storage }: ReplacingNode): Promise<void> {
  const writer = await storage.beginSnapshot(3, RIGHT, at(2, 50));
  await writer.add([{ key: toBytes('o'), value: toBytes('new'), revision: 50 }]);
  await writer.finish([]);
}

for (const survival of Object.keys(SURVIVAL)) {
  const wipes: Scenario = async (node, does) => {
    for (const event of [...SPLIT, ...WRITTEN]) does(event);
    await turns();
    await node.storage.wipe(3);
    await turns();
  };
  const installs: Scenario = async (node, does) => {
    for (const event of [...SPLIT, ...WRITTEN]) does(event);
    await turns();
    await install(node);
    await turns();
  };
  const outcomes = (...after: readonly string[]) => {
    return { agrees: agreesWithoutRight, found: ['before', 'settled', ...after].sort() };
  };
  const unsettled = ['with state', 'without state'];
  test(survivesAnyCut, 'a wipe of an unsettled child', wipes, outcomes('wiped', ...unsettled), survival);
  test(
    ...([survivesAnyCut, 'a snapshot for an unsettled child', installs] as const),
    ...([outcomes('installed', 'void', ...unsettled), survival] as const),
  );
}
