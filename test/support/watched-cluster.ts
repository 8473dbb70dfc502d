// A cluster with one key that clients write and read (register.ts) while faults come and go. After the last fault the cluster must
// recover by itself, every replica must have the last acknowledged write, and no answer may break a promise.

import type { ExecutionContext } from 'ava';
import type { Client } from '../../client/index.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { DirectClient } from './direct-client.ts';
import { NetworkProxies } from './network-proxies.ts';
import { WAIT_MS_MAX } from './processes.ts';
import { Register } from './register.ts';
import { type ClusterOptions, type NodeProcess, openClient, TestCluster } from './test-cluster.ts';
import { startZooKeeper } from './zookeeper.ts';

const KEY = 'k';

export interface WatchOptions extends ClusterOptions {
  /** Deadline of writes and linearizable reads, ms. Default: longer than any outage. */
  readonly deadlineMs?: number;
}

export class WatchedCluster {
  readonly cluster: TestCluster;
  readonly client: Client;
  readonly direct: DirectClient;
  readonly register: Register;

  private constructor(cluster: TestCluster, client: Client, direct: DirectClient, register: Register) {
    this.cluster = cluster;
    this.client = client;
    this.direct = direct;
    this.register = register;
  }

  /** Starts three nodes and waits until all are in-sync. One client writes, others read, one in each mode. */
  static async start(t: ExecutionContext, options: WatchOptions = {}): Promise<WatchedCluster> {
    const cluster = await TestCluster.start(t, options);
    const open = () => openClient(t, cluster);
    const client = await open();
    const register = new Register(t, KEY, options.deadlineMs);
    register.writeBy(client);
    await register.nextWrite();
    await cluster.allInSync();
    register.readBy(await open(), 'linearizable');
    register.readBy(await open(), 'fallback');
    register.readBy(await open(), 'stale');
    const watched = new WatchedCluster(cluster, client, await DirectClient.open(t, cluster), register);
    return watched;
  }

  /** Does the same with each process behind proxies of its own. */
  static async startBehindProxies(
    t: ExecutionContext,
    options: WatchOptions = {},
    delayMs = 0,
  ): Promise<{ watched: WatchedCluster; proxies: NetworkProxies }> {
    const zk = options.zk ?? (await startZooKeeper(t)).connect;
    const proxies = new NetworkProxies(t, zk);
    proxies.delayMs = delayMs;
    const flagsOf = (name: string) => proxies.flags(name);
    return { watched: await WatchedCluster.start(t, { ...options, zk, flagsOf }), proxies };
  }

  /** The descriptor of the key's range, read from ZooKeeper. */
  async descriptor(): Promise<Descriptor> {
    const id = this.client.locate(KEY)?.descriptor.id;
    const found = (await this.cluster.descriptors()).find(({ descriptor }) => descriptor.id === id);
    if (found === undefined) throw new Error('the range is gone');
    return found.descriptor;
  }

  async parts(): Promise<{ owner: NodeProcess; followers: readonly NodeProcess[]; descriptor: Descriptor }> {
    const descriptor = await this.descriptor();
    const owner = this.cluster.node(descriptor.owner.node);
    return { owner, followers: this.cluster.nodes.filter((node) => node !== owner), descriptor };
  }

  /** Resolves when another node owns the range and a write was acknowledged after that. */
  async untilAnotherOwner(than: NodeId): Promise<void> {
    const { id } = await this.descriptor();
    await this.cluster.until('another owner', (images) =>
      images.some(({ descriptor }) => descriptor.id === id && descriptor.owner.node !== than),
    );
    await this.register.nextWrite();
  }

  /** Resolves when the node has left the in-sync set of the key's range. An idle range may keep it. */
  async untilLeft(node: NodeProcess): Promise<void> {
    const { id } = await this.descriptor();
    await this.cluster.until(`${node.name} leaves the in-sync set`, (images) =>
      images.some(({ descriptor }) => descriptor.id === id && !descriptor.inSync.includes(node.id)),
    );
  }

  /** Resolves when the cluster has recovered. All faults must be over. */
  async healed(): Promise<void> {
    await this.register.nextWrite();
    await this.cluster.allInSync();
    await this.register.nextWrite();
    await this.register.nextAnswer('linearizable');
  }

  /** Waits until the cluster has recovered, then checks the complete history and all replicas. */
  async checkHistory(t: ExecutionContext): Promise<void> {
    await this.healed();
    await this.register.stop();
    t.log(this.register.summary);
    t.deepEqual(this.register.violations(), []);
    const { id } = await this.descriptor();
    const last = this.register.lastRevision;
    for (const node of this.cluster.nodes) await this.#untilHolds(node, id, last);
  }

  async #untilHolds(node: NodeProcess, range: number, revision: number): Promise<void> {
    const end = realEnv.now() + WAIT_MS_MAX;
    for (;;) {
      const found = await this.#revisionAt(node, range);
      if (found >= revision) return;
      if (realEnv.now() > end) throw new Error(`${node.name} has revision ${found}, not ${revision}`);
      await delay(realEnv, 50);
    }
  }

  async #revisionAt(node: NodeProcess, range: number): Promise<number> {
    try {
      return (await this.direct.get(node, 'stale', { id: range, epoch: 0 }, KEY)).revision;
    } catch (error) {
      if (error instanceof RangekeeperError) return 0;
      throw error;
    }
  }
}
