// A cluster of real processes for measurements: ZooKeeper, two coordinators and nodes, all on this machine, in a temporary directory
// that is removed afterwards.

import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, connect } from '../client/index.ts';
import { present } from '../common/base/assert.ts';
import { delay, realEnv } from '../common/base/env.ts';
import { silentLogger } from '../common/base/log.ts';
import { DEFAULT_SESSION } from '../common/model/config.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { TaskRecord, TaskRequest } from '../common/model/records.ts';
import { askDirectly } from '../common/net/direct.ts';
import { type Child, startChild } from '../common/process/children.ts';
import { findServer } from '../common/zk/find-server.ts';
import { ManagedServer } from '../common/zk/managed-server.ts';
import { freePorts } from '../common/zk/server-port.ts';
import type { Zk, ZkNode, ZkSession } from '../common/zk/store.ts';
import { connectZk } from '../common/zk/zk.ts';
import { liveCodec, loadCodec, paths, taskCodec } from '../common/zk/znodes.ts';
import type { Profiler } from './profile/profiler.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/rangekeeper.js', import.meta.url));
const HOST = '127.0.0.1';
const SESSION_MS = 2_000;
const TICK_MS = 200;
const POLL_MS = 50;
const ANSWER_MS_MAX = 10_000;
/** How often the state of a task is read, ms. */
const DONE_POLL_MS = 5;
/** Maximum wait until replicas are in-sync, ms. */
const IN_SYNC_MS_MAX = 240_000;

export interface ClusterOptions {
  /** Nodes at the start; default: as many as replicas. */
  readonly nodes?: number;
  /** In-sync replicas that every range must have before it is filled; default: as many as it shall have. */
  readonly replicas?: number;
  /** A node is given its share when it has been live for this time, ms. */
  readonly balanceAfterMs?: number;
  /** Number of replicas of each range of the namespace `default`; default: 3. */
  readonly replicationFactor?: number;
  /** A node is replaced when it has been dead for this time, ms. */
  readonly replaceAfterMs?: number;
  /** Absent or null: no profiles are taken of its nodes. */
  readonly profiler?: Profiler | null;
}

interface NodeProcesses {
  readonly guardian: Child;
  /** The pid of the node; null until it has started. */
  pid: number | null;
}

/** The state of the replicas of the namespace `default` in ZooKeeper. */
export interface InSync {
  /** Number of ranges that have a replica which is not in-sync. */
  readonly short: number;
  /** Grows with each change of a range. */
  readonly changes: number;
}

export class BenchCluster {
  readonly name: string;
  readonly zk: string;
  readonly directory: string;
  readonly #server: ManagedServer;
  readonly #profiler: Profiler | null;
  readonly #coordinatorFlags: readonly string[];
  #coordinators: readonly Child[] = [];
  readonly #nodes = new Map<string, NodeProcesses>();
  #watching: Promise<Client> | null = null;
  #asking: Zk | null = null;
  #asked = 0;

  private constructor(
    name: string,
    server: ManagedServer,
    directory: string,
    coordinatorFlags: readonly string[],
    profiler: Profiler | null,
  ) {
    this.name = name;
    this.#coordinatorFlags = coordinatorFlags;
    this.zk = `${server.address}/bench`;
    this.directory = directory;
    this.#server = server;
    this.#profiler = profiler;
  }

  /** Starts nodes named n1, n2, ...; untilAllInSync() waits until the cluster serves. */
  static async start(name: string, nodes: number, options: ClusterOptions = {}): Promise<BenchCluster> {
    const { replicationFactor = 3, replaceAfterMs, balanceAfterMs, profiler = null } = options;
    const directory = mkdtempSync(join(tmpdir(), 'rangekeeper-bench-'));
    const server = new ManagedServer({
      ...{ program: findServer(process.env), env: realEnv, directory: join(directory, 'zookeeper') },
      ...{ tickMs: TICK_MS, sessionMsMin: 2 * TICK_MS, sessionMsMax: 60_000 },
      port: present((await freePorts(realEnv, HOST, 1))[0], 'a free port'),
    });
    await server.start();
    const flags = ['--initial-nodes', String(nodes), '--tick-ms', String(TICK_MS)];
    flags.push('--replication-factor', String(replicationFactor));
    if (replaceAfterMs !== undefined) flags.push('--replace-after-ms', String(replaceAfterMs));
    if (balanceAfterMs !== undefined) flags.push('--balance-after-ms', String(balanceAfterMs));
    const cluster = new BenchCluster(name, server, directory, flags, profiler);
    cluster.#startCoordinators();
    for (let i = 1; i <= nodes; i++) cluster.startNode(`n${i}`);
    return cluster;
  }

  /** Starts or restarts the node with this name. */
  startNode(name: string): void {
    const environment = this.#profiler?.environment(name) ?? {};
    const guardian = this.#spawn('kvnode', name, ['--data', join(this.directory, name)], environment);
    const node: NodeProcesses = { guardian, pid: null };
    guardian.onWorker((pid) => {
      node.pid = pid;
    });
    this.#nodes.set(name, node);
  }

  get pids(): readonly number[] {
    const guardians = [...this.#nodes.values()].map(({ guardian }) => guardian);
    const { pid } = this.#server;
    const children = [...guardians, ...this.#coordinators].map((child) => child.pid);
    return [...this.nodePids, ...children, ...(pid === undefined ? [] : [pid])];
  }

  /** The pids of the nodes only. */
  get nodePids(): readonly number[] {
    return [...this.#nodes.values()].flatMap(({ pid }) => (pid === null ? [] : [pid]));
  }

  /** Reads the state of the replicas from ZooKeeper. */
  async inSync(): Promise<InSync> {
    this.#watching ??= connect({ zk: this.zk, connectMs: 30_000 });
    const client = await this.#watching;
    await client.refresh();
    const images = client.ranges();
    return {
      short: images.filter(({ descriptor: { inSync, replicas } }) => inSync.length < replicas.length).length,
      changes: images.reduce((sum, { version }) => sum + version, 0),
    };
  }

  /** Creates a namespace with three replicas of each range. Resolves when it has all its ranges. */
  async makeNamespace(name: string, splitAt: readonly string[]): Promise<void> {
    const settings = { replicationFactor: 3, minInSync: null, splitAt };
    await this.done({ kind: 'create-namespace', name, ...settings });
  }

  /** The load of each node: requests a second to the ranges that it owns, as it has reported last. */
  async loads(): Promise<readonly number[]> {
    const session = await this.#session();
    const nodes = (await session.children(paths.loads)) ?? [];
    const reports = await Promise.all(nodes.map((node) => session.get(paths.load(node))));
    return reports.flatMap((report) => {
      if (report === null) return [];
      return loadCodec.decode(report.data).ranges.reduce((sum, { reads, writes }) => sum + reads + writes, 0);
    });
  }

  /** Resolves when every node has written to its state store what it has applied. */
  async writtenBehind(): Promise<void> {
    const session = await this.#session();
    const nodes = (await session.children(paths.lives)) ?? [];
    const addresses = await Promise.all(
      nodes.map(async (node) => addressIn(await session.get(paths.live(node)))),
    );
    for (;;) {
      const left = await Promise.all(addresses.map(overlayBytes));
      if (left.every((bytes) => bytes === 0)) return;
      await delay(realEnv, POLL_MS);
    }
  }

  #session(): Promise<ZkSession> {
    this.#asking ??= connectZk({
      connect: this.zk,
      config: DEFAULT_SESSION,
      env: realEnv,
      logger: silentLogger,
    });
    return this.#asking.ready(10_000);
  }

  /** Asks the leader. Resolves when it is done. */
  async done(request: TaskRequest): Promise<void> {
    const session = await this.#session();
    const path = paths.task(`bench-${this.#asked++}`);
    const task: TaskRecord = { request, state: 'pending', progress: '', createdAt: realEnv.wallNow() };
    // The coordinator creates the parent of the tasks.
    while ((await session.children(paths.tasks)) === null) await delay(realEnv, POLL_MS);
    await session.create(path, taskCodec.encode(task), 'persistent');
    for (;;) {
      const node = await session.get(path);
      if (node === null) return;
      const { state, progress } = taskCodec.decode(node.data);
      if (state === 'done') return;
      if (state === 'failed') throw new Error(`${request.kind}: ${progress}`);
      await delay(realEnv, DONE_POLL_MS);
    }
  }

  /** Sends a signal to the node itself, not to its guardian. */
  signal(name: string, signal: NodeJS.Signals): void {
    process.kill(present(this.#node(name).pid, `the process of ${name}`), signal);
  }

  /** Kills all processes but ZooKeeper, and starts them again. */
  async restartAll(): Promise<void> {
    const names = [...this.#nodes.keys()];
    const ended = [...this.#coordinators, ...names.map((name) => this.#node(name).guardian)].map(
      (child) => child.ended,
    );
    for (const name of names) this.lose(name);
    for (const { process } of this.#coordinators) process.kill('SIGKILL');
    await Promise.all(ended);
    this.#startCoordinators();
    for (const name of names) this.startNode(name);
  }

  #startCoordinators(): void {
    this.#coordinators = ['c1', 'c2'].map((name) => this.#spawn('coordinator', name, this.#coordinatorFlags));
  }

  /** Kills the guardian and then the node, so that nobody is left to close the node's session. */
  lose(name: string): void {
    const { guardian, pid } = this.#node(name);
    guardian.process.kill('SIGKILL');
    if (pid === null) return;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It was dead already.
    }
  }

  async stop(): Promise<void> {
    await (await this.#watching?.catch(() => null))?.close();
    await this.#asking?.close();
    for (const name of this.#nodes.keys()) this.lose(name);
    for (const child of this.#coordinators) child.process.kill('SIGKILL');
    const children = [...this.#nodes.values()].map(({ guardian }) => guardian);
    await Promise.all([...children, ...this.#coordinators].map(({ ended }) => ended));
    await this.#server.kill();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  #node(name: string): NodeProcesses {
    return present(this.#nodes.get(name), `node ${name}`);
  }

  #spawn(
    command: string,
    name: string,
    flags: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Child {
    const log = openSync(join(this.directory, `${name}.log`), 'a');
    try {
      const common = ['--zk', this.zk, '--session-ms', String(SESSION_MS), '--name', name];
      const argv = [PROGRAM, command, ...common, ...flags];
      return startChild(realEnv, { argv, stdout: 'ignore', stderr: log, environment });
    } finally {
      closeSync(log);
    }
  }
}

function addressIn(live: ZkNode | null): string | null {
  return live === null ? null : liveCodec.decode(live.data).address;
}

/** What a node has not written to its state store yet, bytes. */
async function overlayBytes(address: string | null): Promise<number> {
  if (address === null) return 0;
  const { text } = await askDirectly(`http://${address}/metrics`, ANSWER_MS_MAX);
  return Number(/^rangekeeper_node_overlay_bytes (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** Resolves when every range has `replicas` in-sync replicas and an owner that answers. */
export async function untilAllInSync(client: Client, replicas: number): Promise<void> {
  await untilInSync(client, (inSync) => inSync === replicas);
  while ((await client.count().catch(() => null)) === null) await delay(realEnv, POLL_MS);
}

/** Resolves when `holds` accepts the lowest number of in-sync replicas of any range. */
export async function untilInSync(client: Client, holds: (inSync: number) => boolean): Promise<void> {
  const end = realEnv.now() + IN_SYNC_MS_MAX;
  for (;;) {
    await client.refresh();
    const ranges = client.ranges();
    const fewest = Math.min(...ranges.map(({ descriptor }) => descriptor.inSync.length));
    if (ranges.length > 0 && holds(fewest)) return;
    if (realEnv.now() > end)
      throw new Error(
        `after ${IN_SYNC_MS_MAX / 1_000} s the number of in-sync replicas is still not as expected`,
      );
    // At most one read of ZooKeeper per millisecond, because the cluster also needs ZooKeeper.
    await delay(realEnv, Math.max(POLL_MS, ranges.length));
  }
}

/** The name by which BenchCluster knows a node. */
export function nameOf(client: Client, id: NodeId): string {
  return present(client.nodes().find((node) => node.id === id)?.record?.name, `the name of node ${id}`);
}
