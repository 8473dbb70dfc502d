// Uses Rangekeeper through its public client library, as users do. Keys are spread over several namespaces if one cannot have enough
// ranges.

import { type BatchOp, type Client, connect } from '../../client/index.ts';
import { present } from '../../common/base/assert.ts';
import { connectionOf, type Driver, type DriverSpec, forEach, openAll } from './driver.ts';

/** Maximum number of operations, and of bytes of values, of one batch when filling. */
const FILL_OPS = 256;
const FILL_BYTES = 1_000_000;
const FILLS_AT_ONCE = 16;

export async function openRangekeeper({
  zk,
  namespaces,
  connections,
  deadlineMs,
}: Extract<DriverSpec, { kind: 'rangekeeper' }>): Promise<Driver> {
  const [namespace = '', ...others] = namespaces;
  /** The clients of each connection, one for each namespace. */
  const all = await openAll(connections, async () => {
    const first = await connect({ zk, namespace, deadlineMs, connectMs: 30_000 });
    return [first, ...(await Promise.all(others.map((name) => first.inNamespace(name))))];
  });
  const of = (caller: number, key: string): Client => {
    const clients = connectionOf(all, caller);
    const place = clients.length === 1 ? 0 : Number(key.slice(-3)) % clients.length;
    return present(clients[place], 'a client for every namespace');
  };
  return {
    put: (caller, key, value) => of(caller, key).put(key, value),
    get: (caller, key) => of(caller, key).get(key),
    scan: async (caller, start, limit) => (await of(caller, start).scanPage({ start, limit })).rows.length,
    async fill(keys, values) {
      const batches = batchesOf(keys, values, (key) => of(0, key));
      await forEach(batches.length, FILLS_AT_ONCE, async (i) => {
        const { client, puts } = present(batches[i], 'a batch');
        await client.batch(puts, { deadlineMs: 60_000 });
      });
    },
  };
}

interface Batch {
  readonly client: Client;
  readonly puts: BatchOp[];
}

/** Makes batches, each within one range. */
function batchesOf(
  keys: readonly string[],
  values: readonly string[],
  clientOf: (key: string) => Client,
): readonly Batch[] {
  const opsMax = Math.max(1, Math.min(FILL_OPS, Math.floor(FILL_BYTES / (values[0]?.length || 1))));
  const batches: Batch[] = [];
  const open = new Map<number, Batch>();
  keys.forEach((key, i) => {
    const client = clientOf(key);
    const range = client.locate(key)?.descriptor.id ?? 0;
    let batch = open.get(range);
    if (batch === undefined || batch.puts.length === opsMax) {
      batch = { client, puts: [] };
      open.set(range, batch);
      batches.push(batch);
    }
    batch.puts.push({ put: { key, value: values[i] ?? '' } });
  });
  return batches;
}
