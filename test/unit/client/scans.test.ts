// Scans across ranges against a scripted cluster: order, limits, cursors, and ranges that split between two pages.

import test from 'ava';
import fc from 'fast-check';
import type { Client, ScanOptions, ScanRow } from '../../../client/api.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

const KEYS = ['a', 'a/1', 'b', 'h', 'ha', 'm', 'p', 'p/1', 'p/2', 'z'];

async function withKeys(splits: readonly string[], keys: readonly string[] = KEYS) {
  const cluster = new FakeCluster(splits);
  const client = await cluster.connect();
  await cluster.env.until(Promise.all(keys.map((key) => client.put(key, `of ${key}`))));
  return { cluster, client };
}

async function collect(cluster: FakeCluster, rows: AsyncIterable<ScanRow>): Promise<string[]> {
  const read = async () => {
    const keys: string[] = [];
    for await (const row of rows) keys.push(Buffer.from(row.key).toString());
    return keys;
  };
  return cluster.env.until(read());
}

/** Every key, read in pages of `limit`. Calls `between` after each page. */
async function collectPages(
  cluster: FakeCluster,
  client: Client,
  options: ScanOptions,
  between: (page: number) => void = () => {},
): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | null = null;
  let page = 0;
  do {
    const { rows, cursor: next }: Awaited<ReturnType<Client['scanPage']>> = await cluster.env.until(
      client.scanPage({ ...options, cursor }),
    );
    keys.push(...rows.map((row) => Buffer.from(row.key).toString()));
    cursor = next;
    between(page++);
  } while (cursor !== null);
  return keys;
}

const scans: readonly (readonly [string, ScanOptions, readonly string[]])[] = [
  ['everything', {}, KEYS],
  ['everything, reverse', { reverse: true }, KEYS.toReversed()],
  ['a prefix', { prefix: 'p/' }, ['p/1', 'p/2']],
  ['a prefix across a split', { prefix: 'h' }, ['h', 'ha']],
  ['start and end', { start: 'b', end: 'p' }, ['b', 'h', 'ha', 'm']],
  ['start and end, reverse', { start: 'b', end: 'p', reverse: true }, ['m', 'ha', 'h', 'b']],
  ['end at a split, reverse', { end: 'h', reverse: true }, ['b', 'a/1', 'a']],
  ['a limit over ranges', { start: 'b', limit: 3 }, ['b', 'h', 'ha']],
  ['a limit, reverse', { limit: 4, reverse: true }, ['z', 'p/2', 'p/1', 'p']],
  ['nothing there', { start: 'q', end: 'y' }, []],
  ['empty bounds', { start: 'p', end: 'b' }, []],
];

for (const [what, options, expected] of scans) {
  test(`scan: ${what}`, async (t) => {
    const { cluster, client } = await withKeys(['h', 'p']);
    t.deepEqual(await collect(cluster, client.scan(options)), expected);
    const { limit, reverse: _reverse, ...rest } = options;
    if (limit === undefined) {
      t.is(await cluster.env.until(client.count(rest)), expected.length);
      t.deepEqual(await collectPages(cluster, client, { ...options, limit: 2 }), expected, 'by pages of 2');
    }
  });
}

test('rows carry value, revision and freshness; keysOnly leaves the values out', async (t) => {
  const { cluster, client } = await withKeys([]);
  const page = await cluster.env.until(client.scanPage({ start: 'z' }));
  t.deepEqual(page, {
    rows: [{ key: new Uint8Array([122]), value: new Uint8Array(Buffer.from('of z')), revision: 10 }],
    cursor: null,
    stale: false,
    staleMs: 0,
  });
  const stale = await cluster.env.until(client.scanPage({ read: 'stale', limit: 1 }));
  t.true(stale.stale && (stale.staleMs ?? 0) > 5);
});

test('values are cut, by the client if a node does not know of cuts, and the page counts what is left', async (t) => {
  const cluster = new FakeCluster(['h']);
  const client = await cluster.connect();
  const long = 'v'.repeat(400_000);
  for (const key of ['a', 'b', 'c', 'm']) await cluster.env.until(client.put(key, long));
  await cluster.env.until(client.put('z', 'short'));
  const { rows, cursor } = await cluster.env.until(client.scanPage({ valueBytesMax: 10 }));
  t.deepEqual(
    rows.map(({ value, valueLength }) => [Buffer.from(value).toString(), valueLength]),
    [...Array.from({ length: 4 }, () => ['vvvvvvvvvv', 400_000]), ['short', undefined]],
  );
  t.is(cursor, null);
  const asked = cluster.node('n-1').requests.filter((request) => request.kind === 'scan');
  t.deepEqual(
    asked.map(({ valueBytesMax }) => valueBytesMax),
    [10],
  );
});

for (const [options, message] of [
  [{ valueBytesMax: -1 }, 'valueBytesMax is 0 or a positive integer, not -1'],
  [{ valueBytesMax: 1.5 }, 'valueBytesMax is 0 or a positive integer, not 1.5'],
  [{ valueBytesMax: 1, keysOnly: true }, 'valueBytesMax does not go together with keysOnly'],
] as const) {
  test(`a scan is refused: ${message}`, async (t) => {
    const { cluster, client } = await withKeys([]);
    await t.throwsAsync(cluster.env.until(client.scanPage(options)), { code: 'INVALID_ARGUMENT', message });
  });
}

test('a fallback scan goes on at replicas when an owner dies', async (t) => {
  const { cluster, client } = await withKeys(['h', 'p']);
  cluster.kill('n-2');
  t.deepEqual(await collect(cluster, client.scan({ read: 'fallback' })), KEYS);
});

test("R11: an owner's piece ages while a replica is asked for the rest of the page", async (t) => {
  const { cluster, client } = await withKeys(['h']);
  cluster.node('n-2').behave = () => 'silent';
  const askedAt = cluster.env.now();
  const page = await cluster.env.until(client.scanPage({ read: 'fallback' }));
  t.is(page.rows.length, KEYS.length);
  t.true(page.stale);
  t.true((page.staleMs ?? 0) >= 50, 'the replica, 5 ms behind, was asked 50 ms after the first owner');
  t.true((page.staleMs ?? 0) <= cluster.env.now() - askedAt);
});

for (const reverse of [false, true]) {
  test(`a split and a move between two pages skip and repeat no key${reverse ? ', reverse' : ''}`, async (t) => {
    const { cluster, client } = await withKeys([]);
    const expected = reverse ? KEYS.toReversed() : KEYS;
    const split = (page: number) => {
      if (page === 0) {
        cluster.describe(1, { end: Buffer.from('i') }, true);
        cluster.describe(2, { start: Buffer.from('i'), owner: cluster.ownerOf('n-2') });
        cluster.state(2).seq = cluster.state(1).seq;
      }
      if (page === 2) cluster.promote(1, 'n-3', true);
    };
    t.deepEqual(await collectPages(cluster, client, { limit: 3, reverse }, split), expected);
  });
}

test('a cursor is valid for its own scan only', async (t) => {
  const { cluster, client } = await withKeys([]);
  const { cursor } = await cluster.env.until(client.scanPage({ start: 'b', limit: 1 }));
  t.regex(cursor ?? '', /^[A-Za-z0-9_-]+$/, 'safe in a URL');
  for (const other of [{ start: 'c' }, { start: 'b', end: 'z' }, { start: 'b', reverse: true }]) {
    const error = await t.throwsAsync(client.scanPage({ ...other, cursor }), {
      instanceOf: RangekeeperError,
    });
    t.is(error?.code, 'INVALID_ARGUMENT');
  }
  for (const changed of [`${cursor}!`, `${cursor}=`, ` ${cursor}`, `${cursor}\ud83d`])
    await t.throwsAsync(client.scanPage({ start: 'b', cursor: changed }), { message: 'not a cursor' });
  const next = await cluster.env.until(client.scanPage({ start: 'b', limit: 1, cursor }));
  t.deepEqual(
    next.rows.map(({ key }) => Buffer.from(key).toString()),
    ['h'],
  );
});

test('with any splits, bounds, direction and page size a scan gives the sorted keys', async (t) => {
  const key = fc.stringMatching(/^[a-d]{1,3}$/);
  const property = fc.asyncProperty(
    fc.uniqueArray(key, { maxLength: 20 }),
    fc.uniqueArray(key, { maxLength: 4 }),
    fc.option(key, { nil: undefined }),
    fc.option(key, { nil: undefined }),
    fc.boolean(),
    fc.integer({ min: 1, max: 5 }),
    async (keys, splits, start, end, reverse, limit) => {
      const { cluster, client } = await withKeys(splits.toSorted(), keys);
      const bounds = { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) };
      const expected = keys.filter((k) => k >= (start ?? '') && (end === undefined || k < end)).toSorted();
      if (reverse) expected.reverse();
      const seen = await collectPages(cluster, client, { ...bounds, reverse, limit });
      return JSON.stringify(seen) === JSON.stringify(expected);
    },
  );
  await fc.assert(property, { numRuns: 100 });
  t.pass();
});
