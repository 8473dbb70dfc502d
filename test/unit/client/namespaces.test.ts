// Clients of several namespaces over one connection: what they share, what each has of its own, and what closing one of them
// closes.

import test from 'ava';
import type { Client } from '../../../client/api.ts';
import { emptyBytes } from '../../../common/base/bytes.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { paths } from '../../../common/zk/znodes.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

const ORDERS_RANGE = 50;

/** Namespaces `default` (range 1) and `orders` (range 50), both owned by node n-1. */
async function twoNamespaces(): Promise<{ cluster: FakeCluster; first: Client; orders: Client }> {
  const cluster = new FakeCluster();
  cluster.makeNamespace('orders', 2);
  cluster.describe(ORDERS_RANGE, { namespace: 'orders', namespaceId: 2, start: emptyBytes, end: null });
  const first = await cluster.connect();
  return { cluster, first, orders: await cluster.env.until(first.inNamespace('orders')) };
}

async function codeOf(cluster: FakeCluster, call: Promise<unknown>): Promise<string> {
  return cluster.env.until(call).then(
    () => 'done',
    (error) => (error instanceof RangekeeperError ? error.code : String(error)),
  );
}

test('each client works in its own namespace, over the same connections', async (t) => {
  const { cluster, first, orders } = await twoNamespaces();
  t.deepEqual([first.namespace, orders.namespace], ['default', 'orders']);
  const written = await cluster.env.until(Promise.all([first.put('a', '1'), orders.put('b', '2')]));
  t.deepEqual(
    written.map(({ range, node }) => [range, node]),
    [
      [1, 'n-1'],
      [ORDERS_RANGE, 'n-1'],
    ],
  );
  t.deepEqual(
    orders.ranges().map(({ descriptor }) => descriptor.id),
    [ORDERS_RANGE],
  );
  t.deepEqual(orders.nodes(), first.nodes());
  t.is(cluster.net.dialled, 1);
  const further = await cluster.env.until(orders.inNamespace('default'));
  await cluster.env.until(further.put('c', '3'));
  t.is(cluster.net.dialled, 1);
});

test('closing one client leaves the others open: its calls under way end, and later ones are refused', async (t) => {
  const { cluster, first, orders } = await twoNamespaces();
  await cluster.env.until(Promise.all([first.put('a', ''), orders.put('b', '')]));
  cluster.node('n-1').behave = (request) => (request.kind === 'get' ? 'silent' : 'default');
  const sent = orders.put('c', '');
  const silent = codeOf(cluster, orders.get('b', { deadlineMs: 300 }));
  await orders.close();
  t.is(await codeOf(cluster, sent), 'done');
  t.not(await silent, 'done');
  t.is(await codeOf(cluster, orders.put('d', '')), 'CLOSED');
  t.is(await codeOf(cluster, orders.inNamespace('default')), 'CLOSED');
  t.is(cluster.zk.observed(`${paths.ranges('orders')}`), 0, 'it watches no more');
  t.is(await codeOf(cluster, first.put('e', '')), 'done');
  t.false(cluster.zk.closed);
});

test('closing the first client closes all', async (t) => {
  const { cluster, first, orders } = await twoNamespaces();
  cluster.node('n-1').behave = () => 'silent';
  const sent = codeOf(cluster, orders.put('b', ''));
  await cluster.env.run(10);
  await first.close();
  t.is(await sent, 'OUTCOME_UNKNOWN');
  t.is(await codeOf(cluster, orders.get('b')), 'CLOSED');
  t.is(cluster.zk.observed('/'), 0);
  t.true(cluster.zk.closed);
});

test('all clients are notified about nodes and ZooKeeper, and each about its own ranges', async (t) => {
  const { cluster, first, orders } = await twoNamespaces();
  await cluster.env.until(orders.get('a'));
  const heard: string[] = [];
  first.on('nodes', () => heard.push('first: nodes'));
  orders.on('nodes', () => heard.push('orders: nodes'));
  first.on('ranges', () => heard.push('first: ranges'));
  orders.on('ranges', () => heard.push('orders: ranges'));
  cluster.zk.remove(paths.live('n-3'));
  await cluster.env.run(5);
  cluster.promote(ORDERS_RANGE, 'n-2');
  await cluster.env.run(5);
  t.deepEqual(heard, ['first: nodes', 'orders: nodes', 'orders: ranges']);
});

test('a namespace that does not exist is rejected at once, and so is a call without ZooKeeper', async (t) => {
  const { cluster, first } = await twoNamespaces();
  t.is(await codeOf(cluster, first.inNamespace('ordesr')), 'UNKNOWN_NAMESPACE');
  cluster.zk.away = true;
  t.is(await codeOf(cluster, first.inNamespace('orders')), 'NO_CLUSTER');
});
