// Requests that never end as they should: their connection is lost, or they are not HTTP.

import { connect as connectSocket, type Socket } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { MemoryCluster } from '../support/memory-cluster.ts';
import { serveMemoryCluster } from '../support/web-page.ts';

const KEY = '/api/namespaces/default/key?key=k';
/** More than the webserver has under way at once. */
const MANY = 70;
/** Each try is a round trip, in which the webserver goes on. */
const TRIES_MAX = 1_000;

async function serve(t: ExecutionContext) {
  const cluster = new MemoryCluster();
  await cluster.client.put('k', 'v');
  const { address } = await serveMemoryCluster(t, cluster);
  return { cluster, address, url: `http://${address}${KEY}` };
}

function opened(address: string): Promise<Socket> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connectSocket(Number(port), host, () => resolve(socket));
    socket.on('error', reject);
  });
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    socket.destroy();
  });
}

async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status;
}

async function isServedInTheEnd(url: string): Promise<boolean> {
  for (let tries = 0; tries < TRIES_MAX; tries++) if ((await statusOf(url)) === 200) return true;
  return false;
}

test('requests whose connections are lost before the answer make room for others', async (t) => {
  const { cluster, address, url } = await serve(t);
  for (let i = 0; i < MANY; i++) {
    let free = () => {};
    const begun = new Promise<void>((resolve) => {
      cluster.client.beforeCall = () => {
        resolve();
        return new Promise((release) => {
          free = release;
        });
      };
    });
    const socket = await opened(address);
    const answered = new Promise((resolve) => socket.once('data', resolve));
    socket.write(`GET ${KEY} HTTP/1.1\r\nHost: ${address}\r\n\r\n`);
    // It is answered at once if it is refused.
    await Promise.race([begun, answered]);
    await closed(socket);
    // The webserver has noticed by then.
    await statusOf(`http://${address}/livez`);
    free();
  }
  cluster.client.beforeCall = () => {};
  t.true(await isServedInTheEnd(url));
});

test('requests that are lost before their body has come make room for others', async (t) => {
  const { address, url } = await serve(t);
  const head = `PUT ${KEY} HTTP/1.1\r\nHost: ${address}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`;
  const sockets = await Promise.all(Array.from({ length: MANY }, () => opened(address)));
  for (const socket of sockets) socket.write(head);
  await statusOf(`http://${address}/livez`);
  await Promise.all(sockets.map(closed));
  t.true(await isServedInTheEnd(url));
});

const broken = test.macro<[request: string, status: number, says: RegExp]>({
  title: (title) => `what is no HTTP request is answered as others are: ${title}`,
  async exec(t, request, status, says) {
    const { address } = await serve(t);
    const socket = await opened(address);
    socket.write(request.replaceAll('$address', address));
    const [head = '', body = ''] = (await readText(socket)).split('\r\n\r\n');
    t.true(head.startsWith(`HTTP/1.1 ${status} `), head);
    t.regex(head, /^x-content-type-options: nosniff$/im);
    const answer = JSON.parse(body) as { message: string };
    t.like(answer, { code: 'INVALID_ARGUMENT', applied: 'no', retry: 'never' });
    t.regex(answer.message, says);
  },
});

test('no HTTP', broken, '\x16\x03\x01\r\n\r\n', 400, /not a request/);
test(
  'bytes beyond ASCII in the path',
  broken,
  'GET /\u00e4 HTTP/1.1\r\nHost: $address\r\n\r\n',
  400,
  /not a request/,
);
test(
  'headers that are too long',
  broken,
  `GET / HTTP/1.1\r\nHost: $address\r\nX: ${'x'.repeat(60_000)}\r\n\r\n`,
  431,
  /too long/,
);
