// Claims that R1 to R12 exclude, which happen when a disk or ZooKeeper loses something. They are refused and reported, the replica is
// fenced, and no process ends. There are three replicas: a is owner of epoch 1, b and c follow, minInSync is 2.

import test from 'ava';
import { DEFAULT_REPLICATION } from '../../../../common/model/config.ts';
import type { Position } from '../../../../common/model/ids.ts';
import type { AckMessage } from '../../../../kvnode/replica/replica-messages.ts';
import type { LogEntry } from '../../../../kvnode/storage/storage.ts';
import { NODES, type NodeName, type ReplicaCluster } from '../../../support/replica-cluster.ts';
import { exchange, late, started } from '../../../support/replica-steps.ts';

/** The disk of `id` has lost its log, and the node is up again with an empty one. */
function loseLog(cluster: ReplicaCluster, id: NodeName): void {
  cluster.crash(id);
  cluster.member(id).syncedGroup = 0;
  cluster.restart(id);
}

function texts(cluster: ReplicaCluster, id: NodeName): readonly string[] {
  return cluster.member(id).log.entries.map(({ epoch, seq }) => `${epoch}/${seq}`);
}

test('R12: an owner that lost its log truncates nobody, and hands over to a member that has the data', (t) => {
  const cluster = started();
  for (let n = 0; n < 5; n++) cluster.write('a');
  exchange(cluster);
  loseLog(cluster, 'b');
  cluster.crash('a');
  cluster.expireOwner();
  while (cluster.descriptor.owner.node !== 'b') t.true(cluster.promote(0));
  for (const id of NODES) cluster.readDescriptor(id);
  cluster.mail = [];
  cluster.tick(DEFAULT_REPLICATION.resendMs);
  exchange(cluster, 1);
  t.is(cluster.member('b').replica.readRefusal(2), 'NOT_READY');
  exchange(cluster, 3);
  for (const id of NODES) cluster.readDescriptor(id);
  t.is(cluster.descriptor.owner.node, 'c');
  t.is(cluster.descriptor.epoch, 3);
  t.deepEqual(
    cluster.reports.map(({ by, conflict }) => `${by} of ${conflict.node} in ${conflict.epoch}`),
    ['c of b in 2', 'b of c in 2'],
  );
  cluster.settle();
  cluster.checkDurable();
  t.deepEqual(texts(cluster, 'b'), texts(cluster, 'c'));
  t.is(cluster.acknowledged.size >= 5, true);
});

test('R12: a learner that was in-sync in a lost history keeps its data, and nobody else is stopped', (t) => {
  const cluster = started();
  cluster.write('a');
  exchange(cluster);
  cluster.cutOff = 'a';
  const before = texts(cluster, 'a');
  cluster.expireOwner();
  loseLog(cluster, 'b');
  loseLog(cluster, 'c');
  while (cluster.descriptor.owner.node !== 'b') t.true(cluster.promote(0));
  cluster.committed.length = 0;
  cluster.acknowledged.clear();
  for (const id of NODES) cluster.readDescriptor(id);
  for (let round = 0; round < 4; round++) {
    cluster.tick(DEFAULT_REPLICATION.resendMs);
    exchange(cluster, 2);
  }
  t.deepEqual(cluster.descriptor.inSync, ['b', 'c']);
  t.is(typeof cluster.write('b'), 'number');
  cluster.cutOff = null;
  cluster.renewSession('a');
  for (const id of NODES) cluster.readDescriptor(id);
  for (let round = 0; round < 4; round++) {
    cluster.tick(DEFAULT_REPLICATION.resendMs);
    exchange(cluster, 1);
  }
  t.deepEqual(cluster.descriptor.inSync, ['b', 'c']);
  t.is(cluster.member('b').replica.readRefusal(2), null);
  t.deepEqual(texts(cluster, 'a'), before, 'its log is not truncated');
  t.regex(cluster.member('a').replica.status(0, Number).conflict ?? '', /is committed here/);
  t.deepEqual(cluster.reports.map(({ by }) => by).sort(), ['a', 'b']);
});

const ACK: AckMessage = {
  kind: 'append-ack',
  inc: 3,
  epoch: 1,
  acked: 0,
  rejection: null,
  stamp: 0,
  unhealthy: false,
  contradiction: null,
};

test('R12: an owner stops if an in-sync member contradicts what the owner committed, and keeps that member in the set', (t) => {
  const cluster = started();
  cluster.write('a');
  exchange(cluster);
  cluster.step('a', { kind: 'append-ack', from: 'c', message: { ...ACK, contradiction: 1 } });
  const { replica } = cluster.member('a');
  t.is(replica.readRefusal(1), 'NOT_READY');
  t.is(cluster.write('a'), 'NOT_READY');
  t.regex(replica.status(0, Number).conflict ?? '', /holds committed entry 1/);
  cluster.crash('c');
  cluster.tick(late / 2);
  cluster.tick(late / 2);
  exchange(cluster);
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b', 'c']);
  t.is(cluster.descriptor.owner.node, 'a');
  t.is(cluster.reports.length, 1);
});

test('R12: an acknowledgement of entries that were never sent stops the owner, not its process', (t) => {
  const cluster = started();
  cluster.step('a', { kind: 'append-ack', from: 'c', message: { ...ACK, acked: 1_000 } });
  t.is(cluster.member('a').replica.readRefusal(1), 'NOT_READY');
  exchange(cluster);
  for (const id of NODES) cluster.readDescriptor(id);
  t.is(cluster.descriptor.owner.node, 'c');
});

test('R1: an acknowledgement of a higher epoch ends an ownership, and commits nothing', (t) => {
  const cluster = started();
  const { replica } = cluster.member('a');
  const seq = cluster.write('a');
  cluster.syncAll('a');
  const { commitSeq } = replica;
  for (const [from, inc] of [
    ['b', 2],
    ['c', 3],
  ] as const) {
    cluster.step('a', { kind: 'append-ack', from, message: { ...ACK, inc, epoch: 2, acked: Number(seq) } });
  }
  t.is(replica.ownedEpoch, null);
  t.is(replica.commitSeq, commitSeq);
  t.is(cluster.write('a'), 'NOT_OWNER');
});

const payload = new Uint8Array(0);
const entry = (epoch: number, seq: number) => ({ epoch, seq, kind: 2, payload }) as const;

/** b holds the committed entries 1/1 to 1/3. The claim comes from a in epoch 2. `seq` null: it is possible. */
const CLAIMS: readonly [what: string, prev: Position, entries: readonly LogEntry[], seq: number | null][] = [
  ['what b has already', { epoch: 1, seq: 1 }, [entry(1, 2)], null],
  ['what is new', { epoch: 1, seq: 3 }, [entry(2, 4)], null],
  ['a shorter log', { epoch: 0, seq: 0 }, [], null],
  ['another entry at a committed seq', { epoch: 1, seq: 1 }, [entry(2, 2)], 2],
  ['another entry at the first seq', { epoch: 0, seq: 0 }, [entry(2, 1)], 1],
  ['that a committed entry is of another epoch', { epoch: 2, seq: 2 }, [], 2],
  ['entries with a gap', { epoch: 1, seq: 3 }, [entry(2, 4), entry(2, 6)], 5],
  ['entries that do not begin after prev', { epoch: 1, seq: 3 }, [entry(2, 5)], 4],
  ['epochs that fall', { epoch: 1, seq: 3 }, [entry(2, 4), entry(1, 5)], 5],
  ['an epoch before that of prev', { epoch: 1, seq: 3 }, [entry(0, 4)], 4],
  ['an epoch above its own', { epoch: 1, seq: 3 }, [entry(3, 4)], 4],
];

for (const [what, prev, entries, seq] of CLAIMS) {
  test(`R12: an owner claims ${what}: ${seq === null ? 'accepted' : `refused at ${seq}`}`, (t) => {
    const cluster = started();
    cluster.write('a');
    cluster.write('a');
    exchange(cluster);
    cluster.mail = [];
    const { replica } = cluster.member('b');
    t.is(replica.commitSeq, 3);
    const before = texts(cluster, 'b').slice(0, 3);
    const append = { kind: 'append', inc: 2, epoch: 2, prev, entries, commitSeq: 9, echo: null } as const;
    for (let times = 0; times < 2; times++) cluster.step('b', { kind: 'append', from: 'a', message: append });
    cluster.syncAll('b');
    const answers = cluster.mail.flatMap(({ message }) => (message.kind === 'append-ack' ? [message] : []));
    t.deepEqual([...new Set(answers.map(({ contradiction }) => contradiction))], [seq]);
    t.is(cluster.reports.length, seq === null ? 0 : 1, 'reported once');
    t.deepEqual(texts(cluster, 'b').slice(0, 3), before);
    if (seq === null) return;
    t.true(answers.every(({ acked }) => acked === 0));
    const good = { ...append, prev: { epoch: 1, seq: 3 }, entries: [entry(2, 4)] };
    cluster.step('b', { kind: 'append', from: 'a', message: good });
    cluster.syncAll('b');
    t.is(replica.commitSeq, 3, 'nothing more is applied under that epoch');
    const last = cluster.mail.at(-1)?.message;
    t.true(last?.kind === 'append-ack' && last.acked === 0 && last.contradiction === seq);
    cluster.step('b', { kind: 'append', from: 'a', message: { ...good, epoch: 3 } });
    cluster.syncAll('b');
    const next = cluster.mail.at(-1)?.message;
    t.true(
      next?.kind === 'append-ack' && next.acked === 4 && next.contradiction === null,
      'the fence is lifted in the next epoch',
    );
  });
}

const SNAPSHOTS: readonly [Position, 'take' | 'have' | 'refuse'][] = [
  [{ epoch: 1, seq: 3 }, 'have'],
  [{ epoch: 1, seq: 9 }, 'take'],
  [{ epoch: 2, seq: 9 }, 'take'],
  [{ epoch: 2, seq: 3 }, 'refuse'],
  [{ epoch: 0, seq: 9 }, 'refuse'],
];

for (const [position, verdict] of SNAPSHOTS) {
  test(`R12: a snapshot at ${position.epoch}/${position.seq} of a log that has 1/3 committed: ${verdict}`, (t) => {
    const cluster = started();
    cluster.write('a');
    cluster.write('a');
    exchange(cluster);
    t.is(cluster.member('b').replica.offerSnapshot('a', 2, position), verdict);
    cluster.step('b', { kind: 'tick', heartbeatMs: 0, pausedMs: 0 });
    t.is(cluster.reports.length, verdict === 'refuse' ? 1 : 0);
  });
}

test('R1: two nodes claim one epoch after a restore of ZooKeeper: no process ends, and the next epoch settles it', (t) => {
  const cluster = started();
  const append = {
    kind: 'append',
    epoch: 1,
    prev: { epoch: 1, seq: 1 },
    entries: [],
    commitSeq: 0,
    echo: null,
  } as const;
  cluster.step('b', { kind: 'append', from: 'c', message: { ...append, inc: 2 } });
  cluster.step('a', { kind: 'append', from: 'c', message: { ...append, inc: 1 } });
  t.deepEqual(cluster.reports.map(({ by, conflict }) => `${by} of ${conflict.node}`).sort(), [
    'a of c',
    'b of c',
  ]);
  for (let round = 0; round < 4; round++) {
    exchange(cluster, 2);
    for (const id of NODES) cluster.readDescriptor(id);
    cluster.tick(DEFAULT_REPLICATION.resendMs);
  }
  cluster.settle();
  t.true(cluster.descriptor.epoch > 1);
  t.is(typeof cluster.write(cluster.descriptor.owner.node as NodeName), 'number');
});

test('R1: a replica reports a conflict if it is named as the owner of an epoch that it has seen before', (t) => {
  const cluster = started();
  const { replica, session } = cluster.member('b');
  const { descriptor } = cluster;
  const named = (epoch: number, version: number) => {
    const owner = { node: 'b', inc: replica.inc, session: session ?? '' };
    cluster.step('b', {
      kind: 'image',
      image: { descriptor: { ...descriptor, epoch, owner }, version },
      session,
    });
  };
  t.is(replica.mismatch, null);
  named(descriptor.epoch, 98);
  t.is(replica.ownedEpoch, null);
  t.regex(replica.status(0, Number).conflict ?? '', /cannot own epoch 1, which it has seen before/);
  cluster.step('b', { kind: 'session-ended' });
  t.is(replica.mismatch, null);
  named(descriptor.epoch, 98);
  t.regex(replica.mismatch ?? '', /cannot own epoch 1/);
  named(descriptor.epoch + 1, 99);
  t.is(replica.ownedEpoch, descriptor.epoch + 1);
  t.is(replica.mismatch, null);
});

test('R1: an image of the same epoch with another owner ends the ownership, not the process', (t) => {
  const cluster = started();
  const { descriptor } = cluster;
  const image = { descriptor: { ...descriptor, owner: { node: 'b', inc: 2, session: 's' } }, version: 99 };
  cluster.step('a', { kind: 'image', image, session: cluster.member('a').session });
  t.is(cluster.member('a').replica.ownedEpoch, null);
});
