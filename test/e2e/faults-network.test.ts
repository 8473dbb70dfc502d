// NetworkProxies that go silent without a close: between an owner and ZooKeeper, its followers, its clients, everybody; one way and
// both ways. Who answers as fresh must always be the only one; who was cut off must come back by itself.

import test, { type ExecutionContext } from 'ava';
import { realEnv } from '../../common/base/env.ts';
import { SHORT_DEADLINE_MS } from '../support/register.ts';
import type { Direction } from '../support/tcp-proxy.ts';
import type { NodeProcess } from '../support/test-cluster.ts';
import { WatchedCluster } from '../support/watched-cluster.ts';

/**
 * The owner is asked past all proxies while it is cut off. That its last fresh answer comes before the first of the next
 * owner is in the history's verdict; here, that it did answer before, and did refuse after.
 */
async function deposed(
  t: ExecutionContext,
  watched: WatchedCluster,
  cut: (owner: NodeProcess, followers: readonly NodeProcess[]) => void,
): Promise<NodeProcess> {
  const { register, direct } = watched;
  const { owner, followers, descriptor } = await watched.parts();
  const of = `linearizable at ${owner.name}`;
  register.readAt(direct, owner, 'linearizable', descriptor);
  t.is((await register.nextAnswer(of)).epoch, descriptor.epoch);
  cut(owner, followers);
  await watched.untilAnotherOwner(owner.id);
  t.true((await register.nextWrite()).epoch > descriptor.epoch, 'the next owner serves in a later epoch');
  await register.nextFailure(of);
  return owner;
}

/** Where somebody is to be deposed for having lost its session. */
const SHORT = { sessionMs: 3_000 };

const WAYS: readonly (readonly Direction[])[] = [['to-server', 'to-client'], ['to-server'], ['to-client']];

test.serial('an owner cut from ZooKeeper only, both ways and one way', async (t) => {
  const { watched, proxies } = await WatchedCluster.startBehindProxies(t, SHORT);
  for (const ways of WAYS) {
    await deposed(t, watched, (owner) => proxies.cutFromZooKeeper(owner, ...ways));
    proxies.heal();
    await watched.healed();
  }
  t.is(watched.register.failuresOf('fallback'), 0, 'fallback reads went on');
  await watched.checkHistory(t);
});

test.serial('an owner cut from its followers only, both ways and one way, hands over', async (t) => {
  const { watched, proxies } = await WatchedCluster.startBehindProxies(t);
  const cuts = [
    (owner: NodeProcess, follower: NodeProcess) => proxies.cutBetween(owner, follower),
    (owner: NodeProcess, follower: NodeProcess) => proxies.cutOneWay(owner, follower),
    (owner: NodeProcess, follower: NodeProcess) => proxies.cutOneWay(follower, owner),
  ];
  for (const cut of cuts) {
    const owner = await deposed(t, watched, (from, followers) => {
      for (const follower of followers) cut(from, follower);
    });
    await watched.untilLeft(owner);
    proxies.heal();
    await watched.healed();
  }
  t.is(watched.register.failuresOf('fallback'), 0, 'fallback reads went on');
  await watched.checkHistory(t);
});

test.serial('an owner cut from everybody is deposed and comes back as a follower', async (t) => {
  const { watched, proxies } = await WatchedCluster.startBehindProxies(t, SHORT);
  const owner = await deposed(t, watched, (node) => proxies.isolate(node, watched.cluster.nodes));
  proxies.heal();
  await watched.healed();
  t.not((await watched.descriptor()).owner.node, owner.id);
  await watched.checkHistory(t);
});

test.serial(
  'an owner cut from all but its clients: what waits there is sent to the next owner once that is known',
  async (t) => {
    // Left there, a write would end with an unknown outcome.
    const { watched, proxies } = await WatchedCluster.startBehindProxies(t, { ...SHORT, deadlineMs: 10_000 });
    const { client, register } = watched;
    const { owner, followers, descriptor } = await watched.parts();
    const known = new Promise<number>((resolve) => {
      const forget = client.on('ranges', () => {
        if ((client.locate('k')?.descriptor.epoch ?? 0) <= descriptor.epoch) return;
        forget();
        resolve(realEnv.now());
      });
    });
    proxies.cutFromZooKeeper(owner);
    for (const follower of followers) proxies.cutBetween(owner, follower);
    const knownAt = await known;
    const { epoch } = await register.nextWrite();
    t.log(`written ${Math.round(realEnv.now() - knownAt)} ms after the client knew the new epoch`);
    t.true(epoch > descriptor.epoch);
    t.is(register.failuresOf('writes'), 0);
    proxies.heal();
    await watched.checkHistory(t);
  },
);

test.serial('a follower cut from its owner makes way, and is back; the epoch stays', async (t) => {
  const { watched, proxies } = await WatchedCluster.startBehindProxies(t);
  const { owner, followers, descriptor } = await watched.parts();
  const [follower] = followers;
  if (follower === undefined) throw new Error('no follower');
  const cuts = [
    () => proxies.cutBetween(owner, follower),
    () => proxies.cutOneWay(owner, follower),
    () => proxies.cutOneWay(follower, owner),
  ];
  for (const cut of cuts) {
    cut();
    await watched.untilLeft(follower);
    await watched.register.nextWrite();
    proxies.heal();
    await watched.healed();
  }
  t.is((await watched.descriptor()).epoch, descriptor.epoch);
  t.is(watched.register.failuresOf('fallback') + watched.register.failuresOf('linearizable'), 0);
  await watched.checkHistory(t);
});

test.serial(
  'clients cut from the owner read from replicas, marked, and write again when the wire is back',
  async (t) => {
    const { watched, proxies } = await WatchedCluster.startBehindProxies(t, {
      deadlineMs: SHORT_DEADLINE_MS,
    });
    const { register } = watched;
    const { owner, descriptor } = await watched.parts();
    proxies.cutFromClients(owner);
    await register.nextFailure('writes');
    await register.nextAnswer('fallback', ({ stale, staleMs }) => stale && staleMs !== null);
    proxies.heal();
    await watched.healed();
    t.is((await watched.descriptor()).epoch, descriptor.epoch, 'the cluster saw no fault');
    t.is(register.failuresOf('fallback'), 0, 'fallback reads went on');
    await watched.checkHistory(t);
  },
);

test.serial('all connections break again and again: nobody is deposed for it', async (t) => {
  const { watched, proxies } = await WatchedCluster.startBehindProxies(t);
  const { descriptor } = await watched.parts();
  for (let round = 0; round < 10; round++) {
    proxies.reset();
    await watched.register.nextWrite();
  }
  t.is((await watched.descriptor()).epoch, descriptor.epoch);
  await watched.checkHistory(t);
});

test.serial('the leading coordinator cut from ZooKeeper: the other one promotes', async (t) => {
  const { watched, proxies } = await WatchedCluster.startBehindProxies(t, { coordinators: 2 });
  const { cluster, register } = watched;
  const leading = await cluster.leadingCoordinator();
  proxies.cutFromZooKeeper({ name: `c${cluster.coordinators.indexOf(leading) + 1}` });
  await cluster.leadingCoordinator(leading);
  await register.nextWrite();
  t.is(register.failures.size, 0, 'data did not notice');
  const { owner, descriptor } = await watched.parts();
  await owner.process.end('SIGKILL');
  await watched.untilAnotherOwner(owner.id);
  proxies.heal();
  await cluster.restart(owner);
  await watched.checkHistory(t);
  t.is((await watched.descriptor()).epoch, descriptor.epoch + 1, 'promoted once');
});
