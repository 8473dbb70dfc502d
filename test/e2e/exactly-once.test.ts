// R13 over real processes: owners die under load, connections break, replicas are replaced by snapshots, and every write
// is applied exactly once and told its caller so. ZooKeeper real, T = 2 s.

import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../common/base/bytes.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import type { RangekeeperError } from '../../common/base/errors.ts';
import { silentLogger } from '../../common/base/log.ts';
import { type Client, connect } from '../../common/client/index.ts';
import { contains } from '../../common/model/key-range.ts';
import { Channel } from '../../common/net/channel.ts';
import { WsTransport } from '../../common/net/ws-transport.ts';
import type { ReplyBody } from '../../common/wire/messages.ts';
import { encodeOperation } from '../../common/wire/operation.ts';
import { clusterCodec, liveCodec, paths } from '../../common/zk/znodes.ts';
import { type NodeProcess, TestCluster } from '../support/cluster.ts';

const decoder = new TextDecoder();

async function open(t: ExecutionContext, cluster: TestCluster): Promise<Client> {
  const client = await connect({ zk: cluster.connect, connectMs: 30_000, deadlineMs: 30_000 });
  t.teardown(() => client.close());
  return client;
}

function ownerOf(cluster: TestCluster, client: Client): NodeProcess {
  return cluster.node(client.locate('k')?.descriptor.owner.node ?? '');
}

async function numberAt(client: Client, key: string): Promise<{ value: number; revision: number }> {
  const found = await client.get(key);
  return found === null
    ? { value: 0, revision: 0 }
    : { value: Number(decoder.decode(found.value)), revision: found.revision };
}

// ---- the smart client ----------------------------------------------------------------------------------------------

/**
 * A counter that only this loop writes, each step on the revision that the step before answered. A step that was applied
 * and then refused, or applied twice, would be a CONFLICT; any error ends the loop and fails the test.
 */
async function count(client: Client, key: string, stopped: () => boolean): Promise<number> {
  let revision = 0;
  let value = 0;
  while (!stopped()) {
    revision = (await client.put(key, String(value + 1), { ifRevision: revision })).revision;
    value++;
  }
  return value;
}

/** Blind puts, many under way at once; answers how often it wrote. */
async function write(client: Client, key: string, stopped: () => boolean): Promise<number> {
  let written = 0;
  const seen = new Set<number>();
  while (!stopped()) {
    const answers = await Promise.all(Array.from({ length: 8 }, () => client.put(key, String(++written))));
    for (const { revision } of answers) {
      if (seen.has(revision)) throw new Error(`revision ${revision} was answered twice`);
      seen.add(revision);
    }
  }
  return written;
}

/** Linearizable reads of a counter never fall, neither in value nor in revision, and these two go together. */
async function watch(client: Client, key: string, stopped: () => boolean): Promise<number> {
  let reads = 0;
  let last = { value: 0, revision: 0 };
  for (; !stopped(); reads++) {
    const now = await numberAt(client, key);
    if (now.value < last.value || now.revision < last.revision)
      throw new Error(`${key} fell from ${last.value} to ${now.value}`);
    if ((now.value === last.value) !== (now.revision === last.revision))
      throw new Error(`${key} was written again with ${now.value}`);
    last = now;
  }
  return reads;
}

test.serial(
  'owners die under counters and blind puts: every write is applied once and answered',
  async (t) => {
    const cluster = await TestCluster.start(t);
    const client = await open(t, cluster);
    await client.put('k', '');
    await cluster.allInSync();
    let done = false;
    const stopped = () => done;
    const counters = Array.from({ length: 8 }, (_, n) => `k/counter/${n}`);
    const load = [
      Promise.all(counters.map((key) => count(client, key, stopped))),
      Promise.all([1, 2].map((n) => write(client, `k/blind/${n}`, stopped))),
      Promise.all(counters.slice(0, 3).map((key) => watch(client, key, stopped))),
    ] as const;
    const running = Promise.all(load);
    const kills = async () => {
      for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
        await delay(realEnv, 300);
        const owner = ownerOf(cluster, client);
        await owner.process.end(signal);
        await cluster.until('another owner', (images) =>
          images.every(({ descriptor }) => descriptor.owner.node !== owner.id),
        );
        await cluster.restart(owner);
        await cluster.allInSync();
      }
      done = true;
    };
    const [[counts, writes, reads]] = await Promise.all([running, kills()]);
    t.log({ counts, writes, reads });
    for (const [n, key] of counters.entries())
      t.deepEqual((await numberAt(client, key)).value, counts[n], key);
    t.true(counts.every((value) => value > 10));
  },
);

// ---- the same bytes, sent by hand ----------------------------------------------------------------------------------

async function dial(cluster: TestCluster, node: NodeProcess): Promise<Channel> {
  const session = await cluster.zkSession();
  const [record, live] = [await session.get(paths.cluster), await session.get(paths.live(node.id))];
  if (record === null || live === null) throw new Error(`${node.name} is not live`);
  return Channel.dial({
    env: realEnv,
    log: silentLogger,
    transport: new WsTransport(realEnv),
    address: liveCodec.decode(live.data).address,
    connectMs: 5_000,
    node: node.id,
    self: { clusterId: clusterCodec.decode(record.data).clusterId, nodeId: '' },
    handlers: {},
  });
}

/** What the owner of `k` answers to this operation, as text. */
async function send(cluster: TestCluster, operation: Uint8Array): Promise<string> {
  const images = await cluster.descriptors();
  const image = images.find(({ descriptor }) => contains(descriptor, toBytes('k')));
  if (image === undefined) throw new Error('no range holds k');
  const { id: range, epoch, owner } = image.descriptor;
  const channel = await dial(cluster, cluster.node(owner.node));
  try {
    return await new Promise((resolve) => {
      channel.request({ kind: 'write', range, epoch, operation }, realEnv.now() + 10_000, {
        replied: (reply: ReplyBody) => resolve(JSON.stringify(reply)),
        failed: ({ code, details }: RangekeeperError) => resolve(`${code} ${details.revision ?? ''}`),
      });
    });
  } finally {
    channel.close('answered');
  }
}

test.serial(
  'answers outlive their owner, a restart, and the replacement of a replica by a snapshot',
  async (t) => {
    const cluster = await TestCluster.start(t, {
      coordinatorArgs: ['--replace-after-ms', '500'],
      nodeArgs: ['--log-keep-mb', '1', '--log-retain-mb', '2'],
    });
    const client = await open(t, cluster);
    await client.put('k', '0');
    const clientId = realEnv.randomBytes(16);
    const operation = (number: number, ifRevision: number | null) =>
      encodeOperation({
        ...{ clientId, number, doneBelow: 1, base: 0 },
        mutations: [{ kind: 'put', key: toBytes('k'), value: toBytes(String(number)), ifRevision }],
      });
    const sent = [operation(1, null), operation(2, 0)] as const;
    const first = await Promise.all(sent.map((bytes) => send(cluster, bytes)));
    const again = () => Promise.all(sent.map((bytes) => send(cluster, bytes)));
    t.true(first[0]?.includes('write-reply') && first[1]?.startsWith('CONFLICT'), first.join());
    t.deepEqual(await again(), first, 'by the same owner');
    await cluster.allInSync();

    const owner = ownerOf(cluster, client);
    await owner.process.end('SIGTERM');
    await client.put('k/other', 'owned by another one');
    t.deepEqual(await again(), first, 'by the next owner');
    await cluster.restart(owner);
    await cluster.allInSync();

    const value = 'v'.repeat(100_000);
    for (let n = 0; n < 120; n++) await client.put(`k/${n}`, value);
    const lost = cluster.nodes.find((node) => node !== ownerOf(cluster, client));
    await lost?.process.end('SIGKILL');
    const fresh = await cluster.addNode('n4');
    await fresh.process.said('snapshot installed');
    await cluster.until('the new node is in-sync', (images) =>
      images.every(({ descriptor }) => descriptor.inSync.includes(fresh.id)),
    );
    for (let moves = 0; ownerOf(cluster, client) !== fresh && moves < 8; moves++) {
      const from = ownerOf(cluster, client);
      await from.process.end('SIGTERM');
      await client.put('k/other', `moved ${moves}`);
      await cluster.restart(from);
      await cluster.allInSync();
    }
    t.is(ownerOf(cluster, client), fresh);
    t.deepEqual(await again(), first, 'by an owner that had them from a snapshot');
    t.is((await numberAt(client, 'k')).value, 1, 'and nothing was applied again');
  },
);
