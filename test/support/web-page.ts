// A webserver over a cluster in memory, and Chromium to show its page: one browser for each test file, one page for each test.

import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import { startWebserver, type Webserver, type WebserverOptions } from '../../webserver/webserver.ts';
import { findChromium } from './chromium.ts';
import type { MemoryCluster } from './memory-cluster.ts';
import { WAIT_MS_MAX } from './processes.ts';

export type { Locator, Page } from 'playwright-core';

/** The page as `npm run build` makes it; this file is in dist/test/support. */
export const UI_FOLDER = join(import.meta.dirname, '../../webserver/ui');

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let shared: Promise<Browser> | null = null;

test.after.always('close the browser', async () => {
  await (await shared)?.close();
});

export function startMemoryWebserver(
  cluster: MemoryCluster,
  options: Partial<WebserverOptions> = {},
): Promise<Webserver> {
  return startWebserver({
    env: realEnv,
    logger: silentLogger,
    source: cluster,
    connect: async () => cluster.client,
    namespace: 'default',
    listen: '127.0.0.1:0',
    allowHosts: [],
    uiFolder: UI_FOLDER,
    statusMs: 100,
    ...options,
  });
}

/** Starts the same webserver and closes it when the test ends. */
export async function serveMemoryCluster(
  t: ExecutionContext,
  cluster: MemoryCluster,
  options: Partial<WebserverOptions> = {},
): Promise<Webserver> {
  const server = await startMemoryWebserver(cluster, options);
  t.teardown(() => server.close());
  return server;
}

/** Opens a new page. Each error in it, and each request to another address, fails the test. */
export async function openPage(t: ExecutionContext, address: string, width = 1280): Promise<Page> {
  shared ??= launch();
  const context = await (await shared).newContext({
    viewport: { width, height: 900 },
    reducedMotion: 'reduce',
  });
  t.teardown(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS_MAX);
  page.on('pageerror', (error) => t.fail(`an error in the page: ${error.message}`));
  page.on('request', (request) => {
    const url = request.url();
    if (new URL(url).host !== address) t.fail(`the page asked for ${url}`);
  });
  await page.goto(`http://${address}/`);
  return page;
}

/**
 * What axe-core finds wrong on the page as it is now: rule and element, one a line. It also applies the experimental rule by which the
 * name of a control contains its visible text.
 */
export async function faultsOfAccess(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(`axe.run({ rules: { 'label-content-name-mismatch': { enabled: true } } }).then(
    ({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html)))`);
}

async function launch(): Promise<Browser> {
  const executablePath = findChromium(process.env);
  if (executablePath === null)
    throw new Error('no Chromium in PATH: install it (Debian: apt-get install chromium)');
  return chromium.launch({ executablePath, args: FLAGS, timeout: WAIT_MS_MAX });
}
