// Redis through ioredis. A write is SET with a WAIT for the replica behind it. As WAIT holds up its whole connection, two
// ways are tried for many callers: a connection for each, or few connections that gather: what arrives while a WAIT is
// under way goes out together with one WAIT behind it. That is the group commit a clever Redis user would write.

import { Redis } from 'ioredis';
import { assert } from '../../common/base/assert.ts';
import type { Driver, DriverSpec } from './driver.ts';

const REPLICAS = 1;
const WAIT_MS = 5_000;
const FILL_KEYS = 1_000;

/** A connection that breaks stays broken: a run with a server that went away is worth nothing. */
const OPTIONS = { host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null };

type RedisSpec = Extract<DriverSpec, { kind: 'redis' }>;

interface WaitingWrite {
  readonly key: string;
  readonly value: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class RedisDriver implements Driver {
  readonly #connections: readonly Gathering[];
  readonly #gathered: boolean;

  private constructor(connections: readonly Gathering[], gathered: boolean) {
    this.#connections = connections;
    this.#gathered = gathered;
  }

  static async open({ port, connections, gathered, pipelined }: RedisSpec): Promise<RedisDriver> {
    const clients = Array.from(
      { length: connections },
      () => new Redis({ ...OPTIONS, port, enableAutoPipelining: pipelined }),
    );
    // What is under way fails with it and is counted there.
    for (const client of clients) client.on('error', () => {});
    await Promise.all(clients.map((client) => client.connect()));
    return new RedisDriver(
      clients.map((client) => new Gathering(client)),
      gathered,
    );
  }

  put(caller: number, key: string, value: string): Promise<unknown> {
    const connection = this.#of(caller);
    return this.#gathered ? connection.write(key, value) : connection.writeAlone(key, value);
  }

  get(caller: number, key: string): Promise<string | null> {
    return this.#of(caller).client.get(key);
  }

  async fill(keys: readonly string[], values: readonly string[]): Promise<void> {
    for (let from = 0; from < keys.length; from += FILL_KEYS) {
      const pairs = keys.slice(from, from + FILL_KEYS).flatMap((key, i) => [key, values[from + i] ?? '']);
      await this.#of(0).client.mset(pairs);
    }
    await this.#of(0).client.wait(REPLICAS, 60_000);
  }

  async close(): Promise<void> {
    for (const { client } of this.#connections) client.disconnect();
  }

  #of(caller: number): Gathering {
    const connection = this.#connections[caller % this.#connections.length];
    assert(connection !== undefined, 'there is a connection for every caller');
    return connection;
  }
}

class Gathering {
  readonly client: Redis;
  #waiting: WaitingWrite[] = [];
  #busy = false;

  constructor(client: Redis) {
    this.client = client;
  }

  async writeAlone(key: string, value: string): Promise<void> {
    const results = await this.client.pipeline().set(key, value).wait(REPLICAS, WAIT_MS).exec();
    check(results);
  }

  write(key: string, value: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, value, resolve, reject });
      if (this.#busy) return;
      this.#busy = true;
      // Behind the other callers of this turn.
      queueMicrotask(() => queueMicrotask(() => void this.#flush()));
    });
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        const pipeline = this.client.pipeline();
        for (const { key, value } of group) pipeline.set(key, value);
        check(await pipeline.wait(REPLICAS, WAIT_MS).exec());
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
      // Those just answered write again before the next group goes.
      await null;
      await null;
    }
    this.#busy = false;
  }
}

/** Every SET went well and the WAIT behind them found a replica. */
function check(results: readonly (readonly [Error | null, unknown])[] | null): void {
  const failed = results?.find(([error]) => error !== null)?.[0];
  if (failed) throw failed;
  if (Number(results?.at(-1)?.[1]) < REPLICAS) throw new Error('NOT_REPLICATED');
}
