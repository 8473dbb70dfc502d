// The page with a real cluster. The webserver starts before the cluster exists. The page then shows the cluster, writes to it, and
// shows when an owner is killed and replaced. And what the page asks the leader for is done.

import test from 'ava';
import { present } from '../../common/base/assert.ts';
import { load, rowsOf } from '../support/load.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';
import { openPage } from '../support/web-page.ts';
import { startWebserver } from '../support/webserver-process.ts';
import { startZooKeeper } from '../support/zookeeper.ts';

test('the page shows a new cluster, and an owner that is killed and replaced', async (t) => {
  const { connect } = await startZooKeeper(t);
  const { address, process } = await startWebserver(t, connect);
  const page = await openPage(t, address);
  await page.getByText('No cluster yet').waitFor();

  const cluster = await TestCluster.start(t, { zk: connect });
  await page.locator('.segment.serving').nth(2).waitFor();
  t.is(await page.locator('[data-node]').count(), 3);
  await page.getByRole('textbox', { name: 'Key', exact: true }).fill('alpha');
  await page.getByLabel('Value').fill('one');
  await page.getByRole('button', { name: 'Put' }).click();
  await page.getByText('Written: alpha is at revision').waitFor();
  await page.locator('.keys tr', { hasText: 'one' }).waitFor();

  await cluster.allInSync();
  const range = (await cluster.descriptors()).find(({ descriptor }) => descriptor.end !== null)?.descriptor;
  if (range === undefined) return t.fail('a first range with an end');
  const killed = cluster.node(range.owner.node);
  await killed.process.end('SIGKILL');
  await page.locator(`[data-node="${killed.id}"]`, { hasText: 'down' }).waitFor();
  await page.locator(`.segment.serving[data-range="${range.id}"]`, { hasNotText: killed.name }).waitFor();
  await page
    .locator('.events li', { hasText: `range ${range.id}` })
    .first()
    .waitFor();
  await page.getByLabel('Value').fill('two');
  await page.getByRole('button', { name: 'Put' }).click();
  await page.locator('.keys tr', { hasText: 'two' }).waitFor();

  t.is(await process.end('SIGTERM'), 0);
});

test('a range is split and merged, and a node drained, from the page while calls go on', async (t) => {
  const { connect } = await startZooKeeper(t);
  const cluster = await TestCluster.start(t, { zk: connect, nodes: 4 });
  await cluster.allInSync();
  const client = await openClient(t, cluster);
  const running = load(client, 4);
  await running.acknowledged(50);
  const { address } = await startWebserver(t, connect);
  const page = await openPage(t, address);
  await page.locator('.segment.serving').nth(2).waitFor();

  const ask = async (opens: string, form: RegExp, key: string | null, verb: string) => {
    await page.getByRole('button', { name: opens, exact: true }).click();
    const asked = page.getByRole('form', { name: form });
    if (key !== null) {
      await asked.getByLabel('At the key').fill(key);
      await asked.getByRole('button', { name: 'Show steps' }).click();
    }
    await asked.locator('.steps li').first().waitFor();
    await asked.getByRole('button', { name: verb, exact: true }).click();
    await asked.getByText(/^Done/).waitFor();
    const text = await asked.innerText();
    await asked.getByRole('button', { name: 'Close' }).click();
    return text;
  };
  const range = present(client.locate('k5')?.descriptor, 'the range of a key');
  const bounds = () => page.locator('.segment .start').allTextContents();
  const before = await bounds();
  await page.locator(`[data-range="${range.id}"]`).click();
  await ask('Split…', /^Split/, 'k5', 'Split');
  await page.locator('.segment .start', { hasText: /^k5$/ }).waitFor();
  t.is((await bounds()).length, before.length + 1);
  // The details went to the left child, which has the right one as its neighbour.
  await ask('Merge…', /^Merge/, null, 'Merge');
  await page.locator('.segment .start', { hasText: /^k5$/ }).waitFor({ state: 'detached' });
  t.deepEqual(await bounds(), before);

  const drained = present(cluster.nodes[0], 'a node');
  t.regex(await ask(`Drain… ${drained.name}`, /^Move everything off/, null, 'Drain'), /safe to switch off/);
  await page.locator(`[data-node="${drained.id}"]`, { hasText: 'draining, safe to switch off' }).waitFor();
  await page.locator('.tasks li', { hasText: `drain ${drained.name}` }).waitFor();

  const acknowledged = await running.stop();
  const rows = await rowsOf(client);
  t.deepEqual(
    [...acknowledged].filter(([key, n]) => (rows.get(key) ?? -1) < n),
    [],
  );
});
