// Writes of the client against a scripted cluster: where they are sent, when they are retried, and when not.

import test from 'ava';
import type { Client } from '../../../client/api.ts';
import { type ErrorCode, RangekeeperError } from '../../../common/base/errors.ts';
import { LIMITS } from '../../../common/model/config.ts';
import { replyFromError } from '../../../common/wire/error-reply.ts';
import type { ReplyBody } from '../../../common/wire/messages.ts';
import { paths } from '../../../common/zk/znodes.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

const errorReply = (code: ErrorCode): ReplyBody =>
  replyFromError(new RangekeeperError(code, `scripted ${code}`));

/** The code with which a call rejects, or `ok`. */
async function outcome(cluster: FakeCluster, call: Promise<unknown>): Promise<string> {
  try {
    await cluster.env.until(call);
    return 'ok';
  } catch (error) {
    if (error instanceof RangekeeperError) return error.code;
    throw error;
  }
}

test('a write goes to the owner of its key and says where it was applied', async (t) => {
  const cluster = new FakeCluster(['h', 'p']);
  const client = await cluster.connect();
  const done = await cluster.env.until(
    Promise.all(['a', 'k', 'z'].map((key) => client.put(key, `of ${key}`))),
  );
  t.deepEqual(done, [
    { revision: 1, range: 1, epoch: 1, node: 'n-1' },
    { revision: 1, range: 2, epoch: 1, node: 'n-2' },
    { revision: 1, range: 3, epoch: 1, node: 'n-3' },
  ]);
  t.deepEqual(
    cluster.rows.map((row) => Buffer.from(row.value).toString()),
    ['of a', 'of k', 'of z'],
  );
});

test('a delete says whether the key existed; a condition that does not hold is a conflict with the revision', async (t) => {
  const cluster = new FakeCluster();
  const { env } = cluster;
  const client = await cluster.connect();
  await env.until(client.put('a', '1'));
  t.true((await env.until(client.delete('a'))).existed);
  t.false((await env.until(client.delete('a'))).existed);
  await env.until(client.put('a', '2', { ifRevision: 0 }));
  const error = await t.throwsAsync(env.until(client.put('a', '3', { ifRevision: 0 })), {
    instanceOf: RangekeeperError,
  });
  t.is(error?.code, 'CONFLICT');
  t.like(error?.details, { revision: 4, seq: 5, index: 0 });
});

test('a batch is one operation in one range, or CROSS_RANGE', async (t) => {
  const cluster = new FakeCluster(['h']);
  const client = await cluster.connect();
  const { env } = cluster;
  await env.until(client.put('a', '0'));
  await env.until(
    client.batch([
      { put: { key: 'b', value: '1' } },
      { delete: { key: 'a' } },
      { check: { key: 'c', revision: 0 } },
    ]),
  );
  t.deepEqual(
    cluster.applied.at(-1)?.mutations.map(({ kind }) => kind),
    ['put', 'delete', 'check'],
  );
  const across = client.batch([{ put: { key: 'b', value: '' } }, { put: { key: 'x', value: '' } }]);
  t.is(await outcome(cluster, across), 'CROSS_RANGE');
  const error = await t.throwsAsync(across);
  t.is(error?.message, 'a batch is written in one range: b is in range 1, x is not');
});

test('R13: one identity, rising numbers, and doneBelow follows what is under way', async (t) => {
  const cluster = new FakeCluster();
  const { env } = cluster;
  const client = await cluster.connect();
  await env.until(Promise.all([client.put('a', ''), client.put('b', '')]));
  await env.until(client.put('c', ''));
  const [first, second, third] = cluster.applied;
  t.is(first?.clientId.length, 16);
  t.deepEqual(first?.clientId, third?.clientId);
  t.deepEqual(
    [first, second, third].map((operation) => operation?.number),
    [1, 2, 3],
  );
  t.deepEqual(
    [first, second, third].map((operation) => operation?.doneBelow),
    [1, 1, 3],
  );
  t.deepEqual(
    [first, second, third].map((operation) => operation?.base),
    [0, 0, 2],
  );
});

// ---- following the owner -----------------------------------------------------------------------------------------

test('NOT_OWNER with a newer descriptor: the new owner is asked at once, without ZooKeeper', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  cluster.zk.away = true;
  cluster.promote(1, 'n-2', true);
  const before = cluster.env.now();
  const done = await cluster.env.until(client.put('a', '1'));
  t.deepEqual([done.node, done.epoch], ['n-2', 2]);
  t.true(cluster.env.now() - before < 5, 'no pause');
  await cluster.env.until(client.put('a', '2'));
  t.is(cluster.node('n-1').asked('write'), 1, 'and it is remembered');
});

test('the same owner in a new epoch is found, too', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  cluster.promote(1, 'n-1', true);
  t.is((await cluster.env.until(client.put('a', '1'))).epoch, 2);
});

test('an older descriptor in a hint does not undo a newer one', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  const old = cluster.hint(1);
  await cluster.env.until(client.put('a', '0'));
  cluster.promote(1, 'n-2');
  await cluster.env.run(10);
  const descriptor = { data: old.data, version: 0 };
  cluster.node('n-2').behave = () => {
    cluster.node('n-2').behave = () => 'default';
    return replyFromError(new RangekeeperError('NOT_OWNER', 'confused', { descriptor }));
  };
  await cluster.env.until(client.put('a', '1'));
  t.is(cluster.node('n-1').asked('write'), 1, 'not again');
  t.is(client.locate('a')?.descriptor.owner.node, 'n-2');
});

test('a split between two writes: the right half is found through the old range', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  cluster.describe(1, { end: Buffer.from('m') });
  cluster.describe(2, { start: Buffer.from('m'), owner: cluster.ownerOf('n-3') });
  t.is((await cluster.env.until(client.put('x', '1'))).range, 2);
  t.is((await cluster.env.until(client.put('a', '1'))).range, 1);
});

test('a killed owner: a write that was not sent waits for the next owner', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  await cluster.env.until(client.put('a', '0'));
  cluster.kill('n-1');
  await cluster.env.run(50);
  const write = client.put('a', '1');
  await cluster.env.run(1_500);
  cluster.promote(1, 'n-2');
  const before = cluster.env.now();
  t.is((await cluster.env.until(write)).node, 'n-2');
  t.true(cluster.env.now() - before < 10, 'as soon as the descriptor says so');
});

test('a frozen owner whose session has ended is given up before the heartbeat would notice', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  await cluster.env.until(client.put('a', '0'));
  await cluster.env.run(2_000);
  cluster.net.freeze(cluster.node('n-1').address);
  const write = client.put('a', '1');
  await cluster.env.run(2_000);
  cluster.zk.remove(paths.live('n-1'));
  cluster.promote(1, 'n-2');
  const before = cluster.env.now();
  t.is((await cluster.env.until(write)).node, 'n-2');
  t.true(cluster.env.now() - before < 20);
});

// ---- the error table ---------------------------------------------------------------------------------------------

/** The owner answers `code` twice, then normally: how the write ends, and how often it was sent. */
const table: readonly (readonly [ErrorCode, string, number])[] = [
  ['NOT_OWNER', 'ok', 3],
  ['STALE_EPOCH', 'ok', 3],
  ['WRONG_RANGE', 'ok', 3],
  ['READ_ONLY', 'ok', 3],
  ['NOT_READY', 'ok', 3],
  ['OVERLOADED', 'ok', 3],
  ['UNREACHABLE', 'ok', 3],
  ['CLOSED', 'ok', 3],
  ['CONFLICT', 'CONFLICT', 1],
  ['INVALID_ARGUMENT', 'INVALID_ARGUMENT', 1],
  ['OUTCOME_UNKNOWN', 'ok', 3],
  ['INTERNAL', 'INTERNAL', 1],
  ['UNKNOWN_NAMESPACE', 'UNKNOWN_NAMESPACE', 1],
];

for (const [code, expected, sent] of table) {
  test(`a write answered ${code} twice: ${expected}, sent ${sent} times`, async (t) => {
    const cluster = new FakeCluster();
    const client = await cluster.connect();
    const owner = cluster.node('n-1');
    owner.behave = () => (owner.requests.length <= 2 ? errorReply(code) : 'default');
    t.is(await outcome(cluster, client.put('a', '1')), expected);
    t.is(owner.asked('write'), sent);
  });
}

const atDeadline: readonly (readonly [string, (cluster: FakeCluster) => void, string])[] = [
  [
    'READ_ONLY all along',
    (cluster) => (cluster.node('n-1').behave = () => errorReply('READ_ONLY')),
    'READ_ONLY',
  ],
  [
    'NOT_READY all along',
    (cluster) => (cluster.node('n-1').behave = () => errorReply('NOT_READY')),
    'NOT_READY',
  ],
  [
    'OVERLOADED all along',
    (cluster) => (cluster.node('n-1').behave = () => errorReply('OVERLOADED')),
    'OVERLOADED',
  ],
  ['a dead owner', (cluster) => cluster.kill('n-1'), 'NO_OWNER'],
  [
    'a frozen host, never connected',
    (cluster) => cluster.net.freeze(cluster.node('n-1').address),
    'NO_OWNER',
  ],
  ['an owner without an address', (cluster) => cluster.zk.remove(paths.live('n-1')), 'NO_OWNER'],
  ['no range for the key', (cluster) => cluster.zk.remove(paths.range('default', 1)), 'NO_OWNER'],
  ['a silent owner', (cluster) => (cluster.node('n-1').behave = () => 'silent'), 'OUTCOME_UNKNOWN'],
];

for (const [what, arrange, expected] of atDeadline) {
  test(`${what}: ${expected} at the deadline, and nothing applied`, async (t) => {
    const cluster = new FakeCluster();
    const client = await cluster.connect();
    arrange(cluster);
    await cluster.env.run(10);
    const before = cluster.env.now();
    t.is(await outcome(cluster, client.put('a', '1', { deadlineMs: 3_000 })), expected);
    const took = cluster.env.now() - before;
    t.true(took >= 2_999 && took < 3_100, `took ${took} ms`);
    t.is(cluster.applied.length, 0);
  });
}

// ---- arguments ---------------------------------------------------------------------------------------------------

const tooBig = Buffer.alloc(LIMITS.valueBytesMax + 1);
const invalid: readonly (readonly [string, (client: Client) => Promise<unknown>, RegExp])[] = [
  ['an empty key', (client) => client.put('', '1'), /the key is empty/],
  ['a key over 4 KiB', (client) => client.get('k'.repeat(4097)), /4097 bytes, at most 4096/],
  ['a value over 1 MiB', (client) => client.put('a', tooBig), /at most 1048576/],
  ['a revision that is none', (client) => client.put('a', '', { ifRevision: -1 }), /a revision is/],
  ['an empty batch', (client) => client.batch([]), /the batch is empty/],
  [
    'a batch over 4 MiB',
    (client) => client.batch(Array(5).fill({ put: { key: 'a', value: tooBig.subarray(1) } })),
    /the batch has \d+ bytes/,
  ],
  ['a deadline of 0', (client) => client.delete('a', { deadlineMs: 0 }), /deadlineMs is a positive number/],
  // What callers without types may pass.
  [
    'a key that is a number',
    (client) => Reflect.apply(client.get, client, [42]),
    /a key must be a string or bytes/,
  ],
  [
    'an unknown read mode',
    (client) => Reflect.apply(client.get, client, ['a', { read: 'x' }]),
    /read is one of/,
  ],
  [
    'prefix with start',
    (client) => client.scanPage({ prefix: 'a', start: 'b' }),
    /prefix does not go together/,
  ],
  ['a limit of 0', (client) => client.scanPage({ limit: 0 }), /limit is a positive integer/],
  ['a cursor that is none', (client) => client.scanPage({ cursor: 'AAAA' }), /not a cursor/],
];

for (const [what, call, message] of invalid) {
  test(`INVALID_ARGUMENT at once: ${what}`, async (t) => {
    const cluster = new FakeCluster();
    const client = await cluster.connect();
    const error = await t.throwsAsync(call(client), { instanceOf: RangekeeperError, message });
    t.is(error?.code, 'INVALID_ARGUMENT');
    t.is(
      [...cluster.nodes.values()].reduce((sum, node) => sum + node.requests.length, 0),
      0,
    );
  });
}

test('closing ends the calls under way, and refuses later ones', async (t) => {
  const cluster = new FakeCluster(['m']);
  const client = await cluster.connect();
  cluster.kill('n-2');
  cluster.node('n-1').behave = () => 'silent';
  const [sent, waiting] = [client.put('a', '1'), client.put('z', '1')];
  await cluster.env.run(100);
  const ends = Promise.all([outcome(cluster, sent), outcome(cluster, waiting)]);
  await client.close();
  t.deepEqual(await ends, ['OUTCOME_UNKNOWN', 'CLOSED']);
  t.is(await outcome(cluster, client.get('a')), 'CLOSED');
  t.true(cluster.zk.closed);
});
