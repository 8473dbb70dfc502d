// Callers that write and read while a test does something else.

import type { Client } from '../../client/index.ts';

/** Callers that write and read keys of the whole key space until stop(). The first error of any call rejects stop(). */
export function load(
  client: Client,
  callers: number,
): { acknowledged(puts: number): Promise<void>; stop(): Promise<ReadonlyMap<string, number>> } {
  const acknowledged = new Map<string, number>();
  const waiting: { readonly puts: number; readonly wake: () => void }[] = [];
  let puts = 0;
  let stopped = false;
  const call = async (caller: number): Promise<void> => {
    for (let n = 0; !stopped; n++) {
      const key = `${'abcdefghijklmnopqrstuvwxyz'[n % 26]}/${caller}`;
      await client.put(key, String(n));
      acknowledged.set(key, n);
      puts++;
      for (const waiter of waiting) if (waiter.puts === puts) waiter.wake();
      const read = await client.get(key, { read: n % 2 === 0 ? 'linearizable' : 'stale' });
      if (Number(read?.text() ?? -1) < n) throw new Error(`${key} is ${read?.text()} after ${n}`);
    }
  };
  const all = Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  all.catch(() => {
    stopped = true;
  });
  return {
    acknowledged: (wanted) => new Promise((wake) => void waiting.push({ puts: wanted, wake })),
    async stop() {
      stopped = true;
      await all;
      return acknowledged;
    },
  };
}

/** The numbers that a load has written, by key. */
export async function rowsOf(client: Client): Promise<ReadonlyMap<string, number>> {
  const rows = new Map<string, number>();
  for await (const row of client.scan()) rows.set(new TextDecoder().decode(row.key), Number(row.text()));
  return rows;
}
