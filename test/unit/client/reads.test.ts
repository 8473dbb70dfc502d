// Reads of the client against a scripted cluster: the three modes, hedging, unresponsive nodes, and never going back in time.

import test from 'ava';
import type { Client, Found, ReadMode } from '../../../client/api.ts';
import { type ErrorCode, RangekeeperError } from '../../../common/base/errors.ts';
import { EncodedRows } from '../../../common/wire/encoded-rows.ts';
import { replyFromError } from '../../../common/wire/error-reply.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

const errorReply = (code: ErrorCode) => replyFromError(new RangekeeperError(code, `scripted ${code}`));

/** A cluster whose only range holds a = 1, a client, and how long a call takes. */
async function withRow() {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  await cluster.env.until(client.put('a', '1'));
  const timed = async (mode: ReadMode, deadlineMs = 10_000) => {
    const before = cluster.env.now();
    const found = await cluster.env.until(client.get('a', { read: mode, deadlineMs }));
    return { found, ms: cluster.env.now() - before };
  };
  return { cluster, client, timed };
}

const where = (found: Found | null) => [found?.node, found?.stale];

test('each mode asks the right node, and says how fresh the answer is', async (t) => {
  const { cluster, client, timed } = await withRow();
  const { found } = await timed('linearizable');
  t.deepEqual(
    { ...found, value: Buffer.from(found?.value ?? []).toString() },
    { value: '1', revision: 1, stale: false, staleMs: 0, range: 1, epoch: 1, node: 'n-1' },
  );
  t.deepEqual(where((await timed('fallback')).found), ['n-1', false]);
  const stale = await timed('stale');
  t.true(stale.found?.stale);
  t.true((stale.found?.staleMs ?? 0) >= 5 + 0.4, "the node's 5 ms and a round trip");
  t.is(await cluster.env.until(client.get('nothing')), null);
});

test('returned bytes are plain, and keep no large message alive', async (t) => {
  const { cluster, client, timed } = await withRow();
  const { found } = await timed('linearizable');
  t.is(found?.value.constructor, Uint8Array);
  await cluster.env.until(client.put('b', Buffer.alloc(500_000)));
  const [small, large] = await cluster.env.until(Promise.all([client.get('a'), client.get('b')]));
  t.is(small?.value.buffer.byteLength, 1, 'of its own memory, as it came with half a megabyte');
  t.is(large?.value.length, 500_000);
  t.true((large?.value.buffer.byteLength ?? 0) <= 1_000_000);
});

test('a stale answer of unknown age says so', async (t) => {
  const { cluster, timed } = await withRow();
  for (const node of cluster.nodes.values()) node.staleMs = null;
  t.is((await timed('stale')).found?.staleMs, null);
});

// ---- fallback ----------------------------------------------------------------------------------------------------

test('fallback: a killed owner costs only the round trip to a replica', async (t) => {
  const { cluster, timed } = await withRow();
  await timed('fallback');
  cluster.kill('n-1');
  for (let i = 0; i < 5; i++) {
    const { found, ms } = await timed('fallback');
    t.true(found?.stale && found.node !== 'n-1');
    t.true(ms < 5, `${ms} ms`);
  }
});

test('fallback: a read that is under way when the owner dies goes on at a replica', async (t) => {
  const { cluster, client } = await withRow();
  cluster.node('n-1').behave = () => 'silent';
  const read = client.get('a', { read: 'fallback' });
  await cluster.env.run(5);
  cluster.kill('n-1');
  const before = cluster.env.now();
  t.true((await cluster.env.until(read))?.stale);
  t.true(cluster.env.now() - before < 5);
});

test('fallback: an unresponsive owner is hedged at 50 ms, then skipped but probed, and used again once it answers', async (t) => {
  const { cluster, timed } = await withRow();
  const owner = cluster.node('n-1');
  owner.behave = () => 'silent';
  const first = await timed('fallback');
  t.true(first.found?.stale);
  t.true(first.ms >= 50 && first.ms < 55, `${first.ms} ms`);

  const before = owner.asked('get');
  for (let i = 0; i < 40; i++) {
    const { found, ms } = await timed('fallback');
    t.true(found?.stale && ms < 5, `${ms} ms`);
    await cluster.env.run(10);
  }
  const probes = owner.asked('get') - before;
  t.true(probes >= 2 && probes <= 6, `${probes} probes in 400 ms`);

  owner.behave = () => 'default';
  await cluster.env.run(100);
  await timed('fallback');
  await cluster.env.run(10);
  t.deepEqual(where((await timed('fallback')).found), ['n-1', false]);
});

for (const code of ['NOT_READY', 'OVERLOADED', 'NOT_OWNER', 'INTERNAL'] as const) {
  test(`fallback: after an owner's answer ${code}, a replica is asked at once`, async (t) => {
    const { cluster, client, timed } = await withRow();
    cluster.node('n-1').behave = () => errorReply(code);
    if (code === 'INTERNAL') {
      const error = await t.throwsAsync(cluster.env.until(client.get('a', { read: 'fallback' })));
      t.is(error instanceof RangekeeperError && error.code, 'INTERNAL', 'a defect is shown, not hidden');
      return;
    }
    const { found, ms } = await timed('fallback');
    t.true(found?.stale && ms < 5, `${ms} ms`);
  });
}

test('fallback: NOT_OWNER with a newer descriptor leads to the new owner', async (t) => {
  const { cluster, timed } = await withRow();
  cluster.promote(1, 'n-2', true);
  t.deepEqual(where((await timed('fallback')).found), ['n-2', false]);
});

test('fallback: if the owner is dead and one replica is behind or frozen, the other one answers', async (t) => {
  const { cluster, timed } = await withRow();
  cluster.kill('n-1');
  cluster.node('n-2').appliedThrough = 0;
  for (let i = 0; i < 10; i++) t.is((await timed('fallback')).found?.node, 'n-3');
  cluster.node('n-2').appliedThrough = null;
  cluster.net.freeze(cluster.node('n-3').address);
  for (let i = 0; i < 10; i++) {
    const { found, ms } = await timed('fallback');
    t.is(found?.node, 'n-2');
    t.true(ms < 60, `${ms} ms`);
  }
});

test('fallback: replicas that are all behind are asked until one has caught up', async (t) => {
  const { cluster, client } = await withRow();
  cluster.kill('n-1');
  for (const id of ['n-2', 'n-3']) cluster.node(id).appliedThrough = 0;
  const read = client.get('a', { read: 'fallback' });
  await cluster.env.run(300);
  cluster.node('n-3').appliedThrough = 1;
  t.is((await cluster.env.until(read))?.node, 'n-3');
});

// ---- linearizable ------------------------------------------------------------------------------------------------

test('linearizable: waits for the new owner, never asks a replica', async (t) => {
  const { cluster, client } = await withRow();
  cluster.kill('n-1');
  const read = client.get('a');
  await cluster.env.run(2_000);
  t.is(cluster.node('n-2').asked('get') + cluster.node('n-3').asked('get'), 0);
  cluster.promote(1, 'n-3');
  t.deepEqual(where(await cluster.env.until(read)), ['n-3', false]);
});

test('linearizable: is repeated after its connection broke', async (t) => {
  const { cluster, client } = await withRow();
  cluster.node('n-1').behave = () => 'silent';
  const read = client.get('a');
  await cluster.env.run(5);
  cluster.kill('n-1');
  cluster.promote(1, 'n-2');
  t.is((await cluster.env.until(read))?.node, 'n-2');
});

const atDeadline: readonly (readonly [string, ReadMode, (cluster: FakeCluster) => void, ErrorCode])[] = [
  ['a dead owner', 'linearizable', (cluster) => cluster.kill('n-1'), 'NO_OWNER'],
  ['a silent owner', 'linearizable', (cluster) => (cluster.node('n-1').behave = () => 'silent'), 'DEADLINE'],
  [
    'an owner not ready',
    'linearizable',
    (cluster) => (cluster.node('n-1').behave = () => errorReply('NOT_READY')),
    'NOT_READY',
  ],
  ['all nodes dead', 'fallback', killAll, 'UNREACHABLE'],
  ['all nodes dead', 'stale', killAll, 'UNREACHABLE'],
  ['all nodes frozen', 'fallback', freezeAll, 'DEADLINE'],
];

function killAll(cluster: FakeCluster): void {
  for (const id of cluster.nodes.keys()) cluster.kill(id);
}

function freezeAll(cluster: FakeCluster): void {
  for (const { address } of cluster.nodes.values()) cluster.net.freeze(address);
}

for (const [what, read, arrange, code] of atDeadline) {
  test(`${read} with ${what}: ${code} at the deadline`, async (t) => {
    const { cluster, client } = await withRow();
    await cluster.env.until(client.get('a', { read }));
    arrange(cluster);
    const before = cluster.env.now();
    const error = await t.throwsAsync(cluster.env.until(client.get('a', { read, deadlineMs: 2_000 })), {
      instanceOf: RangekeeperError,
    });
    t.is(error?.code, code, error?.message);
    const took = cluster.env.now() - before;
    t.true(took >= 1_999 && took < 2_100, `${took} ms`);
  });
}

// ---- stale -------------------------------------------------------------------------------------------------------

/** Writes a = 2 (seq 2) while some replicas still show only seq 1. */
async function withLaggards(client: Client, cluster: FakeCluster, behind: readonly string[]): Promise<void> {
  for (const id of behind) cluster.node(id).appliedThrough = 1;
  await cluster.env.until(client.put('a', '2'));
}

test('stale: a client never sees a state older than its own write', async (t) => {
  const { cluster, client, timed } = await withRow();
  await withLaggards(client, cluster, ['n-1', 'n-2']);
  for (let i = 0; i < 20; i++) t.is((await timed('stale')).found?.revision, 2);
  t.true(cluster.node('n-2').asked('get') > 0, 'the replica behind was tried');
});

test('stale: nor older than what it has read elsewhere', async (t) => {
  const { cluster, client, timed } = await withRow();
  const other = await cluster.connect();
  await withLaggards(other, cluster, ['n-2', 'n-3']);
  await cluster.env.until(client.get('a'));
  for (let i = 0; i < 20; i++) t.is((await timed('stale')).found?.revision, 2);
});

test('stale: nor older than what an error has shown', async (t) => {
  const { cluster, client, timed } = await withRow();
  const other = await cluster.connect();
  await withLaggards(other, cluster, ['n-2', 'n-3']);
  await t.throwsAsync(cluster.env.until(client.put('a', '3', { ifRevision: 1 })), { code: 'CONFLICT' });
  for (let i = 0; i < 20; i++) t.is((await timed('stale')).found?.revision, 2);
});

test('stale: nor older than a conflict that said that a key is absent, or that was answered a second time', async (t) => {
  const { cluster, client } = await withRow();
  const other = await cluster.connect();
  await cluster.env.until(other.delete('a'));
  const conflict = client.batch([{ put: { key: 'b', value: '' } }, { check: { key: 'a', revision: 1 } }]);
  await t.throwsAsync(cluster.env.until(conflict), { code: 'CONFLICT' });
  const owner = cluster.node('n-1');
  owner.behave = () => 'mute';
  const again = client.put('c', '', { ifRevision: 7 });
  await cluster.env.run(20);
  owner.behave = () => 'default';
  await cluster.env.until(other.put('d', ''));
  cluster.net.reset(owner.address);
  await t.throwsAsync(cluster.env.until(again), { code: 'CONFLICT' });
  for (let i = 0; i < 20; i++) await cluster.env.until(client.get('a', { read: 'stale' }));
  const asked = [...cluster.nodes.values()].flatMap(({ requests }) =>
    requests.flatMap((request) => (request.kind === 'get' ? [request.minSeq] : [])),
  );
  t.deepEqual(
    [...new Set(asked)],
    [cluster.state(1).seq],
    'each stale read names where the conflict was answered',
  );
});

test('stale: works with every other node dead, and without ZooKeeper', async (t) => {
  const { cluster, timed } = await withRow();
  cluster.zk.away = true;
  cluster.kill('n-1');
  cluster.kill('n-3');
  for (let i = 0; i < 5; i++) t.is((await timed('stale')).found?.node, 'n-2');
});

test('stale: a frozen replica is hedged, then avoided', async (t) => {
  const { cluster, timed } = await withRow();
  for (let i = 0; i < 20; i++) await timed('stale');
  cluster.net.freeze(cluster.node('n-2').address);
  let slow = 0;
  for (let i = 0; i < 50; i++) if ((await timed('stale')).ms > 40) slow++;
  t.true(slow <= 1, `${slow} slow reads`);
});

test('a malformed answer fails its call, and nothing else', async (t) => {
  const { cluster, client, timed } = await withRow();
  const owner = cluster.node('n-1');
  const standing = { epoch: 1, stale: false, staleMs: null, appliedSeq: 1 };
  const replies = [
    { kind: 'scan-reply', rows: EncodedRows.none, count: 0, bound: null, ...standing },
    { kind: 'scan-reply', rows: EncodedRows.none, count: 0, bound: Buffer.from('a'), ...standing },
    { kind: 'write-reply', revision: 1, epoch: 1, deleted: 0 },
    { kind: 'status-reply', json: Buffer.from('{') },
  ] as const;
  const calls: readonly (() => Promise<unknown>)[] = [
    () => client.get('a'),
    () => client.scanPage({ start: 'a', end: 'c' }),
    () => client.get('a', { deadlineMs: 100 }),
    () => client.nodeStatus('n-1'),
  ];
  const codes: string[] = [];
  for (const [index, call] of calls.entries()) {
    owner.behave = () => replies[index] ?? 'default';
    const error = await t.throwsAsync(cluster.env.until(call()), { instanceOf: RangekeeperError });
    codes.push(error?.code ?? '');
  }
  t.deepEqual(codes, ['MALFORMED', 'INTERNAL', 'MALFORMED', 'MALFORMED']);
  owner.behave = () => 'default';
  t.is((await timed('linearizable')).found?.revision, 1);
});
