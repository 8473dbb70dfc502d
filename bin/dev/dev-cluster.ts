// The processes of a cluster on one machine: ZooKeeper, a coordinator, the nodes and the webserver. ZooKeeper starts first and
// stops last. Each is a process of its own, so that killing one has the same effect as in production. A process that dies is
// restarted, also ZooKeeper.

import { fileURLToPath } from 'node:url';
import type { Client } from '../../client/api.ts';
import { connect } from '../../client/index.ts';
import { delay, type Env } from '../../common/base/env.ts';
import { askDirectly } from '../../common/net/direct.ts';
import type { LogLevel } from '../../common/process/flags.ts';
import { findServer } from '../../common/zk/find-server.ts';
import { ManagedServer } from '../../common/zk/managed-server.ts';
import { freePorts } from '../../common/zk/server-port.ts';
import type { DevDirectory } from './directory.ts';
import { untilFree } from './free-port.ts';
import { Member } from './member.ts';
import { waitUntilWritable } from './writable.ts';

export const HOST = '127.0.0.1';
/** The root znode of the cluster. */
const ROOT = 'rangekeeper';
/** ZooKeeper's tickTime; the session timeout T is ten of them. */
const TICK_MS = 200;
const SESSION_MS = 2_000;
const SESSION_MS_MAX = 60_000;
/** If a cluster does not take writes after this time, even on a busy machine, it never will. */
const WRITABLE_MS_MAX = 180_000;
/** Longer than a guardian waits for its node to stop. */
const STOP_MS_MAX = 10_000;
const PAGE_POLL_MS = 50;
const PAGE_ANSWER_MS_MAX = 1_000;

const RANGEKEEPER = fileURLToPath(new URL('../../../bin/rangekeeper.cjs', import.meta.url));

export interface DevOptions {
  readonly env: Env;
  readonly directory: DevDirectory;
  /** n1, n2, ... */
  readonly nodes: readonly string[];
  readonly zkPort: number;
  readonly webPort: number;
  readonly restartMs: number | null;
  readonly logLevel: LogLevel;
  readonly say: (line: string) => void;
}

export class DevCluster {
  /** ZooKeeper's connect string. */
  readonly zk: string;
  /** URL of the page. */
  readonly web: string;
  readonly #options: DevOptions;
  readonly #zookeeper: ManagedServer;
  #members: Member[] = [];
  #stopping = false;

  private constructor(options: DevOptions) {
    this.#options = options;
    this.#zookeeper = new ManagedServer({
      program: findServer(process.env),
      env: options.env,
      directory: options.directory.zookeeper,
      port: options.zkPort,
      tickMs: TICK_MS,
      sessionMsMin: 2 * TICK_MS,
      sessionMsMax: SESSION_MS_MAX,
    });
    this.zk = `${this.#zookeeper.address}/${ROOT}`;
    this.web = `http://${HOST}:${options.webPort}`;
  }

  /** Chooses a free port for port 0. Throws ProcessExit if a port stays in use. */
  static async prepare(options: DevOptions): Promise<DevCluster> {
    const { env, say } = options;
    const [first = 0, second = 0] = await freePorts(env, HOST, 2);
    const zkPort = options.zkPort || first;
    const webPort = options.webPort || second;
    await untilFree(env, { host: HOST, port: zkPort, what: 'ZooKeeper', flag: '--zk-port' }, say);
    await untilFree(env, { host: HOST, port: webPort, what: 'the web page', flag: '--web-port' }, say);
    return new DevCluster({ ...options, zkPort, webPort });
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  get zookeeperPid(): number | null {
    return this.#zookeeper.pid ?? null;
  }

  /** Resolves with a client of the cluster when every range takes writes. Rejects if a process ends, or if that takes too long. */
  async start(): Promise<Client> {
    const { env, nodes } = this.#options;
    await this.#zookeeper.start();
    if (this.#stopping) throw new Error('stopped while starting');
    void this.#watchZooKeeper();
    this.#members = [
      this.#member('coordinator', 'coordinator', [
        ...['--listen', `${HOST}:0`, '--initial-nodes', String(nodes.length), '--tick-ms', String(TICK_MS)],
      ]),
      ...nodes.map((name) =>
        this.#member(name, 'kvnode', [
          ...['--data', this.#options.directory.node(name), '--listen', `${HOST}:0`],
          ...['--name', name, '--zone', name],
        ]),
      ),
      this.#member('webserver', 'webserver', ['--listen', `${HOST}:${this.#options.webPort}`]),
    ];
    this.#publish();
    const deadline = env.now() + WRITABLE_MS_MAX;
    const failed = Promise.race(this.#members.map((member) => member.failed));
    const [client] = await Promise.race([
      Promise.all([this.#writable(deadline), this.#pageAnswers(deadline)]),
      failed,
    ]);
    for (const member of this.#members) member.markStarted();
    return client;
  }

  /** Stops all processes, ZooKeeper last. Works also while they are starting. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const [coordinators, others] = [true, false].map((wanted) =>
      this.#members.filter(({ name }) => (name === 'coordinator') === wanted),
    );
    await Promise.all((others ?? []).map((member) => member.stop(STOP_MS_MAX)));
    await Promise.all((coordinators ?? []).map((member) => member.stop(STOP_MS_MAX)));
    await this.#zookeeper.stop();
  }

  #member(name: string, command: string, flags: readonly string[]): Member {
    const { env, directory, restartMs, logLevel, say } = this.#options;
    const common = ['--zk', this.zk, '--session-ms', String(SESSION_MS), '--log-level', logLevel];
    return new Member({
      env,
      name,
      argv: [RANGEKEEPER, command, ...common, ...flags],
      guarded: command === 'kvnode',
      logFile: directory.freshLog(name),
      restartMs,
      say,
      changed: () => this.#publish(),
    });
  }

  async #writable(deadline: number): Promise<Client> {
    const { env, directory } = this.#options;
    const client = await connect({ zk: this.zk, connectMs: WRITABLE_MS_MAX });
    const stuck = await waitUntilWritable(env, client, deadline);
    if (stuck.length === 0) return client;
    await client.close();
    throw new Error(
      `no writes in ranges ${stuck.join(', ')} after ${WRITABLE_MS_MAX / 1000} s; see ${directory.logs}`,
    );
  }

  async #pageAnswers(deadline: number): Promise<void> {
    const { env, directory } = this.#options;
    while (!(await isReady(this.web))) {
      if (env.now() > deadline) throw new Error(`the webserver does not answer; see ${directory.logs}`);
      await delay(env, PAGE_POLL_MS);
    }
  }

  async #watchZooKeeper(): Promise<void> {
    const { restartMs, say } = this.#options;
    for (;;) {
      await this.#zookeeper.ended();
      if (this.#stopping) return;
      if (restartMs === null)
        return say('zookeeper ended; it stays down, and nothing is served once leases end');
      say(`zookeeper ended; it is started again in ${restartMs / 1000} s`);
      await this.#restartZooKeeper(restartMs);
    }
  }

  /** Tries until it runs. Its port may have been taken meanwhile, and the other processes wait for it. */
  async #restartZooKeeper(pauseMs: number): Promise<void> {
    const { env, say } = this.#options;
    for (;;) {
      await delay(env, pauseMs);
      if (this.#stopping) return;
      try {
        await this.#zookeeper.stop();
        await this.#zookeeper.start();
        break;
      } catch (error) {
        if (this.#stopping) return;
        say(`${error instanceof Error ? error.message : error}; it is tried again in ${pauseMs / 1000} s`);
      }
    }
    say(`zookeeper runs again, pid ${this.zookeeperPid}`);
    this.#publish();
  }

  #publish(): void {
    if (this.#stopping) return;
    this.#options.directory.publish({
      pid: process.pid,
      zk: this.zk,
      web: this.web,
      processes: [
        { name: 'zookeeper', pid: this.zookeeperPid },
        ...this.#members.map(({ name, pid }) => ({ name, pid })),
      ],
    });
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await askDirectly(`${url}/readyz`, PAGE_ANSWER_MS_MAX)).status === 200;
  } catch {
    return false;
  }
}
