// The page with a real cluster. The webserver starts before the cluster exists. The page then shows the cluster, writes to it, and
// shows when an owner is killed and replaced.

import test from 'ava';
import { TestCluster } from '../support/test-cluster.ts';
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
