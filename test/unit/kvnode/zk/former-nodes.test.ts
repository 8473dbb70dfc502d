// R12: a node whose data directory was set aside marks the record of its old id as gone. It does so only for an id that cannot
// come back, and whatever happens on the way, it does so once.

import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../../../common/base/bytes.ts';
import { type EventRecord, NOTHING_NOTED, type NodeRecord } from '../../../../common/model/records.ts';
import { eventCodec, generationCodec, nodeCodec, paths } from '../../../../common/zk/znodes.ts';
import { GenerationBench, TwinDirectory, type TwinNode } from '../../../support/generation-bench.ts';

/** Long enough for a session to end, and to be made again. */
const LONG_MS = 15_000;
const RUBBISH = toBytes('{"a":');

interface Story {
  readonly bench: GenerationBench;
  readonly directory: TwinDirectory;
  readonly oldId: string;
}

/** A node that ran for a while; its data directory is damaged now. */
async function damaged(how: 'stopped' | 'crashed' = 'stopped'): Promise<Story> {
  const bench = new GenerationBench();
  const directory = new TwinDirectory();
  const node = bench.start(directory);
  await bench.pass(LONG_MS);
  const oldId = idOf(node);
  if (how === 'stopped') await stop(bench, node);
  else bench.crash(directory, node);
  damage(directory);
  return { bench, directory, oldId };
}

function damage({ disk }: TwinDirectory): void {
  disk.replaceNow('/data/damage.json', toBytes('{"reason":"a test"}'));
}

async function stop(bench: GenerationBench, node: TwinNode): Promise<void> {
  void node.stop();
  await bench.pass(5_000);
}

function idOf({ fate }: TwinNode): string {
  if (fate.kind !== 'registered') throw new Error(`the node is not registered: ${JSON.stringify(fate)}`);
  return fate.id;
}

function record({ bench, oldId }: Story): NodeRecord {
  return nodeCodec.decode(bench.ensemble.tree.get(paths.node(oldId))?.data ?? RUBBISH);
}

function events({ bench: { ensemble } }: Story): readonly EventRecord[] {
  const names = ensemble.tree.children(paths.events) ?? [];
  return names.flatMap((name) => {
    const node = ensemble.tree.get(paths.event(name));
    return node === null ? [] : [eventCodec.decode(node.data)];
  });
}

/** Somebody else writes the znode. */
function put({ bench: { ensemble } }: Story, path: string, data: Uint8Array): void {
  const session = ensemble.openSession(1_000);
  ensemble.write(session, [{ kind: 'set', path, data, version: ensemble.tree.get(path)?.version ?? 0 }]);
}

/** Something happens when the node has looked, and its multi that marks the old id is on its way. */
function beforeTheMark({ bench: { ensemble }, oldId }: Story, happens: () => void): void {
  const write = ensemble.write.bind(ensemble);
  let within = false;
  ensemble.write = (session, ops) => {
    if (!within && ops.some(({ kind, path }) => kind === 'set' && path === paths.node(oldId))) {
      within = true;
      happens();
      within = false;
    }
    return write(session, ops);
  };
}

async function isGone(t: ExecutionContext, story: Story, what?: string): Promise<void> {
  await story.bench.pass(LONG_MS);
  t.is(record(story).mode, 'gone', what);
  t.deepEqual(
    events(story).map(({ kind, node }) => `${kind} ${node}`),
    [`node-gone ${story.oldId}`],
    what,
  );
}

async function isLeftAlone(t: ExecutionContext, story: Story): Promise<void> {
  await story.bench.pass(LONG_MS);
  t.is(record(story).mode, 'active');
  t.deepEqual(events(story), []);
}

test('the old id is gone as soon as the new one is registered, and its record stays otherwise as it was', async (t) => {
  const story = await damaged();
  const noted = { ...NOTHING_NOTED, downSince: 7 };
  put(story, paths.node(story.oldId), nodeCodec.encode({ ...record(story), mode: 'draining', noted }));
  const before = record(story);
  const node = story.bench.start(story.directory);
  await isGone(t, story);
  t.deepEqual(record(story), { ...before, mode: 'gone' });
  const [event] = events(story);
  t.is(event?.by, idOf(node));
  t.regex(event?.text ?? '', /\(n-[0-9a-f]{16}\) is gone for good: its data directory was set aside/);
});

test('its own dead session is closed, not waited for', async (t) => {
  const story = await damaged('crashed');
  t.not(story.bench.holder(story.oldId), null);
  story.bench.start(story.directory);
  await story.bench.pass(1_500);
  t.is(record(story).mode, 'gone');
});

test('a crash after any step loses nothing and repeats nothing', async (t) => {
  const whole = await damaged();
  const before = whole.bench.effects.length;
  whole.bench.start(whole.directory);
  // Not so long that the next generation is raised.
  await whole.bench.pass(5_000);
  t.is(record(whole).mode, 'gone');
  const steps = whole.bench.effects.length - before;
  t.true(steps > 6, 'set aside, made, joined, raised, marked');
  for (let crashAfter = 1; crashAfter <= steps; crashAfter++) {
    const story = await damaged();
    const { bench, directory } = story;
    const node = bench.start(directory);
    let left = crashAfter;
    bench.onEffect = () => {
      if (--left === 0) bench.crash(directory, node);
    };
    await bench.pass(LONG_MS);
    bench.onEffect = () => {};
    t.false(node.process.alive, `there is a step ${crashAfter}`);
    bench.start(directory);
    await isGone(t, story, `crashed after ${crashAfter} of ${steps} steps`);
  }
});

test('lost answers are made up for', async (t) => {
  const story = await damaged();
  const [server] = story.bench.ensemble.servers;
  if (server === undefined) throw new Error('there is a server');
  server.answerLoss = 0.4;
  story.bench.start(story.directory);
  await story.bench.pass(120_000);
  server.answerLoss = 0;
  await isGone(t, story);
});

test('a compare-and-set that another writer wins is tried again', async (t) => {
  const story = await damaged();
  const path = paths.node(story.oldId);
  let overtaken = 0;
  beforeTheMark(story, () => {
    if (overtaken++ < 6) put(story, path, nodeCodec.encode({ ...record(story), zone: `z${overtaken}` }));
  });
  story.bench.start(story.directory);
  await isGone(t, story);
  t.is(overtaken, 7);
  t.is(record(story).zone, 'z6');
});

test('who runs as the old id is left alone, for as long as it does', async (t) => {
  const story = await damaged();
  const { bench, oldId } = story;
  const session = bench.ensemble.openSession(3_600_000);
  bench.ensemble.write(session, [
    { kind: 'create', path: paths.live(oldId), data: RUBBISH, mode: 'ephemeral' },
  ]);
  bench.start(story.directory);
  await isLeftAlone(t, story);
  bench.ensemble.write(session, [{ kind: 'delete', path: paths.live(oldId), version: 0 }]);
  await isGone(t, story);
});

test('an older copy that was set aside says nothing of the directory that went on', async (t) => {
  const bench = new GenerationBench();
  const directory = new TwinDirectory();
  const first = bench.start(directory);
  await bench.pass(LONG_MS);
  const oldId = idOf(first);
  const copy = directory.copy();
  await bench.pass(LONG_MS);
  await stop(bench, first);
  const second = bench.start(copy);
  await isLeftAlone(t, { bench, directory: copy, oldId });
  t.not(idOf(second), oldId);
  const again = bench.start(directory);
  await bench.pass(LONG_MS);
  t.is(idOf(again), oldId, 'the directory that went on is the node that it was');
});

test('nor does a damaged one of which another copy has gone on', async (t) => {
  const story = await damaged();
  const { bench, directory, oldId } = story;
  const copy = directory.copy();
  await copy.disk.remove('/data/damage.json');
  const elsewhere = bench.start(copy);
  await bench.pass(LONG_MS);
  t.is(idOf(elsewhere), oldId);
  await stop(bench, elsewhere);
  bench.start(directory);
  await isLeftAlone(t, story);
});

test('a copy that registers between the look and the mark keeps its record', async (t) => {
  const story = await damaged();
  const { bench, oldId } = story;
  const session = bench.ensemble.openSession(3_600_000);
  let registered = false;
  beforeTheMark(story, () => {
    if (registered) return;
    registered = true;
    const path = paths.generation(oldId);
    const generation = (bench.generation(oldId)?.generation ?? 0) + 1;
    const version = bench.ensemble.tree.get(path)?.version ?? 0;
    bench.ensemble.write(session, [
      { kind: 'set', path, data: generationCodec.encode({ generation, writer: 'copy' }), version },
      { kind: 'create', path: paths.live(oldId), data: RUBBISH, mode: 'ephemeral' },
    ]);
  });
  bench.start(story.directory);
  await isLeftAlone(t, story);
  t.true(registered);
});

const leftAlone = test.macro({
  title: (_, what: string) => `${what}: left alone, and the new node works`,
  async exec(t, _: string, change: (story: Story) => void) {
    const story = await damaged();
    change(story);
    const before = story.bench.ensemble.tree.get(paths.node(story.oldId))?.data ?? null;
    const node = story.bench.start(story.directory);
    await story.bench.pass(LONG_MS);
    t.true(node.process.alive);
    t.not(idOf(node), story.oldId);
    t.deepEqual(story.bench.ensemble.tree.get(paths.node(story.oldId))?.data ?? null, before);
    t.deepEqual(events(story), []);
  },
});
test(leftAlone, 'a record that cannot be read', (story) => put(story, paths.node(story.oldId), RUBBISH));
test(leftAlone, 'the record of another node', (story) =>
  put(story, paths.node(story.oldId), nodeCodec.encode({ ...record(story), id: 'n-9' })),
);
test(leftAlone, 'a generation that cannot be read', (story) =>
  put(story, paths.generation(story.oldId), RUBBISH),
);
test(leftAlone, 'a record that is forgotten', ({ bench: { ensemble }, oldId }) => {
  const version = ensemble.tree.get(paths.node(oldId))?.version ?? 0;
  ensemble.write(ensemble.openSession(1_000), [{ kind: 'delete', path: paths.node(oldId), version }]);
});
test(leftAlone, 'a directory of another cluster', ({ directory: { disk } }) => {
  const file = JSON.parse(Buffer.from(disk.contentOf('/data/node.json')).toString());
  disk.setContent('/data/node.json', toBytes(JSON.stringify({ ...file, clusterId: 'c-2' })));
});
