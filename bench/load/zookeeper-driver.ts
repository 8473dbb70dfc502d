// Uses ZooKeeper through a client written for this benchmark: it sends all requests of a turn in one write, which no packaged Node
// client does. It has only what is measured: create, setData, getData and pings.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { assert } from '../../common/base/assert.ts';
import { every, realEnv } from '../../common/base/env.ts';
import { connectionOf, type Driver, type DriverSpec, forEach, openAll } from './driver.ts';

const OP = { create: 1, getData: 4, setData: 5, ping: 11 } as const;
const PING_XID = -2;
const SESSION_MS = 30_000;
const PERMISSIONS_ALL = 31;
const NO_NODE = -101;
const NODE_EXISTS = -110;
/** Length of a reply's xid, zxid and error. */
const HEADER_BYTES = 16;
/** The server delays a connection with more requests under way (globalOutstandingLimit). */
const FILLS_AT_ONCE = 500;

export async function openZookeeper({
  port,
  connections,
}: Extract<DriverSpec, { kind: 'zookeeper' }>): Promise<Driver> {
  const all = await openAll(connections, () => Connection.open(port));
  const acl = [int(1), int(PERMISSIONS_ALL), sized('world'), sized('anyone')];
  const persistent = int(0);
  return {
    async put(caller, key, value) {
      const anyVersion = int(-1);
      await connectionOf(all, caller).ask(OP.setData, [pathOf(key), sized(value), anyVersion]);
    },
    async get(caller, key) {
      const noWatch = Buffer.alloc(1);
      const reply = await connectionOf(all, caller).ask(OP.getData, [pathOf(key), noWatch], NO_NODE);
      if (reply.length === HEADER_BYTES) return null;
      const length = reply.readInt32BE(HEADER_BYTES);
      return reply.subarray(HEADER_BYTES + 4, HEADER_BYTES + 4 + length);
    },
    fill: (keys, values) =>
      forEach(keys.length, FILLS_AT_ONCE, async (i) => {
        const parts = [pathOf(keys[i] ?? ''), sized(values[i] ?? ''), ...acl, persistent];
        await connectionOf(all, 0).ask(OP.create, parts, NODE_EXISTS);
      }),
  };
}

interface Waiting {
  readonly resolve: (reply: Buffer) => void;
  readonly reject: (error: Error) => void;
}

class Connection {
  readonly #socket: Socket;
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
    every(realEnv, SESSION_MS / 3, () => this.#send(PING_XID, OP.ping, []));
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    const hello = [int(0), Buffer.alloc(8), int(SESSION_MS), Buffer.alloc(8), int(16), Buffer.alloc(16)];
    socket.write(sized(Buffer.concat([...hello, Buffer.alloc(1)])));
    const [answer] = await once(socket, 'data');
    assert(answer instanceof Buffer && answer.readInt32BE(8) > 0, 'ZooKeeper gives a session');
    return new Connection(socket);
  }

  /** Returns the reply; for the error `allowed` this is only its header. Rejects with any other error. */
  async ask(type: number, parts: readonly Buffer[], allowed = 0): Promise<Buffer> {
    const reply = await new Promise<Buffer>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#send(++this.#xid, type, parts);
    });
    const error = reply.readInt32BE(HEADER_BYTES - 4);
    if (error !== 0 && error !== allowed) throw new Error(`ZOOKEEPER_${error}`);
    return reply;
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
  return sized(`/${key}`);
}

/** A string or buffer in Jute, the encoding of ZooKeeper. */
function sized(content: string | Buffer): Buffer {
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
