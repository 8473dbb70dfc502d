// Rangekeeper through its public client library, as users would. Several namespaces take the keys in turn: with very many
// ranges one namespace would not hold them all.

import { type Client, connect, type Found } from '../../client/index.ts';
import { assert } from '../../common/base/assert.ts';
import type { Driver, DriverSpec } from './driver.ts';

/** Operations, and bytes of values, of one batch when filling. */
const FILL_OPS = 256;
const FILL_BYTES = 1_000_000;
const FILLS_AT_ONCE = 16;

export class RangekeeperDriver implements Driver {
  /** One list a connection: a client for each namespace, all over that connection. */
  readonly #clients: readonly (readonly Client[])[];

  private constructor(clients: readonly (readonly Client[])[]) {
    this.#clients = clients;
  }

  static async open(spec: Extract<DriverSpec, { kind: 'rangekeeper' }>): Promise<RangekeeperDriver> {
    const clients: Client[][] = [];
    for (let i = 0; i < spec.connections; i++) {
      const [namespace, ...others] = spec.namespaces;
      assert(namespace !== undefined, 'there is a namespace to load');
      const { zk, deadlineMs } = spec;
      const first = await connect({ zk, namespace, deadlineMs, connectMs: 30_000 });
      clients.push([first, ...(await Promise.all(others.map((name) => first.inNamespace(name))))]);
    }
    return new RangekeeperDriver(clients);
  }

  put(caller: number, key: string, value: string): Promise<unknown> {
    return this.#of(caller, key).put(key, value);
  }

  get(caller: number, key: string): Promise<Found | null> {
    return this.#of(caller, key).get(key);
  }

  async scan(caller: number, start: string, rows: number): Promise<number> {
    const page = await this.#of(caller, start).scanPage({ start, limit: rows });
    return page.rows.length;
  }

  async fill(keys: readonly string[], values: readonly string[]): Promise<void> {
    const opsMax = Math.max(1, Math.min(FILL_OPS, Math.floor(FILL_BYTES / (values[0]?.length || 1))));
    const groups = this.#groups(keys, opsMax);
    let next = 0;
    const filler = async (): Promise<void> => {
      for (let group = groups[next++]; group !== undefined; group = groups[next++]) {
        const puts = group.indexes.map((i) => ({ put: { key: keys[i] ?? '', value: values[i] ?? '' } }));
        await group.client.batch(puts, { deadlineMs: 60_000 });
      }
    };
    await Promise.all(Array.from({ length: FILLS_AT_ONCE }, filler));
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map(([first]) => first?.close()));
  }

  /** A batch stays inside one range. */
  #groups(
    keys: readonly string[],
    opsMax: number,
  ): { readonly client: Client; readonly indexes: number[] }[] {
    const groups: { client: Client; indexes: number[] }[] = [];
    const open = new Map<number, number[]>();
    keys.forEach((key, index) => {
      const client = this.#of(0, key);
      const range = client.locate(key)?.descriptor.id ?? 0;
      const indexes = open.get(range);
      if (indexes !== undefined && indexes.length < opsMax) indexes.push(index);
      else {
        const fresh = [index];
        open.set(range, fresh);
        groups.push({ client, indexes: fresh });
      }
    });
    return groups;
  }

  #of(caller: number, key: string): Client {
    const clients = this.#clients[caller % this.#clients.length];
    const client = clients?.[clients.length === 1 ? 0 : Number(key.slice(-3)) % clients.length];
    assert(client !== undefined, 'there is a client for every caller');
    return client;
  }
}
