// How requests and answers travel: what a key in a URL means, and which answers are compressed.

import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { formatBytes } from '../../common/base/bytes.ts';
import { percentEncode } from '../../common/base/percent-encoding.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import { serveMemoryCluster, UI_FOLDER } from '../support/web-page.ts';

const KEY = '/api/namespaces/default/key';
const KEYS = '/api/namespaces/default/keys';

async function serve(t: ExecutionContext) {
  const cluster = new MemoryCluster();
  const { address } = await serveMemoryCluster(t, cluster);
  return { cluster, address };
}

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Sends the path as it stands, and returns the answer without decompressing it. */
function send(address: string, path: string, { method = 'GET', headers = {}, body }: Sent = {}) {
  return new Promise<{ status: number; headers: Readonly<Record<string, unknown>>; body: Buffer }>(
    (resolve, reject) => {
      const url = new URL(`http://${address}`);
      const content = body === undefined ? '' : JSON.stringify(body);
      const json = { 'content-type': 'application/json', 'content-length': content.length };
      const sent = request(
        {
          ...{ host: url.hostname, port: url.port, method, path },
          headers: body === undefined ? headers : { ...headers, ...json },
        },
        (answer) => {
          buffer(answer).then(
            (bytes) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: bytes }),
            reject,
          );
        },
      );
      sent.on('error', reject);
      sent.end(content);
    },
  );
}

// ---- keys in URLs ------------------------------------------------------------------------------------------------

const meansKey = test.macro<[string, string]>({
  title: (_, encoded, key) => `key=${encoded} is ${key} for every route and method`,
  async exec(t, encoded, key) {
    const { cluster, address } = await serve(t);
    const path = `${KEY}?key=${encoded}`;
    const put = await send(address, path, { method: 'PUT', body: { value: '' } });
    t.is(put.status, 200);
    t.deepEqual(
      cluster.client.rows.map((row) => formatBytes(row.key)),
      [key],
    );
    t.like(JSON.parse((await send(address, path)).body.toString()), { key });
    for (const bound of ['prefix', 'start']) {
      const listed = await send(address, `${KEYS}?${bound}=${encoded}`);
      t.like(JSON.parse(listed.body.toString()), { rows: { 0: { key }, length: 1 } }, bound);
    }
    const before = await send(address, `${KEYS}?end=${encoded}`);
    t.like(JSON.parse(before.body.toString()), { rows: { length: 0 } });
    t.is((await send(address, path, { method: 'DELETE', body: {} })).status, 200);
    t.is(cluster.client.rows.length, 0);
  },
});

test(meansKey, 'pct/%FF', 'pct/\\xff');
test(meansKey, '%00', '\\x00');
test(meansKey, '%C3%A4', 'ä');
test(meansKey, '%5Cxff', '\\\\xff');
test(meansKey, 'C:%5Cnew', 'C:\\\\new');
test(meansKey, '50%25', '50%');
test(meansKey, percentEncode('a b+c&d=e#f'), 'a b+c&d=e#f');

for (const path of [
  `${KEY}?key=%zz`,
  `${KEY}?key=50%`,
  `${KEYS}?prefix=%f`,
  `${KEYS}?start=%`,
  `${KEYS}?cursor=%FF`,
])
  for (const method of path.startsWith(KEYS) ? ['GET'] : ['GET', 'PUT', 'DELETE'])
    test(`${method} ${path} is refused with one line`, async (t) => {
      const { cluster, address } = await serve(t);
      await cluster.client.put('k', 'v');
      const answer = await send(address, path, method === 'GET' ? {} : { method, body: {} });
      t.is(answer.status, 400);
      const { code, message } = JSON.parse(answer.body.toString()) as { code: string; message: string };
      t.is(code, 'INVALID_ARGUMENT');
      t.regex(message, /^(key|prefix|start|cursor)(: bad percent-encoding| is not UTF-8 text)[^\n]*$/);
      t.is(cluster.client.revision, 1);
    });

// ---- compression -------------------------------------------------------------------------------------------------

const BOTH = { 'accept-encoding': 'gzip, deflate, br' };

/** The path of the page's largest file. */
function script(): string {
  const name = readdirSync(join(UI_FOLDER, 'assets')).find((file) => file.endsWith('.js'));
  return `/assets/${name}`;
}

test("the page's files are compressed, and a cache can tell the forms apart", async (t) => {
  const { address } = await serve(t);
  const plain = await send(address, script());
  t.is(plain.headers['content-encoding'], undefined);
  t.regex(String(plain.headers.vary), /accept-encoding/);
  const brotli = await send(address, script(), { headers: BOTH });
  t.is(brotli.headers['content-encoding'], 'br');
  t.regex(String(brotli.headers.vary), /accept-encoding/);
  t.deepEqual(brotliDecompressSync(brotli.body), plain.body);
  t.true(brotli.body.length * 2 < plain.body.length);
  const gzip = await send(address, script(), { headers: { 'accept-encoding': 'gzip' } });
  t.is(gzip.headers['content-encoding'], 'gzip');
  t.deepEqual(gunzipSync(gzip.body), plain.body);
  t.regex(String(brotli.headers.etag), /^W\//, 'a strong ETag would name one of the forms only');
  const again = await send(address, script(), {
    headers: { ...BOTH, 'if-none-match': String(brotli.headers.etag) },
  });
  t.is(again.status, 304);
  t.is(again.body.length, 0);
});

test('long answers of the API are compressed if the client accepts it, short ones never', async (t) => {
  const { cluster, address } = await serve(t);
  await cluster.client.put('long', 'v'.repeat(1_000_000));
  await cluster.client.put('short', 'v');
  const long = await send(address, `${KEY}?key=long`, { headers: BOTH });
  t.is(long.headers['content-encoding'], 'br');
  t.is(long.headers.vary, 'accept-encoding');
  t.true(long.body.length < 100_000);
  const whole = await send(address, `${KEY}?key=long`);
  t.is(whole.headers['content-encoding'], undefined);
  t.is(whole.headers.vary, 'accept-encoding');
  t.deepEqual(brotliDecompressSync(long.body), whole.body);
  const short = await send(address, `${KEY}?key=short`, { headers: BOTH });
  t.is(short.headers['content-encoding'], undefined);
  t.like(JSON.parse(short.body.toString()), { key: 'short' });
});

test('the body of a request is not decompressed, because a small one could become very large', async (t) => {
  const { cluster, address } = await serve(t);
  const answer = await fetch(`http://${address}${KEY}?key=k`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    body: gzipSync(JSON.stringify({ value: '' })),
  });
  t.is(answer.status, 400);
  t.is(cluster.client.rows.length, 0);
});
