// R12: a data directory that is an older copy, or a copy of which another one has gone on, is never used as the node that it
// was. Every crash between the durable steps, with every copy made before it.

import test from 'ava';
import {
  contains,
  type Lineage,
  NEW_LINEAGE,
  newestOf,
  parseLineage,
  raisedBy,
} from '../../../../kvnode/storage/log/lineage.ts';
import { type Fate, GenerationBench, TwinDirectory } from '../../../support/generation-bench.ts';

// ---- the history -----------------------------------------------------------------------------------------------------

/** `aab`: raised twice by the process a, then once by b. */
function lineage(writers: string): Lineage {
  return [...writers].reduce(raisedBy, NEW_LINEAGE);
}

const HISTORIES: readonly [
  own: string,
  generation: number,
  writer: string,
  contained: boolean,
  why: string,
][] = [
  ['a', 1, 'a', true, 'they are the same'],
  ['aa', 1, 'a', true, 'a crash came before ZooKeeper was told'],
  ['ab', 1, 'a', true, 'so it did in another process'],
  ['aab', 2, 'a', true, 'a process that is over raised it'],
  ['a', 2, 'a', false, 'the directory is an older copy'],
  ['a', 2, 'b', false, 'so it is where another process has gone on'],
  ['ab', 2, 'c', false, 'two copies were raised once each'],
  ['abc', 2, 'd', false, 'this copy was raised more often, and is the other one all the same'],
  ['', 1, 'a', false, 'the directory is new and the id is not'],
];

for (const [own, generation, writer, contained, why] of HISTORIES) {
  test(`${own || 'a new directory'} ${contained ? 'knows' : 'does not know'} ${generation}${writer}: ${why}`, (t) => {
    t.is(contains(lineage(own), { generation, writer }), contained);
  });
}

test('of long ago nothing is kept, and anything is taken for its own', (t) => {
  const own = lineage('abcdefghijklmnopqrstuvwxyz');
  t.is(own.runs.length, 16);
  t.true(contains(own, { generation: 5, writer: 'z' }), 'ZooKeeper was restored');
  t.false(contains(own, { generation: 20, writer: 'z' }));
});

test('what is read from a disk is a lineage, or nothing', (t) => {
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
  t.is(newestOf(NEW_LINEAGE), null);
});

// ---- every crash, every copy -----------------------------------------------------------------------------------------

/** Long enough for a session to end, and for three more generations. */
const LONG_MS = 35_000;
/** Changes of node.json before the first generation: made, joined. */
const MADE = 2;

interface Life {
  readonly bench: GenerationBench;
  readonly directory: TwinDirectory;
  /** Of the directory, after each durable change so far. */
  readonly copies: readonly TwinDirectory[];
  /** The changes. */
  readonly steps: readonly string[];
}

/** A node's first life, which stops in order unless it crashes before: after so many durable changes. */
async function live(crashAfter: number): Promise<Life> {
  const bench = new GenerationBench();
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

async function restarted({ bench }: Life, directory: TwinDirectory): Promise<Fate> {
  const node = bench.start(directory);
  await bench.pass(LONG_MS);
  return node.fate;
}

test('a directory that crashed between any two steps is itself; a copy from before what ZooKeeper knows never is', async (t) => {
  const { steps } = await live(Number.POSITIVE_INFINITY);
  t.deepEqual(
    steps.slice(0, 6),
    ['disk', 'disk', 'disk', 'zk', 'disk', 'zk'],
    'made, joined, then raised in pairs',
  );
  t.deepEqual(steps.slice(-2), ['disk', 'zk'], 'and once more as it stops');
  for (let crashAfter = 1; crashAfter <= steps.length; crashAfter++) {
    // Before the first there is nothing to copy.
    for (let copyAfter = 1; copyAfter <= crashAfter; copyAfter++) {
      const life = await live(crashAfter);
      const copy = copyAfter === crashAfter ? life.directory : (life.copies[copyAfter - 1] as TwinDirectory);
      const outdated = raisedIn(steps, copyAfter, crashAfter);
      const fate = await restarted(life, copy);
      const what = `crashed after ${crashAfter} steps, copy made after ${copyAfter}`;
      t.deepEqual(fate.kind === 'registered' && fate.setAside, outdated, `${what}: ${JSON.stringify(fate)}`);
    }
  }
});

/** Whether the directory raised a generation and ZooKeeper was told of it, both after the copy was made. */
function raisedIn(steps: readonly string[], copyAfter: number, crashAfter: number): boolean {
  const raised = steps.indexOf('disk', Math.max(copyAfter, MADE));
  return raised >= 0 && steps.slice(raised, crashAfter).includes('zk');
}

test('a copy made after an orderly stop is as good as the directory', async (t) => {
  const life = await live(Number.POSITIVE_INFINITY);
  const fate = await restarted(life, life.directory.copy());
  t.true(fate.kind === 'registered' && !fate.setAside);
});

test('ZooKeeper has forgotten the generation, or has an older one: it is raised', async (t) => {
  const life = await live(Number.POSITIVE_INFINITY);
  const { nodeId } = JSON.parse(Buffer.from(life.directory.disk.read('/data/node.json') ?? []).toString());
  const { bench } = life;
  const session = bench.ensemble.openSession(1_000);
  const version = bench.ensemble.tree.get(`/generations/${nodeId}`)?.version ?? 0;
  bench.ensemble.write(session, [{ kind: 'delete', path: `/generations/${nodeId}`, version }]);
  const fate = await restarted(life, life.directory);
  t.true(fate.kind === 'registered' && !fate.setAside);
  t.true((bench.generation(nodeId)?.generation ?? 0) > 4);
});

test('an answer that was lost is no alarm', async (t) => {
  const bench = new GenerationBench();
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

test('a copy started beside the running node refuses in one line, and changes nothing', async (t) => {
  const bench = new GenerationBench();
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
  t.deepEqual(node.fate, fate, 'the first one has noticed nothing');
});

test('of two copies started at one moment one becomes the node, and the other does not', async (t) => {
  const life = await live(Number.POSITIVE_INFINITY);
  const { bench, directory } = life;
  const nodes = [bench.start(directory.copy()), bench.start(directory.copy())];
  await bench.pass(LONG_MS);
  const fates = nodes.map(({ fate }) => fate.kind).sort();
  t.deepEqual(fates, ['ended', 'registered'], JSON.stringify(nodes.map(({ fate }) => fate)));
  const ended = nodes.map(({ fate }) => fate).find(({ kind }) => kind === 'ended');
  t.regex(ended?.kind === 'ended' ? ended.text : '', /another process .* copy of this data directory/);
});

test('a node that was paused while a copy of it took over ends as it wakes up', async (t) => {
  const bench = new GenerationBench();
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
