// The webserver's HTTP interface with a cluster in memory: the answers of the API, and requests that it must refuse. Some tests use
// raw sockets, because a client library would correct the request.

import { connect as connectSocket } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { type RawData, WebSocket } from 'ws';
import { ERROR_TABLE, type ErrorCode, RangekeeperError } from '../../common/base/errors.ts';
import { LIMITS } from '../../common/model/config.ts';
import type { FeedMessage } from '../../webserver/feed.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import { serveMemoryCluster, startMemoryWebserver } from '../support/web-page.ts';

async function serve(t: ExecutionContext) {
  const cluster = new MemoryCluster();
  const { address } = await serveMemoryCluster(t, cluster);
  return { cluster, address, url: (path: string) => `http://${address}${path}` };
}

const KEY = '/api/namespaces/default/key';
const KEYS = '/api/namespaces/default/keys';

function write(method: 'PUT' | 'DELETE', body: unknown): RequestInit {
  return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** Sends a request and returns the status and the JSON body. */
async function ask(url: string, init?: RequestInit): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, init);
  return { status: response.status, body: await response.json() };
}

/** Sends exactly these bytes and returns everything that comes back until the server closes. */
async function raw(address: string, request: string): Promise<string> {
  const [host = '', port = ''] = address.split(':');
  const socket = connectSocket(Number(port), host);
  socket.write(request);
  return readText(socket);
}

test('a value is put, read, listed and deleted, byte for byte', async (t) => {
  const { url } = await serve(t);
  const key = '?key=%00%FF%C3%A4';
  const bytes = Buffer.from([0, 255, 10, 13, 200]).toString('base64');
  const put = await ask(url(KEY + key), write('PUT', { value: bytes, ifRevision: 0 }));
  t.deepEqual(put, { status: 200, body: { revision: 1, range: 1, epoch: 1, node: 'n-a' } });
  const got = await ask(url(KEY + key));
  t.like(got.body, { key: '\\x00\\xffä', value: bytes, revision: 1, stale: false, staleMs: 0 });
  const listed = await ask(url(`${KEYS}?valueBytes=2`));
  t.deepEqual(listed.body, {
    rows: [{ key: '\\x00\\xffä', revision: 1, size: 5, value: Buffer.from([0, 255]).toString('base64') }],
    cursor: null,
    stale: false,
    staleMs: 0,
  });
  const deleted = await ask(url(KEY + key), write('DELETE', { ifRevision: 1 }));
  t.like(deleted.body, { existed: true, revision: 2 });
  t.like(await ask(url(KEY + key)), { status: 404 });
});

test('a scan continues after its cursor', async (t) => {
  const { url, cluster } = await serve(t);
  for (const key of ['a1', 'a2', 'a3', 'b1']) await cluster.client.put(key, 'v');
  const first = await ask(url(`${KEYS}?prefix=a&limit=2`));
  const { cursor } = first.body as { cursor: string };
  t.like(first.body, { rows: { 0: { key: 'a1' }, 1: { key: 'a2' }, length: 2 } });
  const second = await ask(url(`${KEYS}?prefix=a&limit=2&cursor=${encodeURIComponent(cursor)}`));
  t.like(second.body, { rows: { 0: { key: 'a3' }, length: 1 }, cursor: null });
  const reverse = await ask(url(`${KEYS}?reverse=1&limit=1`));
  t.like(reverse.body, { rows: { 0: { key: 'b1' }, length: 1 } });
});

test('long values leave as many rows on a page as short ones, if they are cut', async (t) => {
  const { url, cluster } = await serve(t);
  const long = 'v'.repeat(LIMITS.valueBytesMax);
  for (let i = 1; i <= 6; i++) await cluster.client.put(`k${i}`, long);
  const cut = await ask(url(`${KEYS}?limit=6&valueBytes=3`));
  const { rows } = cut.body as { rows: { size: number; value: string }[] };
  t.deepEqual(
    rows.map(({ size, value }) => [size, value]),
    Array.from({ length: 6 }, () => [LIMITS.valueBytesMax, base64('vvv')]),
  );
  t.like(await ask(url(`${KEYS}?limit=6`)), { body: { rows: { length: 1 } } });
});

test('a conflict carries the present revision', async (t) => {
  const { url, cluster } = await serve(t);
  await cluster.client.put('k', 'v');
  const { status, body } = await ask(
    url(`${KEY}?key=k`),
    write('PUT', { value: base64('w'), ifRevision: 7 }),
  );
  t.is(status, 409);
  t.like(body, { code: 'CONFLICT', applied: 'no', retry: 'never', revision: 1 });
});

test('the largest key and the largest value pass', async (t) => {
  const { url } = await serve(t);
  const key = '%FE'.repeat(LIMITS.keyBytesMax);
  const value = Buffer.alloc(LIMITS.valueBytesMax, 7).toString('base64');
  t.is((await ask(url(`${KEY}?key=${key}`), write('PUT', { value }))).status, 200);
  const got = await ask(url(`${KEY}?key=${key}`));
  t.is((got.body as { value: string }).value, value);
});

const failsAs = test.macro<[ErrorCode, number]>({
  title: (_, code, status) => `${code} is HTTP ${status}`,
  async exec(t, code, status) {
    const { url, cluster } = await serve(t);
    cluster.client.beforeCall = () => {
      throw new RangekeeperError(code, 'said the node');
    };
    const answer = await ask(url(`${KEY}?key=k`), write('PUT', { value: '' }));
    const { applied, retry } = ERROR_TABLE[code];
    t.deepEqual(answer, { status, body: { code, message: 'said the node', applied, retry } });
  },
});

test(failsAs, 'NO_OWNER', 503);
test(failsAs, 'READ_ONLY', 503);
test(failsAs, 'OVERLOADED', 503);
test(failsAs, 'OUTCOME_UNKNOWN', 504);
test(failsAs, 'INVALID_ARGUMENT', 400);

test('the details of an internal error are not sent', async (t) => {
  const { url, cluster } = await serve(t);
  cluster.client.beforeCall = () => {
    throw new TypeError('secret detail');
  };
  const { status, body } = await ask(url(`${KEY}?key=k`));
  t.is(status, 500);
  t.like(body, { code: 'INTERNAL' });
  t.notRegex(JSON.stringify(body), /secret/);
});

interface Bad {
  readonly path: string;
  readonly init?: RequestInit;
  readonly status?: number;
  readonly says: RegExp;
}

const refused = test.macro<[Bad]>(async (t, { path, init, status = 400, says }) => {
  const { url, cluster } = await serve(t);
  await cluster.client.put('k', 'v');
  const answer = await ask(url(path), init);
  t.is(answer.status, status);
  t.regex((answer.body as { message: string }).message, says);
  t.regex((answer.body as { code: string }).code, /^(INVALID_ARGUMENT|UNKNOWN_NAMESPACE|NOT_FOUND)$/);
  t.is(cluster.client.revision, 1);
});

test('no key', refused, { path: KEY, says: /key is missing/ });
test('an empty key', refused, { path: `${KEY}?key=`, says: /empty/ });
test('bad percent-encoding', refused, { path: `${KEY}?key=%zz`, says: /bad percent-encoding/ });
test('two keys', refused, { path: `${KEY}?key=a&key=b`, says: /more than once/ });
test('an unknown parameter', refused, { path: `${KEYS}?perfix=a`, says: /unknown parameter perfix/ });
test('a parameter where there are none', refused, {
  path: '/api/namespaces?limit=1',
  says: /unknown parameter limit \(there is none\)/,
});
test('a limit of zero', refused, { path: `${KEYS}?limit=0`, says: /limit is a whole number/ });
test('a limit that is none', refused, { path: `${KEYS}?limit=1e3`, says: /limit is a whole number/ });
test('an unknown read mode', refused, { path: `${KEYS}?read=dirty`, says: /read is one of/ });
test('an unknown namespace', refused, {
  path: '/api/namespaces/nowhere/keys',
  status: 404,
  says: /no namespace nowhere/,
});
test('an unknown path', refused, { path: '/api/nothing', status: 404, says: /no \/api\/nothing here/ });
test('a key that is too long', refused, {
  path: `${KEY}?key=${'k'.repeat(LIMITS.keyBytesMax + 1)}`,
  says: /at most 4096/,
});
test('a value that is too long', refused, {
  path: `${KEY}?key=k`,
  init: write('PUT', { value: Buffer.alloc(LIMITS.valueBytesMax + 1).toString('base64') }),
  says: /at most 1048576/,
});
test('a body that is too long', refused, {
  path: `${KEY}?key=k`,
  init: write('PUT', { value: 'A'.repeat(3 * 1024 * 1024) }),
  status: 413,
  says: /too large/,
});
test('a value that is not base64', refused, {
  path: `${KEY}?key=k`,
  init: write('PUT', { value: 'caf\u00e9' }),
  says: /base64/,
});
test('base64 with bits that no byte has', refused, {
  path: `${KEY}?key=k`,
  init: write('PUT', { value: 'YR==' }),
  says: /base64/,
});
test('a value that is a number', refused, {
  path: `${KEY}?key=k`,
  init: write('PUT', { value: 1234 }),
  says: /base64/,
});
test('a negative revision', refused, {
  path: `${KEY}?key=k`,
  init: write('PUT', { value: '', ifRevision: -1 }),
  says: /ifRevision/,
});
test('a misspelt field, which would drop the guard', refused, {
  path: `${KEY}?key=k`,
  init: write('PUT', { value: '', ifrevision: 1 }),
  says: /unknown field ifrevision/,
});
test('a body that is no object', refused, {
  path: `${KEY}?key=k`,
  init: write('PUT', [1]),
  says: /JSON object/,
});
test('bad JSON', refused, {
  path: `${KEY}?key=k`,
  init: { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"value": ' },
  says: /JSON/,
});
test('a write that is not declared as JSON', refused, {
  path: `${KEY}?key=k`,
  init: { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: '{"value":""}' },
  status: 415,
  says: /Media Type/i,
});
test('a delete without a body', refused, {
  path: `${KEY}?key=k`,
  init: { method: 'DELETE' },
  says: /JSON object/,
});

const forbidden = test.macro<[string, string]>({
  title: (title, path) => `${title} is refused at ${path}`,
  async exec(t, path, headers) {
    const { address } = await serve(t);
    const answer = await raw(
      address,
      `GET ${path} HTTP/1.1\r\n${headers.replaceAll('$address', address)}Connection: close\r\n\r\n`,
    );
    t.regex(answer, /^HTTP\/1\.1 403 /);
    t.notRegex(answer, /<div|replicationFactor|rangekeeper_webserver/);
  },
});

for (const path of ['/', '/api/namespaces', '/metrics', '/livez', '/nowhere']) {
  test('a foreign host', forbidden, path, 'Host: evil.example\r\n');
  test('a foreign origin', forbidden, path, 'Host: $address\r\nOrigin: http://evil.example\r\n');
}
const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
test('an upgrade with a foreign host', forbidden, '/feed', `Host: evil.example\r\n${UPGRADE}`);
test(
  'an upgrade with a foreign origin',
  forbidden,
  '/feed',
  `Host: $address\r\nOrigin: http://evil.example\r\n${UPGRADE}`,
);

const outside = test.macro<[string]>({
  title: (_, path) => `${path} stays inside the page's folder`,
  async exec(t, path) {
    const { address } = await serve(t);
    const answer = await raw(
      address,
      `GET ${path} HTTP/1.1\r\nHost: ${address}\r\nConnection: close\r\n\r\n`,
    );
    t.regex(answer, /^HTTP\/1\.1 (400|403|404) /);
    t.notRegex(answer, /startWebserver|root:|"dependencies"/);
  },
});

test(outside, '/../webserver.js');
test(outside, '/assets/../../webserver.js');
test(outside, '/%2e%2e/webserver.js');
test(outside, '/%2e%2e%2fwebserver.js');
test(outside, '/..%5cwebserver.js');
test(outside, '/....//webserver.js');
test(outside, '//etc/passwd');
test(outside, '/%00/../webserver.js');
test(outside, '/../../../../../../../../etc/passwd');
test(outside, '/%c0%ae%c0%ae/webserver.js');
test(outside, '/%zz');

test('the page has headers that keep other sites from using it', async (t) => {
  const { url } = await serve(t);
  const page = await fetch(url('/'));
  t.is(page.status, 200);
  t.regex(await page.text(), /<div id="page">/);
  const policy = page.headers.get('content-security-policy') ?? '';
  t.regex(policy, /default-src 'none'/);
  t.notRegex(policy, /unsafe/);
  t.is(page.headers.get('x-content-type-options'), 'nosniff');
  t.is(page.headers.get('access-control-allow-origin'), null);
});

test('/livez is ok at once, /readyz once there is a cluster', async (t) => {
  const cluster = new MemoryCluster({ cluster: false });
  const { address } = await serveMemoryCluster(t, cluster);
  const url = (path: string): string => `http://${address}${path}`;
  t.is((await fetch(url('/livez'))).status, 200);
  const early = await fetch(url('/readyz'));
  t.is(early.status, 503);
  t.regex(await early.text(), /no cluster/);
  t.like(await ask(url(`${KEY}?key=k`)), { status: 503, body: { code: 'NO_CLUSTER' } });
  cluster.create();
  t.is((await fetch(url('/readyz'))).status, 200);
  t.regex(await (await fetch(url('/metrics'))).text(), /^rangekeeper_webserver_requests_total [1-9]/m);
});

test('the feed begins with the complete state, and nodes are asked only while a page is open', async (t) => {
  const cluster = new MemoryCluster();
  let asked = 0;
  const { nodeStatus } = cluster.client;
  cluster.client.nodeStatus = (node) => {
    asked++;
    return nodeStatus(node);
  };
  const { address } = await serveMemoryCluster(t, cluster);
  const socket = new WebSocket(`ws://${address}/feed`);
  const messages: FeedMessage[] = [];
  const received = (wanted: (message: FeedMessage) => boolean): Promise<void> =>
    new Promise((resolve) => {
      socket.on('message', (data: RawData) => {
        const message = JSON.parse(data.toString()) as FeedMessage;
        messages.push(message);
        if (wanted(message)) resolve();
      });
    });
  t.is(asked, 0);
  await received((message) => message.kind === 'change' && message.change.nodes !== undefined);
  t.is(messages[0]?.kind, 'hello');
  t.true(asked >= 3);
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.close();
  await closed;
});

test('a page that sends messages is disconnected', async (t) => {
  const { address } = await serve(t);
  const socket = new WebSocket(`ws://${address}/feed`);
  const code = new Promise((resolve) => socket.on('close', resolve));
  socket.on('open', () => socket.send('hello'));
  t.is(await code, 1008);
});

test('a page that does not read is disconnected, and the others are not affected', async (t) => {
  const { address, cluster } = await serve(t);
  const slow = new WebSocket(`ws://${address}/feed`);
  await new Promise((resolve) => slow.on('open', resolve));
  slow.pause();
  const other = new WebSocket(`ws://${address}/feed`);
  let changes = 0;
  other.on('message', () => changes++);
  const text = 'x'.repeat(100_000);
  const dropped = async (): Promise<boolean> =>
    /^rangekeeper_webserver_pages_dropped_total\{why="slow"\} 1$/m.test(
      await (await fetch(`http://${address}/metrics`)).text(),
    );
  let sent = 0;
  while (!(await dropped()) && sent < 1_000) {
    cluster.event({ kind: `test ${sent++}`, text });
    await new Promise((resolve) => other.once('message', resolve));
  }
  t.true(await dropped());
  t.true(changes >= sent);
  slow.terminate();
  other.close();
});

test('a busy port is one error, and nothing stays open', async (t) => {
  const { address } = await serve(t);
  const cluster = new MemoryCluster();
  const error = await t.throwsAsync(startMemoryWebserver(cluster, { listen: address }));
  t.regex(error?.message ?? '', /EADDRINUSE/);
});
