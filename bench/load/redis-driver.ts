// Uses Redis through ioredis. A write is a SET, followed by a WAIT for the replica. WAIT blocks its connection, so there are two ways
// for many callers: a connection for each caller, or few connections that gather the writes that arrive during a WAIT, and send them
// together, followed by one WAIT. The second is the group commit that an expert user of Redis would write.

import { Redis } from 'ioredis';
import { connectionOf, type Driver, type DriverSpec, openAll } from './driver.ts';

const REPLICAS = 1;
const WAIT_MS = 5_000;
const FILL_KEYS = 1_000;

/** There are no reconnects: a run is worth nothing if a server has ended. */
const OPTIONS = { host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null };

export async function openRedis({
  port,
  connections,
  gathered,
  pipelined,
}: Extract<DriverSpec, { kind: 'redis' }>): Promise<Driver> {
  const open = async (): Promise<Connection> => {
    const client = new Redis({ ...OPTIONS, port, enableAutoPipelining: pipelined });
    // Operations under way fail, too, and are counted.
    client.on('error', () => {});
    await client.connect();
    return new Connection(client);
  };
  const all = await openAll(connections, open);
  const of = (caller: number): Connection => connectionOf(all, caller);
  // A read would wait behind a WAIT.
  const readers = gathered ? await openAll(connections, open) : all;
  return {
    put: (caller, key, value) =>
      gathered ? of(caller).writeGathered(key, value) : of(caller).write([{ key, value }]),
    get: (caller, key) => connectionOf(readers, caller).client.getBuffer(key),
    async fill(keys, values) {
      const { client } = of(0);
      for (let from = 0; from < keys.length; from += FILL_KEYS)
        await client.mset(
          keys.slice(from, from + FILL_KEYS).flatMap((key, i) => [key, values[from + i] ?? '']),
        );
      await client.wait(REPLICAS, 60_000);
    },
  };
}

interface Write {
  readonly key: string;
  readonly value: string;
}

interface WaitingWrite extends Write {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class Connection {
  readonly client: Redis;
  #waiting: WaitingWrite[] = [];
  #busy = false;

  constructor(client: Redis) {
    this.client = client;
  }

  /** Rejects unless every SET succeeded and the WAIT after them found a replica. */
  async write(writes: readonly Write[]): Promise<void> {
    const pipeline = this.client.pipeline();
    for (const { key, value } of writes) pipeline.set(key, value);
    const results = (await pipeline.wait(REPLICAS, WAIT_MS).exec()) ?? [];
    for (const [error] of results) if (error !== null) throw error;
    if (Number(results.at(-1)?.[1]) < REPLICAS) throw new Error('NOT_REPLICATED');
  }

  writeGathered(key: string, value: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, value, resolve, reject });
      if (this.#busy) return;
      this.#busy = true;
      // It runs after the other callers of this turn.
      queueMicrotask(() => queueMicrotask(() => void this.#flush()));
    });
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.write(group);
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
      // Callers that were just answered can write again before the next group is sent.
      await null;
      await null;
    }
    this.#busy = false;
  }
}
