// What administrators ask for, over HTTP and on the page in a real browser, with a cluster in memory: first the steps, then the deed.

import test, { type ExecutionContext } from 'ava';
import { RangekeeperError } from '../../common/base/errors.ts';
import { FREE_PLACEMENT, withPlacement } from '../../common/model/descriptor.ts';
import type { TaskBody } from '../../webserver/answers.ts';
import { TASKS_SHOWN } from '../../webserver/page-tasks.ts';
import type { Asked } from '../support/memory-admin.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import {
  faultsOfAccess,
  type Locator,
  openPage,
  type Page,
  serveMemoryCluster,
} from '../support/web-page.ts';

const PATH = '/api/namespaces/default/tasks';

async function post(address: string, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(`http://${address}${PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
}

async function serve(t: ExecutionContext) {
  const cluster = new MemoryCluster();
  const { address } = await serveMemoryCluster(t, cluster);
  return { cluster, client: cluster.client, address };
}

// ---- over HTTP -------------------------------------------------------------------------------------------------------

const asks = test.macro<[body: TaskBody, asked: Asked]>({
  title: (_, body) => `over HTTP: ${JSON.stringify(body)}`,
  async exec(t, body, asked) {
    const { client, address } = await serve(t);
    client.task = { id: 'abc', state: 'running', progress: 'it begins', steps: ['one', 'two'] };
    t.deepEqual(await post(address, body), { status: 200, body: client.task });
    t.deepEqual(client.asked, [asked]);
  },
});

test(asks, { kind: 'split', keys: ['m\\xff'] }, ['split', ['m\\xff']]);
test(asks, { kind: 'split', keys: ['m'], dryRun: true }, ['split', ['m'], 'dry run', 'ended']);
test(asks, { kind: 'merge', key: 'a' }, ['merge', 'a']);
test(asks, { kind: 'move', range: 2, from: 'n-a', to: 'n-d' }, ['move', 2, 'n-a', 'n-d']);
test(asks, { kind: 'transfer', range: 2, node: 'n-c' }, ['transfer', 2, 'n-c']);
test(asks, { kind: 'isolate', range: 2 }, ['isolate', 2, null]);
test(asks, { kind: 'isolate-key', key: '7', node: 'n-c' }, ['isolate', '7', 'n-c']);
test(asks, { kind: 'pin', range: 2 }, ['pin', 2]);
test(asks, { kind: 'unpin', range: 2, dryRun: false }, ['unpin', 2]);
test(asks, { kind: 'drain', node: 'n-b' }, ['drain', 'n-b']);
test(asks, { kind: 'undrain', node: 'n-b' }, ['undrain', 'n-b']);
test(asks, { kind: 'rebalance', dryRun: true }, ['rebalance', 'dry run', 'ended']);
test(asks, { kind: 'cancel', task: 'c0ffee' }, ['cancelTask', 'c0ffee']);

const refuses = test.macro<[body: unknown, says: RegExp]>({
  title: (_, body) => `over HTTP it is refused: ${JSON.stringify(body)}`,
  async exec(t, body, says) {
    const { client, address } = await serve(t);
    const answer = await post(address, body);
    t.is(answer.status, 400);
    t.is(answer.body.code, 'INVALID_ARGUMENT');
    t.regex(String(answer.body.message), says);
    t.deepEqual(client.asked, []);
  },
});

test(refuses, {}, /kind is one of split, merge, move/);
test(refuses, [], /kind is one of/);
test(refuses, null, /kind is one of/);
test(refuses, { kind: 'explode' }, /kind is one of/);
test(refuses, { kind: 'toString' }, /kind is one of/);
test(refuses, { kind: 'split', key: 'm' }, /unknown field key \(there is kind, dryRun, keys\)/);
test(refuses, { kind: 'split', keys: 'm' }, /keys is a list of texts/);
test(refuses, { kind: 'split', keys: [7] }, /keys is a list of texts/);
test(refuses, { kind: 'split', keys: [] }, /a split takes 1 to 2 keys, not 0/);
test(refuses, { kind: 'split', keys: [''] }, /the key is empty/);
test(refuses, { kind: 'split', keys: ['\\xq'] }, /a key: /);
test(refuses, { kind: 'merge' }, /key is a text/);
test(refuses, { kind: 'merge', key: 'a', dryRun: 1 }, /dryRun is true or false/);
test(refuses, { kind: 'pin', range: '2' }, /range is a number/);
test(refuses, { kind: 'pin', range: 1.5 }, /a range is a positive integer/);
test(refuses, { kind: 'isolate', range: 1, node: 7 }, /node is a text/);
test(refuses, { kind: 'drain', node: '' }, /a node/);
test(refuses, { kind: 'rebalance', node: 'n-a' }, /unknown field node/);

test('what the leader refuses is a conflict, with its reason', async (t) => {
  const { client, address } = await serve(t);
  client.task = { id: 'abc', state: 'failed', progress: 'range 9 does not exist', steps: [] };
  const answer = await post(address, { kind: 'pin', range: 9 });
  t.deepEqual(answer, {
    status: 409,
    body: { code: 'REFUSED', message: 'range 9 does not exist', applied: 'no', retry: 'never' },
  });
});

test('a page of another site can ask for nothing', async (t) => {
  const { client, address } = await serve(t);
  const foreign = await post(address, { kind: 'rebalance' }, { origin: 'http://evil.example' });
  t.is(foreign.status, 403);
  const asForm = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{"kind":"rebalance"}' };
  t.is((await fetch(`http://${address}${PATH}`, asForm)).status, 415);
  t.deepEqual(client.asked, []);
});

// ---- on the page -----------------------------------------------------------------------------------------------------

async function show(t: ExecutionContext, width?: number) {
  const { cluster, client, address } = await serve(t);
  const page = await openPage(t, address, width);
  await page.locator('.segment.serving').nth(3).waitFor();
  return { cluster, client, page };
}

async function says(t: ExecutionContext, element: Locator, text: string | RegExp): Promise<void> {
  await element.filter({ hasText: text }).first().waitFor();
  t.pass();
}

function segment(page: Page, range: number): Locator {
  return page.locator(`[data-range="${range}"]`);
}

function button(page: Page | Locator, name: string | RegExp): Locator {
  return page.getByRole('button', { name, exact: true });
}

const STEPS = ['range 2 is to be split into 5 and 6: an administrator asks for it', 'then nothing more'];

test.serial(
  'a range is split: the steps are shown first, then it is done, and the children appear',
  async (t) => {
    const { cluster, client, page } = await show(t);
    await segment(page, 2).click();
    await button(page, 'Split…').click();
    const form = page.getByRole('form', { name: 'Split range 2' });
    t.true(await button(form, 'Show steps').isDisabled());
    t.is(await button(form, 'Split').count(), 0);
    client.task = { id: 'abc', state: 'done', progress: '2 steps would be taken', steps: STEPS };
    await page.keyboard.type('k');
    await page.keyboard.press('Enter');
    await says(t, form.locator('.steps li').first(), STEPS[0] ?? '');
    await says(t, form, 'Nothing has been changed yet');
    t.deepEqual(client.asked, [['split', ['k'], 'dry run', 'ended']]);
    client.task = { id: 'abc', state: 'running', progress: 'range 2 is being split', steps: [] };
    await button(form, 'Split').click();
    await says(t, form, 'Under way range 2 is being split');
    t.deepEqual(client.asked.at(-1), ['split', ['k']]);
    t.is(await page.evaluate('document.activeElement.textContent'), 'Close');
    const request = { kind: 'split', namespace: 'default', keys: ['k'] } as const;
    cluster.task('abc', { request, state: 'done', progress: 'range 2 was split into 5 and 6' });
    cluster.split(2, 'k');
    await says(t, form, 'Done range 2 was split into 5 and 6');
    await page.getByRole('region', { name: 'Range 5' }).waitFor();
    t.is(await segment(page, 2).count(), 0);
    await segment(page, 6).waitFor();
    await says(t, page.locator('.tasks li'), 'done split k in default');
    await says(t, page.locator('.events li').first(), 'range 2 was split at k: for a test');
  },
);

test.serial('what is typed after the steps were shown makes them out of date', async (t) => {
  const { client, page } = await show(t);
  await segment(page, 2).click();
  await button(page, 'Split…').click();
  const form = page.getByRole('form', { name: 'Split range 2' });
  await form.getByLabel('At the key').fill('k');
  await button(form, 'Show steps').click();
  await button(form, 'Split').waitFor();
  await form.getByLabel('At the key').fill('l');
  await button(form, 'Split').waitFor({ state: 'detached' });
  await button(form, 'Show steps').click();
  await button(form, 'Split').click();
  await says(t, form, 'Done');
  t.deepEqual(client.asked.at(-1), ['split', ['l']]);
});

const WAYS: readonly (readonly [
  opens: string,
  form: RegExp,
  fill: ((form: Locator) => Promise<unknown>) | null,
  verb: string,
  asked: Asked,
])[] = [
  ['Merge…', /^Merge range 2/, null, 'Merge', ['merge', 'g']],
  ['Pin…', /^Pin range 2/, null, 'Pin', ['pin', 2]],
  [
    'Transfer…',
    /owner of range 2/,
    (form) => form.getByLabel('To').selectOption('cleo'),
    'Transfer',
    ['transfer', 2, 'n-c'],
  ],
  [
    'Move…',
    /^Move a replica of range 2/,
    async (form) => {
      await form.getByLabel('From').selectOption('anna');
      await form.getByLabel('To').selectOption('n-d');
    },
    'Move',
    ['move', 2, 'n-a', 'n-d'],
  ],
  ['Isolate…', /^Isolate range 2/, async () => {}, 'Isolate', ['isolate', 2, null]],
  [
    'Isolate…',
    /^Isolate range 2/,
    async (form) => {
      await form.getByLabel('Only the key').fill('hot');
      await form.locator('select').selectOption('cleo');
    },
    'Isolate',
    ['isolate', 'hot', 'n-c'],
  ],
];

for (const [opens, name, fill, verb, asked] of WAYS) {
  test.serial(`${opens} asks for ${JSON.stringify(asked)}, after a dry run`, async (t) => {
    const { cluster, client, page } = await show(t);
    const dora = { id: 'n-d', name: 'dora', zone: 'z1', capacity: 1, mode: 'active' } as const;
    cluster.change({ nodes: [...cluster.view.nodes, dora] });
    await page.locator('[data-node="n-d"]').waitFor();
    await segment(page, 2).click();
    await button(page, opens).click();
    const form = page.getByRole('form', { name });
    if (fill !== null) {
      await fill(form);
      await button(form, 'Show steps').click();
    }
    await button(form, verb).click();
    await says(t, form, 'Done');
    const [method, ...rest] = asked;
    t.deepEqual(client.asked, [[method, ...rest, 'dry run', 'ended'], asked]);
    t.deepEqual(await faultsOfAccess(page), []);
    await page.keyboard.press('Escape');
    await form.waitFor({ state: 'detached' });
    t.is(await page.evaluate('document.activeElement.textContent'), opens);
  });
}

test.serial('a node is drained and let in again at its row, and ranges are rebalanced', async (t) => {
  const { cluster, client, page } = await show(t);
  await button(page, 'Drain… bert').click();
  const drain = page.getByRole('form', { name: 'Move everything off bert' });
  await button(drain, 'Drain').click();
  await says(t, drain, 'Done');
  await button(drain, 'Close').click();
  const nodes = (mode: 'draining' | 'active') =>
    cluster.view.nodes.map((record) => (record.id === 'n-b' ? { ...record, mode } : record));
  cluster.change({ nodes: nodes('draining') });
  const row = page.locator('[data-node="n-b"]');
  await says(t, row, '· draining');
  t.notRegex(await row.innerText(), /safe to switch off/);
  const without = cluster.view.ranges.map(({ descriptor, version }) => ({
    version,
    descriptor: { ...descriptor, replicas: descriptor.replicas.filter(({ node }) => node !== 'n-b') },
  }));
  cluster.change({ ranges: without });
  await says(t, row, 'draining, safe to switch off');
  await button(page, 'Undrain… bert').click();
  const undrain = page.getByRole('form', { name: 'Let bert have ranges again' });
  await button(undrain, 'Undrain').click();
  await says(t, undrain, 'Done');
  await button(page, 'Rebalance…').click();
  const rebalance = page.getByRole('form', { name: 'Move ranges until the load is even' });
  await button(rebalance, 'Rebalance').click();
  await says(t, rebalance, 'Done');
  t.deepEqual(
    client.asked.filter((asked) => !asked.includes('dry run')),
    [['drain', 'n-b'], ['undrain', 'n-b'], ['rebalance']],
  );
  t.deepEqual(await faultsOfAccess(page), []);
});

test.serial('what the leader refuses is told with its reason, and nothing can be done then', async (t) => {
  const { client, page } = await show(t);
  client.task = { id: 'abc', state: 'failed', progress: 'range 4 is the last one of default', steps: [] };
  await segment(page, 4).click();
  await button(page, 'Merge…').click();
  const form = page.getByRole('form', { name: /^Merge range 4/ });
  await says(t, form.getByRole('alert'), 'REFUSED range 4 is the last one of default');
  t.is(await button(form, 'Merge').count(), 0);
});

test.serial('a task that nobody answered may still be done, and the page says so', async (t) => {
  const { client, page } = await show(t);
  await segment(page, 2).click();
  await button(page, 'Pin…').click();
  const form = page.getByRole('form', { name: /^Pin range 2/ });
  await button(form, 'Pin').waitFor();
  client.beforeCall = ({ method }) => {
    if (method === 'pin')
      throw new RangekeeperError('OUTCOME_UNKNOWN', 'no coordinator has answered in time');
  };
  await button(form, 'Pin').click();
  await says(t, form.getByRole('alert'), 'It may still be done');
});

test.serial(
  'tasks: what is under way comes first and can be cancelled, what has ended is behind it',
  async (t) => {
    const { cluster, client, page } = await show(t);
    await says(t, page.locator('section', { has: page.locator('#tasks') }), 'Nobody has asked for anything');
    for (let at = 1; at <= 8; at++) {
      const request = { kind: 'pin', range: at, pinned: true } as const;
      cluster.task(`e${at}`, { request, state: 'done', createdAt: at });
    }
    const id = 'n-0123456789abcdef';
    cluster.change({
      nodes: [{ id, name: 'dora', zone: 'z', capacity: 1, mode: 'active' }, ...cluster.view.nodes],
    });
    cluster.task('c0ffee', {
      request: { kind: 'drain', node: id },
      state: 'running',
      progress: `${id} drains`,
    });
    cluster.task('beef', { request: { kind: 'rebalance' } });
    await says(t, page.locator('.tasks li').first(), /under way drain dora\s*dora drains/);
    await says(t, page.locator('.tasks li').nth(1), 'waiting rebalance');
    t.is(await page.locator('.tasks li').count(), 7);
    await button(page, 'Show 3 more tasks').click();
    await page.locator('.tasks li').nth(9).waitFor();
    t.is(await button(page, /^Cancel…/).count(), 2);
    client.task = { ...client.task, id: 'abc' };
    await button(page, 'Cancel… drain dora').click();
    const form = page.getByRole('form', { name: 'Cancel drain dora' });
    await button(form, 'Cancel the task').click();
    await says(t, form, 'Done');
    t.deepEqual(client.asked, [
      ['cancelTask', 'c0ffee', 'dry run', 'ended'],
      ['cancelTask', 'c0ffee'],
    ]);
    t.deepEqual(await faultsOfAccess(page), []);
  },
);

test.serial('signs and words tell what a range is doing, and what people decided about it', async (t) => {
  const { cluster, page } = await show(t);
  cluster.describe(1, (before) => ({ ...before, transferTo: 'n-b' }));
  cluster.describe(3, (before) =>
    withPlacement(before, { ...FREE_PLACEMENT, pinned: true, isolated: true, home: 'n-c' }),
  );
  await says(t, segment(page, 1).locator('.note'), 'moving');
  await says(t, segment(page, 1).locator('.signs'), '→');
  await says(t, segment(page, 3).locator('.note'), 'epoch 1 · pinned · isolated');
  await says(t, segment(page, 3).locator('.signs'), '†○');
  t.is(await segment(page, 2).locator('.signs').count(), 0);
  await segment(page, 3).click();
  const details = page.getByRole('region', { name: 'Range 3' });
  await says(t, details.locator('.pill.sign'), 'pinned');
  await says(t, details.locator('.pill.sign'), 'isolated');
  await button(details, 'Unpin…').waitFor();
  t.is(await button(details, 'Pin…').count(), 0);
});

test.serial('a split changes only its own place in the bar, and the focus stays there', async (t) => {
  const { cluster, page } = await show(t);
  await segment(page, 2).focus();
  await page.evaluate(`
    window.others = [...document.querySelectorAll('[data-range]')];
    window.gone = [];
    new MutationObserver((changes) => {
      for (const { removedNodes } of changes) for (const { dataset } of removedNodes) window.gone.push(dataset?.range);
    }).observe(document.querySelector('.bar'), { childList: true });`);
  const [left, right] = cluster.split(2, 'k');
  await segment(page, right ?? 0).waitFor();
  t.deepEqual(await page.evaluate('window.gone'), ['2']);
  t.deepEqual(await page.evaluate('window.others.filter((one) => !one.isConnected).length'), 1);
  t.deepEqual(
    await page.locator('.segment').evaluateAll((all) => all.map((one) => one.getAttribute('data-range'))),
    ['1', String(left), String(right), '3', '4'],
  );
  t.is(await page.locator('.segment.fresh').count(), 2);
  t.is(await page.evaluate('document.activeElement.dataset.range'), String(left));
});

test.serial('the load of ranges and nodes is shown', async (t) => {
  const { cluster, page } = await show(t);
  const load = { reads: 12, writes: 345, bytesIn: 0, bytesOut: 0, cpu: 0.3, bytes: 2_048 };
  const report = (...ranges: readonly number[]) => ({
    ...{ cpu: 0.4, syncP99Ms: null, syncMeanMs: null },
    ranges: ranges.map((range) => ({ ...load, range })),
  });
  cluster.change({
    loads: new Map([
      ['n-a', report(1, 4)],
      ['n-b', report(2)],
    ]),
  });
  await says(t, page.locator('[data-node="n-a"] [data-label="Load"]'), '67 %');
  await says(t, page.locator('[data-node="n-b"] [data-label="Load"]'), '33 %');
  await says(t, page.locator('[data-node="n-c"] [data-label="Data"]'), '6.0 KiB');
  await segment(page, 2).click();
  await says(t, page.getByRole('region', { name: 'Range 2' }), /Writes a second\s*345/);
});

test.serial('a thousand ranges and a thousand ended tasks: one change touches one range', async (t) => {
  const { cluster, page } = await show(t);
  cluster.spread(1_000);
  const request = { kind: 'rebalance' } as const;
  const ended = Array.from({ length: 1_000 }, (_, at) => ({
    id: `e${at}`,
    record: { request, state: 'done', progress: 'done', createdAt: at } as const,
  }));
  cluster.change({ tasks: ended });
  await segment(page, 1_000).waitFor();
  t.is(await page.locator('.segment').count(), 1_000);
  await button(page, `Show ${TASKS_SHOWN - 5} more tasks`).click();
  await says(
    t,
    page.locator('section', { has: page.locator('#tasks') }),
    `${1_000 - TASKS_SHOWN} more tasks not shown`,
  );
  t.is(await page.locator('.tasks li').count(), TASKS_SHOWN);
  await page.evaluate(`
    window.touched = new Set();
    new MutationObserver((changes) => {
      for (const { target } of changes) {
        const element = target instanceof Element ? target : target.parentElement;
        window.touched.add(element.closest('[data-range]')?.dataset.range ?? 'bar');
      }
    }).observe(document.querySelector('.bar'), { subtree: true, childList: true, characterData: true, attributes: true });`);
  cluster.promote(500, 'n-c');
  await says(t, segment(page, 500), 'epoch 2');
  t.deepEqual(await page.evaluate('[...window.touched]'), ['500']);
});

test.serial('on a narrow screen forms and tasks are not wider than the screen', async (t) => {
  const { cluster, client, page } = await show(t, 420);
  client.task = { id: 'abc', state: 'done', progress: '', steps: ['x'.repeat(300)] };
  cluster.task('c0ffee', { request: { kind: 'rebalance' }, state: 'running', progress: 'y'.repeat(300) });
  await segment(page, 2).click();
  await button(page, 'Merge…').click();
  await button(page, 'Drain… bert').click();
  await button(page, /^Cancel…/).click();
  await page.locator('.steps').nth(2).waitFor();
  t.is(await page.evaluate('document.documentElement.scrollWidth'), 420);
  t.deepEqual(await faultsOfAccess(page), []);
});
