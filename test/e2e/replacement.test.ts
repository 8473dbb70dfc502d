// Ranges that are split and merged under load, with a real ZooKeeper and real nodes: no call fails, and nothing is lost.

import test from 'ava';
import { formatBytes } from '../../common/base/bytes.ts';
import { load, rowsOf } from '../support/load.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';

async function boundsOf(cluster: TestCluster): Promise<readonly string[]> {
  const images = await cluster.descriptors();
  return images
    .filter(({ descriptor }) => descriptor.state === 'serving')
    .map(({ descriptor }) => formatBytes(descriptor.start))
    .sort();
}

const split = (...keys: readonly string[]) => ({ kind: 'split', namespace: 'default', keys }) as const;
const merge = (key: string) => ({ kind: 'merge', namespace: 'default', key }) as const;

test.serial(
  'splits and merges under load: no call fails, no read goes back, and nothing is lost',
  async (t) => {
    const cluster = await TestCluster.start(t, { coordinatorArgs: ['--replication-factor', '3'] });
    const client = await openClient(t, cluster);
    await cluster.allInSync();
    const before = await boundsOf(cluster);
    const running = load(client, 8);
    for (const keys of [['h'], ['t'], ['hot', 'hot\\x00'], ['d']]) await cluster.done(split(...keys));
    t.deepEqual(
      (await boundsOf(cluster)).filter((bound) => !before.includes(bound)),
      ['d', 'h', 'hot', 'hot\\x00', 't'],
    );
    for (const key of ['h', 'hot', 'a']) await cluster.done(merge(key));
    const acknowledged = await running.stop();
    const rows = await rowsOf(client);
    const lost = [...acknowledged].filter(([key, n]) => (rows.get(key) ?? -1) < n);
    t.deepEqual(lost, []);
    await cluster.until('no replaced range is left', (images) =>
      images.every(({ descriptor }) => descriptor.state === 'serving'),
    );
    const events = (await cluster.events()).map(({ kind }) => kind);
    t.is(events.filter((kind) => kind === 'split').length, 4);
    t.is(events.filter((kind) => kind === 'merge').length, 3);
  },
);

test.serial(
  'all nodes are killed right after a split: each one steps at its start, and has every write',
  async (t) => {
    const cluster = await TestCluster.start(t);
    const client = await openClient(t, cluster);
    await cluster.allInSync();
    const running = load(client, 4);
    await running.acknowledged(500);
    const done = cluster.done(split('m'));
    await cluster.until('the range was replaced', (images) =>
      images.some(({ descriptor }) => descriptor.parents.length > 0),
    );
    for (const { process } of cluster.nodes) process.signal('SIGKILL');
    const stopped = running.stop();
    await Promise.all(cluster.nodes.map((node) => cluster.restart(node)));
    await done;
    // A put that was under way is sent again and acknowledged after the restart: only then is it known what must be there.
    const acknowledged = await stopped;
    const rows = await rowsOf(client);
    const lost = [...acknowledged].filter(([key, n]) => (rows.get(key) ?? -1) < n);
    t.deepEqual(lost, []);
    await cluster.allInSync();
  },
);
