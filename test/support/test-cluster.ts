// A complete cluster for a test: a ZooKeeper root of its own, coordinators and nodes as processes, and methods that read its state
// from ZooKeeper. Everything is ended and removed with the test. If the test fails, it prints the ends of the logs.

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
import { TestProcess, WAIT_MS_MAX } from './processes.ts';
import { startZooKeeper, TEST_SESSION, TICK_MS } from './zookeeper.ts';

/**
 * Session timeout of nodes, ms, unless a test says otherwise. It is so long that no session ends because the machine is busy. The
 * end of a killed node shows at once in any case, because of its guardian. A test that freezes a node, cuts it off or kills its
 * guardian waits for the timeout, and sets a shorter one.
 */
const NODE_SESSION_MS = 10_000;
/** Session timeout of coordinators, ms. They have no guardian, so the next one leads after this time. */
const COORDINATOR_SESSION_MS = 2_000;
const POLL_MS = 50;
/**
 * The coordinator moves nothing for balance, and creates the first ranges only when all nodes are there. Both waits are 10 s by
 * default, which on a busy machine may end in the middle of a test.
 */
const STEADY = ['--balance-after-ms', '86400000', '--first-ranges-after-ms', '3600000'];

/** Flags of a coordinator that replaces no node because of a long absence. */
export const NEVER_LOST = ['--replace-after-ms', '3600000'];

export interface ClusterOptions {
  readonly nodes?: number;
  readonly coordinators?: number;
  /** More flags of the coordinators. */
  readonly coordinatorArgs?: readonly string[];
  /** More flags of the nodes. */
  readonly nodeArgs?: readonly string[];
  /** Session timeout of all processes, ms. */
  readonly sessionMs?: number;
  /** More flags of one process (n1, c1, ...), called before its first start; for example for its proxies. */
  readonly flagsOf?: (name: string) => Promise<readonly string[]>;
  /** Connect string, with a root, of another ZooKeeper than the shared one of the test file. */
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

  /** Resolves when every node is registered. The ranges may not exist yet. */
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

  /** Starts a new node with a directory of its own and waits until it is registered. `more` flags override all others. */
  async addNode(name: string, more: readonly string[] = []): Promise<NodeProcess> {
    const flags = [...((await this.#options.flagsOf?.(name)) ?? []), ...more];
    const process = this.#spawnNode(name, flags);
    const { id } = await process.logged('ready');
    await process.logged('registered');
    const node = { name, id: String(id), flags, process };
    this.nodes.push(node);
    return node;
  }

  /** Like {@link restart}, for a directory that was set aside: the new node takes the old one's place in `nodes`. */
  async restartAsAnother(node: NodeProcess): Promise<NodeProcess> {
    await this.restart(node);
    const { id } = await node.process.logged('ready');
    const other = { ...node, id: String(id) };
    this.nodes[this.nodes.indexOf(node)] = other;
    return other;
  }

  /** Starts the node again in the same directory and waits until it is registered. */
  async restart(node: NodeProcess): Promise<void> {
    node.process = this.#spawnNode(node.name, node.flags);
    await node.process.logged('registered');
  }

  node(id: NodeId): NodeProcess {
    const found = this.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  }

  /** Waits until ZooKeeper names a leader that is not `former`, and returns it. */
  async leadingCoordinator(former?: TestProcess): Promise<TestProcess> {
    const end = realEnv.now() + WAIT_MS_MAX;
    for (;;) {
      const pid = await this.#withRetries((session) => leadersPid(session));
      const found = this.coordinators.find((process) => process.pid === pid);
      if (found !== undefined && found !== former) return found;
      if (realEnv.now() > end) throw new Error('no coordinator leads');
      await delay(realEnv, POLL_MS);
    }
  }

  dataOf(node: NodeProcess): string {
    return join(this.directory, node.name);
  }

  // ---- the state in ZooKeeper; outages are tolerated for a while ---------------------------------------------------

  async zkSession(): Promise<ZkSession> {
    this.#zk ??= connectZk({
      connect: this.connect,
      // A shorter timeout than usual, so that it soon leaves a server that a test froze. All calls are retried.
      config: { ...TEST_SESSION, sessionMs: 10_000 },
      env: realEnv,
      logger: silentLogger,
    });
    return this.#zk.ready(WAIT_MS_MAX);
  }

  /** The descriptors of a namespace in key order; empty while there is no cluster. */
  descriptors(namespace = 'default'): Promise<readonly DescriptorImage[]> {
    return this.#withRetries((session) => readDescriptors(session, namespace));
  }

  /** The descriptor of the range with the key, in namespace `default`. */
  async descriptorOf(key: string): Promise<Descriptor> {
    const found = (await this.descriptors()).find(({ descriptor }) => contains(descriptor, toBytes(key)));
    if (found === undefined) throw new Error(`no range holds ${key}`);
    return found.descriptor;
  }

  /** The owner of the key's range, read from ZooKeeper; a client may know an older one. */
  async ownerOf(key: string): Promise<NodeProcess> {
    return this.node((await this.descriptorOf(key)).owner.node);
  }

  async #withRetries<Found>(read: (session: ZkSession) => Promise<Found>): Promise<Found> {
    const end = realEnv.now() + WAIT_MS_MAX;
    for (;;) {
      try {
        return await read(await this.zkSession());
      } catch (error) {
        if (!(error instanceof ZkError) || realEnv.now() > end) throw error;
        await delay(realEnv, POLL_MS);
      }
    }
  }

  /** Polls until `holds` returns true. Otherwise rejects with the last state. */
  async until(
    what: string,
    holds: (images: readonly DescriptorImage[]) => boolean | Promise<boolean>,
  ): Promise<void> {
    const end = realEnv.now() + WAIT_MS_MAX;
    for (;;) {
      const images = await this.descriptors();
      if (images.length > 0 && (await holds(images))) return;
      if (realEnv.now() > end) {
        const seen = images.map(
          ({ descriptor: d }) => `${d.id}: epoch ${d.epoch}, owner ${d.owner.node}, in-sync ${d.inSync}`,
        );
        throw new Error(`not within ${WAIT_MS_MAX} ms: ${what}; seen ${seen.join('; ')}`);
      }
      await delay(realEnv, POLL_MS);
    }
  }

  /**
   * Requests, as an administrator does, that `to` becomes the owner of the key's range. Resolves once ZooKeeper says so. A task
   * fails if `to` is not in-sync at that moment; then it requests it again.
   */
  async transfer(key: string, to: Pick<NodeProcess, 'id' | 'name'>): Promise<void> {
    const end = realEnv.now() + WAIT_MS_MAX;
    let refused = '';
    for (let task: string | null = null; ; await delay(realEnv, POLL_MS)) {
      const { id, owner } = await this.descriptorOf(key);
      if (owner.node === to.id) return;
      if (realEnv.now() > end) throw new Error(`range ${id} does not go to ${to.name}; refused: ${refused}`);
      task ??= await this.#ask({ kind: 'transfer', range: id, to: to.id });
      const record = await this.#withRetries((session) => session.get(paths.task(task ?? '')));
      const { state, progress } =
        record === null ? { state: 'trimmed', progress: '' } : taskCodec.decode(record.data);
      if (state === 'pending' || state === 'running') continue;
      refused = `${state} ${progress}`;
      task = null;
    }
  }

  /** Requests a namespace and waits until it has all its ranges. */
  async makeNamespace(name: string): Promise<void> {
    const settings = { replicationFactor: 3, minInSync: null, splitAt: null };
    await this.done({ kind: 'create-namespace', name, ...settings });
  }

  /** Asks the leader, and resolves when it is done. */
  async done(request: TaskRequest): Promise<void> {
    const task = await this.#ask(request);
    const end = realEnv.now() + WAIT_MS_MAX;
    for (;;) {
      const record = await this.#withRetries((session) => session.get(paths.task(task)));
      const { state, progress } =
        record === null ? { state: 'done', progress: '' } : taskCodec.decode(record.data);
      if (state === 'done') return;
      if (state === 'failed' || realEnv.now() > end)
        throw new Error(`${request.kind} is ${state} after ${WAIT_MS_MAX} ms at most: ${progress}`);
      await delay(realEnv, POLL_MS);
    }
  }

  async #ask(request: TaskRequest): Promise<string> {
    const record = { request, state: 'pending', progress: '', createdAt: realEnv.wallNow() } as const;
    const id = Buffer.from(realEnv.randomBytes(16)).toString('hex');
    await this.#withRetries((session) =>
      session.create(paths.task(id), taskCodec.encode(record), 'persistent'),
    );
    return id;
  }

  /** The events so far. */
  events(): Promise<readonly EventRecord[]> {
    return this.#withRetries(readEvents);
  }

  /** The session of the node's live znode; null: it has none. */
  async liveSession(node: NodeProcess): Promise<SessionId | null> {
    return (await this.#withRetries((session) => session.get(paths.live(node.id))))?.ephemeralOwner ?? null;
  }

  /** Resolves when the node's session has ended. */
  async untilGone(node: NodeProcess): Promise<void> {
    const end = realEnv.now() + WAIT_MS_MAX;
    while ((await this.liveSession(node)) !== null) {
      if (realEnv.now() > end) throw new Error(`${node.name} is still live`);
      await delay(realEnv, POLL_MS);
    }
  }

  /** Resolves when every node's log has at most this size, so that replicas get older writes only by a snapshot. */
  untilLogsAreShort(bytesMax: number): Promise<void> {
    return this.until(`logs of at most ${bytesMax} bytes`, async () => {
      const sizes = await Promise.all(this.nodes.map((node) => metricOf(node, 'log_bytes')));
      return sizes.every((size) => size <= bytesMax);
    });
  }

  /** Resolves when every node has written all that it applied to its state store. */
  writtenBehind(): Promise<void> {
    return this.until('everything is written behind', async () => {
      const sizes = await Promise.all(this.nodes.map((node) => metricOf(node, 'overlay_bytes')));
      return sizes.every((size) => size === 0);
    });
  }

  /** Resolves when every range has `count` replicas and all of them are in-sync. */
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
    await Promise.all(processes.map((process) => process.killAll()));
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

/** Reads a metric from the node's `/metrics`. */
async function metricOf({ process }: NodeProcess, name: string): Promise<number> {
  const { address } = await process.logged('ready');
  const text = await (await fetch(`http://${address}/metrics`)).text();
  return Number(new RegExp(`^rangekeeper_node_${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

/** Opens a client that waits long for the cluster to start and for outages to end, and closes it with the test. */
export async function openClient(t: ExecutionContext, cluster: TestCluster): Promise<Client> {
  const client = await connect({
    zk: cluster.connect,
    connectMs: WAIT_MS_MAX,
    deadlineMs: WAIT_MS_MAX,
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
