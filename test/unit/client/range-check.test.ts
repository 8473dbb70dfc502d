// `checkRange` of the client: it polls the owner until the check has ended, also if the range's owner changes meanwhile.

import test from 'ava';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { replyFromError } from '../../../common/wire/error-reply.ts';
import type { CheckRequest } from '../../../common/wire/messages.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

async function withRow() {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  await cluster.env.until(client.put('a', '1'));
  const asked = () =>
    [...cluster.nodes.values()].flatMap(({ id, requests }) =>
      requests.flatMap((body) => (body.kind === 'check' ? [`${id} ${(body as CheckRequest).seq}`] : [])),
    );
  return { cluster, client, asked };
}

test('the check begins, and is then polled by its seq until it has ended', async (t) => {
  const { cluster, client, asked } = await withRow();
  const check = await cluster.env.until(client.checkRange(1));
  t.is(check.verdict, 'sound');
  t.deepEqual(asked(), ['n-1 0', 'n-1 1']);
});

test('a check that was given up begins again', async (t) => {
  const { cluster, client, asked } = await withRow();
  let refusals = 0;
  cluster.node('n-1').behave = (body) => {
    const refused = body.kind === 'check' && body.seq > 0 && refusals++ === 0;
    return refused ? replyFromError(new RangekeeperError('NOT_READY', 'given up')) : 'default';
  };
  t.is((await cluster.env.until(client.checkRange(1))).verdict, 'sound');
  t.deepEqual(asked(), ['n-1 0', 'n-1 1', 'n-1 0', 'n-1 1']);
});

test('if the range has a new owner, the new owner is asked', async (t) => {
  const { cluster, client, asked } = await withRow();
  cluster.promote(1, 'n-2');
  t.is((await cluster.env.until(client.checkRange(1))).verdict, 'sound');
  t.is(asked().at(-1), 'n-2 1');
});

test('a check is polled where it began, also if the range has another owner by then', async (t) => {
  const { cluster, client, asked } = await withRow();
  cluster.node('n-1').behave = (body) => {
    if (body.kind === 'check' && body.seq === 0) cluster.env.soon(() => cluster.promote(1, 'n-2'));
    return 'default';
  };
  t.is((await cluster.env.until(client.checkRange(1))).verdict, 'sound');
  t.deepEqual(asked(), ['n-1 0', 'n-1 1']);
});

test('an owner that does not answer for too long ends the call', async (t) => {
  const { cluster, client } = await withRow();
  cluster.node('n-1').behave = () => 'silent';
  const error = await t.throwsAsync(cluster.env.until(client.checkRange(1, { deadlineMs: 300 })), {
    instanceOf: RangekeeperError,
  });
  t.is(error?.code, 'UNREACHABLE');
});

test('a check may last longer than the deadline while its owner answers', async (t) => {
  const { cluster, client } = await withRow();
  const until = cluster.env.now() + 3_000;
  cluster.node('n-1').behave = (body) => {
    if (body.kind !== 'check' || cluster.env.now() > until) return 'default';
    const check = { range: 1, epoch: 1, seq: 1, verdict: null, replicas: [] };
    return { kind: 'check-reply', json: Buffer.from(JSON.stringify(check)) };
  };
  t.is((await cluster.env.until(client.checkRange(1, { deadlineMs: 600 }))).verdict, 'sound');
});

test('an answer that is not a check is rejected, whatever it contains', async (t) => {
  const { cluster, client } = await withRow();
  const good = { range: 1, epoch: 1, seq: 1, verdict: 'sound', replicas: [] };
  const answers: readonly object[] = [
    {},
    { ...good, verdict: 'well' },
    { ...good, replicas: [{ node: 7, rows: 1, checksum: 1, verdict: 'sound' }] },
    { ...good, replicas: [{ node: 'n-1', rows: -1, checksum: 1, verdict: 'sound' }] },
    { ...good, replicas: [{ node: 'n-1', rows: 1, checksum: 2 ** 32, verdict: 'sound' }] },
  ];
  for (const answer of answers) {
    const json = Buffer.from(JSON.stringify(answer));
    cluster.node('n-1').behave = () => ({ kind: 'check-reply', json });
    const error = await t.throwsAsync(cluster.env.until(client.checkRange(1)), {
      instanceOf: RangekeeperError,
    });
    t.is(error?.code, 'MALFORMED');
  }
});

test('a range that does not exist is rejected at once', async (t) => {
  const { cluster, client, asked } = await withRow();
  const error = await t.throwsAsync(cluster.env.until(client.checkRange(99)), {
    instanceOf: RangekeeperError,
  });
  t.is(error?.code, 'INVALID_ARGUMENT');
  t.deepEqual(asked(), []);
});
