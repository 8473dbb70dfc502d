// R13 from the client's side: what it does with a write whose outcome is unknown. The cluster is scripted, and keeps a range's
// table of clients as the real one does.

import test from 'ava';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { DEFAULT_REPLICATION, LIMITS } from '../../../common/model/config.ts';
import { replyFromError } from '../../../common/wire/error-reply.ts';
import type { ReplyBody } from '../../../common/wire/messages.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

const unknown: ReplyBody = replyFromError(new RangekeeperError('OUTCOME_UNKNOWN', 'the owner changed'));
const overloaded: ReplyBody = replyFromError(new RangekeeperError('OVERLOADED', 'later'));

/** All writes that were sent to any node, as hex. */
function sent(cluster: FakeCluster): string[] {
  return [...cluster.nodes.values()].flatMap(({ requests }) =>
    requests.flatMap((request) =>
      request.kind === 'write' ? [Buffer.from(request.operation).toString('hex')] : [],
    ),
  );
}

async function codeOf(cluster: FakeCluster, call: Promise<unknown>): Promise<string> {
  const ended = call.then(
    () => 'ok',
    (error: unknown) => (error instanceof RangekeeperError ? error.code : String(error)),
  );
  return cluster.env.until(ended);
}

test('the owner dies between applying and answering: the next owner answers, and the write is applied once', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  const { revision } = await cluster.env.until(client.put('a', '0'));
  cluster.node('n-1').behave = () => 'mute';
  const write = client.put('a', '1', { ifRevision: revision });
  await cluster.env.run(20);
  cluster.kill('n-1');
  await cluster.env.run(500);
  cluster.promote(1, 'n-2');
  const done = await cluster.env.until(write);
  t.deepEqual([done.revision, done.epoch], [2, 1], 'as it was the first time, and no CONFLICT');
  t.is(cluster.applied.length, 2);
  const [, first, ...again] = sent(cluster);
  t.true(again.length > 0);
  t.true(
    again.every((bytes) => bytes === first),
    'the same bytes',
  );
});

test('the owner dies before applying: the next owner applies the write', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  cluster.node('n-1').behave = () => 'silent';
  const write = client.put('a', '1');
  await cluster.env.run(20);
  cluster.kill('n-1');
  cluster.promote(1, 'n-2');
  t.deepEqual(await cluster.env.until(write), { revision: 1, range: 1, epoch: 2, node: 'n-2' });
  t.is(cluster.applied.length, 1);
});

/** ZooKeeper names the next owner while a write waits at the old one, which is connected and does not answer. */
for (const behaviour of ['silent', 'mute'] as const) {
  test(`a deposed owner that keeps a write waiting (${behaviour}): the write is sent to the next one at once`, async (t) => {
    const cluster = new FakeCluster();
    const client = await cluster.connect();
    await cluster.env.until(client.put('b', '0'));
    const deposed = cluster.node('n-1');
    deposed.behave = () => behaviour;
    const write = client.put('a', '1', { ifRevision: 0 });
    await cluster.env.run(1_000);
    const before = cluster.env.now();
    cluster.promote(1, 'n-2');
    t.is((await cluster.env.until(write)).revision, 2);
    t.true(cluster.env.now() - before < 20, `${cluster.env.now() - before} ms`);
    t.is(cluster.applied.length, 2, 'once');
    const [, first, ...again] = sent(cluster);
    t.deepEqual(again, [first], 'the same bytes, once more');
    t.is(deposed.asked('write'), 2);
    t.is(cluster.net.dialled, 2, 'the connection to the old owner stays');
  });
}

test('a write that waits at an owner stays there when another range changes its owner', async (t) => {
  const cluster = new FakeCluster(['m']);
  cluster.describe(2, { owner: cluster.ownerOf('n-1') });
  const client = await cluster.connect();
  cluster.node('n-1').behave = () => 'silent';
  const stays = client.put('a', '1', { deadlineMs: 5_000 });
  const moves = client.put('x', '1', { deadlineMs: 5_000 });
  await cluster.env.run(1_000);
  cluster.promote(2, 'n-2');
  t.is((await cluster.env.until(moves)).node, 'n-2');
  t.is(await codeOf(cluster, stays), 'OUTCOME_UNKNOWN');
  t.is(cluster.node('n-1').asked('write'), 2, 'each was sent there once');
});

test('a conflict that the first attempt met is the answer to the second attempt', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  await cluster.env.until(client.put('a', '0'));
  const owner = cluster.node('n-1');
  owner.behave = () => 'mute';
  const write = client.put('a', '1', { ifRevision: 0 });
  await cluster.env.run(20);
  owner.behave = () => 'default';
  await cluster.env.until(client.delete('a'));
  cluster.net.reset(owner.address);
  t.is(await codeOf(cluster, write), 'CONFLICT', 'though the key is absent now');
});

test('OUTCOME_UNKNOWN comes only when time is up, and then the number is never used again', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  const owner = cluster.node('n-1');
  owner.behave = () => unknown;
  const before = cluster.env.now();
  t.is(await codeOf(cluster, client.put('a', '1', { deadlineMs: 1_000 })), 'OUTCOME_UNKNOWN');
  t.true(cluster.env.now() - before >= 999);
  owner.behave = () => 'default';
  await cluster.env.until(client.put('a', '2'));
  const { number, doneBelow } = cluster.applied.at(-1) ?? {};
  t.deepEqual([number, doneBelow], [2, 2]);
});

const inDoubt: readonly (readonly [string, ReplyBody])[] = [
  ['OVERLOADED', overloaded],
  ['INVALID_ARGUMENT', replyFromError(new RangekeeperError('INVALID_ARGUMENT', 'no'))],
  ['NOT_READY', replyFromError(new RangekeeperError('NOT_READY', 'later'))],
];
for (const [code, reply] of inDoubt) {
  test(`an unknown outcome followed by ${code} until the deadline stays unknown`, async (t) => {
    const cluster = new FakeCluster();
    const client = await cluster.connect();
    const owner = cluster.node('n-1');
    owner.behave = () => (owner.requests.length === 1 ? unknown : reply);
    t.is(await codeOf(cluster, client.put('a', '1', { deadlineMs: 1_000 })), 'OUTCOME_UNKNOWN');
  });
}

test('a refused write takes a new number, so that other writes need not wait for it', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  const owner = cluster.node('n-1');
  owner.behave = () => (owner.requests.length <= 1 ? overloaded : 'default');
  const refused = client.put('a', '1');
  await cluster.env.run(2);
  await cluster.env.until(client.put('b', '1'));
  await cluster.env.until(refused);
  t.deepEqual(
    cluster.applied.map(({ number, doneBelow }) => [number, doneBelow]),
    [
      [2, 2],
      [3, 3],
    ],
  );
});

test('a write that waits in one range keeps no answers alive in another range', async (t) => {
  const cluster = new FakeCluster(['m']);
  const client = await cluster.connect();
  cluster.node('n-1').behave = () => 'silent';
  const waits = client.put('a', '1', { deadlineMs: 5_000 });
  for (let n = 0; n < 3; n++) await cluster.env.until(client.put('z', '1'));
  t.is(cluster.applied.at(-1)?.doneBelow, 3);
  t.is(await codeOf(cluster, waits), 'OUTCOME_UNKNOWN');
});

test('a first attempt that gets CLIENT_FORGOTTEN is repeated at once with a newer base', async (t) => {
  const cluster = new FakeCluster([], { ...DEFAULT_REPLICATION, clientSessionsMax: 1 });
  const [first, second] = [await cluster.connect(), await cluster.connect()];
  const { env } = cluster;
  await env.until(first.put('a', '1'));
  await env.until(second.put('a', '2'));
  const before = env.now();
  const third = await cluster.connect();
  t.is((await env.until(third.put('a', '3'))).revision, 4, 'the refusal took one');
  t.true(env.now() - before < 10, 'no pause');
  t.deepEqual([cluster.applied.at(-1)?.number, cluster.applied.at(-1)?.base], [2, 3]);
});

test('a repetition that gets CLIENT_FORGOTTEN ends as unknown, and is not applied again', async (t) => {
  const cluster = new FakeCluster([], { ...DEFAULT_REPLICATION, clientSessionsMax: 1 });
  const [first, second] = [await cluster.connect(), await cluster.connect()];
  const { env } = cluster;
  const owner = cluster.node('n-1');
  owner.behave = () => 'mute';
  const write = first.put('a', '1');
  await env.run(20);
  owner.behave = () => 'default';
  await env.until(second.put('b', '1'));
  cluster.net.reset(owner.address);
  t.is(await codeOf(cluster, write), 'OUTCOME_UNKNOWN');
  t.is(cluster.applied.length, 2);
});

for (const [what, parents, expected] of [
  ['a child', [1], 'ok'],
  ['a grandchild', [9, 1], 'ok'],
  ['a range that did not come of it', [], 'OUTCOME_UNKNOWN'],
] as const) {
  test(`S8: a write in doubt is repeated in ${what}: ${expected}`, async (t) => {
    const cluster = new FakeCluster();
    const client = await cluster.connect();
    await cluster.env.until(client.put('a', '1'));
    const owner = cluster.node('n-1');
    owner.behave = () => 'silent';
    const write = client.put('z', '1');
    await cluster.env.run(20);
    const final = { epoch: 1, seq: 1 };
    cluster.describe(1, { end: Buffer.from('m') });
    cluster.describe(2, {
      start: Buffer.from('m'),
      owner: cluster.ownerOf('n-3'),
      parents: parents.map((range) => ({ range, final })),
    });
    await cluster.env.run(20);
    cluster.net.reset(owner.address);
    t.is(await codeOf(cluster, write), expected);
  });
}

test('a client takes a new identity when the window above a write in doubt is full', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  const owner = cluster.node('n-1');
  owner.behave = () => (owner.requests.length === 1 ? 'silent' : 'default');
  const stuck = client.put('a', '1', { deadlineMs: 60_000 });
  await cluster.env.run(5);
  for (let n = 1; n < LIMITS.writeWindow; n += 1_024) {
    await cluster.env.until(Promise.all(Array.from({ length: 1_024 }, () => client.delete('b'))));
  }
  const [first, last] = [cluster.applied[0], cluster.applied.at(-1)];
  t.notDeepEqual(first?.clientId, last?.clientId);
  t.is(last?.doneBelow, last?.number);
  t.is(await codeOf(cluster, stuck), 'OUTCOME_UNKNOWN');
});

const laterWays: readonly (readonly [string, (cluster: FakeCluster) => () => void])[] = [
  [
    'refused',
    (cluster) => {
      cluster.node('n-1').behave = () => overloaded;
      return () => (cluster.node('n-1').behave = () => 'default');
    },
  ],
  [
    'without a range',
    (cluster) => {
      const { end } = cluster.range(1);
      cluster.describe(1, { end: Buffer.from('a') });
      return () => cluster.describe(1, { end });
    },
  ],
];
for (const [how, arrange] of laterWays) {
  test(`a write that was ${how} at first is repeated with the caller's original bytes, also if its buffers have changed`, async (t) => {
    const cluster = new FakeCluster();
    const client = await cluster.connect();
    const mend = arrange(cluster);
    await cluster.env.run(10);
    const [key, value] = [Buffer.from('key'), Buffer.from('value')];
    const write = client.put(key, value);
    key.fill('x');
    value.fill('x');
    await cluster.env.run(100);
    mend();
    await cluster.env.until(write);
    t.deepEqual(
      cluster.rows.map((row) => `${Buffer.from(row.key)}=${Buffer.from(row.value)}`),
      ['key=value'],
    );
  });
}
