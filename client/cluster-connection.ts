// What clients of several namespaces of one cluster share: the ZooKeeper session, a connection to each node, the list of nodes, and
// what was measured of them. Requests of all these clients to one node travel together.

import type { Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { ChannelConfig } from '../common/net/channel-config.ts';
import { Peers } from '../common/net/peers.ts';
import type { Transport } from '../common/net/transport.ts';
import type { Zk } from '../common/zk/store.ts';
import { NodeHealth } from './health.ts';
import { NodeList } from './node-list.ts';

/** What a client needs from outside, real or simulated. */
export interface ClientWorld {
  /** Closed with the client. */
  readonly zk: Zk;
  readonly transport: Transport;
  readonly env: Env;
  readonly log: Logger;
  readonly channel?: Partial<ChannelConfig>;
}

/** Is notified of changes, and closed with the connection. */
export interface ConnectionUser {
  nodesChanged(): void;
  zookeeperIs(connected: boolean): void;
  close(): Promise<void>;
}

export class ClusterConnection {
  readonly zk: Zk;
  readonly env: Env;
  readonly log: Logger;
  readonly peers: Peers;
  readonly health: NodeHealth;
  readonly nodes: NodeList;
  readonly #users = new Set<ConnectionUser>();
  readonly #closing = new AbortController();
  /** An instant of Env.now(); null: ZooKeeper answers. */
  #silentSince: number | null = null;

  constructor({ zk, transport, env, log, channel }: ClientWorld, clusterId: string) {
    this.zk = zk;
    this.env = env;
    this.log = log;
    this.health = new NodeHealth(env);
    this.peers = new Peers({
      env,
      log,
      transport,
      self: { clusterId, nodeId: '' },
      handlers: { opened: ({ peerNode }) => this.health.returned(peerNode) },
      ...(channel === undefined ? {} : { channel }),
    });
    this.nodes = new NodeList(zk, log, {
      changed: () => this.#notify((user) => user.nodesChanged()),
      located: (node, live) => {
        this.peers.setAddress(node, live?.address ?? null, live?.session ?? null);
        if (live === null) this.peers.suspect(node, 'its ZooKeeper session has ended');
      },
    });
    zk.onConnection((connected) => {
      this.#silentSince = connected ? null : (this.#silentSince ?? env.now());
      this.#notify((user) => user.zookeeperIs(connected));
    });
  }

  /** For how long ZooKeeper has been known not to answer this process, ms; null: it answers. */
  zookeeperSilentMs(): number | null {
    return this.#silentSince === null ? null : this.env.now() - this.#silentSince;
  }

  /** Aborts when the connection closes. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Notifies `user` of changes until `leave`. */
  join(user: ConnectionUser): void {
    this.#users.add(user);
  }

  leave(user: ConnectionUser): void {
    this.#users.delete(user);
  }

  /** Also closes all users. */
  async close(): Promise<void> {
    this.#closing.abort();
    const closing = [...this.#users].map((user) => user.close());
    this.nodes.close();
    this.peers.close();
    await Promise.all(closing);
    await this.zk.close();
  }

  #notify(each: (user: ConnectionUser) => void): void {
    for (const user of [...this.#users]) each(user);
  }
}
