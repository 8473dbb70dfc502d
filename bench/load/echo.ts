// The raw limit of a request over WebSocket between two Node processes: a server that answers every key with the same
// value, and a client with a promise for each request, as a user has. One message for each request, or all of a turn in one.

import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';
import { assert } from '../../common/base/assert.ts';
import { realEnv } from '../../common/base/env.ts';
import { freePorts } from '../../common/zk/server-port.ts';
import type { Driver, DriverSpec } from './driver.ts';
import { type EchoMessage, echoRoom, readEchoes, writeEcho } from './echo-wire.ts';
import { KEY_BYTES, valuePool } from './keys.ts';

const HOST = '127.0.0.1';
/** Numbers of requests start over behind it. */
const NUMBERS = 0x3fff_ffff;

/** Serves on a free port of 127.0.0.1 until the process ends; gives the port. */
export async function serveEcho(valueBytes: number): Promise<number> {
  const [value = ''] = valuePool(valueBytes);
  const bytes = Buffer.from(value, 'latin1');
  const [port] = await freePorts(realEnv, HOST, 1);
  assert(port !== undefined, 'there is a free port');
  const server = new WebSocketServer({ host: HOST, port, perMessageDeflate: false });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      assert(data instanceof Buffer, 'ws gives whole buffers');
      const asked: EchoMessage[] = [];
      readEchoes(data, (message) => asked.push(message));
      const out = echoRoom(asked.length, bytes.length);
      let at = 0;
      for (const { number } of asked) at = writeEcho(out, at, number, bytes);
      socket.send(out.subarray(0, at));
    });
  });
  return port;
}

export class EchoDriver implements Driver {
  readonly #connections: readonly EchoConnection[];

  private constructor(connections: readonly EchoConnection[]) {
    this.#connections = connections;
  }

  static async open({
    port,
    connections,
    gathered,
  }: Extract<DriverSpec, { kind: 'echo' }>): Promise<EchoDriver> {
    const sockets = Array.from(
      { length: connections },
      () => new WebSocket(`ws://${HOST}:${port}`, { perMessageDeflate: false }),
    );
    await Promise.all(sockets.map((socket) => once(socket, 'open')));
    return new EchoDriver(sockets.map((socket) => new EchoConnection(socket, gathered)));
  }

  put(caller: number, key: string): Promise<Buffer> {
    return this.get(caller, key);
  }

  get(caller: number, key: string): Promise<Buffer> {
    const connection = this.#connections[caller % this.#connections.length];
    assert(connection !== undefined, 'there is a connection for every caller');
    return connection.ask(key);
  }

  async fill(): Promise<void> {}

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.close();
  }
}

class EchoConnection {
  readonly #socket: WebSocket;
  readonly #gathers: boolean;
  readonly #waiting = new Map<number, (value: Buffer) => void>();
  #gathered: { readonly number: number; readonly key: string }[] = [];
  #number = 0;

  constructor(socket: WebSocket, gathers: boolean) {
    this.#socket = socket;
    this.#gathers = gathers;
    socket.on('message', (data) => {
      assert(data instanceof Buffer, 'ws gives whole buffers');
      readEchoes(data, ({ number, bytes }) => {
        this.#waiting.get(number)?.(bytes);
        this.#waiting.delete(number);
      });
    });
  }

  ask(key: string): Promise<Buffer> {
    return new Promise((resolve) => {
      const number = this.#number++ & NUMBERS;
      this.#waiting.set(number, resolve);
      this.#gathered.push({ number, key });
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
    const out = echoRoom(requests.length, KEY_BYTES);
    let at = 0;
    for (const { number, key } of requests) at = writeEcho(out, at, number, key);
    this.#socket.send(out.subarray(0, at));
  }
}
