// `raiseEpochs` of the client: what it learns from the nodes, what it asks the leader for, and what it reports about each
// range. The leader here is scripted by the test; the real one is in the tests of the coordinator and in the e2e tests.

import test from 'ava';
import type { Client, RaiseOptions } from '../../../client/api.ts';
import { raiseTasks } from '../../../client/raise-tasks.ts';
import { emptyBytes } from '../../../common/base/bytes.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { LIMITS } from '../../../common/model/config.ts';
import type { NodeId, RangeId } from '../../../common/model/ids.ts';
import type { RaisedEpochs } from '../../../common/model/raise-epochs.ts';
import type { NodeReport, TaskRecord } from '../../../common/model/records.ts';
import type { NodeStatus, ReplicaStatus } from '../../../common/model/status.ts';
import { paths, taskCodec } from '../../../common/zk/znodes.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

const SEEN = 12;
const MANY = 700;

function replica(range: RangeId, change: Partial<ReplicaStatus> = {}): ReplicaStatus {
  return {
    ...{ range, inc: 1, role: 'follower', epochSeen: SEEN, descriptorEpoch: 1, lastEpoch: SEEN, lastSeq: 50 },
    ...{ syncedSeq: 50, commitSeq: 50, appliedSeq: 50, readOnlySince: null, followers: [], staleMs: null },
    conflict: null,
    ...change,
  };
}

function status(
  node: NodeId,
  replicas: readonly ReplicaStatus[],
  orphans: readonly RangeId[] = [],
): NodeStatus {
  return { node, version: '0', startedAt: 0, leaseMs: 0, replicas, orphans, logBytes: 0, memoryBytes: 0 };
}

type Leader = (record: TaskRecord, cluster: FakeCluster) => Pick<TaskRecord, 'state' | 'progress'> | null;

/** Begins every reported range again at n-2, as the leader should, except for those in `refused`. */
function obedient(...refused: readonly RangeId[]): Leader {
  return ({ request }, cluster) => {
    if (request?.kind !== 'raise-epochs') throw new Error('a request to raise epochs');
    const asked = new Set(request.reports.flatMap(({ replicas }) => replicas.map(({ range }) => range)));
    for (const range of asked)
      if (!refused.includes(range))
        cluster.describe(range, { epoch: SEEN + 1, owner: cluster.ownerOf('n-2') });
    const failed = refused.some((range) => asked.has(range));
    return failed ? { state: 'failed', progress: 'not this one' } : { state: 'done', progress: 'done' };
  };
}

interface Restored {
  readonly cluster: FakeCluster;
  readonly client: Client;
  /** Every task as it was created. */
  readonly tasks: TaskRecord[];
  raise(options?: RaiseOptions): Promise<RaisedEpochs>;
}

/**
 * Ranges 1 and 2 (of `default`) and 50 (of `orders`) at epoch 1; `reported` has what each node reports, or that it does not
 * answer.
 */
async function restored(
  reported: Readonly<Record<NodeId, NodeStatus | 'silent'>>,
  leader: Leader = obedient(),
): Promise<Restored> {
  const cluster = new FakeCluster(['m']);
  cluster.makeNamespace('orders', 2);
  cluster.describe(50, { namespace: 'orders', namespaceId: 2, start: emptyBytes, end: null });
  for (const id of [1, 2, 50])
    cluster.describe(id, { owner: { node: 'n-1', session: 'an-old-one', inc: 1 } });
  for (const [id, answer] of Object.entries(reported))
    cluster.node(id).behave = (body) => {
      if (body.kind !== 'status') return 'default';
      return answer === 'silent'
        ? answer
        : { kind: 'status-reply', json: Buffer.from(JSON.stringify(answer)) };
    };
  const tasks: TaskRecord[] = [];
  cluster.zk.created = (path, data) => {
    const record = taskCodec.decode(data);
    tasks.push(record);
    const answer = leader(record, cluster);
    if (answer !== null) cluster.zk.put(path, taskCodec.encode({ ...record, ...answer }));
  };
  const client = await cluster.connect({ deadlineMs: 500 });
  return { cluster, client, tasks, raise: (options) => cluster.env.until(client.raiseEpochs(options)) };
}

/** All three hold all ranges; n-2 has the newest log of range 2. */
function all(): Record<NodeId, NodeStatus> {
  return {
    'n-1': status('n-1', [replica(1), replica(2), replica(50)]),
    'n-2': status('n-2', [replica(1, { epochSeen: 9 }), replica(2, { lastSeq: 60 }), replica(50)]),
    'n-3': status('n-3', [replica(1), replica(2), replica(50)]),
  };
}

/** `1 begun at n-2` */
function shortly({ ranges }: RaisedEpochs): readonly string[] {
  return ranges.map(({ range, outcome, node }) => `${range} ${outcome} at ${node ?? 'none'}`);
}

function rangesIn({ request }: TaskRecord): readonly RangeId[] {
  if (request?.kind !== 'raise-epochs') throw new Error('a request to raise epochs');
  return [...new Set(request.reports.flatMap(({ replicas }) => replicas.map(({ range }) => range)))].sort();
}

test('a dry run shows where each range of every namespace would begin, and asks the leader for nothing', async (t) => {
  const { raise, tasks } = await restored(all());
  const found = await raise({ dryRun: true });
  t.deepEqual(shortly(found), ['1 would-begin at n-1', '2 would-begin at n-2', '50 would-begin at n-1']);
  t.like(found.ranges[2], { namespace: 'orders', epoch: 1, epochSeen: SEEN });
  t.is(found.ranges[1]?.reason, 'in epoch 13 at n-2, whose log ends at 12/60');
  t.deepEqual(found.silent, []);
  t.deepEqual(tasks, []);
});

test('the outcome is read from ZooKeeper afterwards', async (t) => {
  const { raise, tasks } = await restored(all());
  t.deepEqual(shortly(await raise()), ['1 begun at n-2', '2 begun at n-2', '50 begun at n-2']);
  const request = tasks[0]?.request;
  t.is(tasks.length, 1);
  t.is(request?.kind === 'raise-epochs' && request.force, false);
  t.deepEqual((await raise()).ranges, [], 'the second time there is nothing to do');
});

test('a range that the leader refuses has its reason; the others begin', async (t) => {
  const { raise } = await restored(all(), obedient(2));
  const { ranges } = await raise();
  t.like(ranges[1], { range: 2, outcome: 'refused', node: null, reason: 'not this one' });
  t.is(ranges[0]?.outcome, 'begun');
});

test('without a conflict the leader is asked for nothing', async (t) => {
  const reported = { 'n-1': status('n-1', [replica(1, { epochSeen: 1 })]), 'n-2': status('n-2', []) };
  const { raise, tasks } = await restored({ ...reported, 'n-3': status('n-3', [replica(7)]) });
  t.deepEqual(await raise(), { ranges: [], silent: [] });
  t.deepEqual(tasks, []);
});

test('a node that does not answer, or is not live, is named; without it no range begins, except by force', async (t) => {
  const { raise, tasks, cluster } = await restored({ ...all(), 'n-2': 'silent' });
  cluster.zk.remove(paths.live('n-3'));
  await cluster.env.run(10);
  const found = await raise();
  t.deepEqual(
    found.silent.map(({ node }) => node),
    ['n-2', 'n-3'],
  );
  t.is(found.silent[1]?.reason, 'it is not live');
  t.deepEqual(shortly(found), ['1 refused at none', '2 refused at none', '50 refused at none']);
  t.regex(found.ranges[0]?.reason ?? '', /no report of n-2, n-3/);
  t.deepEqual(tasks, [], 'the leader would refuse it as well');

  t.deepEqual(shortly(await raise({ force: true })), ['1 begun at n-2', '2 begun at n-2', '50 begun at n-2']);
  const request = tasks[0]?.request;
  if (request?.kind !== 'raise-epochs') return t.fail('a request');
  t.true(request.force);
  t.deepEqual(
    request.reports.map(({ node }) => node),
    ['n-1'],
  );
});

test('a node that a descriptor names and that is not registered is named, too', async (t) => {
  const { raise, cluster } = await restored(all());
  cluster.describe(1, { replicas: [...cluster.range(1).replicas, { node: 'n-9', inc: 1 }] });
  const found = await raise({ dryRun: true });
  t.deepEqual(found.silent, [{ node: 'n-9', reason: 'it is not registered' }]);
  t.is(shortly(found)[0], '1 refused at none');
});

test('an answer from another node does not count', async (t) => {
  const { raise } = await restored({ ...all(), 'n-3': status('n-1', []) });
  const { silent } = await raise({ dryRun: true });
  t.deepEqual(silent, [{ node: 'n-3', reason: 'node n-1 answered in its place' }]);
});

test('R9: a range does not begin, even by force, if a replica was not compared with its descriptor', async (t) => {
  const early = [replica(1, { descriptorEpoch: null, lastSeq: 99 }), replica(2), replica(50)];
  const { raise } = await restored({ ...all(), 'n-3': status('n-3', early) });
  const { ranges } = await raise({ force: true });
  t.like(ranges[0], {
    range: 1,
    outcome: 'refused',
    reason: 'n-3 has not read the descriptor yet: try again in a moment',
  });
  t.is(ranges[1]?.outcome, 'begun');
});

test("R9: an orphan with a range's id is not a replica of that range", async (t) => {
  const other = [replica(1, { descriptorEpoch: null, epochSeen: 99, lastSeq: 99 }), replica(2), replica(50)];
  const { raise } = await restored({ ...all(), 'n-3': status('n-3', other, [1]) });
  const { ranges } = await raise({ dryRun: true });
  t.like(ranges[0], { range: 1, outcome: 'would-begin', epochSeen: SEEN, node: 'n-1' });
});

/** So many ranges that they need several tasks. Three nodes report each of them. */
async function manyRanges(leader?: Leader): Promise<Restored> {
  const ids = Array.from({ length: MANY }, (_, i) => 100 + i);
  const nodes = ['n-1', 'n-2', 'n-3'];
  const reported = Object.fromEntries(
    nodes.map((node) => [
      node,
      status(
        node,
        ids.map((id) => replica(id)),
      ),
    ]),
  );
  const many = await restored(reported, leader);
  for (const id of ids)
    many.cluster.describe(id, { owner: { node: 'n-1', session: 'an-old-one', inc: 1 } }, true);
  return many;
}

test('many ranges are divided into several tasks, and each range is in one of them', async (t) => {
  const { raise, tasks } = await manyRanges();
  const { ranges } = await raise();
  t.is(ranges.length, MANY);
  t.true(ranges.every(({ outcome }) => outcome === 'begun'));
  t.true(tasks.length > 2);
  const asked = tasks.flatMap(rangesIn);
  t.is(new Set(asked).size, MANY);
  t.is(asked.length, MANY, 'no range is in two');
  for (const task of tasks) {
    t.true(
      taskCodec.encode({ ...task, state: 'failed', progress: 'x'.repeat(1_000) }).length <=
        LIMITS.taskBytesMax,
    );
    if (task.request?.kind !== 'raise-epochs') return t.fail('a request');
    const [first, ...others] = task.request.reports.map(({ replicas }) => replicas.map(({ range }) => range));
    t.is(others.length, 2);
    for (const other of others) t.deepEqual(other, first);
  }
});

test('if the leader does not answer a task, the outcome of its ranges is unknown, and no more tasks are sent', async (t) => {
  let count = 0;
  const { raise, tasks } = await manyRanges((record, cluster) =>
    ++count === 2 ? null : obedient()(record, cluster),
  );
  const { ranges } = await raise();
  t.is(tasks.length, 2);
  t.true(ranges.some(({ outcome }) => outcome === 'refused'));
  const [first, second] = tasks.map((task) => new Set(rangesIn(task)));
  for (const { range, outcome, reason } of ranges) {
    const expected = first?.has(range) ? 'begun' : second?.has(range) ? 'unknown' : 'refused';
    if (outcome !== expected) return t.fail(`${range} ${outcome}`);
    if (outcome === 'refused') t.regex(reason, /^not asked for: no coordinator has answered in time/);
  }
});

test('without ZooKeeper it rejects', async (t) => {
  const { raise, cluster } = await restored(all());
  cluster.zk.away = true;
  const error = await t.throwsAsync(raise(), { instanceOf: RangekeeperError });
  t.is(error?.code, 'NO_CLUSTER');
});

test('a node that holds none of the ranges is named in each task, because it has reported', (t) => {
  const reports: NodeReport[] = [
    {
      node: 'n-1',
      session: 's-1',
      replicas: [{ range: 1, inc: 1, epochSeen: 2, lastEpoch: 2, lastSeq: 3, role: 'holds' }],
    },
    { node: 'n-2', session: null, replicas: [] },
  ];
  const [task, ...more] = raiseTasks([1], reports, true);
  t.deepEqual(more, []);
  t.deepEqual(task, { ranges: [1], request: { kind: 'raise-epochs', reports, force: true } });
  t.deepEqual(raiseTasks([], reports, true), []);
});
