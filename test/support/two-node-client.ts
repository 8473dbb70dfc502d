// A client in memory with two nodes and one range, for tests of the REPL's verbs that show nodes and ranges.

import { realEnv } from '../../common/base/env.ts';
import { type Descriptor, FRESH_RANGE } from '../../common/model/descriptor.ts';
import type { RangeCheck } from '../../common/model/range-check.ts';
import type { NodeStatus, ReplicaStatus } from '../../common/model/status.ts';
import { MemoryClient } from './memory-client.ts';

export const descriptor: Descriptor = {
  namespace: 'default',
  namespaceId: 1,
  id: 4,
  start: new Uint8Array(0),
  end: null,
  epoch: 7,
  owner: { node: 'n-a', session: 's-a', inc: 1 },
  replicas: [
    { node: 'n-a', inc: 1 },
    { node: 'n-b', inc: 2 },
  ],
  inSync: ['n-a'],
  minInSync: 1,
  state: 'serving',
  nextInc: 3,
  ...FRESH_RANGE,
  base: { epoch: 0, seq: 0 },
  transferTo: null,
  retire: null,
};

/** Node kv-1 is live and owns the only range; kv-2, the other replica, is gone. */
export function twoNodes(): MemoryClient {
  const client = new MemoryClient();
  client.images = [{ descriptor, version: 1 }];
  const record = { zone: 'z', capacity: 1, mode: 'active' } as const;
  const live = {
    id: 'n-a',
    session: 's-a',
    name: 'a',
    address: '127.0.0.1:5001',
    startedAt: 0,
    version: '1',
  };
  client.views = [
    { id: 'n-a', record: { ...record, id: 'n-a', name: 'kv-1' }, live },
    { id: 'n-b', record: { ...record, id: 'n-b', name: 'kv-2' }, live: null },
  ];
  client.checks.set(4, SOUND);
  return client;
}

export const SOUND: RangeCheck = {
  ...{ range: 4, epoch: 7, seq: 9, verdict: 'sound' },
  replicas: ['n-a', 'n-b'].map((node) => ({ node, rows: 2, checksum: 0xabc, verdict: 'sound' })),
};

/** The status of the range's replica on kv-1. */
export const REPLICA: ReplicaStatus = {
  ...{ range: 4, inc: 1, role: 'owner', epochSeen: 7, descriptorEpoch: 7, lastEpoch: 3 },
  ...{ lastSeq: 12, syncedSeq: 12, commitSeq: 11, appliedSeq: 11, readOnlySince: 0 },
  ...{ followers: [{ node: 'n-b', progress: 'probe', ackedSeq: 3, lag: 9 }], staleMs: null, conflict: null },
};

/** The status of kv-1. */
export function statusWith(...replicas: readonly ReplicaStatus[]): NodeStatus {
  return {
    ...{
      node: 'n-a',
      version: '0.1.0',
      startedAt: realEnv.wallNow(),
      leaseMs: 1234.5,
      replicas,
      orphans: [9],
    },
    ...{ unreachable: ['n-b'], unhealthy: 'the disk is full', logBytes: 10, memoryBytes: 20 },
  };
}
