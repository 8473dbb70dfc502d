// Loads in virtual time: what the leader decides, and that it comes to rest. The nodes measure and report as real ones do, with some noise
// (load-model.ts).

import test, { type ExecutionContext } from 'ava';
import { present } from '../../../common/base/assert.ts';
import { formatBytes, toBytes } from '../../../common/base/bytes.ts';
import { DEFAULT_PLAN, type PlanConfig } from '../../../coordinator/config.ts';
import { evenKeys, type KeyLoad, LoadModel } from '../../support/load-model.ts';
import { createTask, IDLE_MS, SmallCluster } from '../../support/small-cluster.ts';

const KB = 1_000;
const MB = 1_000_000;
/** Of each key that is inserted. */
const KEY_BYTES = 800 * KB;
const config: PlanConfig = DEFAULT_PLAN;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Of long stories, in which seconds do not matter. */
const SLOW = 5_000;

const LETTERS = [...'abcdefghij'];

/** So many nodes with a namespace of ten ranges. */
function withRanges(nodes: number, seed: number): LoadModel {
  const cluster = new SmallCluster();
  for (let i = 1; i <= nodes; i++) cluster.start(`n${i}`);
  cluster.ask('create', createTask({ splitAt: LETTERS.slice(1) }));
  cluster.settle({ ...config, initialNodes: nodes }, IDLE_MS);
  return new LoadModel(cluster, 'logs', seed);
}

/** Ten ranges of 50 keys; the keys of `hot` are read ten times as often as others. */
function oneHot(hot: string | null, reads = 200): readonly KeyLoad[] {
  return LETTERS.flatMap((letter) =>
    evenKeys(letter, 50, { reads: letter === hot ? 10 * reads : reads, writes: 0, bytes: 10 * KB }),
  );
}

/** The first range has most, and so on; which one is the first changes with `shift`. */
function skewed(shift: number): readonly KeyLoad[] {
  return oneHot(null, 1).map((key, at) => ({ ...key, reads: 20_000 / (1 + ((at * 37 + shift) % 500)) }));
}

function decided(t: ExecutionContext, model: LoadModel, since: number): number {
  const counts = model.decisionsSince(since);
  t.log(JSON.stringify(counts));
  // A range that ended is deleted, and a replica that retires is removed: these follow from other decisions.
  const { 'delete-range': _, 'remove-replica': __, ...others } = counts;
  return Object.values(others).reduce((sum, count) => sum + count, 0);
}

for (const nodes of [3, 4, 5]) {
  for (const seed of [1, 2, 3]) {
    test(`a range that is ten times as hot as others is spread within a minute, then nothing changes: ${nodes} nodes, seed ${seed}`, (t) => {
      const model = withRanges(nodes, seed);
      model.run(config, 2 * MINUTE, () => oneHot(null));
      t.true(model.highestLevel <= 1.25);
      const begun = model.cluster.time;
      model.run(config, MINUTE, () => oneHot('e'));
      t.true(model.highestLevel <= 1.5, `a node has ${model.highestLevel} of the mean`);
      t.true(decided(t, model, begun) <= 30);
      model.run(config, 9 * MINUTE, () => oneHot('e'));
      const settled = model.cluster.time;
      model.run(config, HOUR, () => oneHot('e'), SLOW);
      t.true(decided(t, model, settled) <= 2, 'an hour of the same load');
      t.true(model.highestLevel <= 1.5, `a node has ${model.highestLevel} of the mean`);
    });
  }
}

test('what was split for its load is merged when nothing is asked any more, and bounds made by hand stay', (t) => {
  const model = withRanges(3, 4);
  const bounds = () =>
    model.serving.filter(({ namespace }) => namespace === 'logs').map(({ start }) => formatBytes(start));
  const before = bounds();
  model.run(config, 2 * MINUTE, () => oneHot('e'));
  t.true(bounds().length > before.length);
  model.run(config, 2 * HOUR, () => oneHot(null, 0), SLOW);
  t.deepEqual(bounds(), before);
  const rest = model.cluster.time;
  model.run(config, HOUR, () => oneHot(null, 0), SLOW);
  t.is(decided(t, model, rest), 0);
});

test('a single hot key gets a range of its own, and its node hardly anything else', (t) => {
  const model = withRanges(5, 5);
  model.run(config, 2 * MINUTE, () => oneHot(null));
  const withHotKey = () =>
    oneHot(null).map((key) => (formatBytes(key.key) === 'e0025' ? { ...key, reads: 50_000 } : key));
  model.run(config, MINUTE, withHotKey);
  const own = model.serving.find(({ start }) => formatBytes(start) === 'e0025');
  t.is(formatBytes(present(own?.end, 'an end')), 'e0025\\x00');
  const { node } = present(own, 'its range').owner;
  const asked = model.serving.filter(({ owner }) => owner.node === node).map((range) => model.keysIn(range));
  t.true(asked.flat().length <= 10, `${asked.flat().length} keys beside`);
  const begun = model.cluster.time;
  model.run(config, HOUR, withHotKey, SLOW);
  t.true(decided(t, model, begun) <= 4, 'it cannot be split any further');
});

test('sequential inserts: ranges are split by size and spread by bytes; splits for load are given up, as they do not help', (t) => {
  const model = withRanges(5, 6);
  const begun = model.cluster.time;
  // 800 KB a second, at the end of what is there.
  const keysAt = (time: number): readonly KeyLoad[] => {
    const last = Math.floor((time - begun) / 1_000);
    return Array.from({ length: last }, (_, at) => ({
      ...{ key: toBytes(`e${String(at).padStart(8, '0')}`), reads: 0, bytes: KEY_BYTES },
      writes: at >= last - 5 ? 2_000 : 0,
    }));
  };
  const forLoad = () => model.steps.filter(({ step }) => /mean load; /.test(step.reason)).length;
  model.run(config, 20 * MINUTE, keysAt, SLOW);
  t.true(forLoad() <= 5, `${forLoad()} splits for load in twenty minutes`);
  model.run(config, 40 * MINUTE, keysAt, SLOW);
  t.true(forLoad() <= 7, `${forLoad()} splits for load in an hour`);
  t.true(decided(t, model, begun) <= 250);
  const sizes = model.serving.map((range) => model.keysIn(range).length * KEY_BYTES);
  t.true(Math.max(...sizes) <= 1.2 * config.splitBytes);
  t.true(
    sizes.filter((bytes) => bytes > 0).length <= 35,
    'small ranges that were split off are merged again',
  );
  const bytesOf = (node: string) =>
    model.serving
      .filter(({ replicas }) => replicas.some((replica) => replica.node === node))
      .reduce((sum, range) => sum + model.keysIn(range).length * KEY_BYTES, 0);
  const bytes = [...model.cluster.live.keys()].map(bytesOf);
  const mean = bytes.reduce((sum, each) => sum + each, 0) / bytes.length;
  t.true(Math.max(...bytes) <= 1.3 * mean, `${bytes.map((each) => Math.round(each / MB))} MB`);
});

test('an hour of one skewed load and then of another: each is spread, and then nothing changes', (t) => {
  const model = withRanges(5, 7);
  for (const shift of [0, 100, 333]) {
    const begun = model.cluster.time;
    model.run(config, 10 * MINUTE, () => skewed(shift));
    t.true(model.highestLevel <= 1.5);
    t.true(decided(t, model, begun) <= 60);
    const settled = model.cluster.time;
    model.run(config, HOUR, () => skewed(shift), SLOW);
    t.true(decided(t, model, settled) <= 2);
  }
});

test('a load that varies with the hours of the day: a few hand-overs a day, no splits and no moves', (t) => {
  const model = withRanges(5, 8);
  const keysAt = (time: number) => {
    const angle = (time / HOUR / 24) * 2 * Math.PI;
    return LETTERS.flatMap((letter, at) =>
      evenKeys(letter, 10, { reads: 1_000 * (1.05 + Math.sin(angle + 0.6 * at)), writes: 0, bytes: 10 * KB }),
    );
  };
  model.run(config, HOUR, keysAt, 20_000);
  const begun = model.cluster.time;
  model.run(config, 48 * HOUR, keysAt, 20_000);
  t.true(decided(t, model, begun) <= 16);
  t.deepEqual(Object.keys(model.decisionsSince(begun)), ['transfer']);
});

test('a node whose log syncs slowly owns less, until it has been better for a while', (t) => {
  const model = withRanges(5, 9);
  model.run(config, 2 * MINUTE, () => oneHot(null));
  const levelOf = (node: string) => present(model.levels.get(node), node);
  t.is(levelOf('n2'), 1);
  model.syncMs.set('n2', 300);
  model.run(config, 2 * MINUTE, () => oneHot(null));
  t.is(levelOf('n2'), 0.5);
  const begun = model.cluster.time;
  for (let blip = 0; blip < 5; blip++) {
    model.syncMs.set('n2', blip % 2 === 0 ? 3 : 300);
    model.run(config, 2 * MINUTE, () => oneHot(null));
  }
  t.is(decided(t, model, begun), 0, 'it does not get its share back at once');
  model.run(config, 15 * MINUTE, () => oneHot(null));
  t.is(levelOf('n2'), 1);
});

test('a new node gets its share of the load, by moves to it, and nothing is split for it', (t) => {
  const model = withRanges(5, 10);
  model.run(config, 2 * MINUTE, () => oneHot(null));
  const begun = model.cluster.time;
  model.cluster.start('n6');
  model.run(config, 5 * MINUTE, () => oneHot(null));
  t.true(present(model.levels.get('n6'), 'n6') >= 0.59);
  t.true(model.highestLevel <= 1.25);
  t.is(model.decisionsSince(begun)['request-split'], undefined);
  const settled = model.cluster.time;
  model.run(config, HOUR, () => oneHot(null), SLOW);
  t.is(decided(t, model, settled), 0);
});

test('a pinned range is neither split, moved nor handed over', (t) => {
  const model = withRanges(3, 11);
  const range = present(
    model.serving.find(({ start }) => formatBytes(start) === 'e'),
    'the range',
  );
  model.cluster.learn({ ...range, placement: { ...range.placement, pinned: true } });
  model.run(config, 10 * MINUTE, () => oneHot('e'));
  const after = present(model.cluster.ranges.get(range.id), 'the range').descriptor;
  t.deepEqual([after.state, after.owner, after.replicas], ['serving', range.owner, range.replicas]);
  t.true(model.keysIn(after).length > 0);
});

test('a namespace has its own bytes at which ranges are split, and its units stay whole', (t) => {
  const model = withRanges(3, 12);
  const known = present(model.cluster.namespaces.get('logs'), 'the namespace');
  const record = { ...known.record, splitBytes: 300 * KB, unit: toBytes('/') };
  model.cluster.namespaces.set('logs', { ...known, record });
  const load = { reads: 0, writes: 0, bytes: 10 * KB };
  const keys = ['e1/', 'e2/', 'e3/'].flatMap((unit) => evenKeys(unit, 25, load));
  model.run(config, 2 * MINUTE, () => keys);
  const bounds = model.serving
    .filter(({ namespace }) => namespace === 'logs')
    .map(({ start }) => formatBytes(start));
  const inside = bounds.filter((bound) => bound.startsWith('e'));
  t.deepEqual(inside, ['e', 'e2/', 'e3/']);
});
