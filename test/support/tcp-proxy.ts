// A network between a client and a server that can go wrong: silence without a close (as when a cable is cut), silence in
// one direction, a cut in the middle of an answer, answers changed on the way, slowness; for all who call, or for one caller.

import { connect, createServer, type Server, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { realEnv } from '../../common/base/env.ts';

export type Direction = 'to-server' | 'to-client';

/** One connection. */
interface Link {
  /** Undefined until the proxy knows. */
  caller: string | undefined;
}

/** One direction of one connection: what cannot go on now waits, a close included. */
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
  /** Milliseconds that every chunk takes; set it before connections are made. */
  delayMs = 0;
  /** Connections are closed as soon as they are made. */
  refusing = false;
  /** Changes what the server says; a shorter result is delivered and then everything is cut. */
  changeAnswer: (chunk: Buffer) => Buffer = (chunk) => chunk;
  /** Who calls, as told by what a connection brings first; undefined while that cannot be told. */
  callerOf: (chunk: Buffer) => string | undefined = () => undefined;
  /** Connections accepted so far. */
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

  /** Silence: nothing gets through, new connections included, and neither side learns of a close. */
  hold(...directions: Direction[]): void {
    for (const direction of directions) this.#held.add(direction);
  }

  /** The same for one caller's connections, once they have told who calls. */
  holdCaller(caller: string, ...directions: Direction[]): void {
    this.#heldCallers.set(caller, new Set(directions));
  }

  /** Delivers what has waited, and goes on. */
  release(): void {
    this.#held.clear();
    this.#heldCallers.clear();
    for (const pipe of [...this.#pipes]) pipe.flush();
  }

  isHeld(direction: Direction, caller: string | undefined): boolean {
    if (this.#held.has(direction)) return true;
    return caller !== undefined && (this.#heldCallers.get(caller)?.has(direction) ?? false);
  }

  /** Closes all present connections; both sides learn of it, and what has waited is gone. */
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

/** A proxy before `targetPort`, closed when the test ends. */
export async function startProxy(t: ExecutionContext, targetPort: number): Promise<TcpProxy> {
  const proxy = new TcpProxy(targetPort);
  await proxy.listen();
  t.teardown(() => proxy.close());
  return proxy;
}
