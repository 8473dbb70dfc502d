// A webserver over a paper cluster, and Debian's Chromium to look at it: one browser a test file, one page a test.

import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Browser, chromium, type Page } from 'playwright-core';
import { realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import { startWebserver, type Webserver, type WebserverOptions } from '../../webserver/webserver.ts';
import { findChromium } from './chromium.ts';
import type { PaperCluster } from './memory-cluster.ts';
import { PATIENCE_MS } from './processes.ts';

export type { Locator, Page } from 'playwright-core';

/** Where `npm run build` puts the page: this file is in dist/test/support. */
const UI_FOLDER = join(import.meta.dirname, '../../webserver/ui');

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

export function startPaperServer(
  cluster: PaperCluster,
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

/** The same, closed when the test ends. */
export async function servePaper(
  t: ExecutionContext,
  cluster: PaperCluster,
  options: Partial<WebserverOptions> = {},
): Promise<Webserver> {
  const server = await startPaperServer(cluster, options);
  t.teardown(() => server.close());
  return server;
}

/** A fresh page, which fails the test for every error in it and every request to another place than `address`. */
export async function openPage(t: ExecutionContext, address: string, width = 1280): Promise<Page> {
  shared ??= launch();
  const context = await (await shared).newContext({
    viewport: { width, height: 900 },
    reducedMotion: 'reduce',
  });
  t.teardown(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (error) => t.fail(`an error in the page: ${error.message}`));
  page.on('request', (request) => {
    const url = request.url();
    if (new URL(url).host !== address) t.fail(`the page asked for ${url}`);
  });
  await page.goto(`http://${address}/`);
  return page;
}

async function launch(): Promise<Browser> {
  const executablePath = findChromium(process.env);
  if (executablePath === null)
    throw new Error('no Chromium in PATH: install it (Debian: apt-get install chromium)');
  return chromium.launch({ executablePath, args: FLAGS, timeout: PATIENCE_MS });
}
