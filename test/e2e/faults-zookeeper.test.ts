// ZooKeeper's own faults under a working cluster: a follower and the leader of an ensemble killed and frozen, its quorum
// lost, all of it down for ten sessions. Fresh answers end with the lease, stale ones go on and say so, and all comes
// back without anybody's help.

import test, { type ExecutionContext } from 'ava';
import { delay, realEnv } from '../../common/base/env.ts';
import type { ManagedServer } from '../../common/zk/managed-server.ts';
import { SHORT_DEADLINE_MS } from '../support/register.ts';
import { WatchedCluster } from '../support/watched-cluster.ts';
import { freeze, memberThatIs, startEnsemble, startOwnZooKeeper } from '../support/zookeeper.ts';

const SESSION_MS = 2_000;
const OUTAGE = { sessionMs: SESSION_MS, deadlineMs: SHORT_DEADLINE_MS };

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
): Promise<void> {
  await Promise.all([register.nextFailure('linearizable'), register.nextFailure('writes')]);
  const { staleMs } = await register.nextAnswer('stale', ({ stale }) => stale);
  t.true(staleMs !== null && staleMs > 0, `a stale read says how far behind it may be: ${staleMs}`);
  await register.nextAnswer('fallback', ({ stale }) => stale);
  // What was sent under a lease may be answered when it is over.
  for (const who of ['linearizable', 'writes']) {
    const last = register.lastAnswer(who)?.sent ?? Number.POSITIVE_INFINITY;
    t.true(last < gone + SESSION_MS, `${who} went on for ${last - gone} ms without a lease`);
  }
}

test.serial(
  'an ensemble loses a follower and its leader, killed and frozen: the cluster goes on',
  async (t) => {
    const members = await startEnsemble(t);
    const watched = await WatchedCluster.start(t, {
      zk: connectTo(members),
      coordinators: 2,
      sessionMs: SESSION_MS,
    });
    const { register } = watched;
    for (const role of ['follower', 'leader']) {
      const frozen = await memberThatIs(role, members);
      await freeze(frozen);
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
    await watched.checkHistory(t);
  },
);

test.serial('an ensemble without its quorum, and with it again', async (t) => {
  const members = await startEnsemble(t);
  const watched = await WatchedCluster.start(t, { ...OUTAGE, zk: connectTo(members), coordinators: 2 });
  const lost = members.slice(0, 2);
  await Promise.all(lost.map((member) => member.kill()));
  const gone = realEnv.now();
  await onlyStaleReads(t, watched, gone);
  await Promise.all(lost.map((member) => member.start()));
  await watched.checkHistory(t);
  t.is(watched.register.failuresOf('stale'), 0, 'stale reads went on');
});

test.serial('all of ZooKeeper is down for ten sessions', async (t) => {
  const server = await startOwnZooKeeper(t);
  const watched = await WatchedCluster.start(t, { ...OUTAGE, zk: connectTo([server]) });
  const { register } = watched;
  const { descriptor } = await watched.parts();
  await server.kill();
  const gone = realEnv.now();
  await onlyStaleReads(t, watched, gone);
  await delay(realEnv, 10 * SESSION_MS);
  await onlyStaleReads(t, watched, gone);
  const { staleMs } = await register.nextAnswer('stale', ({ stale }) => stale);
  t.true((staleMs ?? 0) >= 9 * SESSION_MS, `and the answers say their age: ${staleMs}`);
  await server.start();
  await watched.checkHistory(t);
  t.true((await watched.descriptor()).epoch > descriptor.epoch);
  t.is(register.failuresOf('stale') + register.failuresOf('fallback'), 0, 'stale reads went on');
});
