// A proxy between clients and a server that simulates faults of the network: it can hold all data (as when a cable is cut), hold one
// direction, close in the middle of an answer, change answers, and add a delay. It can hold the data of one caller only.

import { connect, createServer, type Server, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { realEnv } from '../../common/base/env.ts';

export type Direction = 'to-server' | 'to-client';

/** One connection. */
interface Link {
  /** Undefined until the proxy knows. */
  caller: string | undefined;
}

/** One direction of one connection. Data that are held wait, and so does a close. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #proxy: TcpProxy;
  readonly #direction: Direction;
  readonly #link: Link;
  #waiting: Buffer[] = [];
  #ended = false;

  constructor(from: Socket, to: Socket, proxy: TcpProxy, direction: Direction, link: Link) {
    this.#link = link;
    this.#from = from;
    this.#to = to;
    this.#proxy = proxy;
    this.#direction = direction;
    from.on('data', (chunk: Buffer) => this.#accept(chunk));
    from.on('close', () =>
      this.#later(() => {
        this.#ended = true;
        this.flush();
      }),
    );
    from.on('error', () => {});
  }

  flush(): void {
    if (this.#proxy.isHeld(this.#direction, this.#link.caller)) return;
    for (const chunk of this.#waiting.splice(0)) this.#send(chunk);
    if (this.#ended) this.#to.destroy();
  }

  destroy(): void {
    this.#waiting = [];
    this.#from.destroy();
  }

  #accept(chunk: Buffer): void {
    if (this.#direction === 'to-server') this.#link.caller ??= this.#proxy.callerOf(chunk);
    this.#later(() => {
      this.#waiting.push(chunk);
      this.flush();
    });
  }

  #later(task: () => void): void {
    if (this.#proxy.delayMs === 0) task();
    else realEnv.after(this.#proxy.delayMs, task);
  }

  #send(chunk: Buffer): void {
    if (this.#to.destroyed) return;
    const changed = this.#direction === 'to-client' ? this.#proxy.changeAnswer(chunk) : chunk;
    this.#to.write(changed);
    if (changed.length < chunk.length) this.#proxy.cut();
  }
}

export class TcpProxy {
  /** Delay of every chunk, ms; set it before connections are made. */
  delayMs = 0;
  /** New connections are closed at once. */
  refusing = false;
  /** Changes answers of the server. After a shorter result all connections are closed. */
  changeAnswer: (chunk: Buffer) => Buffer = (chunk) => chunk;
  /** Finds the caller of a connection in its first chunks; undefined: not in this one. */
  callerOf: (chunk: Buffer) => string | undefined = () => undefined;
  /** Number of connections accepted so far. */
  accepted = 0;
  readonly #server: Server;
  readonly #held = new Set<Direction>();
  readonly #heldCallers = new Map<string, ReadonlySet<Direction>>();
  readonly #pipes = new Set<Pipe>();

  constructor(targetPort: number) {
    this.#server = createServer((client) => {
      this.accepted++;
      if (this.refusing) {
        client.destroy();
        return;
      }
      this.#join(client, connect({ host: '127.0.0.1', port: targetPort, noDelay: true }));
    });
  }

  /** `host:port` for clients. */
  get address(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return `127.0.0.1:${address.port}`;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: '127.0.0.1', port: 0 }, resolve);
    });
  }

  /** Holds all data, also on new connections. Neither side learns of a close. */
  hold(...directions: Direction[]): void {
    for (const direction of directions) this.#held.add(direction);
  }

  /** Does the same for the connections of one caller, from the chunk on that names the caller. */
  holdCaller(caller: string, ...directions: Direction[]): void {
    this.#heldCallers.set(caller, new Set(directions));
  }

  /** Delivers all held data and holds no more. */
  release(): void {
    this.#held.clear();
    this.#heldCallers.clear();
    for (const pipe of [...this.#pipes]) pipe.flush();
  }

  isHeld(direction: Direction, caller: string | undefined): boolean {
    if (this.#held.has(direction)) return true;
    return caller !== undefined && (this.#heldCallers.get(caller)?.has(direction) ?? false);
  }

  /** Closes all present connections. Both sides learn of it, and held data are lost. */
  cut(): void {
    for (const pipe of [...this.#pipes]) pipe.destroy();
    this.#pipes.clear();
  }

  close(): void {
    this.#held.clear();
    this.#heldCallers.clear();
    this.cut();
    this.#server.close();
  }

  #join(client: Socket, server: Socket): void {
    client.setNoDelay();
    const link: Link = { caller: undefined };
    this.#pipes.add(new Pipe(client, server, this, 'to-server', link));
    this.#pipes.add(new Pipe(server, client, this, 'to-client', link));
  }
}

/** Starts a proxy before `targetPort` and closes it when the test ends. */
export async function startProxy(t: ExecutionContext, targetPort: number): Promise<TcpProxy> {
  const proxy = new TcpProxy(targetPort);
  await proxy.listen();
  t.teardown(() => proxy.close());
  return proxy;
}
