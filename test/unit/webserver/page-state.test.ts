// What the page says of a range and of a node, from what ZooKeeper and the nodes say.

import test from 'ava';
import type { Condition, FeedState } from '../../../webserver/feed.ts';
import { picture, type Word } from '../../../webserver/page-state.ts';
import { NODES, PaperCluster } from '../../support/paper-cluster.ts';

const NOW = Date.UTC(2026, 0, 2);

async function words(cluster: PaperCluster): Promise<Map<string, Word>> {
  const said = new Map<string, Word>();
  for (const node of NODES) {
    try {
      said.set(node, { kind: 'said', status: await cluster.client.nodeStatus(node) });
    } catch {
      said.set(node, { kind: 'silent', since: NOW - 5_000 });
    }
  }
  return said;
}

async function draw(
  cluster: PaperCluster,
  before: FeedState | null = null,
  now: number = NOW,
): Promise<FeedState> {
  return picture({ view: cluster.view, words: await words(cluster), before, now, namespace: 'default' });
}

interface Case {
  readonly change: (cluster: PaperCluster) => void;
  readonly condition: Condition;
  readonly since: number | null;
}

const conditionOf = test.macro<[Case]>({
  title: (title) => `range 2 is ${title}`,
  async exec(t, { change, condition, since }) {
    const cluster = new PaperCluster();
    change(cluster);
    const row = (await draw(cluster)).ranges.find(({ id }) => id === 2);
    t.is(row?.condition, condition);
    t.is(row?.since, since);
  },
});

test('serving while its owner says so', conditionOf, {
  change: () => {},
  condition: 'serving',
  since: null,
});
test('read-only since the owner says', conditionOf, {
  change: (cluster) => cluster.readOnly.set(2, NOW - 9_000),
  condition: 'read-only',
  since: NOW - 9_000,
});
test('without owner when its session is gone', conditionOf, {
  change: (cluster) => cluster.kill('n-b'),
  condition: 'no-owner',
  since: NOW,
});
test('without owner when its node is back with another session', conditionOf, {
  change: (cluster) => {
    cluster.kill('n-b');
    cluster.start('n-b');
  },
  condition: 'no-owner',
  since: NOW,
});
test('silent since its owner was asked in vain', conditionOf, {
  change: (cluster) => cluster.silent.add('n-b'),
  condition: 'silent',
  since: NOW - 5_000,
});

test('before anybody was asked nothing is claimed', (t) => {
  const { view } = new PaperCluster();
  const state = picture({ view, words: new Map(), before: null, now: NOW, namespace: 'default' });
  t.deepEqual(
    state.ranges.map(({ condition }) => condition),
    ['unknown', 'unknown', 'unknown', 'unknown'],
  );
  t.deepEqual(
    state.nodes.map(({ memoryBytes }) => memoryBytes),
    [null, null, null],
  );
});

test('a condition keeps the moment when it was first seen', async (t) => {
  const cluster = new PaperCluster();
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

test('a node that was gone before is gone since nobody knows when', async (t) => {
  const cluster = new PaperCluster();
  cluster.kill('n-b');
  t.is((await draw(cluster)).nodes.find(({ id }) => id === 'n-b')?.goneSince, null);
});

test('lag is what the owner counts, staleness what the replica says, rounded up', async (t) => {
  const cluster = new PaperCluster();
  cluster.lags.set('1 n-c', 7);
  cluster.inSync(1, ['n-a', 'n-b']);
  const row = (await draw(cluster)).ranges.find(({ id }) => id === 1);
  t.like(row?.replicas[0], { node: 'n-a', role: 'owner', inSync: true, lag: 0, staleMs: null });
  t.like(row?.replicas[2], { node: 'n-c', role: 'learner', inSync: false, lag: 7, staleMs: 200 });
});

test('the word of a node without a session counts for nothing', async (t) => {
  const cluster = new PaperCluster();
  const said = await words(cluster);
  cluster.kill('n-a');
  const state = picture({ view: cluster.view, words: said, before: null, now: NOW, namespace: 'default' });
  t.is(state.ranges[0]?.commitSeq, null);
  t.is(state.nodes.find(({ id }) => id === 'n-a')?.leaseMs, null);
});

test('ranges that do not serve any more are not shown', async (t) => {
  const cluster = new PaperCluster();
  cluster.change({
    ranges: cluster.view.ranges.map((image) => ({
      ...image,
      descriptor: { ...image.descriptor, state: image.descriptor.id === 4 ? 'absorbed' : 'serving' },
    })),
  });
  const state = await draw(cluster);
  t.is(state.ranges.length, 3);
  t.is(state.nodes.find(({ id }) => id === 'n-a')?.owned, 1);
});

test('what the leader has noted of a node, and what the node says of itself in its live znode, is on its row', async (t) => {
  const cluster = new PaperCluster();
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

test('a node that was gone before this webserver looked is gone since the leader noted it', async (t) => {
  const cluster = new PaperCluster();
  cluster.kill('n-b');
  t.is((await draw(cluster)).nodes.find(({ id }) => id === 'n-b')?.goneSince, null);
  const noted = { downSince: NOW - 70_000, unreachable: null, stuckIn: null };
  cluster.change({
    nodes: cluster.view.nodes.map((record) => (record.id === 'n-b' ? { ...record, noted } : record)),
  });
  t.is((await draw(cluster)).nodes.find(({ id }) => id === 'n-b')?.goneSince, NOW - 70_000);
});
