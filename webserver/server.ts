// The HTTP server: the page's files, the API, the upgrade to the feed, health and metrics, all on one port. Every request
// passes the guard first. Every answer has security headers, so that the page can load nothing from other servers.

import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import fastifyCompress from '@fastify/compress';
import fastifyStatic from '@fastify/static';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from '../common/base/log.ts';
import { formatAddress } from '../common/model/address.ts';
import type { Metrics } from '../common/net/metrics.ts';
import { type ApiOptions, apiRoutes } from './api.ts';
import type { Counters } from './counters.ts';
import type { Guard } from './guard.ts';
import { type Failure, failure, failureOf, forbidden, notFound } from './http-error.ts';
import { FEED_PATH } from './pages.ts';
import { refuseBroken, refuseUpgrade, SECURITY_HEADERS } from './raw-answer.ts';
import { RequestsUnderWay } from './requests-under-way.ts';

/** Enough for the largest value in base64 (4/3 of 1 MiB) and the rest of the body. */
const BODY_BYTES_MAX = 1_500_000;
/** Enough for two bounds and a cursor of 4 KiB each. A bound has 12 KiB if every byte is percent-encoded. */
const HEADER_BYTES_MAX = 48 * 1024;
const CONNECTIONS_MAX = 1_000;
/** How many API requests may be under way at once. Each may hold a body and a page of rows in memory. */
const REQUESTS_MAX = 64;
const RECEIVE_MS_MAX = 30_000;
/** Shorter answers are sent as they are: compressed, they would need as many packets. */
const COMPRESSED_BYTES_MIN = 1_400;
/** Longer answers are compressed outside the event loop, which also carries the feed. */
const COMPRESSED_AT_ONCE_BYTES_MAX = 16 * 1024;

export interface ServerOptions extends ApiOptions {
  /** Folder of the built page. */
  readonly uiFolder: string;
  readonly guard: Guard;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly counters: Counters;
  /** What is missing, in words; null: the webserver is ready. */
  readonly unready: () => string | null;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

export async function buildServer(options: ServerOptions): Promise<FastifyInstance> {
  const app = fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: RECEIVE_MS_MAX,
    forceCloseConnections: true,
    http: { maxHeaderSize: HEADER_BYTES_MAX },
    frameworkErrors: (error, _request, reply) => sendFailure(reply, failureOf(error)),
    clientErrorHandler: refuseBroken,
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  app.removeContentTypeParser('text/plain');
  addGuard(app, options);
  await addCompression(app);
  addErrors(app, options);
  const underWay = new RequestsUnderWay(REQUESTS_MAX);
  addBounds(app, underWay);
  addHealth(app, options);
  addApi(app, options, underWay);
  addUpgrade(app, options);
  await app.register(fastifyStatic, {
    root: options.uiFolder,
    decorateReply: false,
    dotfiles: 'ignore',
    cacheControl: false,
    setHeaders: (response, path) => {
      // File names in assets/ contain a hash of the contents.
      const isImmutable = path.includes('/assets/');
      response.setHeader('cache-control', isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache');
      response.setHeader('vary', 'accept-encoding');
    },
  });
  return app;
}

/** The `host:port` on which it listens. */
export function addressOf(app: FastifyInstance): string {
  const { address, port } = app.server.address() as AddressInfo;
  return formatAddress(address, port);
}

function refusalOf({ guard, counters, logger }: ServerOptions, request: IncomingMessage): string | null {
  const { host, origin } = request.headers;
  const refusal = guard.refusal({ host, origin, localAddress: request.socket.localAddress });
  if (refusal !== null) {
    counters.refused.add();
    logger.info({ host, origin, url: request.url?.slice(0, 200) }, `refused: ${refusal}`);
  }
  return refusal;
}

function addGuard(app: FastifyInstance, options: ServerOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    const refusal = refusalOf(options, request.raw);
    if (refusal !== null) return sendFailure(reply, forbidden(refusal));
  });
  app.addHook('onResponse', async (_request, reply) => {
    options.counters.requests.add();
    if (reply.statusCode >= 500) options.counters.failures.add();
  });
}

/**
 * Compresses the page's files and the answers of the API. The feed is a WebSocket, and text/event-stream is none of the compressed
 * types, so no stream of events waits in a compressor. Bodies of requests are not decompressed: a small one could become very large.
 */
async function addCompression(app: FastifyInstance): Promise<void> {
  await app.register(fastifyCompress, {
    encodings: ['br', 'gzip'],
    threshold: COMPRESSED_BYTES_MIN,
    syncThreshold: COMPRESSED_AT_ONCE_BYTES_MAX,
    globalDecompression: false,
  });
}

function addErrors(app: FastifyInstance, { logger }: ServerOptions): void {
  app.setErrorHandler((error, request, reply) => {
    const { defect, ...rest } = failureOf(error);
    if (defect) logger.error({ url: request.url, stack: stackOf(error) }, 'a request failed');
    return sendFailure(reply, rest);
  });
  app.setNotFoundHandler((request, reply) => sendFailure(reply, notFound(`no ${pathOf(request)} here`)));
}

function addBounds(app: FastifyInstance, underWay: RequestsUnderWay): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.url.startsWith('/api/') && !underWay.begin(reply.raw))
      return sendFailure(reply, failure('OVERLOADED', 'too many requests at once'));
  });
  app.addHook('onSend', async (request, reply) => {
    if (request.url.startsWith('/api/'))
      reply.headers({ 'cache-control': 'no-store', vary: 'accept-encoding' });
  });
}

function addHealth(app: FastifyInstance, { unready, metrics }: ServerOptions): void {
  app.get('/livez', (_request, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/readyz', (_request, reply) => {
    const missing = unready();
    return reply
      .code(missing === null ? 200 : 503)
      .type('text/plain')
      .send(`${missing ?? 'ok'}\n`);
  });
  app.get('/metrics', (_request, reply) => reply.type('text/plain; version=0.0.4').send(metrics.text()));
}

function addApi(app: FastifyInstance, options: ServerOptions, underWay: RequestsUnderWay): void {
  for (const { method, path, handle } of apiRoutes(options)) {
    app.route<{ Params: { namespace?: string } }>({
      method,
      url: path,
      handler: (request, reply) => {
        const { params, body } = request;
        const parts = { namespace: params.namespace ?? '', query: queryOf(request), body };
        return underWay.during(reply.raw, () => handle(parts));
      },
    });
  }
}

function addUpgrade(app: FastifyInstance, options: ServerOptions): void {
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refusal = refusalOf(options, request);
    if (refusal !== null) refuseUpgrade(socket, 403, refusal);
    else if (request.url !== FEED_PATH) refuseUpgrade(socket, 404, `the feed is at ${FEED_PATH}`);
    else options.upgrade(request, socket, head);
  });
}

function sendFailure(reply: FastifyReply, { status, answer }: Failure): FastifyReply {
  return reply.code(status).headers(SECURITY_HEADERS).send(answer);
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0]?.slice(0, 200) ?? '';
}

/** The query as it was sent. Fastify's parser would decode bad percent-encoding to something else. */
function queryOf(request: FastifyRequest): string {
  const at = request.url.indexOf('?');
  return at < 0 ? '' : request.url.slice(at + 1);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
