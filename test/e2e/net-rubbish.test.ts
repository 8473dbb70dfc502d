// Sends every extreme value in every field of every message to real nodes, from a connection that claims to be a node. Every process
// lives on, and all other ranges are served. The messages name only ranges of a namespace of this test.

import test from 'ava';
import { present } from '../../common/base/assert.ts';
import { realEnv } from '../../common/base/env.ts';
import { formatAddress, parseAddress } from '../../common/model/address.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import type { Connection } from '../../common/net/transport.ts';
import { WsTransport } from '../../common/net/ws-transport.ts';
import { encodeEnvelope } from '../../common/wire/codec.ts';
import { type Body, PROTOCOL } from '../../common/wire/messages.ts';
import { encodeOperation } from '../../common/wire/operation.ts';
import { clusterCodec, paths } from '../../common/zk/znodes.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';
import { type NodeProcess, openClient, TestCluster } from '../support/test-cluster.ts';
import { wireRubbishOf } from '../support/wire-rubbish.ts';

const OPERATION = encodeOperation({
  ...{ clientId: new Uint8Array(16), number: 1, doneBelow: 1, base: 0 },
  mutations: [{ kind: 'put', key: Buffer.from('k'), value: Buffer.from('v'), ifRevision: null }],
});

/** Valid messages about the range, as a node may receive them. */
function bodiesFor({ id: range, epoch, replicas, start, end }: Descriptor, node: string): readonly Body[] {
  const inc = present(
    replicas.find((replica) => replica.node === node),
    'a replica',
  ).inc;
  const read = { range, epoch, mode: 'linearizable', minSeq: 0 } as const;
  const entry = { epoch, seq: 3, kind: 2, payload: OPERATION } as const;
  return [
    { kind: 'hello', protocol: PROTOCOL, clusterId: 'x', nodeId: 'x' },
    { kind: 'error', code: 'CONFLICT', message: 'x', revision: 1, seq: 1, index: null, descriptor: null },
    { kind: 'write', range, epoch, operation: OPERATION },
    { kind: 'get', ...read, key: Buffer.from('k') },
    {
      ...{ kind: 'scan', ...read, start, end, limitRows: 10, limitBytes: 1_000 },
      ...{ reverse: false, keysOnly: false, countOnly: false, valueBytesMax: null },
    },
    { kind: 'status' },
    {
      ...{ kind: 'append', range, inc, epoch, prev: { epoch, seq: 2 }, commitSeq: 2, echo: 1 },
      entries: [entry, { ...entry, seq: 4 }, { epoch, seq: 5, kind: 3, payload: Buffer.alloc(0) }],
    },
    {
      ...{
        kind: 'append-ack',
        range,
        inc,
        epoch,
        ackedSeq: 1,
        stamp: 1,
        unhealthy: false,
        contradiction: null,
      },
      rejection: { prevSeq: 1, newest: { epoch, seq: 1 } },
    },
    {
      ...{ kind: 'snapshot-chunk', range, inc, epoch, snapshot: 4, index: 0, checksum: 0, start, end },
      ...{ position: { epoch, seq: 2 ** 40 }, last: true },
      rows: [{ key: Buffer.from('k'), value: Buffer.from('v'), revision: 1 }],
      clientSessions: [{ clientId: new Uint8Array(16), record: Buffer.from([1, 1, 1, 1, 0, 0]) }],
    },
    {
      ...{ kind: 'snapshot-ack', range, inc, epoch, snapshot: 4, nextIndex: 1 },
      ...{ installed: true, refused: false },
    },
    { kind: 'check', range, epoch, seq: 0 },
    {
      ...{ kind: 'replica-digest', range, inc, epoch, seq: 3, format: 1 },
      digest: { rows: 1, checksum: 1 },
    },
    { kind: 'damage-verdict', range, inc, epoch, seq: 3, expected: { rows: 1, checksum: 1 } },
    { kind: 'ping' },
    { kind: 'pong' },
  ];
}

test('nodes live on and serve, whatever they receive', async (t) => {
  const cluster = await TestCluster.start(t);
  const client = await openClient(t, cluster);
  await cluster.makeNamespace('victim');
  await cluster.allInSync();
  const record = present(await (await cluster.zkSession()).get(paths.cluster), 'a cluster');
  const { clusterId } = clusterCodec.decode(record.data);
  const victims = await cluster.descriptors('victim');
  const transport = new WsTransport(realEnv);

  /** Opens a connection with a handshake as `as`; the result also says when it ends. */
  const greet = async (
    to: NodeProcess,
    as: string,
  ): Promise<{ connection: Connection; ended: () => boolean }> => {
    let ended = false;
    const { address } = await to.process.logged('ready');
    const { host, port } = parseAddress(String(address));
    const connection = await transport.connect(formatAddress(host, port), WAIT_MS_MAX, {
      message() {},
      closed: () => {
        ended = true;
      },
    });
    const hello = { kind: 'hello', protocol: PROTOCOL, clusterId, nodeId: as } as const;
    connection.send(encodeEnvelope([{ id: 0, body: hello }]));
    return { connection, ended: () => ended };
  };
  const serves = async (what: string) => {
    for (const key of ['0', 'k', 'z']) await client.put(key, what);
    for (const { process } of cluster.nodes)
      t.false(process.ended, `${what}: ${process.otherOutput.join(' ')}`);
  };

  let sent = 0;
  for (const node of cluster.nodes) {
    const other = present(
      cluster.nodes.find(({ id }) => id !== node.id),
      'another node',
    );
    for (const { descriptor } of victims) {
      for (const body of bodiesFor(descriptor, node.id)) {
        for (const as of [other.id, '']) {
          let line = await greet(node, as);
          for (const { message } of wireRubbishOf(as === '' ? 1 : 0, body)) {
            if (line.ended()) line = await greet(node, as);
            line.connection.send(message);
            sent++;
          }
          line.connection.close('enough');
        }
      }
      await serves(`range ${descriptor.id} at ${node.name}`);
    }
  }
  t.true(sent > 1_000, `${sent} messages`);
});
