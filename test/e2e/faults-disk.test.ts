// Damage to the log of a real node, with one example of each kind. test/unit/kvnode/storage/log/recovery.test.ts goes through every
// byte and every record.

import test, { type ExecutionContext } from 'ava';
import { realEnv } from '../../common/base/env.ts';
import { cutSegment, flipSyncedBit, tearNextGroup } from '../support/log-damage.ts';
import { type Rng, seededRng } from '../support/rng.ts';
import { NEVER_LOST, type NodeProcess } from '../support/test-cluster.ts';
import { WatchedCluster } from '../support/watched-cluster.ts';

function seeded(t: ExecutionContext): Rng {
  const seed = Math.floor(realEnv.random() * 2 ** 32);
  t.log(`seed ${seed}`);
  return seededRng(seed);
}

async function restartDamaged({ cluster }: WatchedCluster, node: NodeProcess): Promise<NodeProcess> {
  const another = await cluster.restartAsAnother(node);
  await another.process.logged(
    'the data directory is damaged and was set aside: this node joins as a new, empty one',
  );
  await cluster.until('the new node is in-sync, and no descriptor names the old one', (images) =>
    images.every(
      ({ descriptor: { inSync, replicas } }) =>
        inSync.includes(another.id) && !replicas.some((replica) => replica.node === node.id),
    ),
  );
  return another;
}

test.serial('an in-sync node finds a flipped bit in a synced record: it joins as another node', async (t) => {
  const rng = seeded(t);
  const watched = await WatchedCluster.start(t, { coordinatorArgs: NEVER_LOST });
  for (const role of ['owner', 'follower'] as const) {
    const { owner, followers } = await watched.parts();
    const node = role === 'owner' ? owner : rng.pick(followers);
    await node.process.end('SIGKILL');
    t.log(await flipSyncedBit(watched.cluster.dataOf(node), rng));
    const another = await restartDamaged(watched, node);
    t.not(another.id, node.id);
    await watched.healed();
  }
  await watched.checkHistory(t);
});

test.serial('half a group at the end of the log is cut off, and the node keeps its id', async (t) => {
  const rng = seeded(t);
  const watched = await WatchedCluster.start(t);
  const { owner } = await watched.parts();
  await owner.process.end('SIGKILL');
  t.log(await tearNextGroup(watched.cluster.dataOf(owner), rng));
  await watched.cluster.restart(owner);
  await owner.process.logged('cut off the torn end of the log');
  t.is((await owner.process.logged('ready')).id, owner.id);
  await watched.checkHistory(t);
});

test.serial(
  'a learner whose log is truncated anywhere comes back, under its own id or as another node',
  async (t) => {
    const rng = seeded(t);
    const watched = await WatchedCluster.start(t, { coordinatorArgs: NEVER_LOST });
    const { cluster, register } = watched;
    for (let round = 0; round < 2; round++) {
      const { followers } = await watched.parts();
      const node = rng.pick(followers);
      await node.process.end('SIGKILL');
      // It leaves every in-sync set first. Otherwise the removed entries would have counted, and such a node must be another one (R12).
      await cluster.until('it left every in-sync set', (images) =>
        images.every(({ descriptor }) => !descriptor.inSync.includes(node.id)),
      );
      t.log(await cutSegment(cluster.dataOf(node), rng));
      const back = await cluster.restartAsAnother(node);
      t.log(back.id === node.id ? 'itself' : 'another');
      await register.nextWrite();
      await cluster.allInSync();
    }
    await watched.checkHistory(t);
  },
);
