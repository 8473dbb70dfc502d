// A crashed node process is replaced at once, not after T: real ZooKeeper, real processes, and T so long (30 s) that what
// happens here could not happen by waiting for it. A stopped node of the same T is the witness.

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

test.serial('kill -9 of a node moves its ranges at once; a stopped one is left alone', async (t) => {
  const cluster = await TestCluster.start(t, { sessionMs: SESSION_MS });
  await cluster.allInSync();
  const [stopped, crashed, heir] = threeOf(cluster);
  t.is(statSync(join(cluster.dataOf(crashed), 'session.json')).mode & 0o777, 0o600);
  const before = await cluster.descriptors();
  const orphaned = before.filter(({ descriptor }) => descriptor.owner.node === crashed.id);
  t.true(orphaned.length > 0, 'it owns something');
  await stopped.process.freeze();
  t.is(await crashed.process.end('SIGKILL'), 128 + 9);
  t.false(await isLive(cluster, crashed), 'its session is over before its guardian ends');
  await cluster.until('the ranges of the crashed node have another owner', (images) =>
    orphaned.every(({ descriptor: { id } }) =>
      images.some(({ descriptor }) => descriptor.id === id && descriptor.owner.node !== crashed.id),
    ),
  );
  t.true(
    await isLive(cluster, stopped),
    'no T has passed, and nobody closed the session of a process that lives',
  );
  stopped.process.signal('SIGCONT');
  await cluster.restart(crashed);
  await cluster.allInSync();
  t.is(await heir.process.end('SIGTERM'), 0);
  t.false(await isLive(cluster, heir));
  t.throws(() => statSync(join(cluster.dataOf(heir), 'session.json')), { code: 'ENOENT' });
});

test.serial('a node that starts again closes the session that its predecessor left', async (t) => {
  const cluster = await TestCluster.start(t, { sessionMs: SESSION_MS });
  await cluster.allInSync();
  const [lost, witness] = threeOf(cluster);
  await Promise.all([lost.process.killAll(), witness.process.killAll()]);
  t.true(await isLive(cluster, lost), 'nobody knows that it is dead');
  await cluster.restart(lost);
  t.true(await isLive(cluster, witness), 'sooner than by waiting');
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
