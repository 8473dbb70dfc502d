// Single rules of replication, each as a short sequence of steps of three replicas (test/support/replica-cluster.ts): a is owner of
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

test('R5: a late member is removed; at the minimum the next one stays, writes are refused and reads continue', (t) => {
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

test('R6: a replica that comes back catches up and joins the in-sync set again', (t) => {
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

/** Delivers everything without letting time pass. Returns the number of entries that were sent to c. */
function sentToC(cluster: ReplicaCluster): number {
  let entries = 0;
  while (cluster.mail.length > 0 || cluster.casInFlight.length > 0) {
    for (let mail = cluster.mail[0]; mail !== undefined; mail = cluster.mail[0]) {
      if (mail.to === 'c' && mail.message.kind === 'append') entries += mail.message.entries.length;
      cluster.deliver(0);
    }
    for (const id of NODES) cluster.syncAll(id);
    while (cluster.casInFlight.length > 0) cluster.applyCas(0, true);
  }
  return entries;
}

test('R3: entries that were lost with a connection, and no others, are sent again as soon as there is a new one', (t) => {
  const cluster = started();
  for (let n = 0; n < 5; n++) cluster.write('a');
  exchange(cluster);
  for (let n = 0; n < 3; n++) cluster.write('a');
  cluster.mail = cluster.mail.filter(({ to }) => to !== 'c');
  sentToC(cluster);
  const before = cluster.acknowledged.size;
  cluster.step('c', { kind: 'connected', node: 'a' });
  cluster.step('a', { kind: 'connected', node: 'c' });
  t.is(sentToC(cluster), 3);
  t.is(cluster.acknowledged.size, before + 3);
});

test('R6: a replica that connects again is in-sync again without a tick', (t) => {
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
  cluster.step('a', { kind: 'connected', node: 'c' });
  t.is(sentToC(cluster), 1, 'what it missed');
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b', 'c']);
});

test('R3: a follower that has acknowledged nothing yet is probed at the end of the log, and is not sent the complete log', (t) => {
  const cluster = started();
  for (let n = 0; n < 5; n++) cluster.write('a');
  exchange(cluster);
  cluster.crash('a');
  cluster.expireOwner();
  t.true(cluster.promote(0));
  cluster.mail = [];
  cluster.readDescriptor('b');
  cluster.mail = [];
  cluster.step('b', { kind: 'connected', node: 'c' });
  t.is(sentToC(cluster), 1, 'EpochStart');
});

test('R6: an acknowledgement of a learner does not count once its log has lost the entries', (t) => {
  const cluster = started();
  for (let n = 0; n < 5; n++) cluster.write('a');
  exchange(cluster);
  cluster.crash('c');
  cluster.write('a');
  exchange(cluster, 1);
  cluster.tick(late);
  exchange(cluster);
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b']);
  // The disk lost what it had synced. R12 excludes that for in-sync members, but not for a learner whose disk was set aside.
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

test('R7, R1: after a failover the old owner comes back, follows, and truncates what was never acknowledged', (t) => {
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

/** b is owner of epoch 2. c has received b's first Append and has not synced it. */
function secondEpoch(): ReplicaCluster {
  const cluster = started();
  cluster.expireOwner();
  cluster.promote(0);
  cluster.readDescriptor('b');
  cluster.mail = cluster.mail.filter(({ from, to }) => from === 'b' && to === 'c');
  while (cluster.mail.length > 0 && cluster.member('c').replica.epochSeen < 2) cluster.deliver(0);
  return cluster;
}

test('R3: nothing is acknowledged under an epoch that is not on disk', (t) => {
  const cluster = secondEpoch();
  const answers = () => cluster.mail.filter(({ from }) => from === 'c').length;
  t.is(cluster.member('c').replica.epochSeen, 2);
  t.is(answers(), 0);
  cluster.syncAll('c');
  t.is(answers(), 1);
});

test('R3: an epochSeen that was on disk survives a restart', (t) => {
  const cluster = secondEpoch();
  cluster.syncAll('c');
  cluster.crash('c');
  cluster.restart('c');
  t.is(cluster.member('c').replica.epochSeen, 2);
});

test('R8: a hand-over waits for the entries under way, stops the owner, and makes the other one owner', (t) => {
  const cluster = started();
  cluster.write('a');
  cluster.handOver('a');
  t.is(cluster.write('a'), 'NOT_READY', 'new writes wait for the new owner');
  const before = cluster.acknowledged.size;
  exchange(cluster);
  t.is(cluster.acknowledged.size, before + 1, 'the write under way is acknowledged');
  t.not(cluster.descriptor.owner.node, 'a');
  t.is(cluster.descriptor.epoch, 2);
  t.is(cluster.member('a').replica.ownedEpoch, null);
});

test('R8: while the compare-and-set of its hand-over is in flight, an owner serves no reads either', (t) => {
  const cluster = started();
  const { replica } = cluster.member('a');
  cluster.handOver('a');
  t.is(cluster.casInFlight.length, 1);
  t.is(replica.readRefusal(1), 'NOT_READY');
  cluster.applyCas(0, false);
  t.is(replica.readRefusal(1), 'NOT_READY', 'nor while its outcome is unknown');
});

test('R10: if the answer of a shrink is lost, the member counts until an image settles it', (t) => {
  const cluster = started();
  cluster.crash('c');
  cluster.write('a');
  for (let round = 0; round < 3; round++) {
    for (const id of NODES) cluster.syncAll(id);
    while (cluster.mail.length > 0) cluster.deliver(0);
  }
  const before = cluster.acknowledged.size;
  // In two ticks: after a pause of lagMs an owner removes nobody.
  cluster.tick(late / 2);
  cluster.tick(late / 2);
  cluster.applyCas(0, false);
  exchange(cluster, 1);
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b'], 'it took effect');
  t.is(cluster.acknowledged.size, before, 'but the owner does not know');
  cluster.readDescriptor('a');
  t.is(cluster.acknowledged.size, before + 1);
});

test('R11: an owner without a lease serves no linearizable read', (t) => {
  const cluster = started();
  const { replica } = cluster.member('a');
  t.is(replica.staleMs(cluster.now + 50), 0, 'its state is current');
  cluster.cutOff = 'a';
  cluster.expireOwner();
  t.is(replica.readRefusal(1), 'NOT_READY');
  cluster.tick(5_000);
  t.is(replica.staleMs(cluster.now), 5_000, 'its state is as old as the end of its lease');
});

test('R11: an owner that has stopped for a hand-over echoes no stamps, whatever the outcome is', (t) => {
  const cluster = started();
  const echoes = () => {
    cluster.mail = [];
    cluster.tick(DEFAULT_REPLICATION.heartbeatMs);
    return cluster.mail.flatMap(({ from, message }) =>
      from === 'a' && message.kind === 'append' ? [message.echo !== null] : [],
    );
  };
  t.deepEqual(echoes(), [true, true]);
  cluster.handOver('a');
  cluster.applyCas(0, false);
  t.not(cluster.descriptor.owner.node, 'a');
  t.deepEqual(echoes(), [false, false], 'the next owner may have acknowledged writes');
});

test('R11: an owner without a lease echoes no stamp', (t) => {
  const cluster = started();
  cluster.expireOwner();
  cluster.mail = [];
  cluster.tick(DEFAULT_REPLICATION.heartbeatMs);
  const echoes = cluster.mail.map(({ message }) => (message.kind === 'append' ? message.echo : undefined));
  t.deepEqual(echoes, [null, null]);
});

test('R11: a follower knows how old its state may be once the owner has echoed its stamp', (t) => {
  const cluster = started();
  exchange(cluster, 3);
  cluster.tick(DEFAULT_REPLICATION.heartbeatMs);
  exchange(cluster, 2);
  const { replica } = cluster.member('b');
  const staleMs = replica.staleMs(cluster.now);
  t.true(staleMs !== null && staleMs >= 0, `${staleMs}`);
  const later = cluster.now + 5_000;
  t.is(replica.staleMs(later), (staleMs ?? 0) + 5_000, 'it grows while nothing is received');
});

test('R11: the state of an idle range is as recent as the last heartbeat', (t) => {
  const cluster = started();
  const committedAt = cluster.now;
  const { heartbeatMs } = DEFAULT_REPLICATION;
  for (let beat = 0; beat < 20; beat++) {
    cluster.tick(heartbeatMs);
    exchange(cluster, 1);
    const intervalMs = Math.max(heartbeatMs, (cluster.now - committedAt) / 4);
    const staleMs = cluster.member('b').replica.staleMs(cluster.now);
    t.true(staleMs !== null && staleMs <= 2 * intervalMs + heartbeatMs, `${staleMs} after ${beat} beats`);
  }
});

test('R2: EpochStart goes out with the first Append to each follower, and is committed after one round trip', (t) => {
  const cluster = new ReplicaCluster();
  const sync = () => {
    for (const id of NODES) cluster.syncAll(id);
  };
  const deliver = () => {
    for (let left = cluster.mail.length; left > 0; left--) cluster.deliver(0);
  };
  t.deepEqual(
    cluster.mail.map(({ message }) => message.kind === 'append' && message.entries.length),
    [1, 1],
  );
  deliver();
  sync();
  deliver();
  t.is(cluster.member('a').replica.commitSeq, 1);
});

test('R3: a follower answers the first Append that matches its log, although it acknowledges no more than before', (t) => {
  const cluster = new ReplicaCluster();
  cluster.mail = cluster.mail.filter(({ to }) => to !== 'c');
  cluster.deliver(0);
  cluster.syncAll('b');
  cluster.crash('a');
  cluster.expireOwner();
  t.true(cluster.promote(0));
  cluster.mail = [];
  cluster.readDescriptor('b');
  t.is(
    sentToC(cluster),
    3,
    'the new EpochStart, which is rejected; then the first one, which c lacks, and the new one',
  );
  cluster.checkDurable();
});

test('R8: an owner whose disk stalls hands over to a healthy member, although its entries cannot commit', (t) => {
  const cluster = started();
  cluster.unhealthy.add('a');
  cluster.unhealthy.add('b');
  cluster.tick(DEFAULT_REPLICATION.heartbeatMs);
  exchange(cluster);
  cluster.write('a');
  const before = cluster.acknowledged.size;
  cluster.handOver('a');
  cluster.tick(late);
  while (cluster.casInFlight.length > 0) cluster.applyCas(0, true);
  t.is(cluster.descriptor.owner.node, 'c');
  t.is(cluster.acknowledged.size, before, 'no write was acknowledged that a does not have on disk');
});

test('R8: an owner does not hand over while every other member is unhealthy, too', (t) => {
  const cluster = started();
  for (const id of NODES) cluster.unhealthy.add(id);
  cluster.tick(DEFAULT_REPLICATION.heartbeatMs);
  exchange(cluster);
  cluster.handOver('a');
  exchange(cluster);
  t.is(cluster.descriptor.owner.node, 'a');
  cluster.unhealthy.clear();
  cluster.tick(DEFAULT_REPLICATION.heartbeatMs);
  exchange(cluster);
  cluster.handOver('a');
  exchange(cluster);
  t.not(cluster.descriptor.owner.node, 'a', 'until one is healthy again');
});

test('R8: an owner does not hand over to a member that is about to stop, even if only the live znode says so yet', (t) => {
  for (const unseen of [false, true]) {
    const cluster = started();
    const first = transfereeOf(cluster);
    cluster.standings.set(first, 'stopping');
    cluster.standingsUnseen = unseen;
    for (const id of NODES) cluster.readDescriptor(id);
    cluster.handOver('a');
    exchange(cluster);
    if (unseen) {
      t.is(cluster.descriptor.owner.node, 'a', 'the read of its session shows it, and a continues to serve');
      t.is(cluster.member('a').replica.readRefusal(1), null);
      cluster.standingsUnseen = false;
      cluster.readDescriptor('a');
      cluster.handOver('a');
      exchange(cluster);
    }
    t.false([first, 'a'].includes(cluster.descriptor.owner.node));
  }
});

test('R8: a draining member takes over only if there is no other', (t) => {
  const cluster = started();
  const first = transfereeOf(cluster);
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

test('an owner has a successor while another replica is live and not about to stop', (t) => {
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

/** The member that would take over from a if all members were equal. */
function transfereeOf(before: ReplicaCluster): NodeName {
  const cluster = started();
  cluster.handOver('a');
  exchange(cluster);
  const { node } = cluster.descriptor.owner;
  const transferee = NODES.find((id) => id === node && id !== before.descriptor.owner.node);
  if (transferee === undefined) throw new Error(`${node} is no transferee`);
  return transferee;
}

test('a learner is lagging from its last progress until it can be in-sync', (t) => {
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
  t.is([...cluster.member('a').replica.lagging][0]?.since, before?.since, 'it made no progress');
  cluster.settle();
  t.deepEqual(lagging(), []);
});
