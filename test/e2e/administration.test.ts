// What administrators ask for, with a real ZooKeeper and real nodes, while clients write: no call fails, and nothing is lost.

import test, { type ExecutionContext } from 'ava';
import { connect } from '../../client/index.ts';
import { present } from '../../common/base/assert.ts';
import { load, rowsOf } from '../support/load.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';

/** Eight callers write and read all the time; finish() checks that no call has failed, and that nothing is lost. */
async function started(t: ExecutionContext, nodes: number) {
  const cluster = await TestCluster.start(t, { nodes });
  const client = await openClient(t, cluster);
  await cluster.allInSync();
  const running = load(client, 8);
  await running.acknowledged(200);
  const finish = async () => {
    const acknowledged = await running.stop();
    const rows = await rowsOf(client);
    t.deepEqual(
      [...acknowledged].filter(([key, n]) => (rows.get(key) ?? -1) < n),
      [],
    );
  };
  return { cluster, client, finish };
}

test.serial('a node is drained, is safe to switch off, and gets ranges again', async (t) => {
  const { cluster, client, finish } = await started(t, 4);
  const { id } = present(cluster.nodes[0], 'a node');
  const plan = await client.drain(id, { dryRun: true });
  t.true(
    plan.steps.some((step) => step.includes('moves to')),
    plan.steps.join('; '),
  );
  const drained = await client.drain(id, { wait: true });
  t.regex(drained.progress, /safe to switch off/);
  await client.refresh();
  for (const { descriptor } of client.ranges()) t.false(descriptor.replicas.some(({ node }) => node === id));
  await client.undrain(id, { wait: true });
  await finish();
});

test.serial('a key is isolated: split off, and alone on its node; unpin ends that', async (t) => {
  const { client, finish } = await started(t, 3);
  const { state } = await client.isolate('hot', null, { wait: true });
  t.is(state, 'done');
  await client.put('hot', '1');
  const own = present(await client.get('hot'), 'the row');
  await client.refresh();
  const owned = client.ranges().filter(({ descriptor }) => descriptor.owner.node === own.node);
  t.deepEqual(
    owned.map(({ descriptor }) => descriptor.id),
    [own.range],
  );
  await client.unpin(present(own.range, 'its range'), { wait: true });
  await finish();
});

test.serial(
  'a namespace is dropped while it is written to: its name is free again, and holds nothing',
  async (t) => {
    const { cluster, client, finish } = await started(t, 3);
    await client.createNamespace('n', { splitAt: ['m'] });
    const other = await connect({ zk: cluster.connect, namespace: 'n' });
    await Promise.all(['a', 'z'].map((key) => other.put(key, '1')));
    const dropped = await client.dropNamespace('n', { wait: true });
    t.is(dropped.state, 'done');
    await t.throwsAsync(other.put('a', '2'), { code: 'UNKNOWN_NAMESPACE' });
    t.false((await client.namespaces()).some(({ name }) => name === 'n'));
    await client.createNamespace('n');
    const anew = await connect({ zk: cluster.connect, namespace: 'n' });
    t.is(await anew.count(), 0);
    await Promise.all([other.close(), anew.close()]);
    await finish();
  },
);

test.serial('a replica is moved, the range is handed over to it, and both are listed as tasks', async (t) => {
  const { client, finish } = await started(t, 4);
  const { descriptor } = present(client.ranges()[0], 'a range');
  const held = descriptor.replicas.map(({ node }) => node);
  const to = present(
    client.nodes().find(({ id }) => !held.includes(id)),
    'a node without a replica',
  ).id;
  await client.pin(descriptor.id, { wait: true });
  const from = present(
    held.find((node) => node !== descriptor.owner.node),
    'a follower',
  );
  await client.move(descriptor.id, from, to, { wait: true });
  await client.transfer(descriptor.id, to, { wait: true });
  await client.refresh();
  const after = present(
    client.ranges().find((image) => image.descriptor.id === descriptor.id),
    'the range',
  ).descriptor;
  t.is(after.owner.node, to);
  t.false(after.replicas.some(({ node }) => node === from));
  const texts = (await client.tasks()).map(({ request, state }) => `${request}: ${state}`);
  t.true(
    texts.some((text) => text.startsWith(`transfer ${descriptor.id}`) && text.endsWith('done')),
    texts.join('; '),
  );
  await finish();
});
