// A CONFLICT names the operation and the key whose condition did not hold, also if it is the answer to a repeated write.

import test from 'ava';
import { formatBytes, toBytes } from '../../../common/base/bytes.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { replyFromError } from '../../../common/wire/error-reply.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

/** `b` is at revision 1. */
async function start() {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  await cluster.env.until(client.put('b', '1'));
  const conflict = async (call: Promise<unknown>): Promise<string> => {
    const error = await cluster.env.until(
      call.then(
        () => null,
        (thrown: unknown) => thrown,
      ),
    );
    if (!(error instanceof RangekeeperError) || error.code !== 'CONFLICT') throw error;
    const { key, index, revision } = error.details;
    return `${error.message} (${index} ${key === undefined ? '' : formatBytes(key)} ${revision})`;
  };
  return { cluster, client, conflict };
}

test('the key of a put, a delete and a batch', async (t) => {
  const { client, conflict } = await start();
  t.is(
    await conflict(client.put('b', '', { ifRevision: 7 })),
    'the key b is at revision 1, not at revision 7 (0 b 1)',
  );
  t.is(
    await conflict(client.delete('c', { ifRevision: 7 })),
    'the key c is absent, not at revision 7 (0 c 0)',
  );
  const batch = client.batch([
    { put: { key: 'a', value: '' } },
    { check: { key: 'c', revision: 0 } },
    { delete: { key: 'b', ifRevision: 0 } },
    { check: { key: 'd', revision: 9 } },
  ]);
  t.is(await conflict(batch), 'the key b is at revision 1, not absent (2 b 1)');
});

test('a key that is no text, or long, is shown in one short line', async (t) => {
  const { client, conflict } = await start();
  const odd = client.put(Uint8Array.of(0, 0x0a, 0xff), '', { ifRevision: 7 });
  t.regex(await conflict(odd), /^the key \\x00\\x0a\\xff is absent/);
  const long = await conflict(client.put('k'.repeat(4_000), '', { ifRevision: 7 }));
  t.regex(long, /^the key k{80}… is absent, not at revision 7 \(0 k{4000} 0\)$/);
});

test('the first answer of a repeated batch names the same key, though that key has changed', async (t) => {
  const { cluster, client, conflict } = await start();
  const owner = cluster.node('n-1');
  owner.behave = () => 'mute';
  const key = Buffer.from('b');
  const batch = client.batch([
    { check: { key: 'c', revision: 0 } },
    { put: { key, value: '', ifRevision: 0 } },
  ]);
  key.fill(0);
  await cluster.env.run(10);
  owner.behave = () => 'default';
  await cluster.env.until(client.delete('b'));
  cluster.promote(1, 'n-2');
  t.is(await conflict(batch), 'the key b is at revision 1, not absent (1 b 1)');
});

const forgotten: readonly (readonly [string, number, string])[] = [
  ['only one condition can have failed', 3, 'the key a is at revision 3, not at revision 1 (0 a 3)'],
  ['several conditions can have failed', 5, 'one of the keys is at another revision: 5 (undefined  5)'],
];

for (const [what, revision, expected] of forgotten) {
  test(`the range no longer knows the operation, and ${what}`, async (t) => {
    const { cluster, client, conflict } = await start();
    const error = new RangekeeperError('CONFLICT', 'a conflict', { revision, seq: 9 });
    cluster.node('n-1').behave = () => replyFromError(error);
    const ops = [{ check: { key: 'a', revision: 1 } }, { check: { key: 'b', revision: 3 } }];
    t.is(await conflict(client.batch(ops)), expected);
  });
}

test('an operation that the batch does not have is not believed', async (t) => {
  const { cluster, client, conflict } = await start();
  const error = new RangekeeperError('CONFLICT', 'a conflict', { revision: 3, seq: 9, index: 4 });
  cluster.node('n-1').behave = () => replyFromError(error);
  t.regex(await conflict(client.put(toBytes('a'), '', { ifRevision: 1 })), /^one of the keys is at another/);
});
