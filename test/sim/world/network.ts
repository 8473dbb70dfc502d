// The network between hosts: the twin of ws-transport.ts, also used by the ZooKeeper twin. A connection is two pipes, each of
// which keeps the order and has a latency. A cut stops one direction between two hosts, and what is in flight waits, as with TCP.
// With a low bandwidth each byte takes its time, and the sender's queue holds all that the other end has not read. When a
// connection breaks, each end drops what is in flight at its own time, so the last message of an old connection may come after the
// first one of a new connection.

import { RangekeeperError } from '../../../common/base/errors.ts';
import type {
  Accept,
  Connection,
  ConnectionHandlers,
  Listener,
  Transport,
} from '../../../common/net/transport.ts';
import type { Process } from './host.ts';
import type { World } from './world.ts';

/** Interval at which a message that waits for a low bandwidth checks whether that has changed, ms. */
const BANDWIDTH_STEP_MS = 50;

interface Outgoing {
  readonly task: () => void;
  bytesLeft: number;
}

/** One direction of one connection. */
export class Pipe {
  readonly #network: Network;
  readonly from: string;
  readonly to: string;
  #lastAt = 0;
  /** Messages of which not all bytes have been sent. */
  readonly #outgoing: Outgoing[] = [];
  #parked: (() => void)[] = [];

  constructor(network: Network, from: string, to: string) {
    this.#network = network;
    this.from = from;
    this.to = to;
  }

  send(task: () => void, bytes = 0): void {
    this.#outgoing.push({ task, bytesLeft: bytes });
    if (this.#outgoing.length === 1) this.#transmit();
  }

  #transmit(): void {
    for (let first = this.#outgoing[0]; first !== undefined; first = this.#outgoing[0]) {
      const message = first;
      const bytesPerMs = this.#network.bandwidth(this.from, this.to);
      if (message.bytesLeft > 0 && bytesPerMs !== null) {
        const ms = Math.min(BANDWIDTH_STEP_MS, message.bytesLeft / bytesPerMs);
        return void this.#network.world.clock.after(ms, () => {
          message.bytesLeft -= ms * bytesPerMs;
          this.#transmit();
        });
      }
      this.#propagate(message.task);
      this.#outgoing.shift();
    }
  }

  #propagate(task: () => void): void {
    const { clock } = this.#network.world;
    this.#lastAt = Math.max(this.#lastAt, clock.now + this.#network.latency(this.from, this.to));
    clock.after(this.#lastAt - clock.now, () => this.#arrive(task));
  }

  #arrive(task: () => void): void {
    if (this.#parked.length > 0) {
      this.#parked.push(task);
    } else if (this.#network.isCut(this.from, this.to)) {
      this.#parked.push(task);
      this.#network.onRepair(this.from, this.to, () => this.#release());
    } else {
      task();
    }
  }

  /** Delivers the parked messages in order; those that arrive meanwhile follow them. */
  #release(): void {
    this.#network.world.clock.after(0, () => {
      if (this.#network.isCut(this.from, this.to)) {
        this.#network.onRepair(this.from, this.to, () => this.#release());
        return;
      }
      this.#parked.shift()?.();
      if (this.#parked.length > 0) this.#release();
    });
  }
}

/** A connection that the network can break. */
export interface Breakable {
  readonly hosts: readonly [string, string];
  /** Breaks it at the end that is on this host. */
  breakAt(host: string, reason: string): void;
  /** The process at one end is gone, so that end is not notified. */
  died(host: string): void;
}

export class Network {
  readonly world: World;
  readonly #listeners = new Map<string, { readonly process: Process; readonly accept: Accept }>();
  readonly #connections = new Set<Breakable>();
  readonly #cuts = new Map<string, number>();
  readonly #slow = new Map<string, number>();
  readonly #bandwidths = new Map<string, number>();
  readonly #repairs = new Map<string, (() => void)[]>();
  /** Hosts that ever listened. */
  readonly #servers = new Set<string>();
  /** Messages between nodes are delivered twice with this probability, the second time late. */
  doubling = 0;

  constructor(world: World) {
    this.world = world;
  }

  // ---- faults ----------------------------------------------------------------------------------------------------

  isCut(from: string, to: string): boolean {
    return (this.#cuts.get(`${from}>${to}`) ?? 0) > 0;
  }

  cut(from: string, to: string): void {
    const key = `${from}>${to}`;
    this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1);
  }

  repair(from: string, to: string): void {
    const key = `${from}>${to}`;
    const left = (this.#cuts.get(key) ?? 0) - 1;
    this.#cuts.set(key, Math.max(0, left));
    if (left > 0) return;
    const waiting = this.#repairs.get(key) ?? [];
    this.#repairs.delete(key);
    for (const task of waiting) task();
  }

  onRepair(from: string, to: string, task: () => void): void {
    const key = `${from}>${to}`;
    this.#repairs.set(key, [...(this.#repairs.get(key) ?? []), task]);
  }

  /** Adds up to `ms` to the latency; 0 ends that. */
  slow(from: string, to: string, ms: number): void {
    this.#slow.set(`${from}>${to}`, ms);
  }

  /** Limits the bandwidth of each connection, bytes per ms; null: no limit. */
  limitBandwidth(from: string, to: string, bytesPerMs: number | null): void {
    if (bytesPerMs === null) this.#bandwidths.delete(`${from}>${to}`);
    else this.#bandwidths.set(`${from}>${to}`, bytesPerMs);
  }

  bandwidth(from: string, to: string): number | null {
    return this.#bandwidths.get(`${from}>${to}`) ?? null;
  }

  latency(from: string, to: string): number {
    const { world } = this;
    const base = world.chance(0.01) ? world.between(1, 20) : world.between(0.1, 0.6);
    return base + (this.#slow.get(`${from}>${to}`) ?? 0) * world.random();
  }

  /** Nodes accept repeated messages (R3). A client relies on its transport: a refused request must not reach another node later. */
  mayRepeat(from: string, to: string): boolean {
    return this.#servers.has(from) && this.#servers.has(to) && this.world.chance(this.doubling);
  }

  /**
   * Delivers a message a second time, late. If its connection is gone, it comes on a newer connection of the same two processes,
   * after messages that were sent later.
   */
  repeat(bytes: Buffer, there: End): void {
    this.world.clock.after(this.world.between(0, 1_500), () => {
      const end = there.ended ? this.#successorOf(there) : there;
      if (end === null) return;
      this.world.story.count('message-doubled');
      if (end !== there) this.world.story.count('message-doubled-on-next-connection');
      end.receive(bytes);
    });
  }

  #successorOf(old: End): End | null {
    for (const line of this.#connections) {
      if (!(line instanceof Line)) continue;
      for (const end of [line.near, line.far]) if (end.follows(old)) return end;
    }
    return null;
  }

  /** Breaks every connection between the two hosts, at each end at its own time. Returns the number of connections. */
  breakBetween(a: string, b: string): number {
    const broken = [...this.#connections].filter(({ hosts }) => hosts.includes(a) && hosts.includes(b));
    for (const connection of broken) {
      for (const host of connection.hosts) {
        this.world.clock.after(this.world.between(0, 5), () =>
          connection.breakAt(host, 'connection reset by the network'),
        );
      }
    }
    return broken.length;
  }

  /** The process on this host is gone. @param resets its machine resets the connections; otherwise the other ends time out */
  processDied(name: string, resets: boolean): void {
    for (const [address, { process }] of this.#listeners) {
      if (process.host.name === name) this.#listeners.delete(address);
    }
    for (const connection of this.#connections) {
      if (!connection.hosts.includes(name)) continue;
      const other = connection.hosts[0] === name ? connection.hosts[1] : connection.hosts[0];
      connection.died(name);
      if (resets) this.#sendReset(connection, name, other);
      else
        this.world.clock.after(this.world.between(500, 20_000), () => connection.breakAt(other, 'timed out'));
    }
  }

  #sendReset(connection: Breakable, from: string, to: string): void {
    new Pipe(this, from, to).send(() => connection.breakAt(to, 'connection reset'));
  }

  register(connection: Breakable): void {
    this.#connections.add(connection);
  }

  forget(connection: Breakable): void {
    this.#connections.delete(connection);
  }

  // ---- the transport ---------------------------------------------------------------------------------------------

  listen(process: Process, address: string, accept: Accept): Listener {
    this.#listeners.set(address, { process, accept });
    this.#servers.add(process.host.name);
    return {
      address,
      close: async () => {
        this.#listeners.delete(address);
        for (const connection of this.#connections) {
          if (connection instanceof Line && connection.address === address) connection.far.close('closed');
        }
      },
    };
  }

  transportOf(process: Process): Transport {
    return {
      connect: (address, timeoutMs, handlers) => this.#connect(process, address, timeoutMs, handlers),
    };
  }

  #connect(
    process: Process,
    address: string,
    timeoutMs: number,
    handlers: ConnectionHandlers,
  ): Promise<Connection> {
    return new Promise((resolve, reject) => {
      let settled = false;
      const fail = (why: string) => {
        settled = true;
        timer.cancel();
        reject(new RangekeeperError('UNREACHABLE', `cannot connect to ${address}: ${why}`));
      };
      const timer = process.env.after(timeoutMs, () => fail('no answer'));
      const line = new Line(this, process, address);
      const answered = () => {
        if (settled) return line.near.out.send(() => line.far.drop('the other end gave up'));
        settled = true;
        timer.cancel();
        line.near.handlers = handlers;
        resolve(line.near);
      };
      line.near.out.send(() => {
        const listener = this.#listeners.get(address);
        if (listener === undefined) return line.far.out.send(process.gate(() => settled || fail('refused')));
        if (!process.alive) return;
        // The kernel accepts connections of a paused process.
        line.far.out.send(process.gate(answered));
        line.far.process = listener.process;
        this.register(line);
        listener.process.gate(() => {
          line.far.handlers = listener.accept(line.far);
        })();
      });
    });
  }
}

/** The host of `host:port`; names of hosts contain no colon. */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}

/** One connection: the end that dialled (`near`) and the end that accepted (`far`). */
class Line implements Breakable {
  readonly hosts: readonly [string, string];
  readonly address: string;
  readonly near: End;
  readonly far: End;

  constructor(network: Network, process: Process, address: string) {
    const there = hostOf(address);
    const { host } = process;
    this.address = address;
    this.hosts = [host.name, there];
    this.near = new End(this, network, host.name, there, address);
    this.far = new End(this, network, there, host.name, host.name);
    this.near.process = process;
  }

  other(end: End): End {
    return end === this.near ? this.far : this.near;
  }

  breakAt(host: string, reason: string): void {
    const end = this.near.name === host ? this.near : this.far;
    end.drop(reason);
  }

  died(host: string): void {
    (this.near.name === host ? this.near : this.far).die();
  }
}

class End implements Connection {
  /** Bytes that were sent and not yet read by the process at the other end. There are no kernel buffers here. */
  queuedBytes = 0;
  readonly peer: string;
  readonly name: string;
  readonly out: Pipe;
  handlers: ConnectionHandlers | null = null;
  readonly #line: Line;
  readonly #network: Network;
  /** The process that has this end; null before it is accepted. */
  process: Process | null = null;
  #gone = false;
  #sent = 0;
  #received = 0;

  constructor(line: Line, network: Network, name: string, to: string, peer: string) {
    this.#line = line;
    this.#network = network;
    this.name = name;
    this.peer = peer;
    this.out = new Pipe(network, name, to);
  }

  send(bytes: Uint8Array): void {
    if (this.handlers === null) return;
    const copy = Buffer.from(bytes);
    const other = this.#line.other(this);
    this.queuedBytes += copy.length;
    const read = () => {
      this.queuedBytes -= copy.length;
    };
    this.out.send(() => other.receive(copy, read), copy.length);
    // The first message is the handshake, which is never repeated.
    if (this.#sent++ > 0 && this.#network.mayRepeat(this.name, other.name)) this.#network.repeat(copy, other);
  }

  close(reason: string): void {
    const { handlers } = this;
    if (handlers === null) return;
    this.handlers = null;
    this.#forget();
    this.process?.env.soon(() => handlers.closed(reason));
    const other = this.#line.other(this);
    this.out.send(() => other.drop('closed by the other end'));
  }

  cut(reason: string): void {
    this.close(reason);
  }

  drop(reason: string): void {
    this.#gate(() => {
      const { handlers } = this;
      this.handlers = null;
      this.#forget();
      handlers?.closed(reason);
    });
  }

  die(): void {
    this.handlers = null;
    this.#forget();
  }

  receive(bytes: Buffer, read: () => void = () => {}): void {
    this.#received++;
    this.#gate(() => {
      read();
      this.handlers?.message(bytes);
    });
  }

  /** Whether this end receives nothing any more. */
  get ended(): boolean {
    return this.handlers === null;
  }

  /** Whether this is the same end of a later connection between the same two processes, after the handshake. */
  follows(old: End): boolean {
    const [other, oldOther] = [this.#line.other(this), old.#line.other(old)];
    const same = this.process === old.process && other.process === oldOther.process;
    return same && this.dialled === old.dialled && !this.ended && this.#received > 0;
  }

  get dialled(): boolean {
    return this.#line.near === this;
  }

  #gate(task: () => void): void {
    this.process?.gate(task)();
  }

  #forget(): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#line.other(this).#gone) this.#network.forget(this.#line);
  }
}
