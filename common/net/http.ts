// The HTTP pages of every server process: liveness, readiness and metrics. A node accepts WebSockets on the same port
// (ws-transport.ts); a coordinator has only these pages.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { formatAddress, parseAddress } from '../model/address.ts';
import type { Listener } from './transport.ts';

export interface Pages {
  /** Null: alive. Else what is wrong, in one line, which is answered with status 503. */
  livez(): string | null;
  /** Null: ready. Else what is missing, in one line, which is answered with status 503. */
  readyz(): string | null;
  /** Prometheus text. */
  metrics(): string;
}

/** Connections at once, for a server that has only pages. */
const PROBES_MAX = 256;

/** Serves the pages at `listen` (`host:port`; port 0: a free one). Rejects with a message of one line if it cannot. */
export async function serveHttp(listen: string, pages: Pages): Promise<Listener> {
  const server = createPageServer(pages);
  server.maxConnections = PROBES_MAX;
  const address = await bind(server, listen);
  return { address, close: () => closeServer(server) };
}

export function createPageServer(pages: Pages): Server {
  return createServer((request, response) => answer(request, response, pages));
}

function answer(request: IncomingMessage, response: ServerResponse, pages: Pages): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    end(response, 405, 'only GET\n');
    return;
  }
  switch (request.url?.split('?', 1)[0]) {
    case '/livez':
      endHealth(response, pages.livez());
      return;
    case '/readyz':
      endHealth(response, pages.readyz());
      return;
    case '/metrics':
      end(response, 200, pages.metrics(), 'text/plain; version=0.0.4; charset=utf-8');
      return;
    default:
      end(response, 404, 'here are /livez, /readyz and /metrics\n');
  }
}

function endHealth(response: ServerResponse, fault: string | null): void {
  end(response, fault === null ? 200 : 503, `${fault ?? 'ok'}\n`);
}

function end(
  response: ServerResponse,
  status: number,
  text: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(text);
}

/** Starts to listen, and resolves with the address. Rejects with a message of one line if it cannot. */
export function bind(server: Server, listen: string): Promise<string> {
  const { host, port } = parseAddress(listen);
  return new Promise((resolve, reject) => {
    const refused = (cause: Error) =>
      reject(new Error(`cannot listen on ${listen}: ${reasonOf(cause)}`, { cause }));
    server.once('error', refused);
    server.listen(port, host, () => {
      server.off('error', refused);
      // Later errors mean that a single connection could not be accepted, for example because no file descriptor was free.
      server.on('error', () => {});
      const bound = server.address();
      resolve(bound === null || typeof bound === 'string' ? listen : formatAddress(host, bound.port));
    });
  });
}

function reasonOf(error: Error & { code?: string }): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'the port is in use';
    case 'EACCES':
      return 'not permitted';
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine has no such address';
    default:
      return error.message;
  }
}

export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
