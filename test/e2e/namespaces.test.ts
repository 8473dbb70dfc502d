// Namespaces on a real cluster: they are made, listed and used from the REPL and from a program, and the page shows them.

import test from 'ava';
import { RangekeeperError } from '../../client/index.ts';
import { type Ended, Repl } from '../support/repl-process.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';
import { openPage } from '../support/web-page.ts';
import { startWebserver } from '../support/webserver-process.ts';

const LONG = { deadlineMs: 60_000 };

function run(cluster: TestCluster, commands: string, ...flags: readonly string[]): Promise<Ended> {
  return Repl.start(cluster, ...flags, '-e', commands).ended;
}

const text = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();

test.serial('the REPL makes a namespace and works in it; a program sees it, and makes another', async (t) => {
  const cluster = await TestCluster.start(t);
  await cluster.allInSync();

  const made = await run(cluster, 'namespace create orders --split-at g p; use orders; put 7 nails; get 7');
  t.is(made.code, 0, made.err);
  t.regex(
    made.out,
    /^namespace orders is made: 3 ranges with 3 replicas each, .*\nok, revision \d+\nnails\n$/,
  );
  const listed = JSON.parse((await run(cluster, 'namespace list', '--output', 'json')).out);
  t.like(listed[0], { name: 'default', inUse: true });
  t.like(listed[1], { name: 'orders', replicationFactor: 3, minInSync: 2, ranges: 3, inUse: false });
  t.is((await run(cluster, 'get 7')).code, 3, 'default has rows of its own');
  t.is((await run(cluster, 'get 7', '--namespace', 'orders')).out, 'nails\n');

  const client = await openClient(t, cluster);
  const orders = await client.inNamespace('orders');
  t.is(text((await orders.get('7'))?.value), 'nails');
  t.like(await client.createNamespace('logs', { ...LONG, replicas: 2, ranges: 1 }), {
    ranges: 1,
    minInSync: 1,
  });
  const logs = await client.inNamespace('logs');
  await logs.put('a', '1');
  t.is(logs.ranges()[0]?.descriptor.replicas.length, 2);

  const again = await t.throwsAsync(client.createNamespace('orders', LONG), { instanceOf: RangekeeperError });
  t.deepEqual([again?.code, again?.message], ['REFUSED', 'namespace orders exists already']);
  const exists = await run(cluster, 'namespace create orders; put never 1');
  t.deepEqual([exists.code, exists.err], [1, 'REFUSED: namespace orders exists already\n']);
  const bad = await run(cluster, 'namespace create a/b');
  t.deepEqual([bad.code, bad.out], [1, '']);
  t.regex(bad.err, /^INVALID_ARGUMENT: a namespace's name has 1 to 64 characters/);
  const nowhere = await run(cluster, 'use nope; put never 1');
  t.deepEqual([nowhere.code, nowhere.out], [1, '']);
  t.regex(nowhere.err, /there are: default, logs, orders\. To make it: namespace create nope\n$/);
  t.regex((await run(cluster, 'get a', '--namespace', 'nope')).err, /Start in one of these to make it/);
});

test.serial('the page shows a namespace as soon as it is made', async (t) => {
  const cluster = await TestCluster.start(t);
  await cluster.allInSync();
  const { address } = await startWebserver(t, cluster.connect);
  const page = await openPage(t, address);
  await page.locator('.segment.serving').nth(2).waitFor();
  t.is(await page.getByRole('combobox', { name: 'Namespace' }).count(), 0, 'there is only one');
  const client = await openClient(t, cluster);
  await client.createNamespace('orders', { ...LONG, ranges: 2 });
  await page.locator('.namespace', { hasText: 'orders' }).locator('.segment.serving').nth(1).waitFor();
  await page.getByRole('combobox', { name: 'Namespace' }).selectOption('orders');
  await page.getByRole('textbox', { name: 'Key', exact: true }).fill('7');
  await page.getByLabel('Value').fill('nails');
  await page.getByRole('button', { name: 'Put' }).click();
  await page.getByText('Written: 7 is at revision').waitFor();
  t.is(text((await (await client.inNamespace('orders')).get('7'))?.value), 'nails');
});
