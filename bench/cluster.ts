// A cluster of real processes for measurements: ZooKeeper, two coordinators, nodes, all on this machine, in a temporary
// directory, gone afterwards.

import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from '../common/base/assert.ts';
import { delay, realEnv } from '../common/base/env.ts';
import { type Client, connect } from '../common/client/index.ts';
import type { NodeId } from '../common/model/ids.ts';
import { type Child, startChild } from '../common/process/children.ts';
import { findServer } from '../common/zk/find-server.ts';
import { ManagedServer } from '../common/zk/managed-server.ts';
import { freePorts } from '../common/zk/server-port.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/rangekeeper.js', import.meta.url));
const HOST = '127.0.0.1';
const REPLICATION_FACTOR = 3;
export const SESSION_MS = 2_000;
export const TICK_MS = 200;

export interface ClusterOptions {
  /** Of the namespace `default`. */
  readonly replicationFactor?: number;
  /** A node dead for so long is replaced, ms. */
  readonly replaceAfterMs?: number;
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
    for (let i = 1; i <= nodes; i++) cluster.startNode(`n${i}`);
    return cluster;
  }

  /** Starts, or starts again, the node with this name. */
  startNode(name: string): void {
    const args = ['--name', name, '--data', join(this.directory, name)];
    const node = { guardian: this.#spawn('kvnode', name, args), pid: null as number | null };
    node.guardian.onWorker((pid) => {
      node.pid = pid;
    });
    this.#nodes.set(name, node);
  }

  /** Of every process: nodes and their guardians, coordinators, ZooKeeper. */
  get pids(): readonly number[] {
    const nodes = [...this.#nodes.values()].flatMap(({ guardian, pid }) => [guardian.pid, pid]);
    const others = [...this.#coordinators.map(({ pid }) => pid), this.#server.pid];
    return [...nodes, ...others].filter((pid) => pid !== null && pid !== undefined);
  }

  /** Of the node processes alone. */
  get nodePids(): readonly number[] {
    return [...this.#nodes.values()].map(({ pid }) => pid).filter((pid) => pid !== null);
  }

  /** Fresh from ZooKeeper. */
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

  #node(name: string): { readonly guardian: Child; readonly pid: number | null } {
    const node = this.#nodes.get(name);
    assert(node !== undefined, `there is a node ${name}`);
    return node;
  }

  #spawn(command: string, name: string, args: readonly string[]): Child {
    const log = openSync(join(this.directory, `${name}.log`), 'a');
    try {
      const common = ['--zk', this.zk, '--session-ms', String(SESSION_MS)];
      return startChild(realEnv, {
        argv: [PROGRAM, command, ...common, ...args],
        stdout: 'ignore',
        stderr: log,
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
