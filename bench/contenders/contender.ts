// A contender of one comparison: some servers and the client that loads them. Each is told by name, with its client.

import type { BenchCluster, InSync } from '../bench-cluster.ts';
import type { DriverSpec } from '../load/driver.ts';
import { keyOf, valuePool } from '../load/keys.ts';
import type { Verified } from '../load/ledger.ts';
import type { SlotResult, SlotSpec } from '../load/slot.ts';
import type { Subject } from '../profile/profiler.ts';
import { PREFIX, type Rig } from '../rig.ts';
import { getRequest, type H2loadRequest, putRequest, rangeRequest, runH2load } from './h2load.ts';

export interface Contender {
  readonly name: string;
  /** Which client, on how many connections. */
  readonly client: string;
  /** Of servers. */
  serverPids(): readonly number[];
  /** Of the client where it is a process that stays. */
  clientPids(): readonly number[];
  run(spec: SlotSpec): Promise<SlotResult>;
  /** Of Rangekeeper: a set of replicas that shrinks makes writes cheaper, which a row must tell. */
  inSync?(): Promise<InSync>;
  /** Of Rangekeeper: whose processes a profile looks into. */
  readonly subject?: Subject;
  /** Sets the keys from 0 to `keys` - 1 under the prefix. */
  fill(prefix: string, keys: number, valueBytes: number): Promise<void>;
  /** Looks whether what was acknowledged since the last time is there. */
  verify(max: number): Promise<Verified>;
}

interface Described {
  readonly name: string;
  readonly client: string;
  readonly serverPids: () => readonly number[];
}

/** A contender whose client is a load program of ours. */
async function programmed(rig: Rig, driver: DriverSpec, described: Described): Promise<Contender> {
  const program = await rig.program(driver);
  return {
    ...described,
    clientPids: () => program.pids,
    run: (spec) => program.slot(spec),
    fill: (prefix, keys, valueBytes) => program.fill(prefix, 0, keys, valueBytes),
    verify: (max) => program.verify(max),
  };
}

export async function rangekeeper(rig: Rig, replicas: 2 | 3, connections = 1): Promise<Contender> {
  return rangekeeperOn(
    rig,
    await rig.rangekeeper(replicas),
    `Rangekeeper, ${replicas} replicas`,
    ['default'],
    connections,
  );
}

export async function rangekeeperOn(
  rig: Rig,
  cluster: BenchCluster,
  name: string,
  namespaces: readonly string[],
  connections = 1,
  deadlineMs = 10_000,
): Promise<Contender> {
  const client = connections === 1 ? 'its client, one object' : `its client, ${connections} connections`;
  const described = { name, client, serverPids: () => cluster.pids };
  const driver = { kind: 'rangekeeper', zk: cluster.zk, namespaces, connections, deadlineMs } as const;
  const subject = { name, cluster, program: await rig.program(driver) };
  return { ...(await programmed(rig, driver, described)), subject, inSync: () => cluster.inSync() };
}

export async function zookeeper(rig: Rig, connections = 1): Promise<Contender> {
  const ensemble = await rig.zookeeper();
  const client = 'pipelining client laid by hand, 1 connection';
  const described = { name: 'ZooKeeper, 3 servers', client, serverPids: () => ensemble.pids };
  const contender = await programmed(rig, { kind: 'zookeeper', port: ensemble.port, connections }, described);
  const keys = (spec: SlotSpec): number => (spec.prefix === PREFIX ? rig.scale.zookeeperKeys : spec.keys);
  return { ...contender, run: (spec) => contender.run({ ...spec, keys: keys(spec) }) };
}

export interface RedisMode {
  readonly connections: number;
  readonly gathered: boolean;
  readonly pipelined: boolean;
}

/** Null where Redis is not installed. */
export async function redis(rig: Rig, mode: RedisMode): Promise<Contender | null> {
  const pair = await rig.redis();
  if (pair === null) return null;
  const described = { name: 'Redis, 1 replica', client: describeMode(mode), serverPids: () => pair.pids };
  return programmed(rig, { kind: 'redis', port: pair.port, ...mode }, described);
}

function describeMode({ connections, gathered, pipelined }: RedisMode): string {
  const sockets = `${connections} connection${connections === 1 ? '' : 's'}`;
  const how = gathered ? ', SETs gathered before each WAIT' : pipelined ? ', automatic pipelining' : '';
  return `ioredis, ${sockets}${how}`;
}

/** The way of writing through ioredis that does best with so many callers, found by trying each for a moment. */
export async function bestRedisWriter(rig: Rig, spec: SlotSpec): Promise<Contender | null> {
  const pair = await rig.redis();
  if (pair === null) return null;
  const gathering = [1, 2, 4, 8].filter((connections) => connections < spec.callers);
  const modes: RedisMode[] = gathering.map((connections) => ({
    connections,
    gathered: true,
    pipelined: false,
  }));
  modes.push({ connections: spec.callers, gathered: false, pipelined: false });
  const tried: { readonly mode: RedisMode; readonly rate: number }[] = [];
  for (const mode of modes) {
    const contender = await redis(rig, mode);
    if (contender === null) return null;
    const { done, seconds } = await contender.run({ ...spec, warmUpMs: 300, ms: 500 });
    tried.push({ mode, rate: done / seconds });
    await contender.verify(0);
  }
  tried.sort((a, b) => b.rate - a.rate);
  const [best, ...others] = tried;
  if (best === undefined) return null;
  for (const { mode } of others) await rig.dismiss({ kind: 'redis', port: pair.port, ...mode });
  const rates = tried.map(({ mode, rate }) => `${describeMode(mode)} ${Math.round(rate)}/s`);
  rig.say(`  Redis, ${spec.callers} callers, tried: ${rates.join('; ')}`);
  return redis(rig, best.mode);
}

export async function echo(
  rig: Rig,
  connections: number,
  gathered: boolean,
  valueBytes = 100,
): Promise<Contender> {
  const { port, pids } = await rig.echo();
  const sockets = `${connections} connection${connections === 1 ? '' : 's'}`;
  const how = gathered ? 'gathered per turn' : 'one message a request';
  const described = {
    name: 'raw ws + protobuf echo',
    client: `ws, ${sockets}, ${how}`,
    serverPids: () => pids,
  };
  return programmed(rig, { kind: 'echo', port, connections, gathered, valueBytes }, described);
}

/** Null where etcd or h2load is not installed. One key, over and over: h2load repeats its request. */
export async function etcd(rig: Rig): Promise<Contender | null> {
  const cluster = await rig.etcd();
  const program = rig.programs.h2load;
  if (cluster === null || program === null) return null;
  const written = new Map<string, { before: number; acknowledged: number; readonly value: string }>();
  return {
    name: 'etcd, 3 nodes',
    client: 'h2load on gRPC, 1 connection, one key',
    serverPids: () => cluster.pids,
    clientPids: () => [],
    async run(spec) {
      const key = keyOf(spec.prefix, Math.floor(spec.keys / 2));
      const value = valuePool(spec.valueBytes)[0] ?? '';
      if (spec.mix.update === 1 && !written.has(key + spec.valueBytes)) {
        const { writes } = await cluster.look(key);
        written.set(key + spec.valueBytes, { before: writes, acknowledged: 0, value });
      }
      const result = await runH2load({
        program,
        directory: rig.directory,
        address: cluster.address,
        connections: 1,
        streams: spec.callers,
        warmUpMs: spec.warmUpMs,
        ms: spec.ms,
        request: requestOf(spec, key, value),
        answerBytes: spec.mix.update === 1 ? 1 : spec.valueBytes * (spec.mix.scan === 1 ? spec.pageRows : 1),
      });
      const known = written.get(key + spec.valueBytes);
      if (known !== undefined) known.acknowledged += result.done;
      return spec.mix.scan === 1 ? { ...result, rows: result.done * spec.pageRows } : result;
    },
    async fill(prefix, keys, valueBytes) {
      const values = valuePool(valueBytes);
      const names = Array.from({ length: keys }, (_, i) => keyOf(prefix, i));
      await cluster.fill(names, (i) => values[i % values.length] ?? '');
    },
    async verify() {
      let lost = 0;
      for (const [name, { before, acknowledged, value }] of written) {
        const key = name.slice(0, name.length - String(value.length).length);
        const found = await cluster.look(key);
        if (found.writes - before < acknowledged || found.value !== value) lost++;
      }
      const checked = written.size;
      written.clear();
      return { checked, lost, unknown: 0 };
    },
  };
}

function requestOf(spec: SlotSpec, key: string, value: string): H2loadRequest {
  if (spec.mix.update === 1) return putRequest(key, value);
  // It ends where the page does: etcd would count every row up to a later end.
  if (spec.mix.scan === 1)
    return rangeRequest(keyOf(spec.prefix, 0), keyOf(spec.prefix, spec.pageRows), spec.pageRows);
  return getRequest(key);
}
