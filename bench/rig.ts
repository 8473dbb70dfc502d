// What a run has standing: the servers of each contender, started when a work first needs them and filled with the same
// keys, and the load programs. A peer that is not installed is told of once and left out.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '../client/index.ts';
import { realEnv } from '../common/base/env.ts';
import { findServer, type ServerProgram } from '../common/zk/find-server.ts';
import { freePorts } from '../common/zk/server-port.ts';
import { BenchCluster, type ClusterOptions, HOST, untilWhole } from './bench-cluster.ts';
import { EtcdCluster } from './contenders/etcd.ts';
import { RedisPair } from './contenders/redis.ts';
import { ZookeeperEnsemble } from './contenders/zookeeper.ts';
import type { DriverSpec } from './load/driver.ts';
import { keyOf, valuePool } from './load/keys.ts';
import { LoadProgram } from './load/load-program.ts';
import type { CalmMeter } from './machine.ts';
import { findProgram } from './processes.ts';
import type { Profile } from './profile/profile.ts';
import type { Done, Profiler, Subject } from './profile/profiler.ts';

/** How much a run does. */
export interface Scale {
  readonly name: 'quick' | 'full';
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly ms: number;
  /** Loaded under the prefix `user`. */
  readonly keys: number;
  /** The same for ZooKeeper, which keeps every znode on its heap. */
  readonly zookeeperKeys: number;
  /** Keys read back after each work, of each contender. */
  readonly verified: number;
}

export const QUICK: Scale = {
  name: 'quick',
  rounds: 3,
  warmUpMs: 150,
  ms: 400,
  keys: 20_000,
  zookeeperKeys: 5_000,
  verified: 2_000,
};

export const FULL: Scale = {
  name: 'full',
  rounds: 5,
  warmUpMs: 300,
  ms: 1_500,
  keys: 1_000_000,
  zookeeperKeys: 100_000,
  verified: 20_000,
};

export const VALUE_BYTES = 100;
export const PREFIX = 'user';

/** How the names of load programs begin. */
const PROGRAM = 'program ';

/** Something that was started and must be stopped. */
interface Stoppable {
  stop(): Promise<void>;
}

export interface Programs {
  readonly etcd: string | null;
  readonly h2load: string | null;
  readonly redis: string | null;
  readonly java: ServerProgram;
}

export function findPrograms(): Programs {
  return {
    etcd: findProgram('etcd'),
    h2load: findProgram('h2load'),
    redis: findProgram('redis-server'),
    java: findServer(process.env),
  };
}

export class Rig {
  readonly scale: Scale;
  readonly directory: string;
  readonly programs: Programs;
  readonly calm: CalmMeter;
  /** Null where no profiles are wished for. */
  readonly profiler: Profiler | null;
  /** A line for people. */
  readonly say: (line: string) => void;
  /** Which processes were warmed up for which work (warm-up.ts). */
  readonly warm = new Set<string>();
  readonly #standing = new Map<string, Promise<Stoppable>>();
  readonly #told = new Set<string>();

  constructor(options: Pick<Rig, 'scale' | 'directory' | 'programs' | 'calm' | 'profiler' | 'say'>) {
    this.scale = options.scale;
    this.directory = options.directory;
    this.programs = options.programs;
    this.calm = options.calm;
    this.profiler = options.profiler;
    this.say = options.say;
  }

  /** Three nodes with three replicas of each range, or two with two; filled. */
  rangekeeper(replicas: 2 | 3): Promise<BenchCluster> {
    return this.#once(`rangekeeper-${replicas}`, async () => {
      const cluster = await this.#startCluster(replicas, { replicationFactor: replicas });
      await whole(cluster, replicas);
      await this.#fill(defaultDriver(cluster));
      return cluster;
    });
  }

  /** Another cluster of three nodes, of its own name, with so many keys under the prefix `user`. */
  otherCluster(name: string, keys: number, options: ClusterOptions = {}): Promise<BenchCluster> {
    return this.#once(name, async () => {
      const cluster = await this.#startCluster(3, options);
      await whole(cluster, 3);
      await this.#fill(defaultDriver(cluster), keys);
      return cluster;
    });
  }

  /** Stops all but this cluster and its load programs, early: what idles costs time too. Anything can be asked for again. */
  async leaveOnly(cluster: BenchCluster | null): Promise<void> {
    const servers: Stoppable[] = [];
    for (const [name, starting] of [...this.#standing]) {
      const standing = await starting.catch(() => null);
      if (cluster !== null && (standing === cluster || isProgramOf(name, cluster))) continue;
      this.#standing.delete(name);
      if (standing === null) continue;
      if (isProgram(name)) await standing.stop();
      else servers.push(standing);
    }
    for (const server of servers) await server.stop();
  }

  /** Null where etcd or h2load is not installed. */
  etcd(): Promise<EtcdCluster | null> {
    const { etcd, h2load } = this.programs;
    if (etcd === null || h2load === null)
      return this.#absent('etcd', 'needs etcd and h2load (Debian: etcd-server, nghttp2-client)');
    return this.#once('etcd', async () => {
      const cluster = await EtcdCluster.start(etcd, this.#folder('etcd'));
      const values = valuePool(VALUE_BYTES);
      const keys = Array.from({ length: this.scale.keys }, (_, i) => keyOf(PREFIX, i));
      await cluster.fill(keys, (i) => values[i % values.length] ?? '');
      return cluster;
    });
  }

  /** Null where it is not installed. */
  redis(): Promise<RedisPair | null> {
    const { redis } = this.programs;
    if (redis === null) return this.#absent('Redis', 'needs redis-server (Debian: redis-server)');
    return this.#once('redis', async () => {
      const pair = await RedisPair.start(redis, this.#folder('redis'));
      await this.#fill({ kind: 'redis', port: pair.port, connections: 1, gathered: false, pipelined: false });
      return pair;
    });
  }

  zookeeper(): Promise<ZookeeperEnsemble> {
    return this.#once('zookeeper', async () => {
      const ensemble = await ZookeeperEnsemble.start(this.programs.java, this.#folder('zookeeper'));
      await this.#fill({ kind: 'zookeeper', port: ensemble.port, connections: 1 }, this.scale.zookeeperKeys);
      return ensemble;
    });
  }

  /** The server of the raw limit; its port. */
  async echo(): Promise<{ readonly port: number; readonly pids: readonly number[] }> {
    const server = await this.#once('echo server', async () => {
      const program = LoadProgram.start();
      return { program, port: await program.serveEcho(VALUE_BYTES), stop: () => program.stop() };
    });
    return { port: server.port, pids: server.program.pids };
  }

  /** The load program with this driver; the same one for the same driver. */
  program(driver: DriverSpec): Promise<LoadProgram> {
    return this.#once(`${PROGRAM}${JSON.stringify(driver)}`, async () => {
      const [port] = this.#isProfiled(driver) ? await freePorts(realEnv, HOST, 1) : [];
      return LoadProgram.open(driver, port ?? null);
    });
  }

  /**
   * Where profiles are wished for: what Rangekeeper and its client spend their time with in `action`; `begin` comes first,
   * where processes begin by it. To be called when all that counts has been measured, for it costs time.
   */
  async profile(
    subject: Subject,
    action: () => Promise<Done>,
    begin: (() => Promise<void>) | null = null,
  ): Promise<Profile | null> {
    if (this.profiler === null) return null;
    try {
      return await this.profiler.profile(subject, action, begin);
    } catch (error) {
      this.say(`  no profile of ${subject.name}: ${error instanceof Error ? error.message : error}`);
      return null;
    }
  }

  /** Stops one load program early: its sockets and heap would be in the way. */
  async dismiss(driver: DriverSpec): Promise<void> {
    await this.#stop(`${PROGRAM}${JSON.stringify(driver)}`);
  }

  async #stop(name: string): Promise<void> {
    const standing = await this.#standing.get(name);
    this.#standing.delete(name);
    await standing?.stop();
  }

  stop(): Promise<void> {
    return this.leaveOnly(null);
  }

  #startCluster(nodes: number, options: ClusterOptions): Promise<BenchCluster> {
    return BenchCluster.start(nodes, { ...options, inspectable: this.profiler !== null });
  }

  #isProfiled({ kind }: DriverSpec): boolean {
    return this.profiler !== null && kind === 'rangekeeper';
  }

  async #fill(driver: DriverSpec, keys: number = this.scale.keys): Promise<void> {
    const program = await this.program(driver);
    await program.fill(PREFIX, 0, keys, VALUE_BYTES);
  }

  #once<T extends Stoppable>(name: string, start: () => Promise<T>): Promise<T> {
    const known = this.#standing.get(name);
    if (known !== undefined) return known as Promise<T>;
    const begin = realEnv.now();
    const starting = start();
    this.#standing.set(name, starting);
    if (!isProgram(name)) {
      void starting.then(
        () => this.say(`  ${name}: up and filled after ${((realEnv.now() - begin) / 1_000).toFixed(1)} s`),
        () => {},
      );
    }
    return starting;
  }

  #absent(name: string, reason: string): Promise<null> {
    if (!this.#told.has(name)) this.say(`  ${name} is left out: ${reason}`);
    this.#told.add(name);
    return Promise.resolve(null);
  }

  #folder(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path);
    return path;
  }
}

function isProgram(name: string): boolean {
  return name.startsWith(PROGRAM);
}

function isProgramOf(name: string, { zk }: BenchCluster): boolean {
  return isProgram(name) && name.includes(JSON.stringify(zk));
}

function defaultDriver({ zk }: BenchCluster): DriverSpec {
  return { kind: 'rangekeeper', zk, namespaces: ['default'], connections: 1, deadlineMs: 10_000 };
}

async function whole(cluster: BenchCluster, replicas: number): Promise<void> {
  const client = await connect({ zk: cluster.zk, connectMs: 30_000 });
  await untilWhole(client, replicas);
  await client.close();
}
