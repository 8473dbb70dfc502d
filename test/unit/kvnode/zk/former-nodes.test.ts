// R12: a node whose data directory was set aside marks the record of its old id as gone. It does so only if the id cannot come back,
// and exactly once, whatever fails meanwhile.

import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../../../common/base/bytes.ts';
import { type EventRecord, NOTHING_NOTED, type NodeRecord } from '../../../../common/model/records.ts';
import { eventCodec, generationCodec, nodeCodec, paths } from '../../../../common/zk/znodes.ts';
import { GenerationWorld, TwinDirectory, type TwinNode } from '../../../support/generation-world.ts';

/** Long enough for a session to end and for a new one to begin. */
const LONG_MS = 15_000;
const RUBBISH = toBytes('{"a":');

interface DamagedNode {
  readonly bench: GenerationWorld;
  readonly directory: TwinDirectory;
  readonly oldId: string;
}

/** A node that ran for a while and whose data directory is damaged now. */
async function damaged(how: 'stopped' | 'crashed' = 'stopped'): Promise<DamagedNode> {
  const bench = new GenerationWorld();
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

async function stop(bench: GenerationWorld, node: TwinNode): Promise<void> {
  void node.stop();
  await bench.pass(5_000);
}

function idOf({ fate }: TwinNode): string {
  if (fate.kind !== 'registered') throw new Error(`the node is not registered: ${JSON.stringify(fate)}`);
  return fate.id;
}

function record({ bench, oldId }: DamagedNode): NodeRecord {
  return nodeCodec.decode(bench.ensemble.tree.get(paths.node(oldId))?.data ?? RUBBISH);
}

function events({ bench: { ensemble } }: DamagedNode): readonly EventRecord[] {
  const names = ensemble.tree.children(paths.events) ?? [];
  return names.flatMap((name) => {
    const node = ensemble.tree.get(paths.event(name));
    return node === null ? [] : [eventCodec.decode(node.data)];
  });
}

/** Another client writes the znode. */
function put({ bench: { ensemble } }: DamagedNode, path: string, data: Uint8Array): void {
  const session = ensemble.openSession(1_000);
  ensemble.write(session, [{ kind: 'set', path, data, version: ensemble.tree.get(path)?.version ?? 0 }]);
}

/** Something happens when the node has looked, and its multi that marks the old id is on its way. */
function beforeTheMark({ bench: { ensemble }, oldId }: DamagedNode, happens: () => void): void {
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

async function isGone(t: ExecutionContext, damagedNode: DamagedNode, what?: string): Promise<void> {
  await damagedNode.bench.pass(LONG_MS);
  t.is(record(damagedNode).mode, 'gone', what);
  t.deepEqual(
    events(damagedNode).map(({ kind, node }) => `${kind} ${node}`),
    [`node-gone ${damagedNode.oldId}`],
    what,
  );
}

async function isLeftAlone(t: ExecutionContext, damagedNode: DamagedNode): Promise<void> {
  await damagedNode.bench.pass(LONG_MS);
  t.is(record(damagedNode).mode, 'active');
  t.deepEqual(events(damagedNode), []);
}

test('the old id is marked as gone once the new one is registered, and its record is otherwise unchanged', async (t) => {
  const damagedNode = await damaged();
  const noted = { ...NOTHING_NOTED, downSince: 7 };
  put(
    damagedNode,
    paths.node(damagedNode.oldId),
    nodeCodec.encode({ ...record(damagedNode), mode: 'draining', noted }),
  );
  const before = record(damagedNode);
  const node = damagedNode.bench.start(damagedNode.directory);
  await isGone(t, damagedNode);
  t.deepEqual(record(damagedNode), { ...before, mode: 'gone' });
  const [event] = events(damagedNode);
  t.is(event?.by, idOf(node));
  t.regex(event?.text ?? '', /\(n-[0-9a-f]{16}\) is gone for good: its data directory was set aside/);
});

test('a dead session of the same directory is closed, not waited for', async (t) => {
  const damagedNode = await damaged('crashed');
  t.not(damagedNode.bench.holder(damagedNode.oldId), null);
  damagedNode.bench.start(damagedNode.directory);
  await damagedNode.bench.pass(1_500);
  t.is(record(damagedNode).mode, 'gone');
});

test('a crash after any step loses nothing and repeats nothing', async (t) => {
  const undisturbed = await damaged();
  const before = undisturbed.bench.effects.length;
  undisturbed.bench.start(undisturbed.directory);
  // A time too short for the next generation to be raised.
  await undisturbed.bench.pass(5_000);
  t.is(record(undisturbed).mode, 'gone');
  const steps = undisturbed.bench.effects.length - before;
  t.true(steps > 6, 'set aside, made, joined, raised, marked');
  for (let crashAfter = 1; crashAfter <= steps; crashAfter++) {
    const damagedNode = await damaged();
    const { bench, directory } = damagedNode;
    const node = bench.start(directory);
    let left = crashAfter;
    bench.onEffect = () => {
      if (--left === 0) bench.crash(directory, node);
    };
    await bench.pass(LONG_MS);
    bench.onEffect = () => {};
    t.false(node.process.alive, `there is a step ${crashAfter}`);
    bench.start(directory);
    await isGone(t, damagedNode, `crashed after ${crashAfter} of ${steps} steps`);
  }
});

test('after lost answers the old id is still marked', async (t) => {
  const damagedNode = await damaged();
  const [server] = damagedNode.bench.ensemble.servers;
  if (server === undefined) throw new Error('there is a server');
  server.answerLoss = 0.4;
  damagedNode.bench.start(damagedNode.directory);
  await damagedNode.bench.pass(120_000);
  server.answerLoss = 0;
  await isGone(t, damagedNode);
});

test('a compare-and-set that another writer wins is tried again', async (t) => {
  const damagedNode = await damaged();
  const path = paths.node(damagedNode.oldId);
  let overtaken = 0;
  beforeTheMark(damagedNode, () => {
    if (overtaken++ < 6)
      put(damagedNode, path, nodeCodec.encode({ ...record(damagedNode), zone: `z${overtaken}` }));
  });
  damagedNode.bench.start(damagedNode.directory);
  await isGone(t, damagedNode);
  t.is(overtaken, 7);
  t.is(record(damagedNode).zone, 'z6');
});

test('the record is left alone while a process runs as the old id', async (t) => {
  const damagedNode = await damaged();
  const { bench, oldId } = damagedNode;
  const session = bench.ensemble.openSession(3_600_000);
  bench.ensemble.write(session, [
    { kind: 'create', path: paths.live(oldId), data: RUBBISH, mode: 'ephemeral' },
  ]);
  bench.start(damagedNode.directory);
  await isLeftAlone(t, damagedNode);
  bench.ensemble.write(session, [{ kind: 'delete', path: paths.live(oldId), version: 0 }]);
  await isGone(t, damagedNode);
});

test('the record is left alone if an older copy was set aside', async (t) => {
  const bench = new GenerationWorld();
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

test('the record is left alone if another copy of the damaged directory was used since', async (t) => {
  const damagedNode = await damaged();
  const { bench, directory, oldId } = damagedNode;
  const copy = directory.copy();
  await copy.disk.remove('/data/damage.json');
  const elsewhere = bench.start(copy);
  await bench.pass(LONG_MS);
  t.is(idOf(elsewhere), oldId);
  await stop(bench, elsewhere);
  bench.start(directory);
  await isLeftAlone(t, damagedNode);
});

test('a copy that registers between the read and the write keeps its record', async (t) => {
  const damagedNode = await damaged();
  const { bench, oldId } = damagedNode;
  const session = bench.ensemble.openSession(3_600_000);
  let registered = false;
  beforeTheMark(damagedNode, () => {
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
  bench.start(damagedNode.directory);
  await isLeftAlone(t, damagedNode);
  t.true(registered);
});

const leftAlone = test.macro({
  title: (_, what: string) => `${what}: left alone, and the new node works`,
  async exec(t, _: string, change: (damagedNode: DamagedNode) => void) {
    const damagedNode = await damaged();
    change(damagedNode);
    const before = damagedNode.bench.ensemble.tree.get(paths.node(damagedNode.oldId))?.data ?? null;
    const node = damagedNode.bench.start(damagedNode.directory);
    await damagedNode.bench.pass(LONG_MS);
    t.true(node.process.alive);
    t.not(idOf(node), damagedNode.oldId);
    t.deepEqual(damagedNode.bench.ensemble.tree.get(paths.node(damagedNode.oldId))?.data ?? null, before);
    t.deepEqual(events(damagedNode), []);
  },
});
test(leftAlone, 'a record that cannot be read', (damagedNode) =>
  put(damagedNode, paths.node(damagedNode.oldId), RUBBISH),
);
test(leftAlone, 'the record of another node', (damagedNode) =>
  put(damagedNode, paths.node(damagedNode.oldId), nodeCodec.encode({ ...record(damagedNode), id: 'n-9' })),
);
test(leftAlone, 'a generation that cannot be read', (damagedNode) =>
  put(damagedNode, paths.generation(damagedNode.oldId), RUBBISH),
);
test(leftAlone, 'a record that is forgotten', ({ bench: { ensemble }, oldId }) => {
  const version = ensemble.tree.get(paths.node(oldId))?.version ?? 0;
  ensemble.write(ensemble.openSession(1_000), [{ kind: 'delete', path: paths.node(oldId), version }]);
});
test(leftAlone, 'a directory of another cluster', ({ directory: { disk } }) => {
  const file = JSON.parse(Buffer.from(disk.contentOf('/data/node.json')).toString());
  disk.setContent('/data/node.json', toBytes(JSON.stringify({ ...file, clusterId: 'c-2' })));
});
