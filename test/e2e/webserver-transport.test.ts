// How requests and answers travel: what a key in a URL means.

import { request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { formatBytes } from '../../common/base/bytes.ts';
import { percentEncode } from '../../common/base/percent-encoding.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import { serveMemoryCluster } from '../support/web-page.ts';

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
