// The last attempt of a call: it has time for its answer, so that the call does not end by chance without knowing what came of it.

import test from 'ava';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { replyFromError } from '../../../common/wire/error-reply.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

test('an attempt has at least as long for its answer as the pause before it', async (t) => {
  const cluster = new FakeCluster();
  const { env } = cluster;
  const client = await cluster.connect();
  await env.until(client.put('a', '1'));
  const owner = cluster.node('n-1');
  let asked: number[] = [];
  owner.behave = () => {
    asked.push(env.now());
    return replyFromError(new RangekeeperError('NOT_READY', 'no lease'));
  };
  for (let call = 0; call < 50; call++) {
    asked = [];
    const end = env.now() + 1_000;
    const error = await env.until(client.put('a', '2', { deadlineMs: 1_000 }).catch((reason) => reason));
    t.is(error.code, 'NOT_READY');
    const [before = 0, last = 0] = asked.slice(-2);
    t.true(
      end - last >= last - before - 2,
      `${end - last} ms for the answer, after a pause of ${last - before} ms`,
    );
  }
});
