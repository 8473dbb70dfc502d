// etcd as a contender: three members as they come (every write synced by a majority), loaded by h2load on its gRPC port.
// Filling and looking use its JSON gateway.

import { join } from 'node:path';
import { delay, realEnv } from '../../common/base/env.ts';
import { freePorts } from '../../common/zk/server-port.ts';
import { ServerProcess } from '../processes.ts';

const MEMBERS = 3;
const START_MS = 20_000;
/** etcd's own bound of a transaction. */
const FILL_KEYS = 128;
const FILL_BYTES = 1024 * 1024;
const FILLS_AT_ONCE = 8;
const QUOTA_BYTES = 8 * 1024 ** 3;

interface MemberStatus {
  readonly header: { readonly member_id: string };
  readonly leader?: string;
}

interface RangeAnswer {
  readonly kvs?: readonly { readonly value?: string; readonly version: string }[];
}

export class EtcdCluster {
  /** Of the leader, which serves linearizable reads with the fewest hops. */
  readonly address: string;
  readonly #members: readonly ServerProcess[];

  private constructor(address: string, members: readonly ServerProcess[]) {
    this.address = address;
    this.#members = members;
  }

  static async start(program: string, directory: string): Promise<EtcdCluster> {
    const ports = await freePorts(realEnv, '127.0.0.1', 2 * MEMBERS);
    const url = (index: number): string => `http://127.0.0.1:${ports[index]}`;
    const cluster = Array.from({ length: MEMBERS }, (_, i) => `m${i}=${url(MEMBERS + i)}`).join(',');
    const members = Array.from({ length: MEMBERS }, (_, i) => {
      const client = ['--listen-client-urls', url(i), '--advertise-client-urls', url(i)];
      const peer = [
        '--listen-peer-urls',
        url(MEMBERS + i),
        '--initial-advertise-peer-urls',
        url(MEMBERS + i),
      ];
      const own = [
        '--name',
        `m${i}`,
        '--data-dir',
        join(directory, `etcd-${i}`),
        '--initial-cluster',
        cluster,
      ];
      const rest = ['--logger', 'zap', '--log-level', 'error', '--quota-backend-bytes', String(QUOTA_BYTES)];
      return new ServerProcess(
        program,
        [...own, ...client, ...peer, ...rest],
        join(directory, `etcd-${i}.log`),
      );
    });
    const leader = await leaderAmong(Array.from({ length: MEMBERS }, (_, i) => url(i)));
    return new EtcdCluster(leader, members);
  }

  get pids(): readonly number[] {
    return this.#members.flatMap(({ pids }) => pids);
  }

  async fill(keys: readonly string[], value: (index: number) => string): Promise<void> {
    let next = 0;
    const filler = async (): Promise<void> => {
      for (let from = next; from < keys.length; from = next) {
        const step = Math.max(1, Math.min(FILL_KEYS, Math.floor(FILL_BYTES / value(from).length)));
        next = from + step;
        const success = keys.slice(from, from + step).map((key, i) => ({
          requestPut: { key: btoa(key), value: btoa(value(from + i)) },
        }));
        await ask(this.address, '/v3/kv/txn', { success });
      }
    };
    await Promise.all(Array.from({ length: FILLS_AT_ONCE }, filler));
  }

  /** How often a key has been written, and what it holds. */
  async look(key: string): Promise<{ readonly writes: number; readonly value: string }> {
    const { kvs = [] } = await ask<RangeAnswer>(this.address, '/v3/kv/range', { key: btoa(key) });
    return { writes: Number(kvs[0]?.version ?? 0), value: atob(kvs[0]?.value ?? '') };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
  }
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

async function ask<T>(address: string, path: string, body: object): Promise<T> {
  const answer = await fetch(address + path, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`etcd answered ${answer.status} to ${path}: ${await answer.text()}`);
  return (await answer.json()) as T;
}
