// A cluster with one key under watch (register.ts) while faults come and go, and what must hold of every such story: after
// the last fault all heals by itself, every replica has the last acknowledged write, and nothing seen breaks a promise.

import type { ExecutionContext } from 'ava';
import type { Client } from '../../client/index.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { NodeAsker } from './direct-client.ts';
import { PATIENCE_MS } from './processes.ts';
import { Register } from './register.ts';
import { type ClusterOptions, type NodeProcess, openClient, TestCluster } from './test-cluster.ts';
import { Wires } from './network-proxies.ts';
import { startZooKeeper } from './zookeeper.ts';

const KEY = 'k';

export interface WatchOptions extends ClusterOptions {
  /** Of writes and linearizable reads; by default longer than any outage. */
  readonly deadlineMs?: number;
}

export class WatchedCluster {
  readonly cluster: TestCluster;
  readonly client: Client;
  readonly asker: NodeAsker;
  readonly register: Register;

  private constructor(cluster: TestCluster, client: Client, asker: NodeAsker, register: Register) {
    this.cluster = cluster;
    this.client = client;
    this.asker = asker;
    this.register = register;
  }

  /** Three nodes, all in-sync; one client writes, others read in each mode. */
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
    const watched = new WatchedCluster(cluster, client, await NodeAsker.open(t, cluster), register);
    return watched;
  }

  /** The same with every process on wires of its own. */
  static async startWired(
    t: ExecutionContext,
    options: WatchOptions = {},
    delayMs = 0,
  ): Promise<{ watched: WatchedCluster; wires: Wires }> {
    const zk = options.zk ?? (await startZooKeeper(t)).connect;
    const wires = new Wires(t, zk);
    wires.delayMs = delayMs;
    const flagsOf = (name: string) => wires.flags(name);
    return { watched: await WatchedCluster.start(t, { ...options, zk, flagsOf }), wires };
  }

  /** The key's range by ZooKeeper. */
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

  /** Another node owns the range, and a write went through there. */
  async untilAnotherOwner(than: NodeId): Promise<void> {
    const { id } = await this.descriptor();
    await this.cluster.until('another owner', (images) =>
      images.some(({ descriptor }) => descriptor.id === id && descriptor.owner.node !== than),
    );
    await this.register.nextWrite();
  }

  /** The node is no longer in the in-sync set of the key's range; an idle range may keep it. */
  async untilLeft(node: NodeProcess): Promise<void> {
    const { id } = await this.descriptor();
    await this.cluster.until(`${node.name} leaves the in-sync set`, (images) =>
      images.some(({ descriptor }) => descriptor.id === id && !descriptor.inSync.includes(node.id)),
    );
  }

  /** All is as it was before the fault; every fault is over by now. */
  async healed(): Promise<void> {
    await this.register.nextWrite();
    await this.cluster.allInSync();
    await this.register.nextWrite();
    await this.register.nextTold('linearizable');
  }

  /** Heals, and then the whole history is judged. */
  async judge(t: ExecutionContext): Promise<void> {
    await this.healed();
    await this.register.stop();
    t.log(this.register.summary);
    t.deepEqual(this.register.violations(), []);
    const { id } = await this.descriptor();
    const last = this.register.lastRevision;
    for (const node of this.cluster.nodes) await this.#untilHolds(node, id, last);
  }

  async #untilHolds(node: NodeProcess, range: number, revision: number): Promise<void> {
    const end = realEnv.now() + PATIENCE_MS;
    for (;;) {
      const found = await this.#revisionAt(node, range);
      if (found >= revision) return;
      if (realEnv.now() > end) throw new Error(`${node.name} has revision ${found}, not ${revision}`);
      await delay(realEnv, 50);
    }
  }

  async #revisionAt(node: NodeProcess, range: number): Promise<number> {
    try {
      return (await this.asker.get(node, 'stale', { id: range, epoch: 0 }, KEY)).revision;
    } catch (error) {
      if (error instanceof RangekeeperError) return 0;
      throw error;
    }
  }
}
