// Transport over WebSocket: the only file that uses `ws` for this protocol. An error at that level (a bad frame, a message over the
// limit, a reset) ends only its own connection. Connections of browsers are refused, because otherwise a page of any site could
// talk to a node in the network of its reader.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { assert } from '../base/assert.ts';
import type { Env } from '../base/env.ts';
import { RangekeeperError } from '../base/errors.ts';
import { formatAddress, parseAddress } from '../model/address.ts';
import { LIMITS } from '../model/config.ts';
import { bind, closeServer, createPageServer, type Pages } from './http.ts';
import type { Accept, Connection, ConnectionHandlers, Listener, Transport } from './transport.ts';
import { WS_FRAME_BYTES_MAX, wsFrame } from './ws-frame.ts';

/** How long a closed socket may take to send what is queued and to receive the other end's close frame, ms. */
const CLOSE_GRACE_MS = 1_000;

const SOCKET_OPTIONS = {
  perMessageDeflate: false,
  maxPayload: LIMITS.messageBytesMax,
  closeTimeout: CLOSE_GRACE_MS,
} as const;

export class WsTransport implements Transport {
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  connect(address: string, timeoutMs: number, handlers: ConnectionHandlers): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const refuse = (reason: string) =>
        reject(new RangekeeperError('UNREACHABLE', `cannot connect to ${address}: ${reason}`));
      const socket = dial(address, timeoutMs, refuse);
      if (socket === null) return;
      const refused = (error: Error) => refuse(error.message);
      let stream: Duplex | null = null;
      socket.once('error', refused);
      socket.once('upgrade', (response) => {
        stream = response.socket;
      });
      socket.once('open', () => {
        assert(stream !== null, 'a WebSocket opens after its upgrade');
        socket.off('error', refused);
        const connection = new WsConnection({
          socket,
          stream,
          isMasked: true,
          peer: address,
          env: this.#env,
        });
        connection.attach(handlers);
        resolve(connection);
      });
    });
  }
}

/** Null, after a call of `refuse`, if the address is invalid. It came from outside, and may be anything. */
function dial(address: string, timeoutMs: number, refuse: (reason: string) => void): WebSocket | null {
  try {
    const { host, port } = parseAddress(address);
    return new WebSocket(`ws://${formatAddress(host, port)}/`, {
      ...SOCKET_OPTIONS,
      handshakeTimeout: timeoutMs,
      // Masks protect caches between browsers and servers. There are none here, and a mask of zeros costs nothing.
      generateMask: (mask) => mask.fill(0),
    });
  } catch (error) {
    refuse(error instanceof Error ? error.message : String(error));
    return null;
  }
}

interface WsEnd {
  readonly socket: WebSocket;
  /** The stream that `socket` writes to. */
  readonly stream: Duplex;
  /** The connecting end masks what it sends (RFC 6455, 5.3). */
  readonly isMasked: boolean;
  readonly peer: string;
  readonly env: Env;
}

class WsConnection implements Connection {
  readonly peer: string;
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  readonly #isMasked: boolean;
  readonly #env: Env;
  /** Null once closed. */
  #handlers: ConnectionHandlers | null = null;

  constructor({ socket, stream, isMasked, peer, env }: WsEnd) {
    this.#socket = socket;
    this.#stream = stream;
    this.#isMasked = isMasked;
    this.peer = peer;
    this.#env = env;
  }

  attach(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    let reason = 'closed by the other end';
    let violation = false;
    this.#socket.on('message', (data, isBinary) => {
      if (isBinary && data instanceof Uint8Array) this.#handlers?.message(data);
      else {
        this.#detach()?.closed('a text message', true);
        this.#socket.close();
      }
    });
    this.#socket.on('error', (error: Error & { code?: string }) => {
      reason = error.message;
      violation = error.code?.startsWith('WS_ERR_') ?? false;
    });
    this.#socket.on('close', () => this.#detach()?.closed(reason, violation));
  }

  get queuedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** Without compression ws writes at once, so messages keep their order whichever way they are written. */
  send(bytes: Uint8Array): void {
    if (this.#handlers === null || this.#socket.readyState !== WebSocket.OPEN) return;
    if (bytes.length > WS_FRAME_BYTES_MAX) this.#socket.send(bytes);
    else this.#stream.write(wsFrame(bytes, this.#isMasked));
  }

  close(reason: string): void {
    if (this.#leave(reason)) this.#socket.close();
  }

  cut(reason: string): void {
    if (this.#leave(reason)) this.#socket.terminate();
  }

  /** False if the connection had ended before. */
  #leave(reason: string): boolean {
    const handlers = this.#detach();
    if (handlers === null) return false;
    this.#env.soon(() => handlers.closed(reason));
    return true;
  }

  #detach(): ConnectionHandlers | null {
    const handlers = this.#handlers;
    this.#handlers = null;
    return handlers;
  }
}

export interface ServeOptions {
  /** `host:port`; port 0: a free one. */
  readonly listen: string;
  readonly pages: Pages;
  /** Null: connections are refused until {@link WsListener.accept} is called. */
  readonly accept: Accept | null;
  readonly env: Env;
  /**
   * Connections at once, of any kind; one more is closed as it comes, and `connectionRefused` called. Absent: as many as there
   * are.
   */
  readonly bound?: { readonly connectionsMax: number; readonly connectionRefused: () => void };
}

export interface WsListener extends Listener {
  /** Sets how new connections are served. Null: open connections are ended and new ones refused. The pages are still served. */
  accept(accept: Accept | null): void;
}

/** Serves the pages and the protocol at one port. Rejects with a message of one line if it cannot listen. */
export async function serveWs(options: ServeOptions): Promise<WsListener> {
  let { accept } = options;
  const { bound } = options;
  const server = createPageServer(options.pages);
  if (bound !== undefined) {
    server.maxConnections = bound.connectionsMax;
    server.on('drop', () => bound.connectionRefused());
  }
  const sockets = new WebSocketServer({ ...SOCKET_OPTIONS, noServer: true });
  sockets.on('wsClientError', (_error, socket) => refuseUpgrade(socket, '400 Bad Request'));
  server.on('upgrade', (request, socket, head) => {
    if (request.headers.origin !== undefined) {
      refuseUpgrade(socket, '403 Forbidden');
      return;
    }
    const serve = accept;
    if (serve === null) {
      refuseUpgrade(socket, '503 Service Unavailable');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new WsConnection({
        ...{ socket: webSocket, stream: socket, isMasked: false },
        ...{ peer: remoteOf(request), env: options.env },
      });
      connection.attach(serve(connection));
    });
  });
  const address = await bind(server, options.listen);
  const endAll = (): void => {
    for (const socket of sockets.clients) socket.terminate();
  };
  return {
    address,
    accept(next) {
      accept = next;
      if (next === null) endAll();
    },
    async close() {
      endAll();
      sockets.close();
      await closeServer(server);
    },
  };
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function remoteOf({ socket }: IncomingMessage): string {
  return formatAddress(socket.remoteAddress ?? '?', socket.remotePort ?? 0);
}
