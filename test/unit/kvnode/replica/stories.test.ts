// Single rules of replication as short stories over three replicas (test/support/replica-cluster.ts): a is owner of
// epoch 1, b and c follow, minInSync is 2.

import test from 'ava';
import { DEFAULT_REPLICATION } from '../../../../common/model/config.ts';
import { NODES, type NodeName, ReplicaCluster } from '../../../support/replica-cluster.ts';
import { exchange, late, started } from '../../../support/replica-steps.ts';

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

/** Entries that c is sent from now on, all of them delivered, with no time passing. */
function sentToC(cluster: ReplicaCluster): number {
  let entries = 0;
  while (cluster.mail.length > 0 || cluster.casInFlight.length > 0) {
    for (let mail = cluster.mail[0]; mail !== undefined; mail = cluster.mail[0]) {
      if (mail.to === 'c' && mail.message.kind === 'append') entries += mail.message.entries.length;
      cluster.deliver(0);
    }
    for (const id of NODES) cluster.syncAll(id);
    while (cluster.casInFlight.length > 0) cluster.carryOutCas(0, true);
  }
  return entries;
}

test('R3: what was lost with a connection is sent again as soon as there is a new one, and no more than that', (t) => {
  const cluster = started();
  for (let n = 0; n < 5; n++) cluster.write('a');
  exchange(cluster);
  for (let n = 0; n < 3; n++) cluster.write('a');
  cluster.mail = cluster.mail.filter(({ to }) => to !== 'c');
  sentToC(cluster);
  const before = cluster.acknowledged.size;
  cluster.step('c', { kind: 'reachable', node: 'a' });
  cluster.step('a', { kind: 'reachable', node: 'c' });
  t.is(sentToC(cluster), 3);
  t.is(cluster.acknowledged.size, before + 3);
});

test('R6: who comes back is found by its connection and is in-sync again without a tick', (t) => {
  const cluster = started();
  for (let n = 0; n < 5; n++) cluster.write('a');
  exchange(cluster);
  cluster.crash('c');
  cluster.write('a');
  exchange(cluster, 1);
  cluster.tick(late);
  exchange(cluster);
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b']);
  cluster.restart('c');
  for (const id of NODES) cluster.readDescriptor(id);
  cluster.mail = [];
  cluster.step('a', { kind: 'reachable', node: 'c' });
  t.is(sentToC(cluster), 1, 'what it missed');
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b', 'c']);
});

test('R3: a follower that acknowledged nothing yet is probed at the end of the log, not sent all of it', (t) => {
  const cluster = started();
  for (let n = 0; n < 5; n++) cluster.write('a');
  exchange(cluster);
  cluster.crash('a');
  cluster.expireOwner();
  t.true(cluster.promote(0));
  cluster.mail = [];
  cluster.readDescriptor('b');
  cluster.mail = [];
  cluster.step('b', { kind: 'reachable', node: 'c' });
  t.is(sentToC(cluster), 1, 'EpochStart');
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

test('R8: nothing is handed to a member that is about to stop, also where only its live znode says so yet', (t) => {
  for (const unseen of [false, true]) {
    const cluster = started();
    const [first] = [heirOf(cluster)];
    cluster.standings.set(first, 'stopping');
    cluster.standingsUnseen = unseen;
    for (const id of NODES) cluster.readDescriptor(id);
    cluster.handOver('a');
    exchange(cluster);
    if (unseen) {
      t.is(cluster.descriptor.owner.node, 'a', 'the read of its session tells, and a serves on');
      t.is(cluster.member('a').replica.readRefusal(1), null);
      cluster.standingsUnseen = false;
      cluster.readDescriptor('a');
      cluster.handOver('a');
      exchange(cluster);
    }
    t.false([first, 'a'].includes(cluster.descriptor.owner.node));
  }
});

test('R8: a member that is to be emptied takes over only where there is no other', (t) => {
  const cluster = started();
  const first = heirOf(cluster);
  const second = NODES.find((id) => id !== 'a' && id !== first) ?? '';
  cluster.standings.set(first, 'draining');
  cluster.readDescriptor('a');
  cluster.handOver('a');
  exchange(cluster);
  t.is(cluster.descriptor.owner.node, second);

  const other = started();
  other.standings.set('b', 'draining').set('c', 'draining');
  other.readDescriptor('a');
  other.handOver('a');
  exchange(other);
  t.not(other.descriptor.owner.node, 'a');
});

test('an owner has a successor to wait for as long as another replica lives and does not stop', (t) => {
  const cluster = started();
  const { replica } = cluster.member('a');
  t.true(replica.hasSuccessor);
  cluster.standings.set('b', 'stopping');
  cluster.readDescriptor('a');
  t.true(replica.hasSuccessor, 'c stays');
  cluster.standings.set('c', 'stopping');
  cluster.readDescriptor('a');
  t.false(replica.hasSuccessor);
  t.false(cluster.member('b').replica.hasSuccessor, 'only an owner hands over');
});

/** Who would take over from a, were all the same. */
function heirOf(before: ReplicaCluster): NodeName {
  const cluster = started();
  cluster.handOver('a');
  exchange(cluster);
  const { node } = cluster.descriptor.owner;
  const heir = NODES.find((id) => id === node && id !== before.descriptor.owner.node);
  if (heir === undefined) throw new Error(`${node} is no heir`);
  return heir;
}

test('a learner lags from when it last acknowledged something until it could be in-sync', (t) => {
  const cluster = started();
  const lagging = () => [...cluster.member('a').replica.lagging].map(({ node }) => node);
  t.deepEqual(lagging(), [], 'members of the in-sync set do not');
  cluster.crash('c');
  cluster.write('a');
  exchange(cluster, 1);
  cluster.tick(late);
  exchange(cluster);
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b']);
  t.deepEqual(lagging(), ['c']);
  const [before] = cluster.member('a').replica.lagging;
  cluster.tick(1_000);
  t.is([...cluster.member('a').replica.lagging][0]?.since, before?.since, 'it caught up with nothing');
  cluster.settle();
  t.deepEqual(lagging(), []);
});
