// A node whose ZooKeeper was restored to an older state: descriptors are older than the node's replicas, and ids are given again.
// Nothing is wiped, nothing of another range is used, and the conflict is reported once.

import test from 'ava';
import { toBytes } from '../../../../common/base/bytes.ts';
import { realEnv } from '../../../../common/base/env.ts';
import { silentLogger } from '../../../../common/base/log.ts';
import { DEFAULT_REPLICATION } from '../../../../common/model/config.ts';
import { type Descriptor, FRESH_RANGE } from '../../../../common/model/descriptor.ts';
import { origin } from '../../../../common/model/ids.ts';
import type { EventRecord } from '../../../../common/model/records.ts';
import { ConflictWatch } from '../../../../kvnode/health/conflict-watch.ts';
import { newReplica } from '../../../../kvnode/range/new-replica.ts';
import { RangeHost } from '../../../../kvnode/range/range-host.ts';
import { WaitingBytes } from '../../../../kvnode/range/waiting-writes.ts';
import { Replica } from '../../../../kvnode/replica/replica.ts';
import { epochMismatch } from '../../../../kvnode/replica/replica-status.ts';
import { TwinWorld } from '../../../suites/storage/world.ts';
import { VirtualEnv } from '../../../support/virtual-env.ts';

const BOUNDS = { start: toBytes('b'), end: toBytes('y') };
const META = { range: 1, inc: 4, namespace: 'default', namespaceId: 1, ...BOUNDS };
const DESCRIPTOR: Descriptor = {
  ...{ namespace: 'default', namespaceId: 1, id: 1, ...BOUNDS },
  ...{ epoch: 7, owner: { node: 'm', inc: 1, session: 's' }, replicas: [{ node: 'm', inc: 1 }] },
  ...{ inSync: ['m'], minInSync: 1, state: 'serving', nextInc: 5, ...FRESH_RANGE, base: origin },
  ...{ transferTo: null, retire: null },
};

/** Replica 4 of range 1, [b, y) of namespace 1, which has seen epoch 7. */
async function hostHere(): Promise<RangeHost> {
  const storage = await new TwinWorld().open();
  storage.createReplica(META, origin, 7);
  const replica = new Replica({
    self: 'n',
    recovered: {
      ...META,
      epochSeen: 7,
      base: origin,
      lastSeq: 0,
      applied: origin,
      committed: 0,
      void: false,
    },
    log: storage.logOf(1),
    config: DEFAULT_REPLICATION,
    leaseValid: () => true,
    isHealthy: () => true,
    stampBase: 0,
  });
  return new RangeHost({
    ...{ env: realEnv, replica, meta: META, storage, appliedSeq: 0, config: DEFAULT_REPLICATION },
    ...{ waitingOnNode: new WaitingBytes(), checks: { checkApplied: () => {} } },
  });
}

const COMPARED: readonly [what: string, change: Partial<Descriptor>, isOwn: boolean][] = [
  ['the same', {}, true],
  ['of another epoch', { epoch: 1 }, true],
  ['of another namespace', { namespaceId: 2 }, false],
  ['that starts elsewhere', { start: toBytes('c') }, false],
  ['that ends elsewhere', { end: toBytes('z') }, false],
  ['that does not end', { end: null }, false],
];

for (const [what, change, isOwn] of COMPARED) {
  test(`a descriptor under the id of a replica, ${what}: it is ${isOwn ? 'its own' : 'kept aside'}`, async (t) => {
    const host = await hostHere();
    t.false(host.isOwn, 'nothing is received before its descriptor was read');
    host.checkDescriptor({ ...DESCRIPTOR, ...change });
    t.is(host.isOwn, isOwn);
    const { conflict } = host.status(0, Number);
    if (isOwn) t.is(conflict, null);
    else
      t.regex(
        conflict ?? '',
        /belongs to another range, .* this replica has \[b, y\) of namespace 1, and is not used/,
      );
    host.checkDescriptor(DESCRIPTOR);
    t.true(host.isOwn, 'ZooKeeper was repaired');
  });
}

const REMOVALS: readonly [
  what: string,
  change: Partial<Descriptor>,
  inc: number | undefined,
  removed: boolean,
][] = [
  ['that is newer and does not list the replica', {}, undefined, true],
  ['that is newer and lists the next inc', {}, 5, true],
  ['that lists the replica', {}, 4, false],
  ['from before the replica was added', { nextInc: 4 }, undefined, false],
  ['of an epoch that is over, although its incs were given again', { epoch: 6 }, undefined, false],
  ['that was dropped', { state: 'dropped', inSync: [] }, 4, true],
  ['that was dropped in an epoch that is over', { state: 'dropped', inSync: [], epoch: 6 }, 4, true],
];

for (const [what, change, inc, removed] of REMOVALS) {
  test(`R9: for a descriptor ${what}, the replica is ${removed ? '' : 'not '}wiped`, async (t) => {
    const host = await hostHere();
    t.is(host.isRemovedBy({ ...DESCRIPTOR, ...change }, inc), removed);
  });
}

test('R9: a replica is not made at or below its tombstone, and the reason is given', (t) => {
  const tombstones = new Map([[1, { range: 1, inc: 3, epochSeen: 6 }]]);
  const withTombstone = { tombstones, overlapping: () => null };
  const empty = { tombstones: new Map(), overlapping: () => null };
  const made = { range: 1, inc: 4, epochSeen: 6, lastSeq: 0, void: false };
  t.like(newReplica(DESCRIPTOR, 4, withTombstone), { kind: 'made', replica: made });
  t.like(newReplica(DESCRIPTOR, 1, empty), { replica: { inc: 1, epochSeen: 0 } });
  for (const inc of [1, 3]) {
    const refused = newReplica(DESCRIPTOR, inc, withTombstone);
    t.regex(refused.kind === 'refused' ? refused.text : '', /replica 3 .* was here before/);
  }
});

test('R9: the replica of a range that began with the data of its parents is void at first', (t) => {
  const empty = { tombstones: new Map(), overlapping: () => null };
  const child = { ...DESCRIPTOR, base: { epoch: 1, seq: 9 } };
  t.like(newReplica(child, 4, empty), { replica: { void: true, base: origin, applied: origin } });
});

test('S7: a replica is not made while another one overlaps its keys', (t) => {
  const beside = { tombstones: new Map(), overlapping: () => 7 };
  t.like(newReplica(DESCRIPTOR, 1, beside), { kind: 'refused', overlaps: 7 });
});

test('a descriptor of an epoch that the replica has left behind, or cannot own, is a mismatch', (t) => {
  t.is(epochMismatch(null, 12, false), null);
  t.is(epochMismatch(12, 12, false), null);
  t.is(epochMismatch(13, 12, false), null);
  t.is(epochMismatch(13, 12, true), null);
  const text = 'ZooKeeper was restored to an older state; raise-epochs in the REPL has the range begin again';
  for (const isNamedOwner of [false, true])
    t.is(epochMismatch(7, 12, isNamedOwner), `epochSeen 12 is above the descriptor's epoch 7: ${text}`);
  t.is(epochMismatch(12, 12, true), `it cannot own epoch 12, which it has seen before: ${text}`);
});

test('a mismatch is reported once, when two checks have found it, and again only after it was gone', async (t) => {
  const env = new VirtualEnv();
  const reported: Omit<EventRecord, 'at' | 'by'>[] = [];
  let mismatch: string | null = 'lags';
  const watch = new ConflictWatch({
    env,
    logger: silentLogger,
    events: { report: (event) => reported.push(event) },
    self: 'n-1',
    nameOf: () => 'kv-1',
    replicas: () => [
      { range: 3, mismatch },
      { range: 4, mismatch: null },
    ],
  });
  await env.run(11_500);
  mismatch = null;
  await env.run(30_000);
  t.deepEqual(reported, [], 'a server that lagged for a moment');
  mismatch = 'does not fit';
  await env.run(60_000);
  const event = { kind: 'conflict', text: 'range 3 on kv-1: does not fit', range: 3, node: 'n-1' };
  t.deepEqual(reported, [event]);
  mismatch = null;
  watch.notMade(9, 'is not made');
  await env.run(60_000);
  t.deepEqual(reported.slice(1), [{ ...event, text: 'range 9 on kv-1: is not made', range: 9 }]);
  watch.notMade(9, null);
  mismatch = 'does not fit';
  await env.run(60_000);
  t.deepEqual(reported.slice(2), [event]);
  watch.close();
});
