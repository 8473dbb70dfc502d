// The raw limit of a request over WebSocket between two Node processes: a server that answers every key with the same value, and a
// client that makes a promise for each request. It sends one message for each request, or one for all requests of a turn. Our own
// protocol is compared with it, so it shares no code with that.

import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';
import { assert, present } from '../../common/base/assert.ts';
import { realEnv } from '../../common/base/env.ts';
import { freePorts } from '../../common/zk/server-port.ts';
import { connectionOf, type Driver, type DriverSpec, openAll } from './driver.ts';
import { valuePool } from './keys.ts';

const HOST = '127.0.0.1';
/** Request numbers start again from 0 after this one. */
const NUMBER_MAX = 0x3fff_ffff;

/**
 * The smallest possible request or answer in protobuf: `fixed32 number = 1; bytes content = 2`. The content is a key in a request and
 * a value in an answer. A message has several of them in sequence. Content has at most 127 bytes, so that its length is one byte.
 */
export interface Echo {
  readonly number: number;
  readonly content: string | Buffer;
}

const NUMBER_TAG = 0x0d;
const CONTENT_TAG = 0x12;
const HEAD_BYTES = 7;
const CONTENT_BYTES_MAX = 0x7f;

export function encodeEchoes(echoes: readonly Echo[]): Buffer {
  let length = 0;
  for (const { content } of echoes) length += HEAD_BYTES + content.length;
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  for (const { number, content } of echoes) {
    assert(content.length <= CONTENT_BYTES_MAX, 'the length of the content fits into a byte');
    out[at] = NUMBER_TAG;
    out.writeUInt32LE(number, at + 1);
    out[at + 5] = CONTENT_TAG;
    out[at + 6] = content.length;
    if (typeof content === 'string') out.write(content, at + HEAD_BYTES, 'latin1');
    else content.copy(out, at + HEAD_BYTES);
    at += HEAD_BYTES + content.length;
  }
  return out;
}

/** The contents are views of `bytes`. */
export function decodeEchoes(bytes: Buffer): (Echo & { readonly content: Buffer })[] {
  const echoes: (Echo & { readonly content: Buffer })[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== NUMBER_TAG || bytes[at + 5] !== CONTENT_TAG) throw new RangeError('not an echo');
    const end = at + HEAD_BYTES + (bytes[at + 6] ?? 0);
    echoes.push({ number: bytes.readUInt32LE(at + 1), content: bytes.subarray(at + HEAD_BYTES, end) });
    at = end;
  }
  return echoes;
}

/** Serves on a free port of 127.0.0.1 until the process ends. Returns the port. */
export async function serveEcho(valueBytes: number): Promise<number> {
  const content = Buffer.from(present(valuePool(valueBytes)[0], 'a value'), 'latin1');
  const port = present((await freePorts(realEnv, HOST, 1))[0], 'a free port');
  const server = new WebSocketServer({ host: HOST, port, perMessageDeflate: false });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      assert(data instanceof Buffer, 'ws gives whole buffers');
      socket.send(encodeEchoes(decodeEchoes(data).map(({ number }) => ({ number, content }))));
    });
  });
  return port;
}

export interface EchoDriver extends Driver {
  get(caller: number, key: string): Promise<Buffer>;
  close(): void;
}

export async function openEcho({
  port,
  connections,
  gathered,
}: Omit<Extract<DriverSpec, { kind: 'echo' }>, 'kind'>): Promise<EchoDriver> {
  const all = await openAll(connections, async () => {
    const socket = new WebSocket(`ws://${HOST}:${port}`, { perMessageDeflate: false });
    await once(socket, 'open');
    return new EchoConnection(socket, gathered);
  });
  const get = (caller: number, key: string): Promise<Buffer> => connectionOf(all, caller).ask(key);
  return {
    put: get,
    get,
    fill: async () => {},
    close: () => {
      for (const connection of all) connection.close();
    },
  };
}

class EchoConnection {
  readonly #socket: WebSocket;
  readonly #gathers: boolean;
  readonly #waiting = new Map<number, (value: Buffer) => void>();
  #gathered: Echo[] = [];
  #number = 0;

  constructor(socket: WebSocket, gathers: boolean) {
    this.#socket = socket;
    this.#gathers = gathers;
    socket.on('message', (data) => {
      assert(data instanceof Buffer, 'ws gives whole buffers');
      for (const { number, content } of decodeEchoes(data)) {
        this.#waiting.get(number)?.(content);
        this.#waiting.delete(number);
      }
    });
  }

  ask(key: string): Promise<Buffer> {
    return new Promise((resolve) => {
      const number = this.#number++ & NUMBER_MAX;
      this.#waiting.set(number, resolve);
      this.#gathered.push({ number, content: key });
      if (!this.#gathers) this.#flush();
      else if (this.#gathered.length === 1) realEnv.soon(() => this.#flush());
    });
  }

  close(): void {
    this.#socket.close();
  }

  #flush(): void {
    const requests = this.#gathered;
    this.#gathered = [];
    this.#socket.send(encodeEchoes(requests));
  }
}
