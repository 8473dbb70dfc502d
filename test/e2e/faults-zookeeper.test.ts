// ZooKeeper's own faults under a working cluster: a follower and the leader of an ensemble killed and frozen, its quorum
// lost, all of it down for ten sessions. Fresh answers end with the lease, stale ones go on and say so, and all comes
// back without anybody's help.

import test, { type ExecutionContext } from 'ava';
import { delay, realEnv } from '../../common/base/env.ts';
import type { ManagedServer } from '../../common/zk/managed-server.ts';
import { WatchedCluster } from '../support/watched-cluster.ts';
import { startEnsemble, startOwnZooKeeper } from '../support/zookeeper.ts';

const SESSION_MS = 2_000;
const SHORT_SESSION_MS = 1_000;

/** The member with this role; waits for one. */
async function memberThatIs(role: string, members: readonly ManagedServer[]): Promise<ManagedServer> {
  const end = realEnv.now() + 30_000;
  while (realEnv.now() < end) {
    for (const member of members) if ((await member.mode()) === role) return member;
    await delay(realEnv, 50);
  }
  throw new Error(`no ${role} in the ensemble`);
}

const connectTo = (members: readonly ManagedServer[]) =>
  `${members.map(({ address }) => address).join(',')}/rangekeeper`;

/**
 * Writes and fresh reads end, stale reads go on and say that they are stale. `gone`: an instant at which ZooKeeper was away;
 * no heartbeat was answered after it, so no lease reaches further than a session from there.
 */
async function onlyStaleReads(
  t: ExecutionContext,
  { register }: WatchedCluster,
  gone: number,
  sessionMs = SESSION_MS,
): Promise<void> {
  await Promise.all([register.nextFailure('linearizable'), register.nextFailure('writes')]);
  for (const who of ['linearizable', 'writes']) {
    const last = register.lastTold(who)?.sent ?? Number.POSITIVE_INFINITY;
    t.true(last < gone + sessionMs, `${who} went on for ${last - gone} ms`);
  }
  const writes = register.acknowledged;
  const { staleMs } = await register.nextTold('stale', ({ stale }) => stale);
  t.true(staleMs !== null && staleMs > 0, 'a stale read says how far behind it may be');
  await register.nextTold('fallback', ({ stale }) => stale);
  t.is(register.acknowledged, writes, 'nothing is acknowledged without a lease');
}

test.serial(
  'an ensemble loses a follower and its leader, killed and frozen: the cluster goes on',
  async (t) => {
    const members = await startEnsemble(t);
    const watched = await WatchedCluster.start(t, { zk: connectTo(members), coordinators: 2 });
    const { register } = watched;
    for (const role of ['follower', 'leader']) {
      const frozen = await memberThatIs(role, members);
      frozen.pause();
      await delay(realEnv, SESSION_MS);
      await register.nextWrite();
      frozen.resume();
      await watched.healed();
      const killed = await memberThatIs(role, members);
      await killed.kill();
      await register.nextWrite();
      await killed.start();
      await watched.healed();
    }
    t.is(register.failuresOf('stale'), 0, 'stale reads went on');
    await watched.judge(t);
  },
);

test.serial('an ensemble without its quorum, and with it again', async (t) => {
  const members = await startEnsemble(t);
  const watched = await WatchedCluster.start(t, { zk: connectTo(members), coordinators: 2 });
  const lost = members.slice(0, 2);
  await Promise.all(lost.map((member) => member.kill()));
  const gone = realEnv.now();
  await onlyStaleReads(t, watched, gone);
  await Promise.all(lost.map((member) => member.start()));
  await watched.judge(t);
  t.is(watched.register.failuresOf('stale'), 0, 'stale reads went on');
});

test.serial('all of ZooKeeper is down for ten sessions', async (t) => {
  const server = await startOwnZooKeeper(t);
  const watched = await WatchedCluster.start(t, {
    zk: connectTo([server]),
    sessionMs: SHORT_SESSION_MS,
  });
  const { register } = watched;
  const { descriptor } = await watched.parts();
  await server.kill();
  const gone = realEnv.now();
  await onlyStaleReads(t, watched, gone, SHORT_SESSION_MS);
  const writes = register.acknowledged;
  await delay(realEnv, 10 * SHORT_SESSION_MS);
  await onlyStaleReads(t, watched, gone, SHORT_SESSION_MS);
  t.is(register.acknowledged, writes, 'nothing was acknowledged in all that time');
  const { staleMs } = await register.nextTold('stale', ({ stale }) => stale);
  t.true((staleMs ?? 0) >= 9 * SHORT_SESSION_MS, 'and the answers say their age');
  await server.start();
  await watched.judge(t);
  t.true((await watched.descriptor()).epoch > descriptor.epoch);
  t.is(register.failuresOf('stale') + register.failuresOf('fallback'), 0, 'stale reads went on');
});
