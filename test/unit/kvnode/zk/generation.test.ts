// R12: a data directory is never used as its node if it is an older copy, or if another copy of it was used since. The tests crash a node
// between all durable steps, with every copy that was made before.

import test from 'ava';
import {
  hasGeneration,
  type Lineage,
  NEW_LINEAGE,
  newestGeneration,
  parseLineage,
  withNextGeneration,
} from '../../../../kvnode/storage/lineage.ts';
import { type Fate, GenerationWorld, TwinDirectory } from '../../../support/generation-world.ts';

// ---- the lineage -----------------------------------------------------------------------------------------------------

/** `aab`: raised twice by process a, then once by b. */
function lineage(writers: string): Lineage {
  return [...writers].reduce(withNextGeneration, NEW_LINEAGE);
}

const HISTORIES: readonly [
  own: string,
  generation: number,
  writer: string,
  contained: boolean,
  why: string,
][] = [
  ['a', 1, 'a', true, 'they are the same'],
  ['aa', 1, 'a', true, 'a crash came before it was written to ZooKeeper'],
  ['ab', 1, 'a', true, 'and then another process raised it'],
  ['aab', 2, 'a', true, 'an earlier process raised it'],
  ['a', 2, 'a', false, 'the directory is an older copy'],
  ['a', 2, 'b', false, 'another process used a copy'],
  ['ab', 2, 'c', false, 'two copies were each raised once'],
  ['abc', 2, 'd', false, 'this copy was raised more often, but ZooKeeper has the other one'],
  ['', 1, 'a', false, 'the directory is new, the id is not'],
];

for (const [own, generation, writer, contained, why] of HISTORIES) {
  test(`${own || 'a new directory'} ${contained ? 'knows' : 'does not know'} ${generation}${writer}: ${why}`, (t) => {
    t.is(hasGeneration(lineage(own), { generation, writer }), contained);
  });
}

test('only recent generations are kept, and any older one counts as contained', (t) => {
  const own = lineage('abcdefghijklmnopqrstuvwxyz');
  t.is(own.runs.length, 16);
  t.true(hasGeneration(own, { generation: 5, writer: 'z' }), 'ZooKeeper was restored');
  t.false(hasGeneration(own, { generation: 20, writer: 'z' }));
});

test('invalid data on disk is no lineage', (t) => {
  for (const writers of ['', 'a', 'aab', 'abcdefghijklmnopqrstuvwxyz']) {
    t.deepEqual(parseLineage(JSON.parse(JSON.stringify(lineage(writers)))), lineage(writers));
  }
  const rubbish = [
    undefined,
    null,
    7,
    {},
    { generation: 1 },
    { generation: -1, runs: [] },
    { generation: 1, runs: [] },
    { generation: 0, runs: [{ from: 1, writer: 'a' }] },
    { generation: 2, runs: [{ from: 1, writer: 7 }] },
    { generation: 2, runs: [{ from: 3, writer: 'a' }] },
    {
      generation: 2,
      runs: [
        { from: 2, writer: 'a' },
        { from: 2, writer: 'b' },
      ],
    },
  ];
  for (const value of rubbish) t.is(parseLineage(value), null, JSON.stringify(value));
  t.is(newestGeneration(NEW_LINEAGE), null);
});

// ---- every crash, every copy -----------------------------------------------------------------------------------------

/** Long enough for a session to end and for three more generations. */
const LONG_MS = 35_000;
/** Changes of node.json before the first generation: created, joined. */
const STEPS_BEFORE_FIRST = 2;

interface FirstRun {
  readonly bench: GenerationWorld;
  readonly directory: TwinDirectory;
  /** Copies of the directory, one after each durable change. */
  readonly copies: readonly TwinDirectory[];
  /** The durable changes, in order. */
  readonly steps: readonly string[];
}

/** Runs a new node. It crashes after `crashAfter` durable changes, or stops in order before that. */
async function firstRun(crashAfter: number): Promise<FirstRun> {
  const bench = new GenerationWorld();
  const directory = new TwinDirectory();
  const copies: TwinDirectory[] = [];
  const node = bench.start(directory);
  bench.onEffect = () => {
    copies.push(directory.copy());
    if (copies.length === crashAfter) bench.crash(directory, node);
  };
  await bench.pass(LONG_MS);
  if (node.process.alive) void node.stop();
  await bench.pass(5_000);
  bench.onEffect = () => {};
  return { bench, directory, copies, steps: bench.effects };
}

async function restarted({ bench }: FirstRun, directory: TwinDirectory): Promise<Fate> {
  const node = bench.start(directory);
  await bench.pass(LONG_MS);
  return node.fate;
}

test('after a crash between any two steps the directory is accepted; a copy that is older than the generation in ZooKeeper is not', async (t) => {
  const { steps } = await firstRun(Number.POSITIVE_INFINITY);
  t.deepEqual(
    steps.slice(0, 6),
    ['disk', 'disk', 'disk', 'zk', 'disk', 'zk'],
    'created, joined, then raised in pairs',
  );
  t.deepEqual(steps.slice(-2), ['disk', 'zk'], 'and once more at the stop');
  for (let crashAfter = 1; crashAfter <= steps.length; crashAfter++) {
    // Before the first step there is nothing to copy.
    for (let copyAfter = 1; copyAfter <= crashAfter; copyAfter++) {
      const run = await firstRun(crashAfter);
      const copy = copyAfter === crashAfter ? run.directory : (run.copies[copyAfter - 1] as TwinDirectory);
      const outdated = raisedIn(steps, copyAfter, crashAfter);
      const fate = await restarted(run, copy);
      const what = `crashed after ${crashAfter} steps, copy made after ${copyAfter}`;
      t.deepEqual(fate.kind === 'registered' && fate.setAside, outdated, `${what}: ${JSON.stringify(fate)}`);
    }
  }
});

/** Whether the directory raised a generation and wrote it to ZooKeeper, both after the copy was made. */
function raisedIn(steps: readonly string[], copyAfter: number, crashAfter: number): boolean {
  const raised = steps.indexOf('disk', Math.max(copyAfter, STEPS_BEFORE_FIRST));
  return raised >= 0 && steps.slice(raised, crashAfter).includes('zk');
}

test('a copy made after an orderly stop is accepted', async (t) => {
  const run = await firstRun(Number.POSITIVE_INFINITY);
  const fate = await restarted(run, run.directory.copy());
  t.true(fate.kind === 'registered' && !fate.setAside);
});

test('if ZooKeeper has lost the generation, it is written again', async (t) => {
  const run = await firstRun(Number.POSITIVE_INFINITY);
  const { nodeId } = JSON.parse(Buffer.from(run.directory.disk.read('/data/node.json') ?? []).toString());
  const { bench } = run;
  const session = bench.ensemble.openSession(1_000);
  const version = bench.ensemble.tree.get(`/generations/${nodeId}`)?.version ?? 0;
  bench.ensemble.write(session, [{ kind: 'delete', path: `/generations/${nodeId}`, version }]);
  const fate = await restarted(run, run.directory);
  t.true(fate.kind === 'registered' && !fate.setAside);
  t.true((bench.generation(nodeId)?.generation ?? 0) > 4);
});

test('a lost answer of ZooKeeper does not set the directory aside', async (t) => {
  const bench = new GenerationWorld();
  const [server] = bench.ensemble.servers;
  if (server === undefined) throw new Error('there is a server');
  server.answerLoss = 0.4;
  const directory = new TwinDirectory();
  const node = bench.start(directory);
  await bench.pass(300_000);
  server.answerLoss = 0;
  await bench.pass(LONG_MS);
  t.true(node.fate.kind === 'registered' && !node.fate.setAside, JSON.stringify(node.fate));
});

// ---- two copies at once ----------------------------------------------------------------------------------------------

test('a copy started beside the running node ends with one line, and changes nothing', async (t) => {
  const bench = new GenerationWorld();
  const directory = new TwinDirectory();
  const node = bench.start(directory);
  await bench.pass(25_000);
  const { fate } = node;
  if (fate.kind !== 'registered') throw new Error('the node runs');
  const copy = directory.copy();
  const before = copy.disk.read('/data/node.json');
  const holder = bench.holder(fate.id);
  const second = bench.start(copy);
  await bench.pass(LONG_MS);
  t.true(second.fate.kind === 'ended', JSON.stringify(second.fate));
  t.regex(
    second.fate.kind === 'ended' ? second.fate.text : '',
    /^kvnode: another process, at node-1:7000, .*copy/,
  );
  t.deepEqual(copy.disk.read('/data/node.json'), before);
  t.is(bench.holder(fate.id), holder);
  t.deepEqual(node.fate, fate, 'the first node is not disturbed');
});

test('of two copies started at the same time, one becomes the node and the other ends', async (t) => {
  const run = await firstRun(Number.POSITIVE_INFINITY);
  const { bench, directory } = run;
  const nodes = [bench.start(directory.copy()), bench.start(directory.copy())];
  await bench.pass(LONG_MS);
  const fates = nodes.map(({ fate }) => fate.kind).sort();
  t.deepEqual(fates, ['ended', 'registered'], JSON.stringify(nodes.map(({ fate }) => fate)));
  const ended = nodes.map(({ fate }) => fate).find(({ kind }) => kind === 'ended');
  t.regex(ended?.kind === 'ended' ? ended.text : '', /another process .* copy of this data directory/);
});

test('a node that was paused while a copy of it was started ends when it continues', async (t) => {
  const bench = new GenerationWorld();
  const directory = new TwinDirectory();
  const first = bench.start(directory);
  await bench.pass(25_000);
  const copy = directory.copy();
  first.process.pause();
  const second = bench.start(copy);
  await bench.pass(LONG_MS);
  t.true(second.fate.kind === 'registered' && !second.fate.setAside, JSON.stringify(second.fate));
  first.process.resume();
  await bench.pass(LONG_MS);
  t.regex(
    first.fate.kind === 'ended' ? first.fate.text : first.fate.kind,
    /has run as this node on another copy/,
  );
  t.is(second.fate.kind, 'registered');
});
