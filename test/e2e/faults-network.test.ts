// Proxies hold all data, without a close, between an owner and ZooKeeper, its followers, its clients, or all of them, in one or both
// directions. At most one node may serve linearizable reads at any time, and a node that was cut off must come back by itself.

import test, { type ExecutionContext } from 'ava';
import { realEnv } from '../../common/base/env.ts';
import { SHORT_DEADLINE_MS } from '../support/register.ts';
import type { Direction } from '../support/tcp-proxy.ts';
import type { NodeProcess } from '../support/test-cluster.ts';
import { WatchedCluster } from '../support/watched-cluster.ts';

/**
 * Cuts an owner off and waits until it is deposed. Reads go to it directly, not through the proxies: it answers before the cut, and
 * refuses after the next owner serves. The checkers decide from the history whether its last answer came early enough.
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

/** For tests in which an owner loses its session. */
const SHORT = { sessionMs: 3_000 };

const WAYS: readonly (readonly Direction[])[] = [['to-server', 'to-client'], ['to-server'], ['to-client']];

test.serial(
  'an owner that is cut off from ZooKeeper only, in both directions or one, is deposed',
  async (t) => {
    const { watched, proxies } = await WatchedCluster.startBehindProxies(t, SHORT);
    for (const ways of WAYS) {
      await deposed(t, watched, (owner) => proxies.cutFromZooKeeper(owner, ...ways));
      proxies.heal();
      await watched.healed();
    }
    t.is(watched.register.failuresOf('fallback'), 0, 'fallback reads continued');
    await watched.checkHistory(t);
  },
);

test.serial(
  'an owner that is cut off from its followers only, in both directions or one, hands over',
  async (t) => {
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
    t.is(watched.register.failuresOf('fallback'), 0, 'fallback reads continued');
    await watched.checkHistory(t);
  },
);

test.serial('an owner that is cut off from all others is deposed and comes back as a follower', async (t) => {
  const { watched, proxies } = await WatchedCluster.startBehindProxies(t, SHORT);
  const owner = await deposed(t, watched, (node) => proxies.isolate(node, watched.cluster.nodes));
  proxies.heal();
  await watched.healed();
  t.not((await watched.descriptor()).owner.node, owner.id);
  await watched.checkHistory(t);
});

test.serial(
  'an owner is cut off from all but its clients: they send waiting writes to the next owner when they know it',
  async (t) => {
    // A write that stayed at the old owner would end with an unknown outcome.
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

test.serial(
  'a follower that is cut off from its owner leaves the in-sync set and comes back; the epoch stays',
  async (t) => {
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
  },
);

test.serial(
  'clients that are cut off from the owner read from replicas, marked as stale, and write again after the cut',
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
    t.is((await watched.descriptor()).epoch, descriptor.epoch, 'the owner stays');
    t.is(register.failuresOf('fallback'), 0, 'fallback reads continued');
    await watched.checkHistory(t);
  },
);

test.serial('all connections break repeatedly: no owner is deposed', async (t) => {
  const { watched, proxies } = await WatchedCluster.startBehindProxies(t);
  const { descriptor } = await watched.parts();
  for (let round = 0; round < 10; round++) {
    proxies.reset();
    await watched.register.nextWrite();
  }
  t.is((await watched.descriptor()).epoch, descriptor.epoch);
  await watched.checkHistory(t);
});

test.serial('the leading coordinator is cut off from ZooKeeper: the other one promotes', async (t) => {
  const { watched, proxies } = await WatchedCluster.startBehindProxies(t, { coordinators: 2 });
  const { cluster, register } = watched;
  const leading = await cluster.leadingCoordinator();
  proxies.cutFromZooKeeper({ name: `c${cluster.coordinators.indexOf(leading) + 1}` });
  await cluster.leadingCoordinator(leading);
  await register.nextWrite();
  t.is(register.failures.size, 0, 'no operation failed');
  const { owner, descriptor } = await watched.parts();
  await owner.process.end('SIGKILL');
  await watched.untilAnotherOwner(owner.id);
  proxies.heal();
  await cluster.restart(owner);
  await watched.checkHistory(t);
  t.is((await watched.descriptor()).epoch, descriptor.epoch + 1, 'promoted once');
});
