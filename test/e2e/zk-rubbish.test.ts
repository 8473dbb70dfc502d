// Malformed data in every field of every znode of a real cluster: every process lives on and serves, and so does a process that
// starts meanwhile. Only a namespace, a node and a task of this test stay malformed, because the cluster does not need them.

import test from 'ava';
import type { Client } from '../../client/index.ts';
import { toBytes } from '../../common/base/bytes.ts';
import type { TaskRecord } from '../../common/model/records.ts';
import { ZkError, type ZkSession } from '../../common/zk/store.ts';
import {
  clusterCodec,
  coordinatorCodec,
  decodeImage,
  decodeNamespace,
  decodeNode,
  eventCodec,
  healthCodec,
  liveCodec,
  nodeCodec,
  paths,
  taskCodec,
} from '../../common/zk/znodes.ts';
import { rubbishOf } from '../support/rubbish.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';
import { startWebserver } from '../support/webserver-process.ts';

const STRANGER = 'n-0000000000000bad';
const NODE = { id: STRANGER, name: 'x', zone: 'x', capacity: 1, mode: 'active' } as const;
const LIVE = { name: 'x', address: '127.0.0.1:1', startedAt: 1, version: '1' };
const EVENT = { at: 1, by: 'x', kind: 'x', text: 'x', range: 1, node: STRANGER, epoch: 1 };
const HEALTH = { unreachable: [STRANGER], stuck: { [STRANGER]: [1] }, unhealthy: 'x' };
const COORDINATOR = { host: 'x', pid: 1, address: '127.0.0.1:1' };
const REQUESTS: readonly TaskRecord['request'][] = [
  { kind: 'create-namespace', name: '-', replicationFactor: 3, minInSync: 2, splitAt: ['a', 'b'] },
  { kind: 'transfer', range: 1, to: STRANGER },
  { kind: 'set-node-mode', node: STRANGER, mode: 'draining' },
  { kind: 'forget-node', node: 'n-nobody' },
];

const UNREADABLE = "waiting until the cluster's record can be read: not JSON";

async function write(session: ZkSession, path: string, data: Uint8Array): Promise<void> {
  for (;;) {
    const node = await session.get(path);
    try {
      if (node === null) await session.create(path, data, 'persistent');
      else await session.set(path, data, node.version);
      return;
    } catch (error) {
      // The cluster writes there too.
      if (!(error instanceof ZkError && error.failure === 'bad-version')) throw error;
    }
  }
}

/** Writes each kind of rubbish that `isTaken` does not exclude to the znode, and then its former data. */
async function spoil(
  session: ZkSession,
  path: string,
  isTaken: (data: Uint8Array) => boolean = () => false,
): Promise<number> {
  const before = (await session.get(path))?.data ?? new Uint8Array(0);
  let count = 0;
  for (const { data } of rubbishOf(before)) {
    if (isTaken(data)) continue;
    await write(session, path, data);
    count++;
  }
  await write(session, path, before);
  return count;
}

/** Whether a decoder accepts the data: such a record would be valid and say something else. */
function takenBy(decode: (data: Uint8Array) => unknown): (data: Uint8Array) => boolean {
  return (data) => {
    try {
      decode(data);
      return true;
    } catch {
      return false;
    }
  };
}

test('a cluster serves, whatever its znodes contain', async (t) => {
  const cluster = await TestCluster.start(t, { coordinators: 2 });
  const client = await openClient(t, cluster);
  const web = await startWebserver(t, cluster.connect);
  await cluster.makeNamespace('victim');
  await cluster.allInSync();
  const session = await cluster.zkSession();
  const processes = () => [
    ...cluster.nodes.map(({ process }) => process),
    ...cluster.coordinators,
    web.process,
  ];
  let puts = 0;
  const serves = async (what: string, by: Client = client) => {
    for (const key of ['0', 'k', 'z']) {
      await by.put(key, `${++puts}`);
      t.deepEqual(Buffer.from((await by.get(key))?.value ?? []).toString(), String(puts), what);
    }
    t.is((await fetch(`http://${web.address}/readyz`)).status, 200, what);
    for (const process of processes()) t.false(process.ended, `${what}: ${process.otherOutput.join(' ')}`);
  };

  const [own] = cluster.nodes;
  if (own === undefined) return t.fail('a node');
  const ranges = await cluster.descriptors('victim');
  const [first] = await cluster.descriptors();
  const [victim] = ranges;
  if (victim === undefined || first === undefined) return t.fail('ranges');
  const { id } = first.descriptor;
  const asImage = (data: Uint8Array) => decodeImage('default', id, { ...znode, data });
  const asNamespace = (data: Uint8Array) => decodeNamespace('default', { ...znode, data });
  const asNode = (data: Uint8Array) => decodeNode(own.id, { ...znode, data });
  await write(session, paths.node(STRANGER), nodeCodec.encode(NODE));

  const rounds: readonly (readonly [what: string, spoil: () => Promise<unknown>])[] = [
    [
      'the descriptor of a range that is used',
      () => spoil(session, paths.range('default', id), takenBy(asImage)),
    ],
    ['the descriptor of another', () => spoil(session, paths.range('victim', victim.descriptor.id))],
    ['a namespace', () => spoil(session, paths.namespace('default'), takenBy(asNamespace))],
    ['another namespace', () => spoil(session, paths.namespace('victim'))],
    ['a node of the cluster', () => spoil(session, paths.node(own.id), takenBy(asNode))],
    ['a node that does not exist', () => spoil(session, paths.node(STRANGER))],
    ['the cluster', () => spoil(session, paths.cluster, takenBy(clusterCodec.decode))],
    ['the coordinator epoch', () => spoil(session, paths.coordinatorEpoch)],
    [
      'a live znode',
      async () => {
        await session.create(paths.live(STRANGER), liveCodec.encode(LIVE), 'ephemeral');
        await spoil(session, paths.live(STRANGER));
      },
    ],
    [
      'a persistent live znode',
      async () => {
        await session.create(paths.live('n-persistent'), liveCodec.encode(LIVE), 'persistent');
        await spoil(session, paths.live('n-persistent'));
      },
    ],
    [
      'health',
      async () => {
        for (const [name, mode] of [
          [STRANGER, 'ephemeral'],
          ['n-persistent', 'persistent'],
        ] as const) {
          await session.create(paths.health(name), healthCodec.encode(HEALTH), mode);
          await spoil(session, paths.health(name));
        }
      },
    ],
    [
      'events',
      async () => {
        for (const { data } of rubbishOf(eventCodec.encode(EVENT)))
          await session.create(paths.eventPrefix, data, 'persistent-sequential');
      },
    ],
    [
      'the election',
      async () => {
        const place = paths.coordinator('c-00aa-0000000000');
        await session.create(place, coordinatorCodec.encode(COORDINATOR), 'persistent');
        await spoil(session, place);
      },
    ],
    [
      'names',
      async () => {
        for (const parent of [paths.nodes, paths.lives, paths.namespaces, paths.coordinators, paths.events])
          for (const name of ['x y', 'ü', '0', '-1', 'c-', 'e-x', 'n'.repeat(200)])
            await session.create(`${parent}/${name}`, toBytes('{'), 'persistent');
        for (const name of ['x', '-000000001', '00000000000000000000', '0000099999'])
          await session.create(`${paths.ranges('victim')}/${name}`, toBytes('{'), 'persistent');
      },
    ],
  ];
  for (const [what, round] of rounds) {
    await round();
    await serves(what);
  }

  const tasks: string[] = [];
  for (const request of REQUESTS) {
    const record: TaskRecord = { request, state: 'pending', progress: '', createdAt: 1 };
    for (const { data } of rubbishOf(taskCodec.encode(record))) {
      tasks.push(`rubbish-${tasks.length}`);
      await session.create(paths.task(`rubbish-${tasks.length - 1}`), data, 'persistent');
    }
  }
  await cluster.makeNamespace('after');
  await cluster.until('every task of rubbish has ended', async () => {
    const left = await session.children(paths.tasks);
    for (const name of left ?? []) {
      const node = await session.get(paths.task(name));
      if (node !== null && !hasEnded(node.data)) return false;
    }
    return true;
  });
  await serves('tasks');

  // Processes that start now read rubbish first: the next leader, and a node that comes back after its range has changed.
  const leader = await cluster.leadingCoordinator();
  const standing = [paths.coordinatorEpoch, paths.namespace('default'), paths.node(own.id), paths.cluster];
  const before = new Map<string, Uint8Array>();
  for (const path of standing) {
    before.set(path, (await session.get(path))?.data ?? new Uint8Array(0));
    await write(session, path, toBytes('{"a":'));
  }
  cluster.coordinators.splice(cluster.coordinators.indexOf(leader), 1);
  await leader.end('SIGKILL');
  await cluster.coordinators[0]?.logged('leading');
  await own.process.end('SIGKILL');
  cluster.nodes.splice(cluster.nodes.indexOf(own), 1);
  await serves('a failover');
  const back = cluster.restart(own);
  cluster.nodes.push(own);
  await own.process.logged(UNREADABLE);
  await serves('a node that waits');
  for (const [path, data] of before) await write(session, path, data);
  await back;
  await cluster.allInSync();
  await serves('all of it', await openClient(t, cluster));
});

const znode = { version: 0, mzxid: 0, czxid: 0, ephemeralOwner: null };

function hasEnded(data: Uint8Array): boolean {
  try {
    const { state } = taskCodec.decode(data);
    return state === 'done' || state === 'failed';
  } catch {
    return false;
  }
}
