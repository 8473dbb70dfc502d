// Answers on a bare socket: to an upgrade that is refused, and to what is no request that Fastify could answer.

import type { Duplex } from 'node:stream';
import { systemCode } from '../common/base/system-error.ts';
import { failure } from './http-error.ts';

/** Every answer of the server has them, so that the page can load nothing from other servers. */
export const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

const REASONS = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
} as const;

type Status = keyof typeof REASONS;

/** Answers an upgrade request with an HTTP error. */
export function refuseUpgrade(socket: Duplex, status: 403 | 404 | 503, message: string): void {
  answer(socket, status, 'text/plain; charset=utf-8', message);
}

/** Answers what the HTTP parser has refused, as the API answers other bad requests. */
export function refuseBroken(error: Error, socket: Duplex): void {
  if (systemCode(error) === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] = faultOf(error);
  const body = JSON.stringify(failure('INVALID_ARGUMENT', message, status).answer);
  answer(socket, status, 'application/json; charset=utf-8', body);
}

function faultOf(error: Error): readonly [Status, string] {
  switch (systemCode(error)) {
    case 'HPE_HEADER_OVERFLOW':
      return [431, 'the path and the headers are too long'];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, 'the request did not come in time'];
    default:
      return [400, 'this is not a request of HTTP/1.1'];
  }
}

function answer(socket: Duplex, status: Status, type: string, body: string): void {
  const headers = {
    ...SECURITY_HEADERS,
    connection: 'close',
    'content-type': type,
    'content-length': Buffer.byteLength(body),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on('error', () => {});
  socket.end(`HTTP/1.1 ${status} ${REASONS[status]}\r\n${lines.join('')}\r\n${body}`);
}
