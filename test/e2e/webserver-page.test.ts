// The page in a real browser with a cluster in memory: what it shows, that it stays current, and how it changes keys.

import test, { type ExecutionContext } from 'ava';
import { emptyBytes, formatBytes } from '../../common/base/bytes.ts';
import { realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { freePorts } from '../../common/zk/server-port.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import {
  faultsOfAccess,
  type Locator,
  openPage,
  type Page,
  serveMemoryCluster,
  startMemoryWebserver,
} from '../support/web-page.ts';

async function show(t: ExecutionContext, cluster = new MemoryCluster()) {
  const server = await serveMemoryCluster(t, cluster);
  const page = await openPage(t, server.address);
  return { cluster, server, page };
}

/** Passes once the element has this text. Fails after the browser's timeout. */
async function says(t: ExecutionContext, element: Locator, text: string | RegExp): Promise<void> {
  await element.filter({ hasText: text }).first().waitFor();
  t.pass();
}

function segment(page: Page, range: number): Locator {
  return page.locator(`[data-range="${range}"]`);
}

/** The value of the first key, in text form. */
function firstValue(cluster: MemoryCluster): string {
  return formatBytes(cluster.client.rows[0]?.value ?? emptyBytes);
}

async function fill(cluster: MemoryCluster, count: number): Promise<void> {
  for (let i = 1; i <= count; i++)
    await cluster.client.put(`user/${String(i).padStart(3, '0')}`, `value ${i}`);
}

test.serial('the page shows the key space, the nodes and the events', async (t) => {
  const { page } = await show(t);
  await says(t, page.locator('header'), 'live');
  t.is(await page.locator('.segment').count(), 4);
  await says(t, page.locator('.segment.serving').nth(3), 'epoch 1');
  t.deepEqual(await page.locator('.segment .start').allTextContents(), ['first key', 'g', 'n', 't']);
  t.deepEqual(await page.locator('.segment .owner-name').allTextContents(), ['anna', 'bert', 'cleo', 'anna']);
  t.is(await segment(page, 1).locator('.pip.in-sync').count(), 2);
  const anna = page.locator('[data-node="n-a"]');
  await says(t, anna, 'up');
  await says(t, anna.locator('[data-label="Memory"]'), '120 MiB');
  t.is(await anna.locator('[data-label="Owns"]').innerText(), '2');
  t.is(await anna.locator('[data-label="Holds"]').innerText(), '4');
  await says(t, page.locator('.events li'), 'default was made with 4 ranges');
  t.is(await page.locator('.banner').count(), 0);
});

test.serial('the first line says how healthy the cluster is', async (t) => {
  const { page, cluster } = await show(t);
  const health = page.getByRole('status', { name: 'Health' });
  await says(t, health, 'All writes OK · every range has 3 of 3 copies · any one machine may fail');
  cluster.kill('n-b');
  await says(t, health, '1 range of 4 takes no writes');
  cluster.promote(2, 'n-c');
  await says(
    t,
    health,
    'All writes OK · every range has 2 of 3 copies · one more loss makes 4 ranges read-only',
  );
});

test.serial('an owner dies and another is promoted: the page shows it without a reload', async (t) => {
  const { page, cluster } = await show(t);
  await says(t, segment(page, 2), 'bert');
  cluster.kill('n-b');
  const banner = page.locator('.banner');
  await says(t, banner, 'bert does not answer');
  await says(t, banner, 'Range 2: no owner');
  await says(t, banner.locator('.since'), /since \d\d:\d\d:\d\d · \d+ s/);
  await says(t, page.locator('[data-node="n-b"]'), 'down');
  await page.locator('.segment .pip.gone').nth(3).waitFor();
  t.is(await page.locator('.segment .pip.learner').count(), 0);
  cluster.promote(2, 'n-c');
  await says(t, segment(page, 2), 'cleo');
  await says(t, segment(page, 2), '2 of 3 copies');
  await segment(page, 2).click();
  const details = page.getByRole('region', { name: 'Range 2' });
  await says(t, details, '2 of 3 copies; one more loss makes this read-only');
  await says(t, details.getByRole('row', { name: /bert/ }), 'node down');
  await says(t, page.locator('.events li').first(), 'cleo owns it now');
  cluster.start('n-b');
  await banner.waitFor({ state: 'detached' });
  await says(t, segment(page, 2), 'epoch 2');
});

test.serial('a silent ZooKeeper has one banner, whatever it stops', async (t) => {
  const { page, cluster } = await show(t);
  await says(t, page.locator('.segment.serving').nth(3), 'anna');
  cluster.change({ zookeeper: false });
  for (const node of ['n-a', 'n-b', 'n-c']) cluster.leases.set(node, 'ended');
  await page.locator('.segment.no-lease').nth(3).waitFor();
  t.is(await page.locator('.banner').count(), 1);
  await says(t, page.locator('.banner'), 'ZooKeeper does not answer');
  await page.locator('.banner').getByRole('button', { name: '3', exact: true }).click();
  await page.getByRole('region', { name: 'Range 3' }).waitFor();
  cluster.leases.clear();
  cluster.change({ zookeeper: true });
  await page.locator('.banner').waitFor({ state: 'detached' });
});

test.serial('a read-only range has a banner until it takes writes again', async (t) => {
  const { page, cluster } = await show(t);
  await segment(page, 3).waitFor();
  cluster.readOnly.set(3, Date.UTC(2026, 0, 1));
  const banner = page.locator('.banner.ranges');
  await says(t, banner, 'Range 3 is read-only');
  await says(t, banner, 'd ');
  await says(t, segment(page, 3), 'read-only');
  cluster.readOnly.clear();
  await banner.waitFor({ state: 'detached' });
});

test.serial(
  'the details of a range show its replicas, their lag and how old their reads may be',
  async (t) => {
    const { page, cluster } = await show(t);
    cluster.lags.set('1 n-c', 17).set('4 n-b', 5);
    cluster.inSync(1, ['n-a', 'n-b']);
    await segment(page, 1).focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Enter');
    const details = page.getByRole('region', { name: 'Range 1' });
    const cleo = details.getByRole('row', { name: /cleo/ });
    await says(t, cleo, 'learner');
    await says(t, cleo, '17');
    await says(t, cleo, 'stale by 200 ms at most');
    await says(t, segment(page, 1), '2 of 3 copies');
    await says(t, segment(page, 4), 'lag 5');
    await details.getByRole('button', { name: 'Close details' }).click();
    await details.waitFor({ state: 'detached' });
  },
);

test.serial('widths by writes change with the writes', async (t) => {
  const { page, cluster } = await show(t);
  await segment(page, 1).waitFor();
  await page.getByRole('button', { name: 'by writes' }).click();
  cluster.change({
    ranges: cluster.view.ranges.map((image) =>
      image.descriptor.id === 1
        ? image
        : {
            version: image.version + 1,
            descriptor: { ...image.descriptor, base: { epoch: 1, seq: 100 } },
          },
    ),
  });
  await fill(cluster, 100);
  await page.locator('[data-range="1"][style*="flex-grow: 101"]').waitFor();
  const width = async (range: number): Promise<number> =>
    (await segment(page, range).boundingBox())?.width ?? 0;
  t.true((await width(1)) > 10 * (await width(2)));
});

test.serial('the key browser has pages, and shows writes of others', async (t) => {
  const cluster = new MemoryCluster();
  await fill(cluster, 60);
  const { page } = await show(t, cluster);
  const keys = page.locator('.keys .key');
  await says(t, keys, 'user/025');
  t.is(await keys.count(), 25);
  await page.getByRole('button', { name: 'Next' }).click();
  await says(t, keys, 'user/050');
  await page.getByRole('button', { name: 'Next' }).click();
  await says(t, keys, 'user/060');
  t.is(await keys.count(), 10);
  t.true(await page.getByRole('button', { name: 'Next' }).isDisabled());
  await cluster.client.put('user/061', 'from elsewhere');
  await says(t, page.locator('.keys tr'), 'from elsewhere');
  await page.getByRole('button', { name: 'Previous' }).click();
  await says(t, keys, 'user/026');
  await page.getByRole('textbox', { name: 'Prefix' }).fill('user/05');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await says(t, keys.first(), 'user/050');
  t.is(await keys.count(), 10);
});

test.serial('a key is created, changed and deleted', async (t) => {
  const { page, cluster } = await show(t);
  await page.getByRole('textbox', { name: 'Key', exact: true }).fill('user/ada');
  await page.getByLabel('Value').fill('countess');
  await page.getByRole('button', { name: 'Put' }).click();
  await says(t, page.getByRole('status'), 'user/ada is at revision 1');
  await says(t, page.locator('.provenance'), 'revision 1');
  await page.getByLabel('Value').fill('Ada Lovelace');
  await page.getByRole('button', { name: 'Put' }).click();
  await says(t, page.getByRole('status'), 'user/ada is at revision 2');
  await says(t, page.locator('.keys tr'), 'Ada Lovelace');
  t.is(cluster.client.rows.length, 1);
  await page.getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await says(t, page.getByRole('status'), 'Deleted user/ada');
  await says(t, page.locator('.key-list'), 'No keys here');
  t.is(cluster.client.rows.length, 0);
});

test.serial('a conditional put that conflicts says so, and how to continue', async (t) => {
  const cluster = new MemoryCluster();
  await cluster.client.put('shared', 'mine');
  const { page } = await show(t, cluster);
  await page.locator('.keys .key').click();
  await says(t, page.locator('.provenance'), 'revision 1');
  await page.getByLabel('Value').fill('my edit');
  await cluster.client.put('shared', 'theirs');
  await says(t, page.locator('.editor'), 'at revision 2 now');
  await page.getByRole('button', { name: 'Put' }).click();
  const conflict = page.getByRole('alert');
  await says(t, conflict, 'The key is at revision 2 now, not at 1. Nothing was changed.');
  t.is(firstValue(cluster), 'theirs');
  await conflict.getByRole('button', { name: 'Keep my edit, expect 2' }).click();
  await page.getByRole('button', { name: 'Put' }).click();
  await says(t, page.getByRole('status'), 'shared is at revision 3');
  t.is(firstValue(cluster), 'my edit');
});

test.serial('bytes that are not UTF-8 are shown as hex and written back unchanged', async (t) => {
  const cluster = new MemoryCluster();
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  await cluster.client.put(Uint8Array.of(0, 0xff, 0x5c), bytes);
  const { page } = await show(t, cluster);
  await says(t, page.locator('.keys .key'), '\\x00\\xff\\\\');
  await page.locator('.keys .key').click();
  const value = page.getByLabel('Value');
  await says(t, page.locator('.editor'), '256 B');
  t.regex(await value.inputValue(), /^00 01 02 .* 0f\n10 11/);
  await page.getByRole('button', { name: 'text', exact: true }).click();
  await says(t, page.locator('.editor'), 'These bytes are not UTF-8 text');
  await value.fill(`${await value.inputValue()} 2a`);
  await page.getByRole('button', { name: 'Put' }).click();
  await says(t, page.getByRole('status'), 'revision 2');
  t.deepEqual(cluster.client.rows[0]?.value.length, 257);
  t.deepEqual(cluster.client.rows[0]?.key, Uint8Array.of(0, 0xff, 0x5c));
});

test.serial('a stale read is marked, with its bound', async (t) => {
  const cluster = new MemoryCluster();
  await cluster.client.put('k', 'v');
  const { page } = await show(t, cluster);
  await says(t, page.locator('.keys .key'), 'k');
  t.is(await page.locator('.pager .pill').count(), 0);
  await page.getByLabel('Read').selectOption('stale');
  await says(t, page.locator('.pager .pill'), 'stale by 120 ms at most');
  await page.locator('.keys .key').click();
  await says(t, page.locator('.provenance .pill'), 'stale by 120 ms at most');
});

test.serial('a page that loses the webserver says so, and is current again when it is back', async (t) => {
  const cluster = new MemoryCluster();
  const [port] = await freePorts(realEnv, '127.0.0.1', 1);
  const listen = `127.0.0.1:${port}`;
  const first = await startMemoryWebserver(cluster, { listen });
  const page = await openPage(t, first.address);
  await says(t, page.locator('header'), 'live');
  await first.close();
  await says(t, page.locator('header'), 'reconnecting');
  t.is(await page.locator('.segment').count(), 4);
  await serveMemoryCluster(t, cluster, { listen });
  await says(t, page.locator('header .pill'), /^live$/);
  cluster.promote(2, 'n-c');
  await says(t, segment(page, 2), 'cleo');
});

test.serial('the page works before there is a cluster', async (t) => {
  const { page, cluster } = await show(t, new MemoryCluster({ cluster: false }));
  await says(t, page.locator('main'), 'No cluster yet');
  cluster.create();
  await says(t, segment(page, 4), 'anna');
  cluster.change({ zookeeper: false });
  await says(t, page.locator('.banner'), 'ZooKeeper does not answer');
});

test.serial('on a narrow screen nothing is wider than the screen', async (t) => {
  const cluster = new MemoryCluster();
  await fill(cluster, 30);
  const server = await serveMemoryCluster(t, cluster);
  const page = await openPage(t, server.address, 420);
  await says(t, page.locator('.keys .key'), 'user/025');
  await segment(page, 2).click();
  t.is(await page.evaluate('document.documentElement.scrollWidth'), 420);
});

test.serial('failed reads and writes show why, and reads recover by themselves', async (t) => {
  const cluster = new MemoryCluster();
  await fill(cluster, 3);
  const { page } = await show(t, cluster);
  await says(t, page.locator('.keys .key'), 'user/003');
  cluster.client.beforeCall = () => {
    throw new RangekeeperError('NO_OWNER', 'range 4 has no owner');
  };
  cluster.kill('n-a');
  const list = page.locator('.key-list');
  await says(t, list.getByRole('alert'), 'NO_OWNER range 4 has no owner');
  await says(t, list.getByRole('alert'), 'A read with fallback may find a replica');
  await says(t, list.locator('.outdated .key'), 'user/003');
  await page.getByRole('textbox', { name: 'Key', exact: true }).fill('user/new');
  await page.getByRole('button', { name: 'Put' }).click();
  await says(t, page.locator('.editor').getByRole('alert'), 'Nothing was changed');
  cluster.client.beforeCall = () => {};
  cluster.promote(4, 'n-b');
  await list.getByRole('alert').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Put' }).click();
  await says(t, page.locator('.keys .key'), 'user/new');
});

test.serial('events name nodes, not their ids', async (t) => {
  const { page, cluster } = await show(t);
  const id = 'n-0123456789abcdef';
  const record = { id, name: 'dora', zone: 'z1', capacity: 1, mode: 'active' } as const;
  cluster.change({ nodes: [...cluster.view.nodes, record] });
  cluster.event({ kind: 'promote', text: `dora (${id}) follows ${id}, not n-fedcba9876543210` });
  await says(t, page.locator('.events li').first(), 'dora follows dora, not n-fedcba9876543210');
});

test.serial('axe finds nothing, with details, a key and a long value in hex open', async (t) => {
  const cluster = new MemoryCluster();
  await cluster.client.put('long', new Uint8Array(100_000).fill(0xee));
  await fill(cluster, 3);
  const { page } = await show(t, cluster);
  await segment(page, 1).click();
  await page.getByRole('region', { name: 'Range 1' }).waitFor();
  await page.locator('.keys .key').last().click();
  await says(t, page.locator('.provenance'), 'revision');
  t.deepEqual(await faultsOfAccess(page), []);
  await page.locator('.keys .key').first().click();
  await page.locator('.hex-row').first().waitFor();
  await page.getByRole('button', { name: 'Delete…' }).click();
  t.deepEqual(await faultsOfAccess(page), []);
});
