// The plan as stories and properties: whatever happened before, it comes to rest, and what it rests in is what was
// wished for. The nodes are played by test/support/small-cluster.ts.

import test from 'ava';
import fc from 'fast-check';
import { present } from '../../common/base/assert.ts';
import { formatBytes } from '../../common/base/bytes.ts';
import {
  type Descriptor,
  isInSync,
  withInSync,
  withMove,
  withOwner,
  withTransfer,
} from '../../common/model/descriptor.ts';
import { DEFAULT_PLAN, type PlanConfig } from '../../coordinator/config.ts';
import { evenSplitKeys } from '../../coordinator/plan/first-ranges.ts';
import { dueInMs, plan } from '../../coordinator/plan.ts';
import type { RangeStep, Step } from '../../coordinator/step.ts';
import { SmallCluster } from '../support/small-cluster.ts';

const config: PlanConfig = { ...DEFAULT_PLAN };
const QUIET_MS = 75_000;

function started(count: number, zones = 1): SmallCluster {
  const cluster = new SmallCluster();
  for (let i = 1; i <= count; i++) cluster.start(`n${i}`, { zone: `z${i % zones}` });
  return cluster;
}

function settled(count: number, zones = 1): SmallCluster {
  const cluster = started(count, zones);
  cluster.settle(config, QUIET_MS);
  return cluster;
}

const nodesOf = (descriptor: Descriptor) => descriptor.replicas.map((replica) => replica.node).sort();
const changes = (steps: readonly Step[]) =>
  steps.map((step) => (step.kind === 'range' ? step.change : step.kind));
const rangeSteps = (steps: readonly Step[]) =>
  steps.filter((step): step is RangeStep => step.kind === 'range');

function counts(names: readonly string[], nodes: Iterable<string>): number[] {
  return [...nodes].map((node) => names.filter((name) => name === node).length);
}

const ownersOf = (cluster: SmallCluster) => cluster.descriptors.map((descriptor) => descriptor.owner.node);
const spread = (values: readonly number[]) => Math.max(...values) - Math.min(...values);

const splits = test.macro({
  exec(t, count: number, keys: readonly string[]) {
    t.deepEqual(evenSplitKeys(count).map(formatBytes), keys);
  },
  title: (_, count: number, keys: readonly string[]) => `${count} ranges meet at [${keys.join(' ')}]`,
});
test(splits, 1, []);
test(splits, 2, ['i']);
test(splits, 3, ['c', 'o']);
test(splits, 6, ['6', 'c', 'i', 'o', 'u']);

test('many first ranges have rising keys', (t) => {
  const keys = evenSplitKeys(256).map(formatBytes);
  t.deepEqual(keys, [...new Set(keys)].sort());
  t.is(keys.length, 255);
});

test('three nodes: three ranges at once, in one step, one owned by each', (t) => {
  const cluster = started(3);
  const steps = cluster.round(config, 0);
  t.deepEqual(changes(steps), ['create-namespace']);
  t.deepEqual(ownersOf(cluster).sort(), ['n1', 'n2', 'n3']);
  for (const descriptor of cluster.descriptors) {
    t.deepEqual(nodesOf(descriptor), ['n1', 'n2', 'n3']);
    t.deepEqual(descriptor.inSync, ['n1', 'n2', 'n3']);
    t.is(descriptor.minInSync, 2);
    t.is(descriptor.epoch, 1);
    t.is(cluster.live.get(descriptor.owner.node)?.session, descriptor.owner.session);
  }
  t.is(cluster.cluster.record.nextRangeId, 4);
});

test('two nodes: the first ranges wait for a third, but not for ever', (t) => {
  const cluster = started(2);
  t.deepEqual(plan(cluster.view(), config), []);
  t.is(dueInMs(cluster.view(), config), config.firstRangesAfterMs);
  cluster.time += config.firstRangesAfterMs;
  t.deepEqual(changes(cluster.round(config, 0)), ['create-namespace']);
  t.deepEqual(cluster.descriptors.map(nodesOf), [
    ['n1', 'n2'],
    ['n1', 'n2'],
  ]);
});

test('one node that was told to begin alone does, and grows with those that come', (t) => {
  const alone = { ...config, initialNodes: 1 };
  const cluster = started(1);
  cluster.round(alone, 0);
  t.deepEqual(cluster.descriptors.map(nodesOf), [['n1']]);
  t.is(present(cluster.descriptors[0], 'range').minInSync, 1);
  cluster.start('n2');
  cluster.start('n3');
  cluster.settle(alone, QUIET_MS);
  const range = present(cluster.descriptors[0], 'range');
  t.deepEqual(nodesOf(range), ['n1', 'n2', 'n3']);
  t.is(range.minInSync, 2);
});

test('a killed owner: its range goes to the in-sync member that owns least, everything else stays', (t) => {
  const cluster = settled(3);
  const before = present(
    cluster.descriptors.find((d) => d.owner.node === 'n1'),
    'range',
  );
  cluster.stop('n1');
  const steps = rangeSteps(plan(cluster.view(), config));
  t.deepEqual(changes(steps), ['promote']);
  const after = present(steps[0], 'step').after;
  t.is(after.id, before.id);
  t.is(after.epoch, before.epoch + 1);
  t.true(['n2', 'n3'].includes(after.owner.node));
  t.regex(present(steps[0], 'step').reason, /n1 has ended/);
});

test('an owner with a new session is promoted anew, never taken for the old one', (t) => {
  const cluster = settled(1);
  cluster.start('n1');
  const step = present(rangeSteps(plan(cluster.view(), config))[0], 'step');
  t.is(step.change, 'promote');
  t.is(cluster.live.get('n1')?.session, step.after.owner.session);
});

test('nobody in-sync is live: nobody is promoted, whoever else is there', (t) => {
  const cluster = settled(3);
  for (const descriptor of cluster.descriptors) {
    if (descriptor.owner.node !== 'n3') cluster.learn(withInSync(descriptor, ['n1', 'n2']));
  }
  cluster.stop('n1');
  cluster.stop('n2');
  const steps = rangeSteps(plan(cluster.view(), config));
  t.false(steps.some((step) => !isInSync(step.before.descriptor, step.after.owner.node)));
  t.deepEqual(changes(steps), []);
});

test('a node gone for good: a fourth takes its replicas, then it is removed', (t) => {
  const cluster = settled(4);
  cluster.stop('n1');
  cluster.round(config, 0);
  t.deepEqual(plan(cluster.view(), config), [], 'it may come back');
  cluster.settle(config, QUIET_MS);
  for (const descriptor of cluster.descriptors) t.deepEqual(nodesOf(descriptor), ['n2', 'n3', 'n4']);
});

test('a node gone for good and no other to replace it: its replicas are kept', (t) => {
  const cluster = settled(3);
  cluster.stop('n1');
  cluster.settle(config, QUIET_MS);
  for (const descriptor of cluster.descriptors) t.deepEqual(nodesOf(descriptor), ['n1', 'n2', 'n3']);
});

test('a lost node that comes back while it is replaced leaves no surplus', (t) => {
  const cluster = settled(4);
  cluster.stop('n1');
  cluster.round(config, config.replaceAfterMs);
  cluster.round(config, 0);
  cluster.start('n1');
  cluster.settle(config, QUIET_MS);
  for (const descriptor of cluster.descriptors) t.is(descriptor.replicas.length, 3);
  t.deepEqual(counts(ownersOf(cluster), cluster.nodes.keys()), [1, 1, 1, 1]);
});

test('a returned node gets its share of owners again, once it has been there for a while', (t) => {
  const cluster = settled(3);
  cluster.stop('n1');
  cluster.settle(config, QUIET_MS);
  cluster.start('n1');
  cluster.round(config, 0);
  t.deepEqual(plan(cluster.view(), config), []);
  cluster.settle(config, QUIET_MS);
  t.deepEqual(ownersOf(cluster).sort(), ['n1', 'n2', 'n3']);
});

test('owners that have just changed are left in peace for a while', (t) => {
  const cluster = settled(3);
  const heir = present(cluster.live.get('n2'), 'n2');
  for (const descriptor of cluster.descriptors) cluster.learn(withOwner(descriptor, 'n2', heir.session));
  t.deepEqual(plan(cluster.view(), config), []);
  t.is(dueInMs(cluster.view(), config), config.balanceAfterMs);
  cluster.time += config.balanceAfterMs;
  t.deepEqual(changes(plan(cluster.view(), config)), ['transfer', 'transfer']);
});

/** Four nodes; each range with a replica on n1 is about to move it to the node that has none. n1 owns nothing. */
function leavingN1(): SmallCluster {
  const cluster = settled(4);
  for (const descriptor of cluster.descriptors) {
    const [heir] = descriptor.inSync.filter((node) => node !== 'n1');
    const live = present(cluster.live.get(heir ?? ''), 'heir');
    const owned = descriptor.owner.node === 'n1' ? withOwner(descriptor, live.id, live.session) : descriptor;
    const to = present(
      [...cluster.nodes.keys()].find((node) => !nodesOf(descriptor).includes(node)),
      'free node',
    );
    cluster.learn(to === 'n1' ? owned : withMove(owned, 'n1', to));
  }
  cluster.time += config.balanceAfterMs;
  return cluster;
}

test('nothing is handed over to a replica that is to make way', (t) => {
  const steps = rangeSteps(plan(leavingN1().view(), { ...config, movesAtOnce: 1 }));
  t.deepEqual(
    steps.filter((step) => step.after.transferTo === 'n1'),
    [],
  );
});

test('a replica that was to make way is kept when another is lost first', (t) => {
  const cluster = leavingN1();
  const moving = present(
    cluster.descriptors.find((descriptor) => descriptor.retire === 'n1'),
    'a move',
  );
  const [victim] = moving.inSync.filter((node) => node !== 'n1' && node !== moving.owner.node);
  cluster.stop(present(victim, 'victim'));
  cluster.time += config.replaceAfterMs;
  const step = rangeSteps(plan(cluster.view(), config)).find(({ after }) => after.id === moving.id);
  t.is(step?.change, 'keep-replica');
  t.is(step?.after.retire, null);
});

test('a hand-over whose heir is gone is called off', (t) => {
  const cluster = settled(3);
  const range = present(
    cluster.descriptors.find((descriptor) => descriptor.owner.node === 'n1'),
    'range',
  );
  cluster.learn(withTransfer(range, 'n2'));
  cluster.stop('n2');
  const step = rangeSteps(plan(cluster.view(), config)).find(({ after }) => after.id === range.id);
  t.is(step?.change, 'cancel-transfer');
  t.is(step?.after.transferTo, null);
});

test('a draining node owns nothing and gets nothing, but keeps its replicas', (t) => {
  const cluster = settled(3);
  cluster.setMode('n2', 'draining');
  cluster.settle(config, QUIET_MS);
  t.false(ownersOf(cluster).includes('n2'));
  for (const descriptor of cluster.descriptors) t.true(nodesOf(descriptor).includes('n2'));
});

test('a live node that is to leave the cluster loses its replicas as soon as others have them', (t) => {
  const cluster = settled(4);
  cluster.setMode('n2', 'gone');
  cluster.settle(config, QUIET_MS);
  for (const descriptor of cluster.descriptors) t.deepEqual(nodesOf(descriptor), ['n1', 'n3', 'n4']);
});

test('replicas of a range end in distinct zones', (t) => {
  const cluster = started(3);
  cluster.settle(config, QUIET_MS);
  cluster.start('n4', { zone: 'other' });
  cluster.start('n5', { zone: 'third' });
  cluster.settle(config, QUIET_MS);
  for (const descriptor of cluster.descriptors) {
    const zones = descriptor.replicas.map(({ node }) => cluster.nodes.get(node)?.record.zone);
    t.is(new Set(zones).size, 3, JSON.stringify(zones));
  }
});

test('a node of double capacity holds about double', (t) => {
  const cluster = new SmallCluster();
  for (const id of ['n1', 'n2', 'n3', 'n4']) cluster.start(id, { capacity: id === 'n1' ? 2 : 1 });
  cluster.ask('t', createTask({ replicationFactor: 1, splitAt: [...'abcdefghi'] }));
  cluster.settle(config, QUIET_MS);
  const ofTask = cluster.descriptors.filter((descriptor) => descriptor.namespace === 'logs');
  const [first, ...others] = counts(ofTask.flatMap(nodesOf), ['n1', 'n2', 'n3', 'n4']);
  t.true(others.every((count) => present(first, 'n1') > count));
});

function createTask(change: object) {
  return {
    kind: 'create-namespace',
    name: 'logs',
    replicationFactor: 3,
    minInSync: null,
    splitAt: null,
    ...change,
  } as const;
}

const refused = test.macro({
  exec(t, request: object, words: RegExp) {
    const cluster = settled(3);
    const before = cluster.descriptors;
    cluster.tasks.set('t', {
      id: 't',
      version: 0,
      record: {
        request: request as ReturnType<typeof createTask>,
        state: 'pending',
        progress: '',
        createdAt: 0,
      },
    });
    cluster.settle(config, QUIET_MS);
    t.is(cluster.tasks.get('t')?.record.state, 'failed');
    t.regex(cluster.tasks.get('t')?.record.progress ?? '', words);
    t.deepEqual(cluster.descriptors, before, 'nothing has changed');
  },
  title: (_, request: object, words: RegExp) => `${JSON.stringify(request)} is refused: ${words.source}`,
});
test(refused, createTask({ name: '../x' }), /name is 1 to 64/);
test(refused, createTask({ name: 'default' }), /there already/);
test(refused, createTask({ replicationFactor: 0 }), /replication factor/);
test(refused, createTask({ minInSync: 4 }), /minInSync/);
test(refused, createTask({ splitAt: ['m', 'm'] }), /same/);
test(refused, createTask({ splitAt: [''] }), /1 to 4096 bytes/);
test(refused, createTask({ splitAt: ['\\q'] }), /bad escape/);
test(refused, { kind: 'transfer', range: 77, to: 'n1' }, /no range 77/);
test(refused, { kind: 'transfer', range: 1, to: 'n9' }, /not in the in-sync set/);
test(refused, { kind: 'set-node-mode', node: 'n9', mode: 'active' }, /no node n9/);
test(refused, { kind: 'set-node-mode', node: 'n1', mode: 'asleep' }, /mode is one of/);
test(refused, { kind: 'dance' }, /no such task/);

test('a namespace at given keys', (t) => {
  const cluster = settled(3);
  cluster.ask('t', createTask({ minInSync: 3, splitAt: ['m', 'c\\x00'] }));
  cluster.settle(config, QUIET_MS);
  t.is(cluster.tasks.get('t')?.record.state, 'done');
  const made = cluster.descriptors.filter((descriptor) => descriptor.namespace === 'logs');
  t.deepEqual(
    made.map((d) => [formatBytes(d.start), d.end === null ? null : formatBytes(d.end), d.minInSync]),
    [
      ['', 'c\\x00', 3],
      ['c\\x00', 'm', 3],
      ['m', null, 3],
    ],
  );
});

test('a transfer that an administrator asks for runs, ends, and is said to have ended', (t) => {
  const cluster = settled(3);
  const range = present(cluster.descriptors[0], 'range');
  const to = present(
    range.inSync.find((node) => node !== range.owner.node),
    'another',
  );
  cluster.ask('t', { kind: 'transfer', range: range.id, to });
  t.is(changes(cluster.round(config, 0))[0], 'transfer');
  t.is(cluster.tasks.get('t')?.record.state, 'running');
  cluster.round(config, 0);
  t.is(cluster.tasks.get('t')?.record.state, 'done');
  cluster.settle(config, QUIET_MS);
  t.is(cluster.ranges.get(range.id)?.descriptor.owner.node, to, 'balance is found again with other ranges');
  t.deepEqual(ownersOf(cluster).sort(), ['n1', 'n2', 'n3']);
});

test('the mode of a node is set by a task', (t) => {
  const cluster = settled(3);
  cluster.ask('t', { kind: 'set-node-mode', node: 'n1', mode: 'draining' });
  cluster.round(config, 0);
  t.is(cluster.nodes.get('n1')?.record.mode, 'draining');
  t.is(cluster.tasks.get('t')?.record.state, 'done');
});

type Happening =
  | { readonly kind: 'start' | 'stop' | 'drain' | 'activate' | 'leave'; readonly node: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'namespace'; readonly rf: number; readonly ranges: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    kind: fc.constantFrom(
      'start' as const,
      'stop' as const,
      'drain' as const,
      'activate' as const,
      'leave' as const,
    ),
    node: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(0, 100, 15_000, 70_000) }),
  fc.record({
    kind: fc.constant('namespace' as const),
    rf: fc.integer({ min: 1, max: 5 }),
    ranges: fc.integer({ min: 1, max: 12 }),
  }),
);

function happen(cluster: SmallCluster, event: Happening, zones: number): void {
  switch (event.kind) {
    case 'start':
      return cluster.start(`n${event.node}`, { zone: `z${event.node % zones}` });
    case 'stop':
      return cluster.stop(`n${event.node}`);
    case 'drain':
      return setMode(cluster, event.node, 'draining');
    case 'activate':
      return setMode(cluster, event.node, 'active');
    case 'leave':
      return setMode(cluster, event.node, 'gone');
    case 'pass':
      cluster.time += event.ms;
      return;
    case 'namespace': {
      const splitAt = [...'abcdefghijklmnop'].slice(1, event.ranges);
      return cluster.ask(`t${cluster.tasks.size}`, {
        ...createTask({ replicationFactor: event.rf, splitAt }),
        name: `ns${cluster.tasks.size}`,
      });
    }
  }
}

function setMode(cluster: SmallCluster, node: number, mode: 'active' | 'draining' | 'gone'): void {
  if (cluster.nodes.has(`n${node}`)) cluster.setMode(`n${node}`, mode);
}

/** R7, R8, R9 and R5 as seen from outside: each step against what was there before it. */
function stepBreaks(cluster: SmallCluster, step: RangeStep): string | null {
  const before = step.before.descriptor;
  const { after } = step;
  const gone = before.replicas.filter(({ node }) => !nodesOf(after).includes(node));
  if (gone.some(({ node }) => isInSync(before, node))) return 'R9: an in-sync member is removed';
  if (after.inSync.join() !== before.inSync.join()) return 'only owners change the in-sync set';
  if (after.epoch !== before.epoch) {
    if (cluster.live.get(before.owner.node)?.session === before.owner.session) return 'R7: the owner lives';
    if (!isInSync(before, after.owner.node)) return 'R7: a promoted node is in-sync';
    if (cluster.live.get(after.owner.node)?.session !== after.owner.session)
      return 'R7: a promoted node is live';
  }
  const { transferTo } = after;
  if (step.change === 'transfer' && cluster.nodes.get(transferTo ?? '')?.record.mode !== 'active') {
    return 'a hand-over goes to an active node';
  }
  if (transferTo !== null && transferTo === after.retire && step.change !== 'retire-replica') {
    return 'a hand-over does not go to one that makes way';
  }
  return null;
}

test('whatever happens, every step keeps the rules, plans come to rest, and all is as even as it can be', (t) => {
  const moment = fc.record({ event: happening, nodes: fc.constantFrom('act' as const, 'idle' as const) });
  const histories = fc.array(moment, { minLength: 1, maxLength: 25 });
  const property = fc.property(histories, fc.integer({ min: 1, max: 4 }), (history, zones) => {
    const cluster = new SmallCluster();
    for (let i = 1; i <= 3; i++) cluster.start(`n${i}`, { zone: `z${i % zones}` });
    for (const { event, nodes } of history) {
      happen(cluster, event, zones);
      for (const step of rangeSteps(plan(cluster.view(), config))) {
        const broken = stepBreaks(cluster, step);
        if (broken !== null) throw new Error(`${broken}: ${step.reason}`);
      }
      cluster.round(config, 10, nodes);
    }
    for (let i = 1; i <= 6; i++) {
      cluster.start(`n${i}`, { zone: `z${i % zones}` });
      cluster.setMode(`n${i}`, 'active');
    }
    cluster.settle(config, QUIET_MS);
    for (const descriptor of cluster.descriptors) {
      const rf = present(cluster.namespaces.get(descriptor.namespace), 'namespace').record.replicationFactor;
      if (descriptor.replicas.length !== rf) throw new Error(`range ${descriptor.id} has not ${rf} replicas`);
      if (descriptor.inSync.length !== rf) throw new Error(`range ${descriptor.id} is not wholly in-sync`);
    }
    const owners = counts(ownersOf(cluster), cluster.nodes.keys());
    const roomy = [...cluster.namespaces.values()].every(({ record }) => record.replicationFactor > 2);
    if (roomy && spread(owners) > 1) throw new Error(`owners are uneven: ${owners.join()}`);
    const replicas = counts(cluster.descriptors.flatMap(nodesOf), cluster.nodes.keys());
    if (zones === 1 && spread(replicas) > 1) throw new Error(`replicas are uneven: ${replicas.join()}`);
  });
  fc.assert(property, { numRuns: 250, includeErrorInReport: true });
  t.pass();
});
