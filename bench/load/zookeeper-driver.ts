// ZooKeeper through a client laid by hand for this benchmark: all requests of a turn leave in one write and their answers
// come back in order, which no packaged Node client does. Only what is measured is there: create, setData, getData, pings.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { assert } from '../../common/base/assert.ts';
import { every, realEnv, type Timer } from '../../common/base/env.ts';
import type { Driver, DriverSpec } from './driver.ts';

const OP = { create: 1, getData: 4, setData: 5, ping: 11, close: -11 } as const;
const PING_XID = -2;
const SESSION_MS = 30_000;
const PERMISSIONS_ALL = 31;
const NO_NODE = -101;
const NODE_EXISTS = -110;
/** Of a reply: xid, zxid, error. */
const HEADER_BYTES = 16;
/** The server holds back a connection with more requests under way (globalOutstandingLimit). */
const FILLS_AT_ONCE = 500;

export class ZookeeperDriver implements Driver {
  readonly #connections: readonly Connection[];

  private constructor(connections: readonly Connection[]) {
    this.#connections = connections;
  }

  static async open({
    port,
    connections,
  }: Extract<DriverSpec, { kind: 'zookeeper' }>): Promise<ZookeeperDriver> {
    return new ZookeeperDriver(
      await Promise.all(Array.from({ length: connections }, () => Connection.open(port))),
    );
  }

  async put(caller: number, key: string, value: string): Promise<void> {
    const reply = await this.#of(caller).ask(OP.setData, [pathOf(key), lengthed(value), int(-1)]);
    check(reply.readInt32BE(HEADER_BYTES - 4));
  }

  async get(caller: number, key: string): Promise<Uint8Array | null> {
    const reply = await this.#of(caller).ask(OP.getData, [pathOf(key), Buffer.alloc(1)]);
    const error = reply.readInt32BE(HEADER_BYTES - 4);
    if (error === NO_NODE) return null;
    check(error);
    const length = reply.readInt32BE(HEADER_BYTES);
    return reply.subarray(HEADER_BYTES + 4, HEADER_BYTES + 4 + length);
  }

  async fill(keys: readonly string[], values: readonly string[]): Promise<void> {
    const open = [int(1), int(PERMISSIONS_ALL), lengthed('world'), lengthed('anyone'), int(0)];
    let next = 0;
    const filler = async (): Promise<void> => {
      for (let i = next++; i < keys.length; i = next++) {
        const parts = [pathOf(keys[i] ?? ''), lengthed(values[i] ?? ''), ...open];
        const error = (await this.#of(0).ask(OP.create, parts)).readInt32BE(HEADER_BYTES - 4);
        if (error !== NODE_EXISTS) check(error);
      }
    };
    await Promise.all(Array.from({ length: FILLS_AT_ONCE }, filler));
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.close();
  }

  #of(caller: number): Connection {
    const connection = this.#connections[caller % this.#connections.length];
    assert(connection !== undefined, 'there is a connection for every caller');
    return connection;
  }
}

interface Waiting {
  readonly resolve: (reply: Buffer) => void;
  readonly reject: (error: Error) => void;
}

class Connection {
  readonly #socket: Socket;
  readonly #pings: Timer;
  /** Replies come in the order of requests. */
  #waiting: Waiting[] = [];
  #answered = 0;
  #xid = 0;
  #gathered: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#received(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const { reject } of this.#waiting.splice(this.#answered)) reject(new Error('DISCONNECTED'));
    });
    this.#pings = every(realEnv, SESSION_MS / 3, () => this.#send(PING_XID, OP.ping, []));
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    const hello = [int(0), Buffer.alloc(8), int(SESSION_MS), Buffer.alloc(8), int(16), Buffer.alloc(16)];
    socket.write(lengthed(Buffer.concat([...hello, Buffer.alloc(1)])));
    const [answer] = await once(socket, 'data');
    assert(answer instanceof Buffer && answer.readInt32BE(8) > 0, 'ZooKeeper gives a session');
    return new Connection(socket);
  }

  ask(type: number, parts: readonly Buffer[]): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#xid++;
      this.#send(this.#xid, type, parts);
    });
  }

  close(): void {
    this.#pings.cancel();
    this.#send(0, OP.close, []);
    this.#socket.end();
  }

  #send(xid: number, type: number, parts: readonly Buffer[]): void {
    if (this.#gathered.length === 0) realEnv.soon(() => this.#flush());
    let length = 8;
    for (const part of parts) length += part.length;
    const head = Buffer.allocUnsafe(12);
    head.writeInt32BE(length, 0);
    head.writeInt32BE(xid, 4);
    head.writeInt32BE(type, 8);
    this.#gathered.push(head, ...parts);
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#gathered);
    this.#gathered = [];
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  #received(bytes: Buffer): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (at + 4 <= all.length) {
      const end = at + 4 + all.readInt32BE(at);
      if (end > all.length) break;
      this.#reply(all.subarray(at + 4, end));
      at = end;
    }
    this.#rest = all.subarray(at);
  }

  #reply(reply: Buffer): void {
    if (reply.readInt32BE(0) === PING_XID) return;
    this.#waiting[this.#answered++]?.resolve(reply);
    if (this.#answered < 4_096) return;
    this.#waiting = this.#waiting.slice(this.#answered);
    this.#answered = 0;
  }
}

function pathOf(key: string): Buffer {
  return lengthed(`/${key}`);
}

/** Jute's strings and buffers. */
function lengthed(content: string | Buffer): Buffer {
  const length = content.length;
  const bytes = Buffer.allocUnsafe(4 + length);
  bytes.writeInt32BE(length, 0);
  if (typeof content === 'string') bytes.write(content, 4, 'latin1');
  else content.copy(bytes, 4);
  return bytes;
}

function int(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value, 0);
  return bytes;
}

function check(error: number): void {
  if (error !== 0) throw new Error(`ZOOKEEPER_${error}`);
}
