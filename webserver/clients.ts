// The clients behind the API: one for each namespace, made at the first request for it, and kept. If a client could not
// connect, the next request makes a new one, so the webserver recovers by itself when ZooKeeper or the cluster is available.

import type { Client } from '../client/api.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import type { Logger } from '../common/base/log.ts';

/** With more clients than this, the one that was used longest ago is closed. */
const CLIENTS_MAX = 16;

export class Clients {
  readonly #connect: (namespace: string) => Promise<Client>;
  readonly #logger: Logger;
  /** In order of last use, the oldest first. */
  readonly #clients = new Map<string, Promise<Client>>();
  #closed = false;

  constructor(connect: (namespace: string) => Promise<Client>, logger: Logger) {
    this.#connect = connect;
    this.#logger = logger;
  }

  /** Rejects as `connect` does: NO_CLUSTER, UNKNOWN_NAMESPACE. */
  get(namespace: string): Promise<Client> {
    if (this.#closed) return Promise.reject(new RangekeeperError('CLOSED', 'the webserver is stopping'));
    const client = this.#clients.get(namespace) ?? this.#make(namespace);
    this.#clients.delete(namespace);
    this.#clients.set(namespace, client);
    this.#evict();
    return client;
  }

  /** Closes all clients. The next request makes a new one. For use when another cluster has replaced this one. */
  async reset(): Promise<void> {
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    await Promise.all(clients.map((client) => this.#dispose(client)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.reset();
  }

  #make(namespace: string): Promise<Client> {
    const client = this.#connect(namespace);
    client.catch(() => {
      if (this.#clients.get(namespace) === client) this.#clients.delete(namespace);
    });
    return client;
  }

  #evict(): void {
    const [oldest] = this.#clients;
    if (this.#clients.size <= CLIENTS_MAX || oldest === undefined) return;
    this.#clients.delete(oldest[0]);
    void this.#dispose(oldest[1]);
  }

  async #dispose(client: Promise<Client>): Promise<void> {
    const connected = await client.catch(() => null);
    try {
      await connected?.close();
    } catch (error) {
      this.#logger.warn({ reason: String(error) }, 'closing a client failed');
    }
  }
}
