// A real server on a real socket: it serves its pages on the same port, refuses browsers, and survives garbage of every kind while
// another client still gets its answers.

import { connect as connectTcp } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import { realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { silentLogger } from '../../common/base/log.ts';
import { Channel } from '../../common/net/channel.ts';
import { serveHttp } from '../../common/net/http.ts';
import { Metrics } from '../../common/net/metrics.ts';
import { serveWs, WsTransport } from '../../common/net/ws-transport.ts';
import { encodeEnvelope } from '../../common/wire/codec.ts';
import { PROTOCOL } from '../../common/wire/messages.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';

const SELF = { clusterId: 'c0ffee', nodeId: 'n-1' };
const STATUS = Buffer.from('{"node":"n-1"}');

async function startServer() {
  const warnings: string[] = [];
  const log = { ...silentLogger, warn: (_fields: object, message: string) => warnings.push(message) };
  const metrics = new Metrics();
  const requests = metrics.counter('rangekeeper_requests_total', 'Requests served.', { kind: 'status' });
  let fault: string | null = null;
  const listener = await serveWs({
    listen: '127.0.0.1:0',
    env: realEnv,
    pages: { livez: () => null, readyz: () => fault, metrics: () => metrics.text() },
    accept: (connection) =>
      Channel.accept(connection, {
        env: realEnv,
        log,
        self: SELF,
        handlers: {
          request(channel, id) {
            requests.add();
            channel.reply(id, { kind: 'status-reply', json: STATUS });
          },
        },
      }),
  });
  return { listener, warnings, fail: (why: string) => (fault = why), requests };
}

function dial(address: string): Channel {
  return Channel.dial({
    env: realEnv,
    log: silentLogger,
    transport: new WsTransport(realEnv),
    address,
    connectMs: WAIT_MS_MAX,
    node: 'n-1',
    self: { clusterId: 'c0ffee', nodeId: '' },
    handlers: {},
  });
}

function status(channel: Channel): Promise<string> {
  return new Promise((resolve, reject) => {
    channel.request({ kind: 'status' }, realEnv.now() + WAIT_MS_MAX, {
      replied: (body) =>
        resolve(body.kind === 'status-reply' ? Buffer.from(body.json).toString() : body.kind),
      failed: (failure) => reject(RangekeeperError.from(failure)),
    });
  });
}

test('only the known pages answer', async (t) => {
  const server = await startServer();
  const page = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`http://${server.listener.address}${path}`, init);
    return `${response.status} ${(await response.text()).split('\n')[0]}`;
  };
  t.is(await page('/livez'), '200 ok');
  t.is(await page('/readyz'), '200 ok');
  server.fail('no ZooKeeper session');
  t.is(await page('/readyz?verbose'), '503 no ZooKeeper session');
  t.is(await page('/livez', { method: 'POST' }), '405 only GET');
  t.regex(await page('/etc/passwd'), /^404 /);
  server.requests.add(2);
  const text = await (await fetch(`http://${server.listener.address}/metrics`)).text();
  t.regex(text, /^# TYPE rangekeeper_requests_total counter$/m);
  t.regex(text, /^rangekeeper_requests_total\{kind="status"\} 2$/m);
  await server.listener.close();
});

test('a busy port is reported in one line', async (t) => {
  const server = await startServer();
  const pages = { livez: () => null, readyz: () => null, metrics: () => '' };
  await t.throwsAsync(serveHttp(server.listener.address, pages), {
    message: `cannot listen on ${server.listener.address}: the port is in use`,
  });
  await server.listener.close();
});

test('a connection from a page of another web site is refused', async (t) => {
  const server = await startServer();
  const socket = new WebSocket(`ws://${server.listener.address}/`, { origin: 'http://evil.example' });
  const answer = await new Promise((resolve) => {
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode));
    socket.on('open', () => resolve('open'));
  });
  t.is(answer, 403);
  await server.listener.close();
});

/** Sends raw bytes to the port, ends its side of the connection, and waits until the connection is closed. */
function throwAt(address: string, bytes: Uint8Array): Promise<void> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connectTcp(Number(port), host, () => socket.end(bytes));
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
    socket.resume();
  });
}

/** Sends messages over a WebSocket, closes it, and waits until it is closed. */
function sendMessages(address: string, ...messages: (Uint8Array | string)[]): Promise<void> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://${address}/`);
    socket.on('open', () => {
      for (const message of messages) socket.send(message);
      socket.close();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}

test('garbage on a connection ends that connection and no other', async (t) => {
  const server = await startServer();
  const { address } = server.listener;
  const good = dial(address);
  t.is(await status(good), STATUS.toString());

  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => throwAt(address, bytes)),
    { numRuns: 60 },
  );
  // A message that is no envelope, an envelope with a wrong handshake, a text message, and one that is too long.
  const upgrade = 'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';
  await throwAt(address, Buffer.from(`${upgrade}Sec-WebSocket-Version: 12\r\n\r\n`));
  const hello = { kind: 'hello', protocol: PROTOCOL, clusterId: SELF.clusterId, nodeId: '' } as const;
  const good0 = { id: 0, body: hello };
  const messages = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.constant(encodeEnvelope([{ id: 1, body: { kind: 'status' } }])),
    fc.constant(encodeEnvelope([good0, good0])),
    fc.constant(encodeEnvelope([good0, { id: 0, body: { kind: 'status' } }])),
    fc.constant(encodeEnvelope([{ id: 0, body: { ...hello, clusterId: 'decaf' } }])),
  );
  const greeting = encodeEnvelope([good0]);
  await fc.assert(
    fc.asyncProperty(messages, fc.boolean(), (message, afterHandshake) =>
      afterHandshake ? sendMessages(address, greeting, message) : sendMessages(address, message),
    ),
    { numRuns: 100 },
  );
  await sendMessages(address, 'text');
  await sendMessages(address, Buffer.alloc(17 * 1024 * 1024));

  t.true(good.open);
  t.is(await status(good), STATUS.toString());
  t.is(await status(dial(address)), STATUS.toString());
  t.true(server.warnings.length >= 60, 'each bad message is logged');
  await server.listener.close();
});
