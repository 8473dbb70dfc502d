// A node whose disk stalls gives its ranges up, although its process and its session work. ZooKeeper and two nodes are real; a third
// node runs in this process, on a disk whose syncs the test can hold.

import test, { type ExecutionContext } from 'ava';
import type { Client } from '../../client/index.ts';
import { realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { silentLogger } from '../../common/base/log.ts';
import { AcceptedConnections } from '../../common/net/accepted-connections.ts';
import { Metrics } from '../../common/net/metrics.ts';
import { serveWs } from '../../common/net/ws-transport.ts';
import { clusterCodec, paths } from '../../common/zk/znodes.ts';
import { MEMORY_BYTES_MAX, nodeMemory } from '../../kvnode/process/memory.ts';
import { type ServingNode, serveNode } from '../../kvnode/process/serving.ts';
import { Stage } from '../../kvnode/process/stage.ts';
import { DEFAULT_LIMITS } from '../../kvnode/storage/limits.ts';
import { TwinWorld } from '../suites/storage/world.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';
import { openZk } from '../support/zookeeper.ts';

async function clusterId(cluster: TestCluster): Promise<string> {
  const record = await (await cluster.zkSession()).get(paths.cluster);
  if (record === null) throw new Error('nodes register in a cluster that is there');
  return clusterCodec.decode(record.data).clusterId;
}

async function startHere(t: ExecutionContext, cluster: TestCluster, world: TwinWorld): Promise<ServingNode> {
  const storage = await world.open();
  const id = await clusterId(cluster);
  await storage.joinCluster(id);
  const stage = new Stage();
  const pages = { livez: () => null, readyz: () => stage.notReadyReason, metrics: () => '' };
  const listener = await serveWs({ listen: '127.0.0.1:0', env: realEnv, pages, accept: null });
  const serving = serveNode({
    env: realEnv,
    logger: silentLogger,
    storage,
    zk: openZk(t, cluster.connect),
    clusterId: id,
    name: 'here',
    zone: 'here',
    machine: null,
    capacity: 1,
    advertise: null,
    scrubHours: 0,
    memory: nodeMemory(MEMORY_BYTES_MAX),
    listener,
    stage,
    metrics: new Metrics(),
    accepted: new AcceptedConnections({ env: realEnv, log: silentLogger }),
  });
  t.teardown(async () => {
    world.disk.release();
    await serving.close();
    await listener.close();
    await storage.close();
  });
  return serving;
}

const KEY = 'k';

/** Puts until a put is acknowledged. Here it does not matter if the value is written twice. */
async function putSurely(client: Client, key: string, value: string): Promise<string> {
  for (;;) {
    try {
      return (await client.put(key, value)).node;
    } catch (error) {
      if (!(error instanceof RangekeeperError && error.applied === 'unknown')) throw error;
    }
  }
}

test.serial(
  'the ranges of a node with a stalled disk move, it leaves the in-sync sets, and comes back when the disk works',
  async (t) => {
    const cluster = await TestCluster.start(t, { nodes: 2, coordinatorArgs: ['--initial-nodes', '3'] });
    const world = new TwinWorld(DEFAULT_LIMITS);
    const { node } = await startHere(t, cluster, world);
    await cluster.allInSync();
    const client = await openClient(t, cluster);
    const here = { id: node.id, name: 'here' };
    do await cluster.transfer(KEY, here);
    while ((await putSurely(client, KEY, 'before')) !== node.id);

    world.disk.hold();
    t.not(await putSurely(client, KEY, 'while it stalls'), node.id);
    const { id } = await cluster.descriptorOf(KEY);
    await cluster.until('the node knows it', () => node.unhealthyReason !== null);
    await cluster.until('it owns nothing and delays nothing', (now) =>
      now.every(({ descriptor }) => descriptor.owner.node !== node.id),
    );
    await cluster.until('the range continues without it', (now) =>
      now.every(({ descriptor }) => descriptor.id !== id || !descriptor.inSync.includes(node.id)),
    );

    world.disk.release();
    await cluster.until('it is in-sync again', (now) =>
      now.every(({ descriptor }) => descriptor.inSync.includes(node.id)),
    );
    t.is(new TextDecoder().decode((await client.get(KEY))?.value), 'while it stalls');
    await cluster.transfer(KEY, here);
    t.is(node.unhealthyReason, null, 'it owns a range again only after its disk was healthy for a while');
  },
);
