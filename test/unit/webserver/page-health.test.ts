// What the page says about health, from the rows of the feed.

import test from 'ava';
import { copiesSentence } from '../../../common/model/health.ts';
import { Machines } from '../../../common/model/machines.ts';
import { copiesOf, copyState, pageHealth } from '../../../webserver/page-health.ts';
import { feedOf } from '../../support/cluster-feed.ts';
import { MemoryCluster } from '../../support/memory-cluster.ts';

const NOW = Date.UTC(2026, 0, 2);
const SAFE = 'any one machine may fail (each node here counts as one)';

const line = test.macro<[change: (cluster: MemoryCluster) => void, kind: string, line: string]>({
  title: (title) => `the line of health: ${title}`,
  async exec(t, change, kind, expected) {
    const cluster = new MemoryCluster();
    change(cluster);
    const health = pageHealth(await feedOf(cluster, NOW));
    t.deepEqual([health.kind, health.sentences.join(' · ')], [kind, expected]);
  },
});

test('a whole cluster', line, () => {}, 'ok', `All writes OK · every range has 3 of 3 copies · ${SAFE}`);
test(
  'a killed owner, at once, although the in-sync sets still name it',
  line,
  (cluster) => cluster.kill('n-b'),
  'problem',
  `1 range of 4 takes no writes · every range has 2 of 3 copies · one more loss makes 3 ranges read-only`,
);
test(
  'the killed owner was replaced',
  line,
  (cluster) => {
    cluster.kill('n-b');
    cluster.promote(2, 'n-c');
  },
  'degraded',
  `All writes OK · every range has 2 of 3 copies · one more loss makes 4 ranges read-only`,
);
test(
  'a learner is no copy',
  line,
  (cluster) => cluster.inSync(3, ['n-a', 'n-c']),
  'degraded',
  `All writes OK · 1 range has only 2 of 3 copies · one more loss makes 1 range read-only`,
);
test(
  'a node that does not answer counts as lost',
  line,
  (cluster) => cluster.silent.add('n-c'),
  'problem',
  `1 range of 4 takes no writes · every range has 2 of 3 copies · one more loss makes 3 ranges read-only`,
);
test(
  'no coordinator leads',
  line,
  (cluster) => cluster.change({ coordinators: [] }),
  'degraded',
  `All writes OK · every range has 3 of 3 copies · one loss leaves 2 ranges without an owner`,
);
test(
  'ZooKeeper is silent and the leases have lapsed',
  line,
  (cluster) => {
    cluster.change({ zookeeper: false });
    for (const node of ['n-a', 'n-b', 'n-c']) cluster.leases.set(node, 'lapsed');
  },
  'problem',
  `No range takes writes · every range has 3 of 3 copies`,
);
test(
  'ranges that are not watched are not vouched for',
  line,
  (cluster) => cluster.change({ rangesNotShown: 7 }),
  'ok',
  `All writes OK · every range has 3 of 3 copies · ${SAFE} · 7 more ranges not watched`,
);

test('a killed node’s copy is gone, not a learner; so is that of a silent node silent', async (t) => {
  const cluster = new MemoryCluster();
  cluster.inSync(1, ['n-a', 'n-b']);
  const states = async () => {
    const feed = await feedOf(cluster, NOW);
    const nodes = new Map(feed.nodes.map((row) => [row.id, row]));
    const range = feed.ranges[0];
    return range?.replicas.map((replica) => copyState(range, replica, nodes));
  };
  t.deepEqual(await states(), ['owner', 'in-sync', 'learner']);
  cluster.kill('n-c');
  t.deepEqual(await states(), ['owner', 'in-sync', 'gone']);
  cluster.silent.add('n-b');
  t.deepEqual(await states(), ['owner', 'silent', 'gone']);
  cluster.kill('n-a');
  cluster.start('n-a');
  t.deepEqual(await states(), ['in-sync', 'silent', 'gone'], 'a restarted node owns nothing');
});

test('a range says how many copies it has and what one more loss does, in the moment of the loss', async (t) => {
  const cluster = new MemoryCluster();
  cluster.kill('n-b');
  const feed = await feedOf(cluster, NOW);
  const nodes = new Map(feed.nodes.map((row) => [row.id, row]));
  const sentences = feed.ranges.map((range) =>
    copiesSentence(copiesOf(range, 3, nodes), new Machines(feed.nodes)),
  );
  t.deepEqual([...new Set(sentences)], ['2 of 3 copies; one more loss makes this read-only']);
});
