// Property tests: whatever is split, merged and moved between and during calls, a client gets what a model of the rows says.

import test from 'ava';
import fc from 'fast-check';
import type { Client, ScanOptions } from '../../../client/api.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import type { ReadMode } from '../../../common/model/read-mode.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

interface Reshape {
  readonly kind: 'split' | 'merge' | 'move';
  readonly key: string;
  readonly node: string;
  /** No watch fires: the client learns it from nodes. */
  readonly quietly: boolean;
  /** So many requests of this kind come before it. */
  readonly after: number;
}

const key = fc.stringMatching(/^[a-d]{1,3}$/);
const node = fc.constantFrom('n-1', 'n-2', 'n-3');
const reshape: fc.Arbitrary<Reshape> = fc.record({
  kind: fc.constantFrom('split', 'split', 'merge', 'move'),
  ...{ key, node, quietly: fc.boolean(), after: fc.nat(2) },
});

/** Does it, if it can be done as the ranges are now. */
function apply(cluster: FakeCluster, { kind, key: at, node: to, quietly }: Reshape): void {
  const id = cluster.holder(at);
  const { start, end } = cluster.range(id);
  if (kind === 'move') cluster.promote(id, to, quietly);
  else if (kind === 'split') {
    if (Buffer.from(start).toString() < at) cluster.replace([id], [at], quietly);
  } else if (end !== null) cluster.replace([id, cluster.holder(Buffer.from(end).toString())], [], quietly);
}

/** Before nodes answer requests of this kind, the ranges change as the list says. */
function interpose(cluster: FakeCluster, kind: 'scan' | 'write', reshapes: readonly Reshape[]): void {
  const left = [...reshapes];
  let waits = left[0]?.after ?? 0;
  for (const each of cluster.nodes.values()) {
    each.behave = (request) => {
      if (request.kind !== kind || waits-- > 0) return 'default';
      const next = left.shift();
      waits = left[0]?.after ?? Number.POSITIVE_INFINITY;
      if (next !== undefined) apply(cluster, next);
      return 'default';
    };
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

async function scanned(client: Client, options: ScanOptions): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const row of client.scan(options)) keys.push(textOf(row.key));
  return keys;
}

async function paged(client: Client, options: ScanOptions): Promise<readonly string[]> {
  const keys: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Client['scanPage']>> = await client.scanPage({ ...options, cursor });
    keys.push(...page.rows.map((row) => textOf(row.key)));
    cursor = page.cursor;
  } while (cursor !== null);
  return keys;
}

for (const read of ['linearizable', 'fallback', 'stale'] as const satisfies readonly ReadMode[]) {
  test(`${read} scans, pages and counts skip and repeat no key while ranges are split, merged and moved`, async (t) => {
    const property = fc.asyncProperty(
      fc.uniqueArray(key, { maxLength: 25 }),
      fc.uniqueArray(key, { maxLength: 3 }),
      fc.array(reshape, { maxLength: 12 }),
      fc.option(key, { nil: undefined }),
      fc.option(key, { nil: undefined }),
      fc.record({ reverse: fc.boolean(), limit: fc.integer({ min: 1, max: 8 }), steps: fc.boolean() }),
      async (keys, splits, reshapes, start, end, { reverse, limit, steps }) => {
        const cluster = new FakeCluster(splits.toSorted());
        const client = await cluster.connect();
        const { env } = cluster;
        await env.until(Promise.all(keys.map((each) => client.put(each, each))));
        for (const each of cluster.nodes.values()) each.hasStepped = steps;
        interpose(cluster, 'scan', reshapes);
        const bounds = {
          ...(start === undefined ? {} : { start }),
          ...(end === undefined ? {} : { end }),
          read,
        };
        const inside = keys.filter((each) => each >= (start ?? '') && (end === undefined || each < end));
        const expected = reverse ? inside.toSorted().toReversed() : inside.toSorted();
        const third = Math.ceil(expected.length / 3);
        const seen = [
          await env.until(paged(client, { ...bounds, reverse, limit })),
          (await env.until(client.count(bounds))) === expected.length,
          await env.until(scanned(client, { ...bounds, reverse })),
          third === 0 || (await env.until(scanned(client, { ...bounds, reverse, limit: third }))),
        ];
        const wanted = [expected, true, expected, third === 0 || expected.slice(0, third)];
        if (JSON.stringify(seen) !== JSON.stringify(wanted))
          throw new Error(JSON.stringify({ seen, wanted }));
      },
    );
    await fc.assert(property, { numRuns: 200 });
    t.pass();
  });
}

type Step =
  | { readonly kind: 'put' | 'delete' | 'get' | 'insert'; readonly key: string }
  | { readonly kind: 'lose'; readonly key: string }
  | { readonly kind: 'reshape'; readonly reshape: Reshape };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('put', 'delete', 'get', 'insert', 'lose'), key }),
  reshape.map((each) => ({ kind: 'reshape', reshape: each }) as const),
);

/** The owner applies a write and does not answer; then ranges change, and its connections break. */
async function putInDoubt(
  cluster: FakeCluster,
  client: Client,
  at: string,
  value: string,
  during: Reshape[],
) {
  const owner = cluster.node(cluster.range(cluster.holder(at)).owner.node);
  let isLost = false;
  owner.behave = ({ kind }) => {
    if (kind !== 'write' || isLost) return 'default';
    isLost = true;
    return 'mute';
  };
  let isAnswered = false;
  const write = client.put(at, value).finally(() => {
    isAnswered = true;
  });
  while (!isLost && !isAnswered) await cluster.env.run(1);
  for (const each of during) apply(cluster, each);
  cluster.net.reset(owner.address);
  return cluster.env.until(write);
}

test('revisions rise, and each write takes effect once, while ranges are split, merged and moved', async (t) => {
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 30 }),
    fc.array(reshape, { maxLength: 8 }),
    async (steps, interposed) => {
      const cluster = new FakeCluster(['b']);
      const client = await cluster.connect();
      const { env } = cluster;
      const model = new Map<string, { readonly value: string; readonly revision: number }>();
      const revisions = new Map<string, number>();
      let writes = 0;
      const wrote = (at: string, value: string | null, revision: number) => {
        if (revision <= (revisions.get(at) ?? 0)) throw new Error(`revision ${revision} of ${at}`);
        revisions.set(at, revision);
        if (value === null) model.delete(at);
        else model.set(at, { value, revision });
        writes++;
      };
      for (const [number, each] of steps.entries()) {
        if (each.kind === 'reshape') {
          apply(cluster, each.reshape);
          continue;
        }
        interpose(cluster, 'write', interposed.slice(number % 8, (number % 8) + 1));
        const value = String(number);
        const before = model.get(each.key);
        if (each.kind === 'put')
          wrote(each.key, value, (await env.until(client.put(each.key, value))).revision);
        else if (each.kind === 'delete')
          wrote(each.key, null, (await env.until(client.delete(each.key))).revision);
        else if (each.kind === 'get') {
          const found = await env.until(client.get(each.key));
          if (found?.text() !== before?.value || found?.revision !== before?.revision)
            throw new Error(each.key);
        } else if (each.kind === 'lose')
          wrote(
            each.key,
            value,
            (await putInDoubt(cluster, client, each.key, value, interposed.slice(0, 2))).revision,
          );
        else {
          const put = await env.until(insert(client, each.key, value));
          if ((put === null) !== (before !== undefined)) throw new Error(`insert of ${each.key}`);
          if (put !== null) wrote(each.key, value, put);
        }
      }
      if (cluster.applied.length !== writes)
        throw new Error(`${cluster.applied.length} of ${writes} applied`);
      const rows = await env.until(scanned(client, {}));
      if (rows.join() !== [...model.keys()].sort().join()) throw new Error(rows.join());
    },
  );
  await fc.assert(property, { numRuns: 200 });
  t.pass();
});

/** The revision; null: the key was there. */
async function insert(client: Client, at: string, value: string): Promise<number | null> {
  try {
    return (await client.put(at, value, { ifRevision: 0 })).revision;
  } catch (error) {
    if (error instanceof RangekeeperError && error.code === 'CONFLICT') return null;
    throw error;
  }
}
