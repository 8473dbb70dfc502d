// One client for each namespace, made at the first request, and made anew if that failed.

import test from 'ava';
import { realEnv } from '../../../common/base/env.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { silentLogger } from '../../../common/base/log.ts';
import { Clients } from '../../../webserver/clients.ts';
import { MemoryClient } from '../../support/memory-client.ts';

function setUp() {
  const made: { readonly namespace: string; readonly client: MemoryClient }[] = [];
  const world = { down: false };
  const clients = new Clients(async (namespace) => {
    const client = new MemoryClient();
    made.push({ namespace, client });
    if (world.down) throw new RangekeeperError('NO_CLUSTER', 'not there');
    return client;
  }, silentLogger);
  return { made, world, clients };
}

test('requests at the same time share one client', async (t) => {
  const { made, clients } = setUp();
  const [a, b] = await Promise.all([clients.get('x'), clients.get('x')]);
  t.is(a, b);
  t.is(made.length, 1);
  t.not(await clients.get('y'), a);
});

test('a failed connection is forgotten', async (t) => {
  const { made, world, clients } = setUp();
  world.down = true;
  await t.throwsAsync(clients.get('x'), { message: 'not there' });
  world.down = false;
  await t.notThrowsAsync(clients.get('x'));
  t.is(made.length, 2);
});

test('the client that was used longest ago is closed if there are too many', async (t) => {
  const { made, clients } = setUp();
  for (let i = 0; i < 16; i++) await clients.get(`n${i}`);
  await clients.get('n0');
  await clients.get('one more');
  await new Promise<void>((resolve) => realEnv.soon(resolve));
  const closed = made.filter(({ client }) => client.closed).map(({ namespace }) => namespace);
  t.deepEqual(closed, ['n1']);
});

test('after a reset there are new clients; after a close there are none', async (t) => {
  const { made, clients } = setUp();
  await clients.get('x');
  await clients.reset();
  t.true(made[0]?.client.closed);
  await clients.get('x');
  await clients.close();
  t.true(made[1]?.client.closed);
  const error = await t.throwsAsync(clients.get('x'), { instanceOf: RangekeeperError });
  t.is(error?.code, 'CLOSED');
});
