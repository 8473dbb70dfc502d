// etcd as a contender: three members with default settings (a majority syncs every write). h2load repeats one request on its gRPC
// port, so it uses one key. Filling and reading back use its JSON gateway.

import { join } from 'node:path';
import { delay, realEnv } from '../../common/base/env.ts';
import { askDirectly } from '../../common/net/direct.ts';
import { freePorts } from '../../common/zk/server-port.ts';
import { forEach } from '../load/driver.ts';
import { keyOf, valuePool } from '../load/keys.ts';
import type { Verified } from '../load/ledger.ts';
import type { SlotResult, SlotSpec } from '../load/slot.ts';
import { Servers } from '../processes.ts';
import { PREFIX, type Rig, VALUE_BYTES } from '../rig.ts';
import type { Contender } from './contender.ts';
import { getRequest, type H2loadRequest, putRequest, rangeRequest, runH2load } from './h2load.ts';

const MEMBERS = 3;
const START_MS = 20_000;
const ANSWER_MS_MAX = 60_000;
/** etcd's own maximum number of operations in a transaction. */
const FILL_KEYS = 128;
const FILL_BYTES = 1024 * 1024;
const FILLS_AT_ONCE = 8;
const QUOTA_BYTES = 8 * 1024 ** 3;

/** Null: etcd or h2load is not installed. */
export async function etcd(rig: Rig): Promise<Contender | null> {
  const { etcd: program, h2load } = rig.programs;
  if (program === null || h2load === null)
    return rig.leaveOut('etcd', 'etcd and h2load (Debian: etcd-server, nghttp2-client)');
  const { cluster } = await rig.start('etcd', async (folder) => {
    const started = await startCluster(program, folder);
    await fill(started.address, PREFIX, rig.scale.keys, VALUE_BYTES);
    return { cluster: started, stop: () => started.servers.stop() };
  });
  return new Etcd(cluster, h2load, rig.directory);
}

interface EtcdCluster {
  readonly servers: Servers;
  /** The address of the leader, which serves linearizable reads with the fewest hops. */
  readonly address: string;
}

class Etcd implements Contender {
  readonly name = 'etcd, 3 nodes';
  readonly client = 'h2load on gRPC, 1 connection, one key';
  readonly canBeProfiled = false;
  readonly #cluster: EtcdCluster;
  readonly #h2load: string;
  readonly #directory: string;
  /** By key and size of the value: etcd's count of writes of the key before ours, and the number of ours that were acknowledged. */
  readonly #written = new Map<string, { key: string; value: string; before: number; acknowledged: number }>();

  constructor(cluster: EtcdCluster, h2load: string, directory: string) {
    this.#cluster = cluster;
    this.#h2load = h2load;
    this.#directory = directory;
  }

  serverPids(): readonly number[] {
    return this.#cluster.servers.pids;
  }

  clientPids(): readonly number[] {
    return [];
  }

  async run(spec: SlotSpec): Promise<SlotResult> {
    const key = keyOf(spec.prefix, Math.floor(spec.keys / 2));
    const value = valuePool(spec.valueBytes)[0] ?? '';
    const name = `${key} ${spec.valueBytes}`;
    const [writes, scans] = [spec.mix.update === 1, spec.mix.scan === 1];
    if (writes && !this.#written.has(name)) {
      const { version: before } = await lookUp(this.#cluster.address, key);
      this.#written.set(name, { key, value, before, acknowledged: 0 });
    }
    const result = await runH2load({
      ...{ program: this.#h2load, directory: this.#directory, address: this.#cluster.address },
      ...{ streams: spec.callers, warmUpMs: spec.warmUpMs, ms: spec.ms },
      request: requestOf(spec, key, value),
      answerBytes: writes ? 1 : spec.valueBytes * (scans ? spec.pageRows : 1),
    });
    const known = this.#written.get(name);
    if (writes && known !== undefined) known.acknowledged += result.done;
    return { ...result, rows: scans ? result.done * spec.pageRows : 0 };
  }

  fill(prefix: string, keys: number, valueBytes: number): Promise<void> {
    return fill(this.#cluster.address, prefix, keys, valueBytes);
  }

  /** Checks that each key was written at least as often as was acknowledged. */
  async verify(): Promise<Verified> {
    const written = [...this.#written.values()];
    this.#written.clear();
    let lost = 0;
    for (const { key, value, before, acknowledged } of written) {
      const found = await lookUp(this.#cluster.address, key);
      if (found.version - before < acknowledged || found.value !== value) lost++;
    }
    return { checked: written.length, lost, unknown: 0 };
  }
}

function requestOf(spec: SlotSpec, key: string, value: string): H2loadRequest {
  if (spec.mix.update === 1) return putRequest(key, value);
  // The request ends where the page does, because etcd would count every row up to a later end.
  if (spec.mix.scan === 1)
    return rangeRequest(keyOf(spec.prefix, 0), keyOf(spec.prefix, spec.pageRows), spec.pageRows);
  return getRequest(key);
}

async function startCluster(program: string, directory: string): Promise<EtcdCluster> {
  const ports = await freePorts(realEnv, '127.0.0.1', 2 * MEMBERS);
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const members = urls.slice(MEMBERS).map((peer, i) => ({ name: `m${i}`, client: urls[i] ?? '', peer }));
  const servers = new Servers();
  for (const { name, client, peer } of members) {
    const flags = {
      ...{ name, 'data-dir': join(directory, name), logger: 'zap', 'log-level': 'error' },
      ...{ 'listen-client-urls': client, 'advertise-client-urls': client },
      ...{ 'listen-peer-urls': peer, 'initial-advertise-peer-urls': peer },
      'initial-cluster': members.map((member) => `${member.name}=${member.peer}`).join(','),
      'quota-backend-bytes': QUOTA_BYTES,
    };
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    servers.start(program, args, join(directory, `${name}.log`));
  }
  return { servers, address: await leaderAmong(members.map(({ client }) => client)) };
}

async function leaderAmong(addresses: readonly string[]): Promise<string> {
  const end = realEnv.now() + START_MS;
  while (realEnv.now() < end) {
    for (const address of addresses) {
      const status = await ask<MemberStatus>(address, '/v3/maintenance/status', {}).catch(() => null);
      if (status !== null && status.leader === status.header.member_id) return address;
    }
    await delay(realEnv, 100);
  }
  throw new Error(`etcd has no leader after ${START_MS / 1000} s`);
}

async function fill(address: string, prefix: string, keys: number, valueBytes: number): Promise<void> {
  const values = valuePool(valueBytes);
  const step = Math.max(1, Math.min(FILL_KEYS, Math.floor(FILL_BYTES / valueBytes)));
  await forEach(Math.ceil(keys / step), FILLS_AT_ONCE, async (batch) => {
    const indexes = Array.from({ length: Math.min(step, keys - batch * step) }, (_, i) => batch * step + i);
    const success = indexes.map((index) => ({
      requestPut: { key: btoa(keyOf(prefix, index)), value: btoa(values[index % values.length] ?? '') },
    }));
    await ask(address, '/v3/kv/txn', { success });
  });
}

/** The value of a key, and how often it was written. */
async function lookUp(
  address: string,
  key: string,
): Promise<{ readonly version: number; readonly value: string }> {
  const { kvs = [] } = await ask<RangeAnswer>(address, '/v3/kv/range', { key: btoa(key) });
  return { version: Number(kvs[0]?.version ?? 0), value: atob(kvs[0]?.value ?? '') };
}

interface MemberStatus {
  readonly header: { readonly member_id: string };
  readonly leader?: string;
}

interface RangeAnswer {
  readonly kvs?: readonly { readonly value?: string; readonly version: string }[];
}

async function ask<T>(address: string, path: string, body: object): Promise<T> {
  const { status, text } = await askDirectly(address + path, ANSWER_MS_MAX, JSON.stringify(body));
  if (status !== 200) throw new Error(`etcd answered ${status} to ${path}: ${text}`);
  return JSON.parse(text) as T;
}
