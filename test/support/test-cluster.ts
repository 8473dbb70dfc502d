// A whole cluster for a test: a ZooKeeper root of its own, coordinators and nodes as processes, and a view of what
// ZooKeeper says of it. Everything is ended and removed with the test; the logs are told where a test fails.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Client, connect } from '../../client/index.ts';
import { toBytes } from '../../common/base/bytes.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import type { Descriptor, DescriptorImage } from '../../common/model/descriptor.ts';
import type { NodeId, SessionId } from '../../common/model/ids.ts';
import { contains } from '../../common/model/key-range.ts';
import type { EventRecord, TaskRequest } from '../../common/model/records.ts';
import { type Zk, ZkError, type ZkSession } from '../../common/zk/store.ts';
import { connectZk } from '../../common/zk/zk.ts';
import {
  coordinatorCodec,
  coordinatorEpochCodec,
  descriptorCodec,
  parseRangeName,
  paths,
  taskCodec,
} from '../../common/zk/znodes.ts';
import { readEvents } from './fake-nodes.ts';
import { PATIENCE_MS, TestProcess } from './processes.ts';
import { startZooKeeper, TEST_SESSION, TICK_MS } from './zookeeper.ts';

/**
 * T of nodes, ms, unless a test says otherwise: no session ends because the machine is busy. A killed node is noticed at
 * once all the same, by its guardian; who freezes one, cuts it off or loses its guardian waits for T, and asks for less.
 */
const NODE_SESSION_MS = 10_000;
/** T of coordinators, which have no guardian: the next one leads after T, and data does not care who. */
const COORDINATOR_SESSION_MS = 2_000;
const POLL_MS = 50;
/**
 * Without a test's asking the coordinator moves nothing for balance, and makes the first ranges on all nodes or not at all:
 * both waits are 10 s by default, which a busy machine reaches in the middle of a test.
 */
const STEADY = ['--balance-after-ms', '86400000', '--first-ranges-after-ms', '3600000'];

/** Flags of a coordinator that takes no node for lost merely because it has been away for a while. */
export const NEVER_LOST = ['--replace-after-ms', '3600000'];

export interface ClusterOptions {
  readonly nodes?: number;
  readonly coordinators?: number;
  /** More flags of the coordinators. */
  readonly coordinatorArgs?: readonly string[];
  /** More flags of the nodes. */
  readonly nodeArgs?: readonly string[];
  /** T of all processes, ms. */
  readonly sessionMs?: number;
  /** More flags of one process (n1, c1, ...), asked for before its first start: the wires to it, say. */
  readonly flagsOf?: (name: string) => Promise<readonly string[]>;
  /** Another ZooKeeper than the file's shared one, with a root. */
  readonly zk?: string;
}

export interface NodeProcess {
  readonly name: string;
  readonly id: NodeId;
  readonly flags: readonly string[];
  process: TestProcess;
}

export class TestCluster {
  readonly connect: string;
  readonly directory: string;
  readonly nodes: NodeProcess[] = [];
  readonly coordinators: TestProcess[] = [];
  readonly #options: ClusterOptions;
  #zk: Zk | null = null;

  private constructor(connect: string, directory: string, options: ClusterOptions) {
    this.connect = connect;
    this.directory = directory;
    this.#options = options;
  }

  /** Resolves when every node is up; the first ranges are the coordinator's business. */
  static async start(t: ExecutionContext, options: ClusterOptions = {}): Promise<TestCluster> {
    const connect = options.zk ?? (await startZooKeeper(t)).connect;
    const directory = await mkdtemp(join(tmpdir(), 'rangekeeper-cluster-'));
    const cluster = new TestCluster(connect, directory, options);
    t.teardown(() => cluster.#stop(t));
    for (let i = 1; i <= (options.coordinators ?? 1); i++) {
      cluster.startCoordinator(await options.flagsOf?.(`c${i}`));
    }
    const count = options.nodes ?? 3;
    await Promise.all(Array.from({ length: count }, (_, at) => cluster.addNode(`n${at + 1}`)));
    return cluster;
  }

  startCoordinator(flags: readonly string[] = []): TestProcess {
    const { nodes = 3, coordinatorArgs = [] } = this.#options;
    const name = `c${this.coordinators.length + 1}`;
    const own = ['--name', name, '--initial-nodes', String(nodes), '--tick-ms', String(TICK_MS), ...STEADY];
    const process = this.#spawn('coordinator', name, COORDINATOR_SESSION_MS, [
      ...own,
      ...coordinatorArgs,
      ...flags,
    ]);
    this.coordinators.push(process);
    return process;
  }

  /** A new node with a directory of its own, registered. `more` flags count over all others. */
  async addNode(name: string, more: readonly string[] = []): Promise<NodeProcess> {
    const flags = [...((await this.#options.flagsOf?.(name)) ?? []), ...more];
    const process = this.#spawnNode(name, flags);
    const { id } = await process.said('ready');
    await process.said('registered');
    const node = { name, id: String(id), flags, process };
    this.nodes.push(node);
    return node;
  }

  /** As {@link restart}, where the directory opens as another node: the entry of the node that was is replaced. */
  async restartAsAnother(node: NodeProcess): Promise<NodeProcess> {
    await this.restart(node);
    const { id } = await node.process.said('ready');
    const other = { ...node, id: String(id) };
    this.nodes[this.nodes.indexOf(node)] = other;
    return other;
  }

  /** The node again, from the same directory. */
  async restart(node: NodeProcess): Promise<void> {
    node.process = this.#spawnNode(node.name, node.flags);
    await node.process.said('registered');
  }

  node(id: NodeId): NodeProcess {
    const found = this.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  }

  /** The coordinator that leads by what ZooKeeper says; waits for one that is not `former`. */
  async leadingCoordinator(former?: TestProcess): Promise<TestProcess> {
    const end = realEnv.now() + PATIENCE_MS;
    for (;;) {
      const pid = await this.#patiently((session) => leadersPid(session));
      const found = this.coordinators.find((process) => process.pid === pid);
      if (found !== undefined && found !== former) return found;
      if (realEnv.now() > end) throw new Error('no coordinator leads');
      await delay(realEnv, POLL_MS);
    }
  }

  dataOf(node: NodeProcess): string {
    return join(this.directory, node.name);
  }

  // ---- what ZooKeeper says; patient with one that is away for a while ------------------------------------------------------------------------------------------

  async zkSession(): Promise<ZkSession> {
    this.#zk ??= connectZk({
      connect: this.connect,
      // Every use is patient, and a server that a test froze is to be left soon.
      config: { ...TEST_SESSION, sessionMs: 10_000 },
      env: realEnv,
      logger: silentLogger,
    });
    return this.#zk.ready(PATIENCE_MS);
  }

  /** In key order; none while there is no cluster. */
  descriptors(namespace = 'default'): Promise<readonly DescriptorImage[]> {
    return this.#patiently((session) => readDescriptors(session, namespace));
  }

  /** Of the range that holds the key, in namespace `default`. */
  async descriptorOf(key: string): Promise<Descriptor> {
    const found = (await this.descriptors()).find(({ descriptor }) => contains(descriptor, toBytes(key)));
    if (found === undefined) throw new Error(`no range holds ${key}`);
    return found.descriptor;
  }

  /** By ZooKeeper; what a client believes may be older. */
  async ownerOf(key: string): Promise<NodeProcess> {
    return this.node((await this.descriptorOf(key)).owner.node);
  }

  async #patiently<Found>(read: (session: ZkSession) => Promise<Found>): Promise<Found> {
    const end = realEnv.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await read(await this.zkSession());
      } catch (error) {
        if (!(error instanceof ZkError) || realEnv.now() > end) throw error;
        await delay(realEnv, POLL_MS);
      }
    }
  }

  /** Polls until it holds; rejects with what was seen last. */
  async until(
    what: string,
    holds: (images: readonly DescriptorImage[]) => boolean | Promise<boolean>,
  ): Promise<void> {
    const end = realEnv.now() + PATIENCE_MS;
    for (;;) {
      const images = await this.descriptors();
      if (images.length > 0 && (await holds(images))) return;
      if (realEnv.now() > end) {
        const seen = images.map(
          ({ descriptor: d }) => `${d.id}: epoch ${d.epoch}, owner ${d.owner.node}, in-sync ${d.inSync}`,
        );
        throw new Error(`not within ${PATIENCE_MS} ms: ${what}; seen ${seen.join('; ')}`);
      }
      await delay(realEnv, POLL_MS);
    }
  }

  /**
   * Asks the coordinator, as an administrator does, to have `to` own the range of `key`; resolves once ZooKeeper says so. A
   * task is refused where `to` is not in-sync at that moment: then it is asked again.
   */
  async transfer(key: string, to: Pick<NodeProcess, 'id' | 'name'>): Promise<void> {
    const end = realEnv.now() + PATIENCE_MS;
    let refused = '';
    for (let task: string | null = null; ; await delay(realEnv, POLL_MS)) {
      const { id, owner } = await this.descriptorOf(key);
      if (owner.node === to.id) return;
      if (realEnv.now() > end) throw new Error(`range ${id} does not go to ${to.name}; refused: ${refused}`);
      task ??= await this.#ask({ kind: 'transfer', range: id, to: to.id });
      const record = await this.#patiently((session) => session.get(paths.task(task ?? '')));
      const { state, progress } =
        record === null ? { state: 'trimmed', progress: '' } : taskCodec.decode(record.data);
      if (state === 'pending' || state === 'running') continue;
      refused = `${state} ${progress}`;
      task = null;
    }
  }

  /** Asks for a namespace, and waits until it has all its ranges. */
  async makeNamespace(name: string): Promise<void> {
    const settings = { replicationFactor: 3, minInSync: null, splitAt: null };
    const task = await this.#ask({ kind: 'create-namespace', name, ...settings });
    const end = realEnv.now() + PATIENCE_MS;
    for (;;) {
      const record = await this.#patiently((session) => session.get(paths.task(task)));
      if (record === null || taskCodec.decode(record.data).state === 'done') return;
      if (realEnv.now() > end) throw new Error(`no namespace ${name} within ${PATIENCE_MS} ms`);
      await delay(realEnv, POLL_MS);
    }
  }

  async #ask(request: TaskRequest): Promise<string> {
    const record = { request, state: 'pending', progress: '', createdAt: realEnv.wallNow() } as const;
    const id = Buffer.from(realEnv.randomBytes(16)).toString('hex');
    await this.#patiently((session) =>
      session.create(paths.task(id), taskCodec.encode(record), 'persistent'),
    );
    return id;
  }

  /** The timeline so far. */
  events(): Promise<readonly EventRecord[]> {
    return this.#patiently(readEvents);
  }

  /** The session of its live znode; null where there is none. */
  async liveSession(node: NodeProcess): Promise<SessionId | null> {
    return (await this.#patiently((session) => session.get(paths.live(node.id))))?.ephemeralOwner ?? null;
  }

  /** The node's session has ended. */
  async untilGone(node: NodeProcess): Promise<void> {
    const end = realEnv.now() + PATIENCE_MS;
    while ((await this.liveSession(node)) !== null) {
      if (realEnv.now() > end) throw new Error(`${node.name} is still live`);
      await delay(realEnv, POLL_MS);
    }
  }

  /** No node's log holds more than this any more: what was written before is in the state, and given by a snapshot only. */
  untilLogsAreShort(bytesMax: number): Promise<void> {
    return this.until(`logs of at most ${bytesMax} bytes`, async () => {
      const sizes = await Promise.all(this.nodes.map((node) => metricOf(node, 'log_bytes')));
      return sizes.every((size) => size <= bytesMax);
    });
  }

  /** Every node has all that it applied in its state store. */
  writtenBehind(): Promise<void> {
    return this.until('everything is written behind', async () => {
      const sizes = await Promise.all(this.nodes.map((node) => metricOf(node, 'overlay_bytes')));
      return sizes.every((size) => size === 0);
    });
  }

  /** Every range has all its replicas in-sync, `count` of them. */
  allInSync(count = 3): Promise<void> {
    return this.until(`all replicas in-sync, ${count} a range`, (images) =>
      images.every(
        ({ descriptor }) => descriptor.inSync.length === count && descriptor.replicas.length === count,
      ),
    );
  }

  // ---- processes ----------------------------------------------------------------------------------------------------

  #spawnNode(name: string, flags: readonly string[]): TestProcess {
    const own = ['--name', name, '--data', join(this.directory, name)];
    return this.#spawn('kvnode', name, NODE_SESSION_MS, [
      ...own,
      ...(this.#options.nodeArgs ?? []),
      ...flags,
    ]);
  }

  #spawn(command: string, name: string, sessionMs: number, args: readonly string[]): TestProcess {
    const common = ['--zk', this.connect, '--session-ms', String(this.#options.sessionMs ?? sessionMs)];
    return TestProcess.start([command, ...common, ...args], join(this.directory, `${name}.log`));
  }

  async #stop(t: ExecutionContext): Promise<void> {
    const processes = [...this.nodes.map(({ process }) => process), ...this.coordinators];
    await Promise.all(processes.map((process) => process.lose()));
    await this.#zk?.close();
    if (!t.passed) {
      const coordinators = this.coordinators.map((_, at) => `c${at + 1}`);
      for (const name of [...this.nodes.map((node) => node.name), ...coordinators])
        t.log(await this.#tail(name));
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  async #tail(name: string): Promise<string> {
    const text = await readFile(join(this.directory, `${name}.log`), 'utf8').catch(() => '');
    return `${name}: ${text.split('\n').slice(-15).join('\n')}`;
  }
}

/** By its page for operators. */
async function metricOf({ process }: NodeProcess, name: string): Promise<number> {
  const { address } = await process.said('ready');
  const text = await (await fetch(`http://${address}/metrics`)).text();
  return Number(new RegExp(`^rangekeeper_node_${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

/** Patient with the start, and with outages. */
export async function openClient(t: ExecutionContext, cluster: TestCluster): Promise<Client> {
  const client = await connect({
    zk: cluster.connect,
    connectMs: PATIENCE_MS,
    deadlineMs: PATIENCE_MS,
  });
  t.teardown(() => client.close());
  return client;
}

/** The pid of the coordinator that leads; null: none does. */
async function leadersPid(session: ZkSession): Promise<number | null> {
  const term = await session.get(paths.coordinatorEpoch);
  const leader = term === null ? null : coordinatorEpochCodec.decode(term.data).leader;
  const queue = (await session.children(paths.coordinators)) ?? [];
  const place = queue.find((name) => leader !== null && name.includes(leader));
  const record = place === undefined ? null : await session.get(paths.coordinator(place));
  return record === null ? null : coordinatorCodec.decode(record.data).pid;
}

async function readDescriptors(session: ZkSession, namespace: string): Promise<readonly DescriptorImage[]> {
  const names = (await session.children(paths.ranges(namespace))) ?? [];
  const found: DescriptorImage[] = [];
  for (const name of names) {
    const id = parseRangeName(name);
    const node = id === null ? null : await session.get(paths.range(namespace, id));
    if (node !== null) found.push(descriptorCodec.image(node));
  }
  return found;
}
