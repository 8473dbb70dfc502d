// The session of a crashed node ends at once, not after its timeout T. ZooKeeper and the processes are real, and T is so long (30 s)
// that nothing here can happen by waiting for it. A stopped node with the same T proves that T is not over.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type NodeProcess, TestCluster } from '../support/test-cluster.ts';

const SESSION_MS = 30_000;

async function isLive(cluster: TestCluster, node: NodeProcess): Promise<boolean> {
  return (await cluster.liveSession(node)) !== null;
}

function threeOf(cluster: TestCluster): readonly [NodeProcess, NodeProcess, NodeProcess] {
  const [a, b, c] = cluster.nodes;
  if (a === undefined || b === undefined || c === undefined) throw new Error('three nodes');
  return [a, b, c];
}

test.serial(
  'the ranges of a killed node move at once; the session of a stopped node is not closed',
  async (t) => {
    const cluster = await TestCluster.start(t, { sessionMs: SESSION_MS });
    await cluster.allInSync();
    const [stopped, crashed, third] = threeOf(cluster);
    t.is(statSync(join(cluster.dataOf(crashed), 'session.json')).mode & 0o777, 0o600);
    const before = await cluster.descriptors();
    const orphaned = before.filter(({ descriptor }) => descriptor.owner.node === crashed.id);
    t.true(orphaned.length > 0, 'it owns something');
    await stopped.process.freeze();
    t.is(await crashed.process.end('SIGKILL'), 128 + 9);
    t.false(await isLive(cluster, crashed), 'its session ends before its guardian does');
    await cluster.until('the ranges of the crashed node have another owner', (images) =>
      orphaned.every(({ descriptor: { id } }) =>
        images.some(({ descriptor }) => descriptor.id === id && descriptor.owner.node !== crashed.id),
      ),
    );
    t.true(await isLive(cluster, stopped), 'T is not over, and nobody closed the session of a live process');
    stopped.process.signal('SIGCONT');
    await cluster.restart(crashed);
    await cluster.allInSync();
    t.is(await third.process.end('SIGTERM'), 0);
    t.false(await isLive(cluster, third));
    t.throws(() => statSync(join(cluster.dataOf(third), 'session.json')), { code: 'ENOENT' });
  },
);

test.serial('a restarted node closes the session that its predecessor left', async (t) => {
  const cluster = await TestCluster.start(t, { sessionMs: SESSION_MS });
  await cluster.allInSync();
  const [lost, witness] = threeOf(cluster);
  await Promise.all([lost.process.killAll(), witness.process.killAll()]);
  t.true(await isLive(cluster, lost), 'nobody knows that it is dead');
  await cluster.restart(lost);
  t.true(await isLive(cluster, witness), 'T is not over');
});

test.serial('a node whose guardian is killed stops in order', async (t) => {
  const cluster = await TestCluster.start(t, { sessionMs: SESSION_MS });
  await cluster.allInSync();
  const [orphan] = threeOf(cluster);
  await orphan.process.killGuardian();
  t.false(await isLive(cluster, orphan), 'its session is closed');
  const left = (await cluster.descriptors()).filter(({ descriptor }) => descriptor.owner.node === orphan.id);
  t.deepEqual(left, [], 'its ranges are handed over');
});

test.serial('with --restart the node comes back under the same guardian', async (t) => {
  const cluster = await TestCluster.start(t, { sessionMs: SESSION_MS, nodeArgs: ['--restart'] });
  await cluster.allInSync();
  const [victim] = threeOf(cluster);
  const { pid } = victim.process;
  const former = await cluster.liveSession(victim);
  victim.process.signal('SIGKILL');
  await cluster.until('it has a session again', async () => {
    const present = await cluster.liveSession(victim);
    return present !== null && present !== former;
  });
  t.not(victim.process.pid, pid);
  await cluster.allInSync();
  t.is(await victim.process.end('SIGTERM'), 0);
});
