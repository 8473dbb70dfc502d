// Single rules of replication as short stories over three replicas (test/support/replica-cluster.ts): a is owner of
// epoch 1, b and c follow, minInSync is 2.

import test from 'ava';
import { DEFAULT_REPLICATION } from '../../common/model/config.ts';
import { NODES, ReplicaCluster } from '../support/replica-cluster.ts';

/** Everything under way arrives; the descriptor is read after each write to it. */
function exchange(cluster: ReplicaCluster, rounds = 4): void {
  for (let round = 0; round < rounds; round++) {
    for (const id of NODES) cluster.syncAll(id);
    while (cluster.casInFlight.length > 0) cluster.carryOutCas(0, true);
    while (cluster.mail.length > 0) cluster.deliver(0);
    cluster.tick(5);
  }
}

function started(): ReplicaCluster {
  const cluster = new ReplicaCluster();
  exchange(cluster);
  return cluster;
}

const late = DEFAULT_REPLICATION.lagMs + 100;

test('R2: nothing is served before EpochStart is committed', (t) => {
  const cluster = new ReplicaCluster();
  const { replica } = cluster.member('a');
  t.is(replica.readRefusal(1), 'NOT_READY');
  exchange(cluster);
  t.is(replica.readRefusal(1), null);
});

test('R4: a write is acknowledged when every in-sync member has it on disk, and not before', (t) => {
  const cluster = started();
  const before = cluster.acknowledged.size;
  cluster.write('a');
  while (cluster.mail.length > 0) cluster.deliver(0);
  cluster.syncAll('a');
  cluster.syncAll('b');
  while (cluster.mail.length > 0) cluster.deliver(0);
  t.is(cluster.acknowledged.size, before, 'c has not synced');
  cluster.syncAll('c');
  while (cluster.mail.length > 0) cluster.deliver(0);
  t.is(cluster.acknowledged.size, before + 1);
});

test('R5: a member that is late leaves; the next one may not, and writes are refused while reads go on', (t) => {
  const cluster = started();
  cluster.crash('c');
  cluster.write('a');
  exchange(cluster, 1);
  cluster.tick(late);
  exchange(cluster);
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b']);
  cluster.crash('b');
  cluster.write('a');
  exchange(cluster, 1);
  cluster.tick(late);
  exchange(cluster);
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b'], 'never below minInSync');
  t.is(cluster.write('a'), 'READ_ONLY');
  t.is(cluster.member('a').replica.readRefusal(1), null);
});

test('R6: who comes back catches up and joins the in-sync set again', (t) => {
  const cluster = started();
  cluster.crash('c');
  cluster.write('a');
  exchange(cluster, 1);
  cluster.tick(late);
  exchange(cluster);
  cluster.restart('c');
  for (const id of NODES) cluster.readDescriptor(id);
  cluster.tick(DEFAULT_REPLICATION.resendMs);
  exchange(cluster, 8);
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b', 'c']);
  cluster.checkDurable();
});

test('R6: what a learner acknowledged counts for nothing once its log has lost it', (t) => {
  const cluster = started();
  for (let n = 0; n < 5; n++) cluster.write('a');
  exchange(cluster);
  cluster.crash('c');
  cluster.write('a');
  exchange(cluster, 1);
  cluster.tick(late);
  exchange(cluster);
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b']);
  // The disk forgot what it had confirmed (R12): never an in-sync member's, but a learner's may be.
  cluster.member('c').syncedGroup = 0;
  cluster.restart('c');
  for (const id of NODES) cluster.readDescriptor(id);
  cluster.tick(DEFAULT_REPLICATION.resendMs);
  for (let round = 0; round < 20; round++) {
    exchange(cluster, 1);
    cluster.checkDurable();
  }
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b', 'c']);
});

test('R7, R1: after a failover the old owner, back again, follows and drops what nobody acknowledged', (t) => {
  const cluster = started();
  cluster.write('a');
  cluster.syncAll('a');
  cluster.crash('a');
  cluster.mail = [];
  cluster.expireOwner();
  t.true(cluster.promote(0));
  for (const id of NODES) cluster.readDescriptor(id);
  exchange(cluster, 8);
  t.is(cluster.descriptor.owner.node, 'b');
  t.is(typeof cluster.write('b'), 'number');
  exchange(cluster);
  cluster.restart('a');
  cluster.settle();
  const [first, ...others] = NODES.map((id) => {
    return cluster.member(id).log.entries.map(({ epoch, seq }) => `${epoch}/${seq}`);
  });
  for (const other of others) t.deepEqual(other, first);
  t.is(cluster.member('a').replica.ownedEpoch, null);
});

/** b is owner of epoch 2; c has its first Append, but not on disk. */
function entered(): ReplicaCluster {
  const cluster = started();
  cluster.expireOwner();
  cluster.promote(0);
  cluster.readDescriptor('b');
  cluster.mail = cluster.mail.filter(({ from, to }) => from === 'b' && to === 'c');
  while (cluster.mail.length > 0 && cluster.member('c').replica.epochSeen < 2) cluster.deliver(0);
  return cluster;
}

test('R3: nothing is acknowledged under an epoch that is not on disk', (t) => {
  const cluster = entered();
  const answers = () => cluster.mail.filter(({ from }) => from === 'c').length;
  t.is(cluster.member('c').replica.epochSeen, 2);
  t.is(answers(), 0);
  cluster.syncAll('c');
  t.is(answers(), 1);
});

test('R3: a restart does not forget an epoch that was on disk', (t) => {
  const cluster = entered();
  cluster.syncAll('c');
  cluster.crash('c');
  cluster.restart('c');
  t.is(cluster.member('c').replica.epochSeen, 2);
});

test('R8: a hand-over waits for what is under way, stops, and makes the other one owner', (t) => {
  const cluster = started();
  cluster.write('a');
  cluster.handOver('a');
  t.is(cluster.write('a'), 'NOT_READY', 'new writes wait for the new owner');
  const before = cluster.acknowledged.size;
  exchange(cluster);
  t.is(cluster.acknowledged.size, before + 1, 'what was under way is acknowledged');
  t.not(cluster.descriptor.owner.node, 'a');
  t.is(cluster.descriptor.epoch, 2);
  t.is(cluster.member('a').replica.ownedEpoch, null);
});

test('R8: while its hand-over is out an owner serves no reads either', (t) => {
  const cluster = started();
  const { replica } = cluster.member('a');
  cluster.handOver('a');
  t.is(cluster.casInFlight.length, 1);
  t.is(replica.readRefusal(1), 'NOT_READY');
  cluster.carryOutCas(0, false);
  t.is(replica.readRefusal(1), 'NOT_READY', 'nor while nobody knows what became of it');
});

test('R10: a lost answer of a shrink counts the member until an image settles it', (t) => {
  const cluster = started();
  cluster.crash('c');
  cluster.write('a');
  for (let round = 0; round < 3; round++) {
    for (const id of NODES) cluster.syncAll(id);
    while (cluster.mail.length > 0) cluster.deliver(0);
  }
  const before = cluster.acknowledged.size;
  // In two steps: after a gap of its own as long as lagMs an owner blames nobody.
  cluster.tick(late / 2);
  cluster.tick(late / 2);
  cluster.carryOutCas(0, false);
  exchange(cluster, 1);
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b'], 'it took effect');
  t.is(cluster.acknowledged.size, before, 'but the owner does not know');
  cluster.readDescriptor('a');
  t.is(cluster.acknowledged.size, before + 1);
});

test('R11: an owner without a lease serves no linearizable read', (t) => {
  const cluster = started();
  const { replica } = cluster.member('a');
  t.is(replica.staleMs(cluster.now + 50), 0, 'it may vouch for itself');
  cluster.cutOff = 'a';
  cluster.expireOwner();
  t.is(replica.readRefusal(1), 'NOT_READY');
  cluster.tick(5_000);
  t.is(replica.staleMs(cluster.now), 5_000, 'what it has is as old as its lease');
});

test('R11: an owner that has stopped for a hand-over vouches for nothing, whatever became of it', (t) => {
  const cluster = started();
  const echoes = () => {
    cluster.mail = [];
    cluster.tick(DEFAULT_REPLICATION.idleAppendMs);
    return cluster.mail.flatMap(({ from, message }) =>
      from === 'a' && message.kind === 'append' ? [message.echo !== null] : [],
    );
  };
  t.deepEqual(echoes(), [true, true]);
  cluster.handOver('a');
  cluster.carryOutCas(0, false);
  t.not(cluster.descriptor.owner.node, 'a');
  t.deepEqual(echoes(), [false, false], 'the other one may have acknowledged writes');
});

test('R11: an owner without a lease echoes no stamp', (t) => {
  const cluster = started();
  cluster.expireOwner();
  cluster.mail = [];
  cluster.tick(DEFAULT_REPLICATION.idleAppendMs);
  const echoes = cluster.mail.map(({ message }) => (message.kind === 'append' ? message.echo : undefined));
  t.deepEqual(echoes, [null, null]);
});

test('R11: a follower knows how far behind it may be once the owner has echoed its stamp', (t) => {
  const cluster = started();
  exchange(cluster, 3);
  cluster.tick(DEFAULT_REPLICATION.idleAppendMs);
  exchange(cluster, 2);
  const { replica } = cluster.member('b');
  const staleMs = replica.staleMs(cluster.now);
  t.true(staleMs !== null && staleMs >= 0, `${staleMs}`);
  const later = cluster.now + 5_000;
  t.is(replica.staleMs(later), (staleMs ?? 0) + 5_000, 'it grows while nothing is heard');
});

test('R11: the replica of an idle range stays as fresh as what it hears', (t) => {
  const cluster = started();
  const committedAt = cluster.now;
  const { idleAppendMs } = DEFAULT_REPLICATION;
  for (let beat = 0; beat < 20; beat++) {
    cluster.tick(idleAppendMs);
    exchange(cluster, 1);
    const quietMs = Math.max(idleAppendMs, (cluster.now - committedAt) / 4);
    const staleMs = cluster.member('b').replica.staleMs(cluster.now);
    t.true(staleMs !== null && staleMs <= 2 * quietMs + idleAppendMs, `${staleMs} after ${beat} beats`);
  }
});

test('R3: a follower answers the first Append that meets its log, though it acknowledges no more than before', (t) => {
  const cluster = new ReplicaCluster();
  for (const id of NODES) cluster.syncAll(id);
  while (cluster.mail.length > 0) cluster.deliver(0);
  for (const id of NODES) cluster.syncAll(id);
  t.deepEqual(
    cluster.mail.map(({ message }) => message.kind === 'append-ack' && message.rejection !== null),
    [true, true],
  );
  while (cluster.mail.length > 0) cluster.deliver(0);
  for (const id of NODES) cluster.syncAll(id);
  t.is(cluster.member('a').replica.commitSeq, 0);
  while (cluster.mail.length > 0) cluster.deliver(0);
  for (const id of NODES) cluster.syncAll(id);
  while (cluster.mail.length > 0) cluster.deliver(0);
  t.is(cluster.member('a').replica.commitSeq, 1, 'no time has passed');
});

test('R8: an owner whose disk stalls hands over to a member whose disk works, though its entries cannot commit', (t) => {
  const cluster = started();
  cluster.unfit.add('a');
  cluster.unfit.add('b');
  cluster.tick(DEFAULT_REPLICATION.idleAppendMs);
  exchange(cluster);
  cluster.write('a');
  const before = cluster.acknowledged.size;
  cluster.handOver('a');
  cluster.tick(late);
  while (cluster.casInFlight.length > 0) cluster.carryOutCas(0, true);
  t.is(cluster.descriptor.owner.node, 'c');
  t.is(cluster.acknowledged.size, before, 'nothing was acknowledged that a had not on its disk');
});

test('R8: nothing is handed over where every other disk is in trouble as well', (t) => {
  const cluster = started();
  for (const id of NODES) cluster.unfit.add(id);
  cluster.tick(DEFAULT_REPLICATION.idleAppendMs);
  exchange(cluster);
  cluster.handOver('a');
  exchange(cluster);
  t.is(cluster.descriptor.owner.node, 'a');
  cluster.unfit.clear();
  cluster.tick(DEFAULT_REPLICATION.idleAppendMs);
  exchange(cluster);
  cluster.handOver('a');
  exchange(cluster);
  t.not(cluster.descriptor.owner.node, 'a', 'until one is well again');
});

/** For so long nobody hears anybody, but for ZooKeeper. Gives how long each owner kept the range, ms. */
function apart(cluster: ReplicaCluster, ms: number): number[] {
  const begun = cluster.now;
  const kept: number[] = [];
  let { epoch } = cluster.descriptor;
  let since = begun;
  while (cluster.now < begun + ms) {
    cluster.tick(100);
    for (const id of NODES) cluster.syncAll(id);
    cluster.mail = [];
    while (cluster.casInFlight.length > 0) cluster.carryOutCas(0, true);
    if (cluster.descriptor.epoch === epoch) continue;
    for (const id of NODES) cluster.readDescriptor(id);
    ({ epoch } = cluster.descriptor);
    kept.push(Math.round((cluster.now - since) / 1_000));
    since = cluster.now;
  }
  return kept;
}

/** c is gone, so that a and b are as few as may be in-sync. */
function withoutC(): ReplicaCluster {
  const cluster = started();
  cluster.expire(cluster.member('c').session ?? '');
  cluster.crash('c');
  for (const id of NODES) cluster.readDescriptor(id);
  cluster.tick(5);
  exchange(cluster);
  return cluster;
}

test('R5: two members that do not hear each other pass the range to and fro more and more seldom, and say so', (t) => {
  const cluster = withoutC();
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b']);
  cluster.write('a');
  t.deepEqual(apart(cluster, 150_000), [4, 4, 7, 7, 13, 13, 25, 25, 31]);
  t.deepEqual(
    cluster.reports.map(({ silent, inVain, waitMs }) => [silent.join(), inVain, waitMs]),
    [
      ['b', 1, 6_000],
      ['a', 1, 6_000],
      ['b', 2, 12_000],
      ['a', 2, 12_000],
      ['b', 3, 24_000],
      ['a', 3, 24_000],
      ['b', 4, 30_000],
      ['a', 4, 30_000],
    ],
  );
});

test('R5: a commit, or a member that comes back, makes the next hand-over due as soon as ever', (t) => {
  const cluster = withoutC();
  cluster.write('a');
  apart(cluster, 25_000);
  for (let round = 0; round < 10; round++) {
    cluster.tick(100);
    exchange(cluster, 1);
  }
  const owner = cluster.descriptor.owner.node;
  t.is(typeof cluster.write(owner), 'number', 'they hear each other again');
  exchange(cluster);
  cluster.write(owner);
  t.deepEqual(apart(cluster, 8_000), [4, 4], 'something was committed');
  apart(cluster, 20_000);
  cluster.restart('c');
  for (const id of NODES) cluster.readDescriptor(id);
  t.deepEqual(apart(cluster, 8_000), [1, 4], 'c is there again: at once, as the owner has waited for long');
});
