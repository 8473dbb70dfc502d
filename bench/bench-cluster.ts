// A cluster of real processes for measurements: ZooKeeper, two coordinators, nodes, all on this machine, in a temporary
// directory, gone afterwards.

import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, connect } from '../client/index.ts';
import { assert } from '../common/base/assert.ts';
import { delay, realEnv } from '../common/base/env.ts';
import type { NodeId } from '../common/model/ids.ts';
import { type Child, startChild } from '../common/process/children.ts';
import { findServer } from '../common/zk/find-server.ts';
import { ManagedServer } from '../common/zk/managed-server.ts';
import { freePorts } from '../common/zk/server-port.ts';
import { inspectable } from './profile/inspector.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/rangekeeper.js', import.meta.url));
export const HOST = '127.0.0.1';
const REPLICATION_FACTOR = 3;
export const SESSION_MS = 2_000;
export const TICK_MS = 200;

export interface ClusterOptions {
  /** Of the namespace `default`. */
  readonly replicationFactor?: number;
  /** A node dead for so long is replaced, ms. */
  readonly replaceAfterMs?: number;
  /** Whether profiles may be taken of nodes (profile/profiler.ts). */
  readonly inspectable?: boolean;
}

/** One process of a cluster. */
interface ClusterProcess {
  readonly role: 'node' | 'guardian' | 'coordinator' | 'ZooKeeper';
  readonly name: string;
  readonly pid: number;
  /** Where its inspector listens once it is opened; null where it can't be. */
  readonly inspectPort: number | null;
}

/** What ZooKeeper says of the replicas of the namespace `default`. */
export interface InSync {
  /** Ranges that lack an in-sync replica of those they should have. */
  readonly short: number;
  /** Grows with each change of a range. */
  readonly changes: number;
}

export class BenchCluster {
  readonly zk: string;
  readonly directory: string;
  readonly #server: ManagedServer;
  readonly #coordinators: Child[] = [];
  readonly #nodes = new Map<string, { readonly guardian: Child; pid: number | null }>();
  readonly #inspectPorts = new Map<string, number>();
  #watching: Promise<Client> | null = null;

  private constructor(server: ManagedServer, directory: string) {
    this.#server = server;
    this.directory = directory;
    this.zk = `${server.address}/bench`;
  }

  static async start(nodes: number, options: ClusterOptions = {}): Promise<BenchCluster> {
    const directory = mkdtempSync(join(tmpdir(), 'rangekeeper-bench-'));
    const [port] = await freePorts(realEnv, HOST, 1);
    assert(port !== undefined, 'there is a free port');
    const server = new ManagedServer({
      program: findServer(process.env),
      env: realEnv,
      directory: join(directory, 'zookeeper'),
      port,
      tickMs: TICK_MS,
      sessionMsMin: 2 * TICK_MS,
      sessionMsMax: 60_000,
    });
    await server.start();
    const cluster = new BenchCluster(server, directory);
    for (const name of ['c1', 'c2']) {
      const own = ['--name', name, '--initial-nodes', String(nodes), '--tick-ms', String(TICK_MS)];
      const factor = ['--replication-factor', String(options.replicationFactor ?? REPLICATION_FACTOR)];
      const replace =
        options.replaceAfterMs === undefined ? [] : ['--replace-after-ms', String(options.replaceAfterMs)];
      cluster.#coordinators.push(cluster.#spawn('coordinator', name, [...own, ...factor, ...replace]));
    }
    const names = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
    if (options.inspectable === true) {
      const ports = await freePorts(realEnv, HOST, nodes);
      ports.forEach((inspectPort, i) => {
        cluster.#inspectPorts.set(names[i] ?? '', inspectPort);
      });
    }
    for (const name of names) cluster.startNode(name);
    return cluster;
  }

  /** Starts, or starts again, the node with this name. */
  startNode(name: string): void {
    const args = ['--name', name, '--data', join(this.directory, name)];
    const inspectPort = this.#inspectPorts.get(name);
    // The guardian hands its environment on, and is never sent the signal that would open the port.
    const environment = inspectPort === undefined ? {} : inspectable(inspectPort);
    const guardian = this.#spawn('kvnode', name, args, environment);
    const node = { guardian, pid: null as number | null };
    node.guardian.onWorker((pid) => {
      node.pid = pid;
    });
    this.#nodes.set(name, node);
  }

  /** Until every node that was started has a process. */
  async started(): Promise<void> {
    while ([...this.#nodes.values()].some(({ pid }) => pid === null)) await delay(realEnv, 5);
  }

  get processes(): readonly ClusterProcess[] {
    const nodes = [...this.#nodes].flatMap(([name, { guardian, pid }]) => [
      { role: 'guardian' as const, name, pid: guardian.pid, inspectPort: null },
      { role: 'node' as const, name, pid, inspectPort: this.#inspectPorts.get(name) ?? null },
    ]);
    const others = [
      ...this.#coordinators.map(({ pid }) => ({ role: 'coordinator' as const, name: 'coordinator', pid })),
      { role: 'ZooKeeper' as const, name: 'ZooKeeper', pid: this.#server.pid },
    ].map((process) => ({ ...process, inspectPort: null }));
    return [...nodes, ...others].flatMap(({ pid, ...process }) =>
      pid === null || pid === undefined ? [] : [{ ...process, pid }],
    );
  }

  get pids(): readonly number[] {
    return this.processes.map(({ pid }) => pid);
  }

  /** Of the node processes alone. */
  get nodePids(): readonly number[] {
    return this.processes.filter(({ role }) => role === 'node').map(({ pid }) => pid);
  }

  /** Of the live nodes, by name. */
  async addresses(): Promise<ReadonlyMap<string, string>> {
    const client = await this.#client();
    return new Map(
      client
        .nodes()
        .flatMap(({ record, live }) =>
          live === null || live.address === null ? [] : [[record?.name ?? live.name, live.address]],
        ),
    );
  }

  /** Fresh from ZooKeeper. */
  async inSync(): Promise<InSync> {
    const client = await this.#client();
    await client.refresh();
    const images = client.ranges();
    return {
      short: images.filter(({ descriptor: { inSync, replicas } }) => inSync.length < replicas.length).length,
      changes: images.reduce((sum, { version }) => sum + version, 0),
    };
  }

  /** Sends a signal to the node process itself; its guardian sees what comes of it. */
  signal(name: string, signal: NodeJS.Signals): void {
    const { pid } = this.#node(name);
    assert(pid !== null, `${name} has come up`);
    process.kill(pid, signal);
  }

  /** Kills guardian and node, in that order, so that nobody is left to close the node's session. */
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
    for (const name of this.#nodes.keys()) this.lose(name);
    for (const child of this.#coordinators) child.process.kill('SIGKILL');
    const children = [...this.#nodes.values()].map(({ guardian }) => guardian);
    await Promise.all([...children, ...this.#coordinators].map(({ ended }) => ended));
    await this.#server.kill();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  #client(): Promise<Client> {
    this.#watching ??= connect({ zk: this.zk, connectMs: 30_000 });
    return this.#watching;
  }

  #node(name: string): { readonly guardian: Child; readonly pid: number | null } {
    const node = this.#nodes.get(name);
    assert(node !== undefined, `there is a node ${name}`);
    return node;
  }

  #spawn(
    command: string,
    name: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Child {
    const log = openSync(join(this.directory, `${name}.log`), 'a');
    try {
      const common = ['--zk', this.zk, '--session-ms', String(SESSION_MS)];
      return startChild(realEnv, {
        argv: [PROGRAM, command, ...common, ...args],
        stdout: 'ignore',
        stderr: log,
        environment,
      });
    } finally {
      closeSync(log);
    }
  }
}

/** Until every range has `replicas` in-sync replicas and an owner that answers. */
export async function untilWhole(client: Client, replicas: number): Promise<void> {
  for (;;) {
    const ranges = client.ranges();
    const whole =
      ranges.length > 0 && ranges.every(({ descriptor }) => descriptor.inSync.length === replicas);
    if (whole && (await allAnswer(client))) return;
    await delay(realEnv, 50);
  }
}

async function allAnswer(client: Client): Promise<boolean> {
  try {
    await client.count();
    return true;
  } catch {
    return false;
  }
}

/** The name of a node, by which BenchCluster knows it. */
export function nameOf(client: Client, id: NodeId): string {
  const name = client.nodes().find((node) => node.id === id)?.record?.name;
  assert(name !== undefined, `node ${id} is known`);
  return name;
}
