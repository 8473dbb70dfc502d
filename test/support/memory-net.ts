// A network in memory: the twin of ws-transport.ts, checked by test/suites/transport. It delivers messages in order after a
// latency. Hosts can die (their connections break at once) or freeze (their connections stay, but nothing moves, as after SIGSTOP).

import type { Env } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type {
  Accept,
  Connection,
  ConnectionHandlers,
  Listener,
  Transport,
} from '../../common/net/transport.ts';

class End implements Connection {
  /** Bytes that were sent and not yet delivered. */
  queuedBytes = 0;
  readonly peer: string;
  readonly env: Env;
  readonly net: MemoryNet;
  /** The address of the listener, at both ends. */
  readonly host: string;
  handlers: ConnectionHandlers | null = null;
  other: End | null = null;

  constructor(net: MemoryNet, env: Env, host: string, peer: string) {
    this.net = net;
    this.env = env;
    this.host = host;
    this.peer = peer;
  }

  send(bytes: Uint8Array): void {
    const { other } = this;
    if (this.handlers === null || other === null) return;
    this.net.messages++;
    const copy = Buffer.from(bytes);
    this.queuedBytes += copy.length;
    this.net.deliver(this.host, () => {
      this.queuedBytes -= copy.length;
      other.handlers?.message(copy);
    });
  }

  close(reason: string): void {
    const { handlers, other } = this;
    if (handlers === null) return;
    this.handlers = null;
    this.env.soon(() => handlers.closed(reason));
    this.net.deliver(this.host, () => other?.drop('closed by the other end'));
  }

  cut(reason: string): void {
    this.close(reason);
  }

  drop(reason: string): void {
    const { handlers } = this;
    this.handlers = null;
    handlers?.closed(reason);
  }
}

export class MemoryNet implements Transport {
  /** Number of messages sent so far on all connections. */
  messages = 0;
  /** Number of connections made so far. */
  dialled = 0;
  private readonly env: Env;
  private readonly latencyMs: number;
  private readonly hosts = new Map<string, Accept>();
  private readonly ends = new Set<End>();
  private readonly frozen = new Map<string, (() => void)[]>();
  private nextPort = 1;

  constructor(env: Env, latencyMs = 0.2) {
    this.env = env;
    this.latencyMs = latencyMs;
  }

  listen(accept: Accept, address = `memory:${this.nextPort++}`): Listener {
    this.hosts.set(address, accept);
    return { address, close: async () => this.kill(address) };
  }

  connect(address: string, timeoutMs: number, handlers: ConnectionHandlers): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) =>
        reject(new RangekeeperError('UNREACHABLE', `cannot connect to ${address}: ${why}`));
      const timer = this.env.after(timeoutMs, () => fail('no answer'));
      this.deliver(address, () => {
        timer.cancel();
        const accept = this.hosts.get(address);
        if (accept === undefined) {
          fail('refused');
          return;
        }
        const near = new End(this, this.env, address, address);
        const far = new End(this, this.env, address, 'memory:client');
        near.other = far;
        far.other = near;
        this.ends.add(near).add(far);
        this.dialled++;
        near.handlers = handlers;
        far.handlers = accept(far);
        resolve(near);
      });
    });
  }

  /** The host dies: its connections break at once, new ones are refused. */
  kill(address: string): void {
    this.hosts.delete(address);
    this.frozen.delete(address);
    this.reset(address);
  }

  /** The host's connections break at once; it still accepts new ones. */
  reset(address: string): void {
    for (const end of this.ends) {
      if (end.host !== address) continue;
      this.ends.delete(end);
      end.drop('connection reset');
    }
  }

  /** From now on nothing reaches the host, and nothing that it sends arrives. */
  freeze(address: string): void {
    this.frozen.set(address, []);
  }

  unfreeze(address: string): void {
    const held = this.frozen.get(address) ?? [];
    this.frozen.delete(address);
    for (const act of held) act();
  }

  /** Calls `act` after the latency, in order, but not while the host is frozen. */
  deliver(host: string, act: () => void): void {
    this.env.after(this.latencyMs, () => {
      const held = this.frozen.get(host);
      if (held === undefined) act();
      else held.push(act);
    });
  }
}
