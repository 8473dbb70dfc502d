// Requests to the processes of a cluster, which never ask a proxy.

import { once } from 'node:events';
import { Agent, createServer, globalAgent } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { askDirectly } from '../../../common/net/direct.ts';

const ANSWER_MS_MAX = 60_000;

async function served(t: ExecutionContext): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = await request.toArray();
    response.writeHead(201).end(`${request.method} ${request.url} ${body.join('')}`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  return `http://127.0.0.1:${address.port}`;
}

/** What NODE_USE_ENV_PROXY does: requests without an agent of their own go elsewhere. */
class ProxyAgent extends Agent {
  override createConnection(): never {
    throw new Error('a proxy was asked');
  }
}

test.serial('a request goes to its address, whatever agent all others have', async (t) => {
  const url = await served(t);
  t.deepEqual(await askDirectly(`${url}/readyz`, ANSWER_MS_MAX), { status: 201, text: 'GET /readyz ' });
  const http = await import('node:http');
  http.default.globalAgent = new ProxyAgent();
  t.teardown(() => {
    http.default.globalAgent = globalAgent;
  });
  t.deepEqual(await askDirectly(`${url}/x`, ANSWER_MS_MAX, 'body'), { status: 201, text: 'POST /x body' });
});

test('without an answer it rejects', async (t) => {
  const silent = createTcpServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  const url = `http://127.0.0.1:${address.port}/`;
  await t.throwsAsync(askDirectly(url, 20), { message: 'no answer within 20 ms' });
  silent.close();
  await once(silent, 'close');
  await t.throwsAsync(askDirectly(url, ANSWER_MS_MAX), { code: 'ECONNREFUSED' });
});
