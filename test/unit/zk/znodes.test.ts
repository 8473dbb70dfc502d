// Decoders of znodes: what was encoded comes back. Any value in any field gives either a record that every user of it can handle,
// or
// one kind of error.

import test from 'ava';
import { checkDescriptor, type Descriptor, FRESH_RANGE } from '../../../common/model/descriptor.ts';
import { BadDataError } from '../../../common/model/fields.ts';
import { origin } from '../../../common/model/ids.ts';
import type { NodeStatus } from '../../../common/model/status.ts';
import { decodeStatus } from '../../../common/model/status.ts';
import type { ZkNode } from '../../../common/zk/store.ts';
import {
  clusterCodec,
  coordinatorCodec,
  coordinatorEpochCodec,
  decodeImage,
  decodeLive,
  decodeNamespace,
  decodeNode,
  descriptorCodec,
  eventCodec,
  healthCodec,
  inSequence,
  liveCodec,
  namespaceCodec,
  nodeCodec,
  taskCodec,
} from '../../../common/zk/znodes.ts';
import { DEFAULT_PLAN } from '../../../coordinator/config.ts';
import { plan } from '../../../coordinator/plan.ts';
import { rubbishOf } from '../../support/rubbish.ts';
import { IDLE_MS, settled } from '../../support/small-cluster.ts';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text));

const DESCRIPTOR: Descriptor = {
  namespace: 'default',
  namespaceId: 1,
  id: 7,
  start: bytes('a\xff'),
  end: bytes('m'),
  epoch: 3,
  owner: { node: 'n1', session: '00aa', inc: 1 },
  replicas: [
    { node: 'n1', inc: 1 },
    { node: 'n2', inc: 2 },
  ],
  inSync: ['n1', 'n2'],
  minInSync: 1,
  state: 'serving',
  nextInc: 3,
  ...FRESH_RANGE,
  base: origin,
  parents: [{ range: 2, final: { epoch: 1, seq: 5 } }],
  transferTo: 'n2',
  retire: 'n1',
};

interface Codec {
  encode(record: never): Uint8Array;
  decode(data: Uint8Array): unknown;
}

const STATUS: NodeStatus = {
  node: 'n1',
  version: '1',
  startedAt: 1,
  session: 's1',
  leaseMs: 0.5,
  replicas: [
    {
      ...{ range: 1, inc: 1, role: 'owner', epochSeen: 1, lastSeq: 1, syncedSeq: 1, commitSeq: 1 },
      ...{
        appliedSeq: 1,
        readOnlySince: null,
        staleMs: null,
        descriptorEpoch: 1,
        lastEpoch: 1,
        conflict: null,
      },
      followers: [{ node: 'n2', progress: 'stream', ackedSeq: 1, lag: 0 }],
    },
  ],
  orphans: [3],
  logBytes: 1,
  memoryBytes: 1,
  unreachable: ['n2'],
  unhealthy: 'its disk is full',
};

const CODECS: readonly (readonly [name: string, codec: Codec, record: object])[] = [
  [
    'cluster',
    clusterCodec,
    { format: 1, clusterId: 'c0ffee', nextNamespaceId: 2, nextRangeId: 5, tickMs: null },
  ],
  ['coordinator', coordinatorCodec, { host: 'h', pid: 1, address: '127.0.0.1:1' }],
  ['coordinator epoch', coordinatorEpochCodec, { term: 1, leader: '00aa' }],
  ['node', nodeCodec, { id: 'n1', name: 'n 1', zone: '', capacity: 1.5, mode: 'active' }],
  [
    'node with a note',
    nodeCodec,
    {
      ...{ id: 'n1', name: 'n 1', zone: '', machine: 'host 1', capacity: 1, mode: 'draining' },
      noted: { downSince: 5, unreachable: { by: ['n2'], since: 4, cutOff: true }, stuckIn: '00aa' },
    },
  ],
  ['health', healthCodec, { unreachable: ['n2'], stuck: { n2: [1, 2] }, unhealthy: 'its disk is full' }],
  [
    'health with incs',
    healthCodec,
    { unreachable: [], stuck: {}, unhealthy: null, neededIncs: [{ range: 7, inc: 12 }] },
  ],
  ['stopping', liveCodec, { name: 'n', address: 'a:1', startedAt: 12, version: '1.0', standing: 'stopping' }],
  ['live', liveCodec, { name: 'n 1', address: '[::1]:7400', startedAt: 12, version: '1.0' }],
  ['namespace', namespaceCodec, { name: 'default', id: 1, replicationFactor: 3, minInSync: 2 }],
  [
    'event',
    eventCodec,
    { at: 1, by: 'coordinator', kind: 'promote', text: 'it\nwas', range: 1, node: 'n1', epoch: 2 },
  ],
  ...[
    {
      kind: 'create-namespace',
      name: 'logs',
      replicationFactor: 3,
      minInSync: null,
      splitAt: ['a', '\\x00'],
    },
    { kind: 'transfer', range: 1, to: 'n1' },
    { kind: 'set-node-mode', node: 'n1', mode: 'gone' },
    { kind: 'forget-node', node: 'n1' },
  ].map(
    (request) =>
      [
        `task ${request.kind}`,
        taskCodec,
        { request, state: 'running', progress: 'p', createdAt: 5 },
      ] as const,
  ),
  ['descriptor', descriptorCodec, DESCRIPTOR],
  ['status', { encode: (status) => Buffer.from(JSON.stringify(status)), decode: decodeStatus }, STATUS],
];

for (const [name, codec, record] of CODECS) {
  test(`${name}: what is encoded is decoded to the same`, (t) => {
    t.deepEqual(codec.decode(codec.encode(record as never)), record);
  });

  test(`${name}: rubbish in any field is refused with one kind of error, or is a record`, (t) => {
    let refused = 0;
    for (const { what, data } of rubbishOf(codec.encode(record as never))) {
      try {
        const decoded = codec.decode(data);
        t.deepEqual(codec.decode(codec.encode(decoded as never)), decoded, what);
      } catch (error) {
        if (!(error instanceof BadDataError)) throw error;
        t.true(error.message.length < 300 && !error.message.includes('\n'), error.message);
        refused++;
      }
    }
    t.true(refused > 50, `${refused} refused`);
  });
}

const znode = (data: Uint8Array, ephemeralOwner: string | null): ZkNode => ({
  ...{ data, version: 3, mzxid: 1, czxid: 1, ephemeralOwner },
});

test('the node of a live znode that cannot be decoded is live all the same; that of a persistent one is not', (t) => {
  const live = { name: 'a', address: '127.0.0.1:1', startedAt: 0, version: '' };
  for (const { data } of rubbishOf(liveCodec.encode(live)))
    t.like(decodeLive('n1', znode(data, '00aa')), { id: 'n1', session: '00aa' });
  t.is(decodeLive('n1', znode(bytes('{'), '00aa'))?.address, null);
  t.is(decodeLive('n1', znode(liveCodec.encode(live), null)), null);
});

test('a record is accepted only under its own path', (t) => {
  const node = { id: 'n1', name: '', zone: '', capacity: 1, mode: 'active' } as const;
  const namespace = { name: 'logs', id: 1, replicationFactor: 1, minInSync: 1 };
  t.throws(() => decodeNode('n2', znode(nodeCodec.encode(node), null)), { instanceOf: BadDataError });
  t.throws(() => decodeNamespace('log', znode(namespaceCodec.encode(namespace), null)), {
    instanceOf: BadDataError,
  });
  const image = znode(descriptorCodec.encode(DESCRIPTOR), null);
  t.is(decodeImage('default', 7, image).version, 3);
  t.throws(() => decodeImage('default', 8, image), { instanceOf: BadDataError });
  t.throws(() => decodeImage('other', 7, image), { instanceOf: BadDataError });
});

test('names that are not sequential are not in the queue', (t) => {
  const names = ['c-00aa-0000000012', 'x', 'c-00bb-0000000003', 'c-', 'c-x-12', 'e-0000000004', '0000000001'];
  t.deepEqual(inSequence(names), ['c-00bb-0000000003', 'e-0000000004', 'c-00aa-0000000012']);
});

test('the planner can handle every descriptor that can be decoded', (t) => {
  for (const { what, data } of rubbishOf(descriptorCodec.encode({ ...DESCRIPTOR, retire: null }))) {
    let descriptor: Descriptor;
    try {
      descriptor = descriptorCodec.decode(data);
    } catch {
      continue;
    }
    const cluster = settled(4);
    cluster.namespaces.set('default', {
      record: { name: 'default', id: 1, replicationFactor: 3, minInSync: 2 },
      version: 0,
    });
    cluster.ranges.set(descriptor.id, { descriptor, version: 9 });
    cluster.stop('n3');
    cluster.time += IDLE_MS;
    t.notThrows(() => {
      for (const step of plan(cluster.view(), DEFAULT_PLAN)) {
        if (step.kind !== 'range') continue;
        checkDescriptor(step.after);
        descriptorCodec.decode(descriptorCodec.encode(step.after));
      }
    }, what);
  }
});
