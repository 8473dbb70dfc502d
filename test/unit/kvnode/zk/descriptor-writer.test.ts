// What a node's owners write to ZooKeeper. The compare-and-sets of a turn are sent together, and each has its own outcome (R10). Events
// are written afterwards, many in one multi.

import test from 'ava';
import { silentLogger } from '../../../../common/base/log.ts';
import { withInSync } from '../../../../common/model/descriptor.ts';
import type { Zk } from '../../../../common/zk/store.ts';
import { descriptorCodec, eventCodec, paths } from '../../../../common/zk/znodes.ts';
import type { CasOutcome } from '../../../../kvnode/replica/replica-messages.ts';
import { DescriptorWriter } from '../../../../kvnode/zk/descriptor-writer.ts';
import { EventWriter } from '../../../../kvnode/zk/event-writer.ts';
import { plainRange } from '../../../support/plain-ranges.ts';
import { type Fate, TreeSession } from '../../../support/tree-session.ts';
import { VirtualEnv } from '../../../support/virtual-env.ts';

const RANGES = 200;
const pathOf = (id: number): string => paths.range('default', id);

/** Ranges 1 to 200 at version 0, and a node that removes n-3 from the in-sync set of any of them. */
function node() {
  const tree = new TreeSession();
  for (let id = 1; id <= RANGES; id++) tree.put(pathOf(id), descriptorCodec.encode(plainRange(id)));
  const zk = { session: tree.session } as { session: Zk['session'] };
  const writer = new DescriptorWriter(zk as Zk, silentLogger);
  const shrink = (id: number): Promise<CasOutcome> =>
    writer.compareAndSet(withInSync(plainRange(id), ['n-1', 'n-2']), 0);
  const shrinkAll = (): readonly Promise<CasOutcome>[] =>
    Array.from({ length: RANGES }, (_, index) => shrink(index + 1));
  const version = (id: number): number | undefined => tree.node(pathOf(id))?.version;
  return { tree, zk, writer, shrink, shrinkAll, version };
}

test('the compare-and-sets of a turn are sent at its end, in few multis', async (t) => {
  const { tree, writer, shrinkAll, version } = node();
  const outcomes = shrinkAll();
  t.is(tree.multis.length, 0);
  writer.flush();
  t.deepEqual(new Set(await Promise.all(outcomes)), new Set(['done']));
  t.is(tree.multis.length, 2);
  for (let id = 1; id <= RANGES; id++) t.is(version(id), 1);
});

test('only compare-and-sets that were overtaken are refused', async (t) => {
  const { tree, writer, shrinkAll, version } = node();
  const overtaken = [3, 4, 150];
  for (const id of overtaken) tree.put(pathOf(id), descriptorCodec.encode(plainRange(id)));
  const outcomes = shrinkAll();
  writer.flush();
  const results = await Promise.all(outcomes);
  t.deepEqual(
    results.flatMap((outcome, index) => (outcome === 'done' ? [] : [[index + 1, outcome]])),
    overtaken.map((id) => [id, 'refused']),
  );
  for (let id = 1; id <= RANGES; id++) t.is(version(id), 1, 'each range was changed once');
});

test('a range whose znode is missing is refused, the others are not', async (t) => {
  const { writer, shrink } = node();
  const outcomes = [shrink(1), shrink(RANGES + 1), shrink(2)];
  writer.flush();
  t.deepEqual(await Promise.all(outcomes), ['done', 'refused', 'done']);
});

const withoutAnswer = test.macro({
  async exec(t, fate: Fate, versionAfter: number) {
    const { tree, writer, shrinkAll, version } = node();
    tree.fate = () => fate;
    const outcomes = shrinkAll();
    writer.flush();
    t.deepEqual(new Set(await Promise.all(outcomes)), new Set(['unknown']));
    t.is(
      tree.multis.length,
      2,
      'it is sent once; the replica reads the descriptor and issues it again (R10)',
    );
    for (let id = 1; id <= RANGES; id++) t.is(version(id), versionAfter);
  },
  title: (_, fate: Fate) => `a multi that is ${fate} settles nothing`,
});
test(withoutAnswer, 'lost', 1);
test(withoutAnswer, 'unsent', 0);

test('a compare-and-set that was requested in one session is not sent in the next', async (t) => {
  const { tree, zk, writer, shrink } = node();
  const next = new TreeSession();
  tree.fate = () => 'unsent';
  const before = [shrink(1), shrink(2)];
  zk.session = next.session;
  const after = shrink(3);
  writer.flush();
  t.deepEqual(await Promise.all(before), ['unknown', 'unknown']);
  t.is(await after, 'refused', 'there is no such range');
  t.deepEqual(
    next.multis.map((ops) => ops.map(({ path }) => path)),
    [[pathOf(3)]],
  );
  zk.session = null;
  t.is(await shrink(4), 'unknown');
});

test('while several multis are in flight, further compare-and-sets are gathered', async (t) => {
  const { tree, writer, shrink } = node();
  let answer: () => void = () => {};
  const answered = new Promise<Fate>((resolve) => {
    answer = () => resolve('answered');
  });
  tree.fate = () => answered;
  const outcomes = Array.from({ length: 30 }, (_, index) => {
    const outcome = shrink(index + 1);
    writer.flush();
    return outcome;
  });
  t.is(tree.multis.length, 4);
  answer();
  t.deepEqual(new Set(await Promise.all(outcomes)), new Set(['done']));
  t.deepEqual(
    tree.multis.map(({ length }) => length),
    [1, 1, 1, 1, 26],
  );
  t.is(tree.concurrentMax, 4);
});

/** A node that reports events. `written` returns the ranges of the events in ZooKeeper. */
function reporter() {
  const tree = new TreeSession();
  tree.put(paths.events);
  const env = new VirtualEnv();
  const events = new EventWriter('n-1', { session: tree.session } as Zk, env, silentLogger);
  const report = (range: number): void => events.report({ kind: 'shrink', text: '', range });
  const written = (): readonly (number | undefined)[] =>
    (tree.tree.children(paths.events) ?? []).map(
      (name) => eventCodec.decode(tree.node(paths.event(name))?.data ?? new Uint8Array(0)).range,
    );
  return { tree, env, report, written };
}

test('events of many ranges are written in order, in few multis', async (t) => {
  const { tree, env, report, written } = reporter();
  const ranges = Array.from({ length: RANGES }, (_, index) => index + 1);
  ranges.forEach(report);
  await env.run(10);
  t.deepEqual(written(), ranges);
  t.is(tree.multis.length, 2);
});

test('lost events are not repeated; later ones are written', async (t) => {
  const { tree, env, report, written } = reporter();
  tree.fate = () => 'unsent';
  report(1);
  await env.run(10);
  tree.fate = () => 'answered';
  report(2);
  await env.run(10);
  t.deepEqual(written(), [2]);
});

test('the number of waiting events is bounded', async (t) => {
  const { env, report, written } = reporter();
  for (let range = 1; range <= 5_000; range++) report(range);
  await env.run(10);
  t.is(written().length, 1_024);
});
