// The editor of the page in a real browser: no draft is lost without a word, an untouched value is written back byte for byte, and long
// values stay usable.

import test, { type ExecutionContext } from 'ava';
import { formatBytes, toBytes } from '../../common/base/bytes.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import { openPage, type Page, serveMemoryCluster } from '../support/web-page.ts';

async function show(t: ExecutionContext, cluster = new MemoryCluster()) {
  const { address } = await serveMemoryCluster(t, cluster);
  return { cluster, page: await openPage(t, address) };
}

/** A page on which the key `a` is opened and its value is edited. */
async function edited(t: ExecutionContext) {
  const cluster = new MemoryCluster();
  await cluster.client.put('a', 'first');
  await cluster.client.put('b', 'second');
  const { namespaces } = cluster.view;
  cluster.change({ namespaces: namespaces.flatMap((one) => [one, { ...one, name: 'other', id: 2 }]) });
  const { page } = await show(t, cluster);
  await open(page, 'a');
  await value(page).fill('my edit');
  await page.getByText('edited, not written yet').waitFor();
  return { cluster, page };
}

async function open(page: Page, key: string): Promise<void> {
  await page.locator('.keys').getByRole('button', { name: key, exact: true }).click();
  await page.locator('.provenance').waitFor();
}

function value(page: Page) {
  return page.getByRole('textbox', { name: 'Value' });
}

function key(page: Page) {
  return page.getByRole('textbox', { name: 'Key', exact: true });
}

function question(page: Page) {
  // By its element: a dialog that was just closed has no role any more, but it has not answered yet.
  return page.locator('dialog');
}

async function answer(page: Page, button: 'Keep editing' | 'Discard my edit'): Promise<void> {
  await question(page).getByRole('button', { name: button }).click();
  await question(page).waitFor({ state: 'detached' });
}

const WAYS_OUT: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  'another key': (page) => page.locator('.keys').getByRole('button', { name: 'b', exact: true }).click(),
  'a new key': (page) => page.getByRole('button', { name: 'New key' }).click(),
  'another namespace': (page) => page.getByLabel('Namespace').selectOption('other'),
  Esc: (page) => value(page).press('Escape'),
};

for (const [way, go] of Object.entries(WAYS_OUT)) {
  test.serial(`a changed draft is not left for ${way} without a question`, async (t) => {
    const { page } = await edited(t);
    await go(page);
    await question(page).getByText('Your edit of a is not written yet').waitFor();
    await answer(page, 'Keep editing');
    t.is(await value(page).inputValue(), 'my edit');
    t.is(await page.getByLabel('Namespace').inputValue(), 'default');
    await go(page);
    await question(page).waitFor();
    await page.keyboard.press('Escape');
    await question(page).waitFor({ state: 'detached' });
    t.is(await value(page).inputValue(), 'my edit', 'Esc keeps it, too');
    await go(page);
    await answer(page, 'Discard my edit');
    t.not(await value(page).inputValue(), 'my edit');
  });
}

test.serial('Esc shows the value as it is after an edit, and closes a key that was not edited', async (t) => {
  const { page } = await edited(t);
  await value(page).press('Escape');
  await answer(page, 'Discard my edit');
  t.is(await value(page).inputValue(), 'first');
  t.is(await key(page).inputValue(), 'a');
  await value(page).press('Escape');
  await page.getByRole('heading', { name: 'New key' }).waitFor();
  t.is(await key(page).inputValue(), '');
  t.is(await question(page).count(), 0);
});

test.serial('a typed new key is a draft, too', async (t) => {
  const { page } = await show(t);
  await key(page).fill('k');
  await page.getByRole('button', { name: 'New key' }).click();
  await question(page).getByText('Your edit of k is not written yet').waitFor();
  await answer(page, 'Keep editing');
  t.is(await key(page).inputValue(), 'k');
});

test.serial('the browser asks before a page with a changed draft is reloaded, and only then', async (t) => {
  const { page } = await edited(t);
  const asked: string[] = [];
  let accept = false;
  page.on('dialog', (dialog) => {
    asked.push(dialog.type());
    void (accept ? dialog.accept() : dialog.dismiss());
  });
  await t.throwsAsync(page.reload({ timeout: 2_000 }));
  t.deepEqual(asked, ['beforeunload']);
  t.is(await value(page).inputValue(), 'my edit');
  accept = true;
  await page.reload();
  await open(page, 'a');
  await page.reload();
  t.deepEqual(asked, ['beforeunload', 'beforeunload'], 'nothing is asked if nothing was typed');
});

test.serial('a draft is there again when the cluster was out of sight', async (t) => {
  const { page, cluster } = await edited(t);
  const there = cluster.view;
  cluster.change({ cluster: null, zookeeper: false });
  // The heading only: a banner says the same, and is hidden together with the cluster.
  await page.getByRole('heading', { name: 'ZooKeeper does not answer' }).waitFor();
  await value(page).waitFor({ state: 'hidden' });
  cluster.change(there);
  await value(page).waitFor();
  t.is(await value(page).inputValue(), 'my edit');
  await page.getByRole('button', { name: 'Put' }).click();
  await page.getByText('a is at revision 3').waitFor();
});

test.serial('what is typed while a write is under way stays, and another key stays open', async (t) => {
  const { page, cluster } = await edited(t);
  let release = (): void => {};
  cluster.client.beforeCall = ({ method }) =>
    method === 'put' ? new Promise((resolve) => (release = resolve)) : undefined;
  await page.getByRole('button', { name: 'Put' }).click();
  await page.getByRole('button', { name: 'Writing…' }).waitFor();
  await value(page).fill('my edit, and more');
  release();
  await page.getByText('a is at revision 3').waitFor();
  await page.locator('.provenance').getByText('revision 3').waitFor();
  t.is(await value(page).inputValue(), 'my edit, and more');
  await page.getByRole('button', { name: 'Put' }).click();
  await page.getByRole('button', { name: 'Writing…' }).waitFor();
  await page.locator('.keys').getByRole('button', { name: 'b', exact: true }).click();
  await answer(page, 'Discard my edit');
  await value(page).fill('of b');
  release();
  await page.getByText('a is at revision 4').waitFor();
  t.is(await key(page).inputValue(), 'b');
  t.is(await value(page).inputValue(), 'of b');
});

const keeps = test.macro<[string | Uint8Array, string]>({
  title: (title) => `line ends stay as they are: ${title}`,
  async exec(t, before, after) {
    const cluster = new MemoryCluster();
    await cluster.client.put('k', before);
    const { page } = await show(t, cluster);
    await open(page, 'k');
    await page.getByRole('button', { name: 'Put' }).click();
    await page.getByText('k is at revision 2').waitFor();
    t.is(formatBytes(cluster.client.rows[0]?.value ?? toBytes('')), formatBytes(toBytes(before)));
    const shown = await value(page).inputValue();
    await value(page).fill(`${shown}!`);
    await page.getByRole('button', { name: 'Put' }).click();
    await page.getByText('k is at revision 3').waitFor();
    t.is(formatBytes(cluster.client.rows[0]?.value ?? toBytes('')), after);
  },
});

test.serial('CR LF', keeps, 'a\r\nb\r\nc', 'a\\x0d\\x0ab\\x0d\\x0ac!');
test.serial('CR', keeps, 'a\rb', 'a\\x0db!');
test.serial('mixed', keeps, 'a\r\nb\nc\rd', 'a\\x0d\\x0ab\\x0ac\\x0dd!');
test.serial(
  'with NUL and a byte-order mark',
  keeps,
  '\ufeffa\u0000\r\nb',
  '\\xef\\xbb\\xbfa\\x00\\x0d\\x0ab!',
);

test.serial('a text that is cut inside a character is shown as text', async (t) => {
  const cluster = new MemoryCluster();
  const text = 'x'.repeat(64 * 1024 - 1) + 'ä'.repeat(10);
  await cluster.client.put('k', text);
  const { page } = await show(t, cluster);
  await open(page, 'k');
  t.is(await value(page).inputValue(), 'x'.repeat(64 * 1024 - 1));
  await page.getByRole('button', { name: 'Show all of it to edit it' }).click();
  t.is(await value(page).inputValue(), text);
});

test.serial(
  'a mebibyte in hex: only the rows on the screen are drawn, and any row can be edited',
  async (t) => {
    const cluster = new MemoryCluster();
    const bytes = Uint8Array.from({ length: 1024 * 1024 }, (_, index) => (index >> 4) & 0xff);
    await cluster.client.put('k', bytes);
    const { page } = await show(t, cluster);
    await open(page, 'k');
    const rows = page.locator('.hex-row input');
    await page.locator('.hex-view').evaluate((view) => {
      view.scrollTop = view.scrollHeight;
    });
    const last = page.getByRole('textbox', { name: '0ffff0' });
    t.is(await last.inputValue(), Array.from({ length: 16 }, () => 'ff').join(' '));
    t.true((await rows.count()) < 50);
    await last.fill('00 0');
    await page.locator('.value-head').getByText('a digit is missing (at 0ffff0)').waitFor();
    t.true(await page.getByRole('button', { name: 'Put' }).isDisabled());
    await last.fill('00 01');
    await last.press('ArrowUp');
    const focused = page.locator('.hex-row input:focus');
    await page.getByRole('textbox', { name: '0fffe0' }).and(focused).waitFor();
    t.is(await focused.inputValue(), Array.from({ length: 16 }, () => 'fe').join(' '));
    await page.getByRole('button', { name: 'Put' }).click();
    await page.getByText('k is at revision 2').waitFor();
    const expected = Buffer.concat([bytes.subarray(0, -16), Buffer.of(0, 1)]);
    t.true(expected.equals(cluster.client.rows[0]?.value ?? toBytes('')));
  },
);
