// Faults of ZooKeeper under a working cluster: a follower and the leader of an ensemble are killed and frozen, the quorum is lost, and
// all servers are down for ten session timeouts. Writes and linearizable reads end with the lease, stale reads continue and are
// marked, and everything recovers by itself.

import test, { type ExecutionContext } from 'ava';
import { delay, realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { ManagedServer } from '../../common/zk/managed-server.ts';
import { SHORT_DEADLINE_MS } from '../support/register.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';
import { WatchedCluster } from '../support/watched-cluster.ts';
import { freeze, memberThatIs, startEnsemble, startOwnZooKeeper } from '../support/zookeeper.ts';

const SESSION_MS = 2_000;
const OUTAGE = { sessionMs: SESSION_MS, deadlineMs: SHORT_DEADLINE_MS };

const connectTo = (members: readonly ManagedServer[]) =>
  `${members.map(({ address }) => address).join(',')}/rangekeeper`;

/**
 * Checks that writes and linearizable reads end while stale reads continue and are marked.
 * @param gone a time when ZooKeeper was down: no heartbeat was answered after it, so every lease ends within a session timeout
 */
async function onlyStaleReads(
  t: ExecutionContext,
  { register }: WatchedCluster,
  gone: number,
): Promise<void> {
  await Promise.all([register.nextFailure('linearizable'), register.nextFailure('writes')]);
  const { staleMs } = await register.nextAnswer('stale', ({ stale }) => stale);
  t.true(staleMs !== null && staleMs > 0, `a stale read has a positive staleMs: ${staleMs}`);
  await register.nextAnswer('fallback', ({ stale }) => stale);
  // A call that was sent during a lease may be answered after its end.
  for (const who of ['linearizable', 'writes']) {
    const last = register.lastAnswer(who)?.sent ?? Number.POSITIVE_INFINITY;
    t.true(last < gone + SESSION_MS, `${who} went on for ${last - gone} ms without a lease`);
  }
}

test.serial(
  'an ensemble loses a follower, then its leader, killed or frozen: the cluster continues',
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
    t.is(register.failuresOf('stale'), 0, 'stale reads continued');
    await watched.checkHistory(t);
  },
);

test.serial('an ensemble loses its quorum and gets it again', async (t) => {
  const members = await startEnsemble(t);
  const watched = await WatchedCluster.start(t, { ...OUTAGE, zk: connectTo(members), coordinators: 2 });
  const lost = members.slice(0, 2);
  await Promise.all(lost.map((member) => member.kill()));
  const gone = realEnv.now();
  await onlyStaleReads(t, watched, gone);
  await Promise.all(lost.map((member) => member.start()));
  await watched.checkHistory(t);
  t.is(watched.register.failuresOf('stale'), 0, 'stale reads continued');
});

test.serial('all ZooKeeper servers are down for ten session timeouts', async (t) => {
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
  t.true((staleMs ?? 0) >= 9 * SESSION_MS, `the answers state their age: ${staleMs}`);
  await server.start();
  await watched.checkHistory(t);
  t.true((await watched.descriptor()).epoch > descriptor.epoch);
  t.is(register.failuresOf('stale') + register.failuresOf('fallback'), 0, 'stale reads continued');
});

test.serial('ZooKeeper is frozen: every call that no owner serves names it as the cause', async (t) => {
  const server = await startOwnZooKeeper(t);
  const cluster = await TestCluster.start(t, { zk: connectTo([server]), sessionMs: SESSION_MS });
  const client = await openClient(t, cluster);
  await client.put('k', '0');
  const silent = new Promise<void>((resolve) => {
    client.on('zookeeper', (connected) => {
      if (!connected) resolve();
    });
  });
  await freeze(server);
  await silent;
  // So long that a busy machine answers the last attempt of a write: one that is not answered stays in doubt.
  const options = { deadlineMs: 2_000 };
  const put = () => client.put('k', '1', options);
  // Calls succeed while the lease lasts. What is under way when it ends may have been applied, so its error may be another one.
  await failed(put);
  for (const call of [put, () => client.get('k', options), () => client.scanPage(options)]) {
    const error = await t.throwsAsync(call, { instanceOf: RangekeeperError });
    t.deepEqual([error.code, error.applied], ['NO_CLUSTER', 'no']);
    t.regex(error.message, /ZooKeeper has not answered for \d+\.\d s/);
  }
  t.true((await client.get('k', { ...options, read: 'stale' }))?.stale);
  server.resume();
  const { revision } = await client.put('k', '2', { deadlineMs: 30_000 });
  t.is((await client.get('k'))?.revision, revision);
});

/** Resolves when a call has failed. */
async function failed(call: () => Promise<unknown>): Promise<void> {
  try {
    for (;;) await call();
  } catch (error) {
    if (!(error instanceof RangekeeperError)) throw error;
  }
}
