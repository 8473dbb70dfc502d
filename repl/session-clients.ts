// The clients of a session. The first one is made by `connect`, and owns the connection; `use` makes one of another namespace over
// the same connection. One client at a time is open besides the first.

import type { Client } from '../client/api.ts';
import { RangekeeperError } from '../common/base/errors.ts';

export class SessionClients {
  readonly #startNamespace: string;
  readonly #connect: () => Promise<Client>;
  #first: Promise<Client> | null = null;
  /** The client that `use` has chosen; null: the first one. */
  #chosen: Client | null = null;

  constructor(namespace: string, connect: () => Promise<Client>) {
    this.#startNamespace = namespace;
    this.#connect = connect;
  }

  get namespace(): string {
    return this.#chosen?.namespace ?? this.#startNamespace;
  }

  /** Connects at the first call. Rejects as `connect` does, each time. */
  async current(): Promise<Client> {
    this.#first ??= this.#connect();
    const cure = 'Start in one of these to make it:';
    const first = await this.#first.catch((error: unknown) => {
      throw withCure(error, this.#startNamespace, cure);
    });
    return this.#chosen ?? first;
  }

  /** As `Session.use` says. */
  async use(namespace: string, signal: AbortSignal): Promise<Client> {
    const former = await this.current();
    if (namespace === former.namespace) return former;
    const next = await this.#open(namespace);
    if (signal.aborted) {
      await next?.close();
      return former;
    }
    const closing = this.#chosen;
    this.#chosen = next;
    await closing?.close();
    return this.current();
  }

  /** Null: the first client is the one. */
  async #open(namespace: string): Promise<Client | null> {
    if (namespace === this.#startNamespace) return null;
    const first = await this.#first;
    try {
      return (await first?.inNamespace(namespace)) ?? null;
    } catch (error) {
      throw withCure(error, namespace, 'To make it:');
    }
  }

  /** Closing the first client closes the connection and all other clients. */
  async close(): Promise<void> {
    await (await this.#first)?.close();
  }
}

/** If there is no such namespace, the error also says how to make it. */
function withCure(error: unknown, namespace: string, cure: string): unknown {
  if (!(error instanceof RangekeeperError) || error.code !== 'UNKNOWN_NAMESPACE') return error;
  return new RangekeeperError(error.code, `${error.message}. ${cure} namespace create ${namespace}`);
}
