// The state of ranges and nodes on the page, computed from ZooKeeper and the reports of the nodes.

import test from 'ava';
import type { Condition, FeedState } from '../../../webserver/feed.ts';
import { feedState, type StatusReport } from '../../../webserver/page-state.ts';
import { MemoryCluster, NODES } from '../../support/memory-cluster.ts';

const NOW = Date.UTC(2026, 0, 2);

async function reportsOf(cluster: MemoryCluster): Promise<Map<string, StatusReport>> {
  const reports = new Map<string, StatusReport>();
  for (const node of NODES) {
    try {
      const status = await cluster.client.nodeStatus(node);
      reports.set(node, { kind: 'reported', status, leaseRenewedAt: null });
    } catch {
      reports.set(node, { kind: 'silent', since: NOW - 5_000 });
    }
  }
  return reports;
}

async function draw(
  cluster: MemoryCluster,
  before: FeedState | null = null,
  now: number = NOW,
): Promise<FeedState> {
  return feedState({
    view: cluster.view,
    reports: await reportsOf(cluster),
    before,
    now,
    namespace: 'default',
  });
}

interface Case {
  readonly change: (cluster: MemoryCluster) => void;
  readonly condition: Condition;
  readonly since: number | null;
}

const conditionOf = test.macro<[Case]>({
  title: (title) => `range 2 is ${title}`,
  async exec(t, { change, condition, since }) {
    const cluster = new MemoryCluster();
    change(cluster);
    const row = (await draw(cluster)).ranges.find(({ id }) => id === 2);
    t.is(row?.condition, condition);
    t.is(row?.since, since);
  },
});

test('serving if its owner reports so', conditionOf, {
  change: () => {},
  condition: 'serving',
  since: null,
});
test('read-only since the time that the owner reports', conditionOf, {
  change: (cluster) => cluster.readOnly.set(2, NOW - 9_000),
  condition: 'read-only',
  since: NOW - 9_000,
});
test('without an owner if the session of its owner has ended', conditionOf, {
  change: (cluster) => cluster.kill('n-b'),
  condition: 'no-owner',
  since: NOW,
});
test('without an owner if the node of its owner is back in another session', conditionOf, {
  change: (cluster) => {
    cluster.kill('n-b');
    cluster.start('n-b');
  },
  condition: 'no-owner',
  since: NOW,
});
test('silent since the first request that its owner did not answer', conditionOf, {
  change: (cluster) => cluster.silent.add('n-b'),
  condition: 'silent',
  since: NOW - 5_000,
});

test('starting while its owner has not committed its EpochStart', conditionOf, {
  change: (cluster) => cluster.starting.add(2),
  condition: 'starting',
  since: NOW,
});
test('waiting, not starting, if its new owner needs a member that does not answer', conditionOf, {
  change: (cluster) => {
    cluster.starting.add(2);
    cluster.readOnly.set(2, NOW - 4_000);
  },
  condition: 'waiting',
  since: NOW - 4_000,
});
test('without a lease if the lease of its owner has lapsed', conditionOf, {
  change: (cluster) => cluster.leases.set('n-b', 'lapsed'),
  condition: 'no-lease',
  since: NOW,
});
test('without a lease, not starting, if its owner has given up its session', conditionOf, {
  change: (cluster) => cluster.leases.set('n-b', 'ended'),
  condition: 'no-lease',
  since: NOW,
});

test('before any node is asked, conditions are unknown', (t) => {
  const { view } = new MemoryCluster();
  const state = feedState({ view, reports: new Map(), before: null, now: NOW, namespace: 'default' });
  t.deepEqual(
    state.ranges.map(({ condition }) => condition),
    ['unknown', 'unknown', 'unknown', 'unknown'],
  );
  t.deepEqual(
    state.nodes.map(({ memoryBytes }) => memoryBytes),
    [null, null, null],
  );
});

test('a condition keeps the time when it was first seen', async (t) => {
  const cluster = new MemoryCluster();
  const before = await draw(cluster);
  cluster.kill('n-b');
  const seen = await draw(cluster, before, NOW + 1_000);
  const later = await draw(cluster, seen, NOW + 8_000);
  t.is(later.ranges.find(({ id }) => id === 2)?.since, NOW + 1_000);
  t.is(later.nodes.find(({ id }) => id === 'n-b')?.goneSince, NOW + 1_000);
  cluster.start('n-b');
  cluster.promote(2, 'n-b');
  const healed = await draw(cluster, later, NOW + 9_000);
  t.is(healed.ranges.find(({ id }) => id === 2)?.since, null);
});

test('if a node was gone from the start, it is not known since when', async (t) => {
  const cluster = new MemoryCluster();
  cluster.kill('n-b');
  t.is((await draw(cluster)).nodes.find(({ id }) => id === 'n-b')?.goneSince, null);
});

test('a node that was silent before its session ended is gone since it was silent', async (t) => {
  const cluster = new MemoryCluster();
  cluster.silent.add('n-b');
  const before = await draw(cluster);
  cluster.kill('n-b');
  const row = (await draw(cluster, before, NOW + 2_000)).nodes.find(({ id }) => id === 'n-b');
  t.is(row?.goneSince, NOW - 5_000);
});

test('a lease renewed after ZooKeeper fell silent shows that it is silent to this webserver only', async (t) => {
  const cluster = new MemoryCluster();
  cluster.change({ zookeeper: false, zookeeperSince: NOW - 3_000 });
  const renewedAt = async (at: number): Promise<boolean> => {
    const status = await cluster.client.nodeStatus('n-a');
    const reports = new Map([['n-a', { kind: 'reported', status, leaseRenewedAt: at } as const]]);
    const { overview } = feedState({
      view: cluster.view,
      reports,
      before: null,
      now: NOW,
      namespace: 'default',
    });
    t.is(overview.zookeeperSince, NOW - 3_000);
    return overview.leasesRenewed;
  };
  t.false(await renewedAt(NOW - 3_001));
  t.true(await renewedAt(NOW - 2_000));
});

test('lag is what the owner reports; staleness is what the replica reports, rounded up', async (t) => {
  const cluster = new MemoryCluster();
  cluster.lags.set('1 n-c', 7);
  cluster.inSync(1, ['n-a', 'n-b']);
  const row = (await draw(cluster)).ranges.find(({ id }) => id === 1);
  t.like(row?.replicas[0], { node: 'n-a', role: 'owner', inSync: true, lag: 0, staleMs: null });
  t.like(row?.replicas[2], { node: 'n-c', role: 'learner', inSync: false, lag: 7, staleMs: 200 });
});

test('the report of a node without a session is ignored', async (t) => {
  const cluster = new MemoryCluster();
  const reports = await reportsOf(cluster);
  cluster.kill('n-a');
  const state = feedState({ view: cluster.view, reports, before: null, now: NOW, namespace: 'default' });
  t.is(state.ranges[0]?.commitSeq, null);
  t.is(state.nodes.find(({ id }) => id === 'n-a')?.leaseMs, null);
});

test('ranges that no longer serve are not shown', async (t) => {
  const cluster = new MemoryCluster();
  cluster.change({
    ranges: cluster.view.ranges.map((image) => ({
      ...image,
      descriptor: { ...image.descriptor, state: image.descriptor.id === 4 ? 'dropped' : 'serving' },
    })),
  });
  const state = await draw(cluster);
  t.is(state.ranges.length, 3);
  t.is(state.nodes.find(({ id }) => id === 'n-a')?.owned, 1);
});

test('the row of a node has the notes of the leader and the contents of its live znode', async (t) => {
  const cluster = new MemoryCluster();
  const unreachable = { by: ['n-a'], since: NOW - 9_000, cutOff: true };
  const note = { downSince: null, unreachable, stuckIn: null };
  cluster.change({
    nodes: cluster.view.nodes.map((record) => (record.id === 'n-b' ? { ...record, noted: note } : record)),
    live: cluster.view.live.map((live) => (live.id === 'n-c' ? { ...live, standing: 'stopping' } : live)),
  });
  const rows = new Map((await draw(cluster)).nodes.map((row) => [row.id, row]));
  t.deepEqual(rows.get('n-b')?.unreachable, unreachable);
  t.is(rows.get('n-c')?.standing, 'stopping');
  t.is(rows.get('n-a')?.unreachable, null);
});

test('a node that was gone from the start is gone since the time that the leader noted', async (t) => {
  const cluster = new MemoryCluster();
  cluster.kill('n-b');
  t.is((await draw(cluster)).nodes.find(({ id }) => id === 'n-b')?.goneSince, null);
  const noted = { downSince: NOW - 70_000, unreachable: null, stuckIn: null };
  cluster.change({
    nodes: cluster.view.nodes.map((record) => (record.id === 'n-b' ? { ...record, noted } : record)),
  });
  t.is((await draw(cluster)).nodes.find(({ id }) => id === 'n-b')?.goneSince, NOW - 70_000);
});

test('a node is safe to switch off once it drains and holds nothing, not even of a range that has ended', async (t) => {
  const cluster = new MemoryCluster();
  const isSafe = async () => (await draw(cluster)).nodes.find(({ id }) => id === 'n-b')?.safeToSwitchOff;
  const hold = (held: (range: number) => boolean) =>
    cluster.change({
      ranges: cluster.view.ranges.map(({ descriptor, version }) => ({
        version,
        descriptor: {
          ...descriptor,
          state: descriptor.id === 4 ? 'dropped' : 'serving',
          replicas: descriptor.replicas.filter(({ node }) => node !== 'n-b' || held(descriptor.id)),
        },
      })),
    });
  const drain = cluster.view.nodes.map((record) =>
    record.id === 'n-b' ? { ...record, mode: 'draining' as const } : record,
  );
  cluster.change({ nodes: drain });
  t.false(await isSafe());
  hold((range) => range === 4);
  t.false(await isSafe());
  hold(() => false);
  t.true(await isSafe());
  cluster.change({ rangesNotShown: 1 });
  t.false(await isSafe());
  cluster.change({ rangesNotShown: 0, nodes: new MemoryCluster().view.nodes });
  t.false(await isSafe());
});
