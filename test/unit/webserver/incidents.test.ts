// Incidents as stories: what happens to the cluster, and which banners the page shows for it.

import test, { type ExecutionContext } from 'ava';
import type { FeedState } from '../../../webserver/feed.ts';
import { type Incident, incidentsOf } from '../../../webserver/incidents.ts';
import { feedOf } from '../../support/cluster-feed.ts';
import { MemoryCluster } from '../../support/memory-cluster.ts';

const START = Date.UTC(2026, 0, 2);

/** A cluster that is looked at again and again, each time some seconds later. */
class Story {
  readonly cluster = new MemoryCluster();
  feed: FeedState | null = null;
  #now = START;

  async look(afterMs = 0): Promise<readonly Incident[]> {
    this.#now += afterMs;
    this.feed = await feedOf(this.cluster, this.#now, this.feed);
    return incidentsOf(this.feed, this.#now);
  }
}

/** Each incident in one line: its title, then its symptoms as `ranges: text`. */
function told(incidents: readonly Incident[]): readonly string[] {
  return incidents.map(({ title, symptoms }) =>
    [title, ...symptoms.map(({ ranges, text }) => (ranges.length === 0 ? text : `${ranges}: ${text}`))].join(
      ' | ',
    ),
  );
}

async function begin(t: ExecutionContext): Promise<Story> {
  const story = new Story();
  t.deepEqual(await story.look(), []);
  return story;
}

const NO_OWNER = 'no owner until the coordinator has promoted an in-sync copy';
const SHORT = '2 of 3 copies; one more loss makes it read-only';
const NO_LEASE = 'the owner has no valid lease; stale and fallback reads go on';
const NOTHING_CHANGES = 'Until it answers, no owner is replaced and no copy joins or leaves an in-sync set.';

test('a killed node is one incident with its ranges, until it is back', async (t) => {
  const story = await begin(t);
  story.cluster.kill('n-b');
  const [killed] = await story.look(1_000);
  t.deepEqual(killed && told([killed]), [`bert does not answer | 2: ${NO_OWNER} | 1,3,4: ${SHORT}`]);
  t.like(killed, { cause: 'silent-nodes', tone: 'bad', since: START + 1_000 });
  story.cluster.promote(2, 'n-c');
  const [replaced] = await story.look(1_000);
  t.deepEqual(replaced && told([replaced]), [`bert does not answer | 1,2,3,4: ${SHORT}`]);
  t.is(replaced?.tone, 'warn');
  story.cluster.start('n-b');
  t.deepEqual(await story.look(1_000), []);
});

test('two paused nodes are one incident, before and after their sessions end, and nothing is starting', async (t) => {
  const story = await begin(t);
  story.cluster.silent.add('n-a').add('n-b');
  const paused = await story.look(1_000);
  const since = START + 200;
  t.is(paused.length, 1);
  t.like(paused[0], { cause: 'silent-nodes', title: 'anna and bert do not answer', since });
  t.is(
    paused[0]?.symptoms[0]?.text,
    'The ZooKeeper session of anna and bert still lives; others take over when it ends.',
  );
  // Their sessions end. The third node is promoted everywhere, and cannot commit without one of them.
  for (const node of ['n-a', 'n-b']) story.cluster.kill(node);
  for (const range of [1, 2, 4]) story.cluster.promote(range, 'n-c');
  for (const range of [1, 2, 4]) story.cluster.starting.add(range);
  for (const range of [1, 2, 3, 4]) story.cluster.readOnly.set(range, START + 3_000);
  const ended = await story.look(9_000);
  t.is(ended.length, 1);
  t.like(ended[0], { cause: 'silent-nodes', title: 'anna and bert do not answer', since });
  t.deepEqual(ended[0]?.symptoms, [
    {
      ranges: [1, 2, 4],
      text: 'no writes and no linearizable reads: the new owner needs an in-sync copy that does not answer',
    },
    {
      ranges: [3],
      text: 'read-only, because an in-sync copy does not answer and no more copies may be left out',
    },
  ]);
});

test('ranges with too few copies stand still, before their owners have noticed it', async (t) => {
  const story = await begin(t);
  for (const node of ['n-a', 'n-b']) story.cluster.kill(node);
  for (const range of [1, 2, 4]) story.cluster.promote(range, 'n-c');
  const [incident] = await story.look(100);
  t.like(incident, { cause: 'silent-nodes', tone: 'bad' });
  t.deepEqual(incident?.symptoms, [{ ranges: [1, 2, 3, 4], text: '1 of 3 copies; too few to take writes' }]);
});

test('ZooKeeper falls silent: it is named at once, and the leases that lapse are its symptoms', async (t) => {
  const story = await begin(t);
  const since = START + 200;
  story.cluster.change({ zookeeper: false, zookeeperSince: since });
  const silent = await story.look(1_000);
  t.deepEqual(told(silent), [
    `ZooKeeper does not answer | Leases lapse within seconds, and owners then stop serving writes and linearizable reads. | ${NOTHING_CHANGES}`,
  ]);
  t.like(silent[0], { cause: 'zookeeper', tone: 'bad', since });
  for (const node of ['n-a', 'n-b', 'n-c']) story.cluster.leases.set(node, 'lapsed');
  const lapsed = [
    `ZooKeeper does not answer | Leases have lapsed, so owners serve no writes and no linearizable reads. | ${NOTHING_CHANGES} | 1,2,3,4: ${NO_LEASE}`,
  ];
  t.deepEqual(told(await story.look(1_000)), lapsed);
  for (const node of ['n-a', 'n-b', 'n-c']) story.cluster.leases.set(node, 'ended');
  t.deepEqual(told(await story.look(9_000)), lapsed, 'the nodes have given up their sessions');
});

test('ZooKeeper comes back, and all nodes register again: that is one incident, and soon over', async (t) => {
  const story = await begin(t);
  story.cluster.change({ zookeeper: false });
  await story.look(9_000);
  const since = START + 9_500;
  story.cluster.change({ zookeeper: true, zookeeperSince: since, coordinators: [] });
  for (const node of ['n-a', 'n-b', 'n-c']) story.cluster.kill(node);
  const [incident, ...more] = await story.look(1_000);
  t.like(incident, { cause: 'zookeeper', title: 'ZooKeeper has just begun to answer', since });
  t.deepEqual(more, []);
  t.deepEqual(
    (await story.look(5_000)).map(({ title }) => title),
    ['No coordinator leads', 'anna, bert and cleo do not answer'],
    'they did not come back',
  );
});

test('ZooKeeper is silent to the webserver only: nothing stands still', async (t) => {
  const story = await begin(t);
  story.cluster.change({ zookeeper: false });
  await story.look(1_000);
  const { feed } = story;
  const overview = feed && { ...feed.overview, leasesRenewed: true };
  const [incident, ...more] = feed && overview ? incidentsOf({ ...feed, overview }, START + 2_000) : [];
  t.like(incident, { cause: 'webserver', tone: 'warn', title: 'ZooKeeper does not answer this webserver' });
  t.deepEqual(more, []);
});

test('ZooKeeper answers the webserver, and no node can renew its lease', async (t) => {
  const story = await begin(t);
  for (const node of ['n-a', 'n-b', 'n-c']) story.cluster.leases.set(node, 'lapsed');
  t.deepEqual(await story.look(1_000), [], 'a node that has just registered has no lease for a moment');
  const [incident, ...more] = await story.look(2_500);
  t.like(incident, {
    cause: 'zookeeper',
    title: 'No node can renew its lease in ZooKeeper',
    since: START + 1_000,
  });
  t.deepEqual(more, []);
});

test('one node is cut off from ZooKeeper', async (t) => {
  const story = await begin(t);
  story.cluster.leases.set('n-b', 'ended');
  await story.look(1_000);
  t.deepEqual(told(await story.look(2_500)), [`bert cannot renew its lease in ZooKeeper | 2: ${NO_LEASE}`]);
});

test('the gravest cause comes first, and takes what it explains', async (t) => {
  const story = await begin(t);
  story.cluster.kill('n-b');
  story.cluster.change({ coordinators: [] });
  const incidents = await story.look(1_000);
  t.deepEqual(
    incidents.map(({ cause, symptoms }) => [cause, symptoms.flatMap(({ ranges }) => ranges)]),
    [
      ['coordinator', [2]],
      ['silent-nodes', [1, 3, 4]],
    ],
  );
});

test('without a coordinator everything serves for now', async (t) => {
  const story = await begin(t);
  story.cluster.change({ coordinators: [] });
  const [incident] = await story.look(1_000);
  t.like(incident, { cause: 'coordinator', tone: 'warn', title: 'No coordinator leads' });
});

test('ranges that no other cause explains are one incident for each condition', async (t) => {
  const story = await begin(t);
  story.cluster.readOnly.set(3, START - 4_000).set(1, START - 2_000);
  story.cluster.starting.add(4);
  t.deepEqual(
    (await story.look()).map(({ title, since }) => [title, since]),
    [['2 ranges are read-only', START - 4_000]],
    'a new owner may take a moment to start',
  );
  t.deepEqual(
    (await story.look(2_500)).map(({ title, since }) => [title, since]),
    [
      ['2 ranges are read-only', START - 4_000],
      ['Range 4 is starting', START],
    ],
  );
});

test('one answer that fails means nothing: a node that has just registered may not be reached yet', async (t) => {
  const story = await begin(t);
  story.cluster.silent.add('n-b');
  await story.look(1_000);
  const since = story.feed?.nodes.find(({ id }) => id === 'n-b')?.silentSince ?? 0;
  const seenAfter = (ms: number) => (story.feed === null ? [] : incidentsOf(story.feed, since + ms));
  t.deepEqual(seenAfter(400), []);
  t.is(seenAfter(600)[0]?.title, 'bert does not answer');
});

test('nobody is left to promote', async (t) => {
  const story = await begin(t);
  story.cluster.inSync(2, ['n-a', 'n-b']);
  for (const node of ['n-a', 'n-b']) story.cluster.kill(node);
  const [incident] = await story.look(1_000);
  const symptom = incident?.symptoms.find(({ ranges }) => ranges.includes(2));
  t.is(symptom?.text, 'no owner, and no in-sync copy that could take over');
});

test('a copy that only catches up is no incident; a node without copies that is down is none', async (t) => {
  const story = await begin(t);
  story.cluster.inSync(1, ['n-a', 'n-b']);
  const record = { id: 'n-d', name: 'dora', zone: 'z1', capacity: 1, mode: 'gone' } as const;
  story.cluster.change({ nodes: [...story.cluster.view.nodes, record] });
  t.deepEqual(await story.look(5_000), []);
});

test('a thousand ranges of a dead node are one incident', async (t) => {
  const story = await begin(t);
  const [image] = story.cluster.view.ranges;
  if (image === undefined) return t.fail('the cluster in memory has ranges');
  const many = Array.from({ length: 1_000 }, (_, i) => ({
    ...image,
    descriptor: { ...image.descriptor, id: i + 1 },
  }));
  story.cluster.change({ ranges: many });
  story.cluster.kill('n-a');
  const [incident, ...more] = await story.look(1_000);
  t.is(incident?.symptoms[0]?.ranges.length, 1_000);
  t.deepEqual(more, []);
});
