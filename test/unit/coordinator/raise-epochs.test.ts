// ZooKeeper was restored to an older state: who begins again, in which epoch, with which replicas, by what the nodes report.

import test from 'ava';
import { present } from '../../../common/base/assert.ts';
import { type Descriptor, incOf, withInSync } from '../../../common/model/descriptor.ts';
import type { NodeReport, ReplicaReport } from '../../../common/model/records.ts';
import { DEFAULT_PLAN } from '../../../coordinator/config.ts';
import { plan } from '../../../coordinator/plan.ts';
import {
  changes,
  IDLE_MS,
  nodesOf,
  rangeSteps,
  type SmallCluster,
  settled,
} from '../../support/small-cluster.ts';

/** `holds 12/57 of inc 4` in short: what one node tells of range 1. */
interface LastAnswer extends Partial<ReplicaReport> {
  readonly seen?: number;
  /** The node reports, and has no replica of the range. */
  readonly none?: boolean;
}

function report(
  node: string,
  descriptor: Descriptor,
  { seen = 12, none = false, ...more }: LastAnswer,
): NodeReport {
  const inc = descriptor.replicas.find((replica) => replica.node === node)?.inc ?? descriptor.nextInc + 3;
  const told = {
    range: 1,
    inc,
    epochSeen: seen,
    lastEpoch: 12,
    lastSeq: 50,
    role: 'holds',
    ...more,
  } as const;
  // The nodes of `settled` have these sessions.
  return { node, session: node.replace('n', 's'), replicas: none ? [] : [told] };
}

/** Four nodes; range 1 is at an old epoch and names n1 to n3 or others; `told` says who reports. */
function restored(
  told: Readonly<Record<string, LastAnswer>>,
  force = false,
): { cluster: SmallCluster; before: Descriptor } {
  const cluster = settled(4);
  const before = present(cluster.ranges.get(1)?.descriptor, 'range 1');
  const reports = Object.entries(told).map(([node, what]) => report(node, before, what));
  cluster.ask('t', { kind: 'raise-epochs', reports, force });
  return { cluster, before };
}

/** The node that the descriptor does not name. */
function outsiderOf({ replicas }: Descriptor): string {
  const found = ['n1', 'n2', 'n3', 'n4'].find((id) => !replicas.some(({ node }) => node === id));
  return present(found, 'a node outside');
}

function outcome(cluster: SmallCluster): string {
  const { state, progress } = present(cluster.tasks.get('t'), 'the task').record;
  return `${state}: ${progress}`;
}

test('the newest log begins, above every epoch, with those that are as new', (t) => {
  const { cluster, before } = restored({
    n1: { lastSeq: 57 },
    n2: { lastSeq: 57, seen: 15 },
    n3: { lastSeq: 90, lastEpoch: 11 },
    n4: { none: true },
  });
  const named = before.replicas.map(({ node }) => node).sort();
  t.is(changes(cluster.round(DEFAULT_PLAN, 0, 'idle'))[0], 'raise-epoch');
  const after = present(cluster.ranges.get(1)?.descriptor, 'range 1');
  t.is(after.epoch, 16);
  t.deepEqual(after.inSync, ['n1', 'n2']);
  t.true(after.inSync.includes(after.owner.node));
  t.is(after.owner.session, cluster.live.get(after.owner.node)?.session ?? 'none');
  // Each node that reported keeps what it has; n4 has nothing, whatever the descriptor says.
  t.false(after.replicas.some(({ node }) => node === 'n4'));
  t.true(after.nextInc > Math.max(...after.replicas.map(({ inc }) => inc)));
  t.true(named.length === 3);
  cluster.round(DEFAULT_PLAN, 0, 'idle');
  t.regex(outcome(cluster), /^done/);
});

test('a replica that was added after the time of the descriptor comes in with its own inc, and may begin', (t) => {
  const { cluster, before } = restored({});
  const [outsider] = ['n1', 'n2', 'n3', 'n4'].filter(
    (id) => !before.replicas.some(({ node }) => node === id),
  );
  const other = present(outsider, 'a node outside');
  cluster.tasks.clear();
  const all = ['n1', 'n2', 'n3', 'n4'].map((node) =>
    report(node, before, node === other ? { lastSeq: 60 } : {}),
  );
  cluster.ask('t', { kind: 'raise-epochs', reports: all, force: false });
  cluster.round(DEFAULT_PLAN, 0, 'idle');
  const after = present(cluster.ranges.get(1)?.descriptor, 'range 1');
  t.is(after.owner.node, other);
  t.is(after.owner.inc, before.nextInc + 3);
  t.deepEqual(after.inSync, [other]);
  t.is(after.minInSync, 1);
  t.is(after.nextInc, before.nextInc + 4);
});

test('one that was removed before, and is not wiped yet, does not come in again', (t) => {
  const { cluster, before } = restored({});
  const outsider = outsiderOf(before);
  cluster.tasks.clear();
  const all = ['n1', 'n2', 'n3', 'n4'].map((node) =>
    report(node, before, node === outsider ? { inc: 0, lastSeq: 99 } : {}),
  );
  cluster.ask('t', { kind: 'raise-epochs', reports: all, force: false });
  cluster.round(DEFAULT_PLAN, 0, 'idle');
  const after = present(cluster.ranges.get(1)?.descriptor, 'range 1');
  t.false(after.replicas.some(({ node }) => node === outsider));
  t.not(after.owner.node, outsider);
});

const ALL = { n1: {}, n2: {}, n3: {}, n4: { none: true } } as const;

const REFUSED: readonly [what: string, told: Readonly<Record<string, LastAnswer>>, words: RegExp][] = [
  [
    'a node has not reported',
    { n1: {}, n2: {} },
    /range 1: no report of n3 .*n4|range 1: no report of n3, n4/,
  ],
  [
    'all replicas are void',
    { n1: { role: 'void' }, n2: { role: 'void' }, n3: { role: 'void' }, n4: { none: true } },
    /no replica with data/,
  ],
];

for (const [what, told, words] of REFUSED) {
  test(`refused, and nothing changes: ${what}`, (t) => {
    const { cluster, before } = restored(told);
    cluster.settle(DEFAULT_PLAN, IDLE_MS);
    t.regex(outcome(cluster), /^failed/);
    t.regex(outcome(cluster), words);
    t.is(cluster.ranges.get(1)?.descriptor.epoch, before.epoch);
  });
}

test('refused without a report of a live node whose record cannot be read', (t) => {
  const { cluster, before } = restored({ n1: {}, n2: {}, n3: {} });
  cluster.nodes.delete('n4');
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  t.regex(outcome(cluster), /^failed: range 1: no report of n4/);
  t.is(cluster.ranges.get(1)?.descriptor.epoch, before.epoch);
});

test('R1: refused while the owner that the descriptor names may serve', (t) => {
  for (const change of [{ role: 'owner' }, { seen: 0 }] as const) {
    const { cluster, before } = restored({});
    const owner = before.owner.node;
    cluster.tasks.clear();
    const reports = ['n1', 'n2', 'n3', 'n4'].map((node) =>
      report(node, before, node === owner ? change : {}),
    );
    cluster.ask('t', { kind: 'raise-epochs', reports, force: true });
    cluster.settle(DEFAULT_PLAN, IDLE_MS);
    t.regex(outcome(cluster), /^failed: range 1: .* may own it in epoch \d+: restart that node first/);
    t.is(cluster.ranges.get(1)?.descriptor.epoch, before.epoch);
  }
});

test('a range begins again where its live owner never enters the present epoch, though no replica is above that', (t) => {
  for (const ofOwner of [{ lastSeq: 50 }, { inc: 9, seen: 0 }]) {
    const { cluster, before } = restored({});
    const { epoch, owner } = before;
    cluster.tasks.clear();
    const reports = ['n1', 'n2', 'n3', 'n4'].map((node) =>
      report(node, before, { seen: epoch, ...(node === owner.node ? ofOwner : {}) }),
    );
    cluster.ask('t', { kind: 'raise-epochs', reports, force: false });
    t.is(changes(cluster.round(DEFAULT_PLAN, 0, 'idle'))[0], 'raise-epoch');
    t.is(cluster.ranges.get(1)?.descriptor.epoch, epoch + 1);
    cluster.round(DEFAULT_PLAN, 0, 'idle');
  }
});

for (const [what, happens] of [
  ['restarted', (cluster: SmallCluster) => cluster.start('n2')],
  ['gone', (cluster: SmallCluster) => cluster.stop('n2')],
] as const) {
  test(`refused, by force too, where a node is ${what} since it reported: the report may be old`, (t) => {
    const { cluster, before } = restored({ ...ALL, n2: { lastSeq: 99 } }, true);
    happens(cluster);
    for (let round = 0; round < 3; round++) cluster.round(DEFAULT_PLAN, 0, 'idle');
    t.is(outcome(cluster), 'failed: n2: restarted or gone since the report; ask again');
    const after = present(cluster.ranges.get(1)?.descriptor, 'range 1');
    t.true(after.epoch <= before.epoch + 1, 'no more than a promotion');
  });
}

test('by force it goes on without the silent ones, which stay as learners', (t) => {
  const { cluster, before } = restored({ n1: {}, n2: {} }, true);
  const silent = before.replicas.filter(({ node }) => node !== 'n1' && node !== 'n2');
  if (before.owner.node !== 'n1' && before.owner.node !== 'n2') cluster.start(before.owner.node);
  for (let round = 0; round < 3; round++) cluster.round(DEFAULT_PLAN, 0, 'idle');
  const after = present(cluster.ranges.get(1)?.descriptor, 'range 1');
  t.true(after.epoch > 12);
  for (const { node } of silent) {
    t.true(after.replicas.some((replica) => replica.node === node));
  }
});

test('a range that is not below anything and has an owner is left alone, and rubbish is refused', (t) => {
  const { cluster, before } = restored({});
  cluster.tasks.clear();
  const reports = ['n1', 'n2', 'n3', 'n4'].map((node) =>
    report(node, before, {
      seen: before.epoch,
      role: node === before.owner.node ? 'owner' : 'holds',
      none: node === outsiderOf(before),
    }),
  );
  cluster.ask('t', { kind: 'raise-epochs', reports, force: false });
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  t.regex(outcome(cluster), /^done/);
  t.is(cluster.ranges.get(1)?.descriptor.epoch, before.epoch);
  for (const rubbish of [
    '7',
    '[7]',
    '[{"node":"n1"}]',
    '[{"node":"n1","session":1,"replicas":[]}]',
    '[{"node":"n1","session":"s1","replicas":[{"range":1}]}]',
  ]) {
    const other = settled(3);
    other.ask('t', {
      kind: 'raise-epochs',
      reports: JSON.parse(rubbish),
      force: true,
    });
    other.settle(DEFAULT_PLAN, IDLE_MS);
    t.regex(outcome(other), /^failed: (the request has no reports|a report is incomplete)/);
  }
});

// ---- an inc that is given out again (R9) ---------------------------------------------------------------------------

test('a replica outside the in-sync set gets the inc that its node needs; the others keep theirs', (t) => {
  const cluster = settled(3);
  const before = present(cluster.ranges.get(1)?.descriptor, 'range 1');
  const node = present(
    before.inSync.find((id) => id !== before.owner.node),
    'a follower',
  );
  const inc = present(incOf(before, node), 'its inc');
  cluster.neededIncs.set(node, [{ range: 1, inc: inc + 9 }]);
  t.deepEqual(plan(cluster.view(), DEFAULT_PLAN), [], 'a member of the in-sync set stays what it is');

  cluster.learn(
    withInSync(
      before,
      before.inSync.filter((id) => id !== node),
    ),
  );
  const [step] = rangeSteps(plan(cluster.view(), DEFAULT_PLAN));
  t.is(step?.change, 'renumber-replica');
  const after = present(step?.after, 'the step');
  t.is(incOf(after, node), inc + 9);
  t.is(after.nextInc, inc + 10);
  t.deepEqual(nodesOf(after), nodesOf(before));
  for (const { node: other, inc: kept } of before.replicas)
    if (other !== node) t.is(incOf(after, other), kept);

  cluster.learn(after);
  t.false(rangeSteps(plan(cluster.view(), DEFAULT_PLAN)).some(({ change }) => change === 'renumber-replica'));
});
