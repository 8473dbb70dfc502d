// What all clients of one program share that work on the same cluster, whatever their namespaces: the ZooKeeper session, a
// connection to each node, the list of the nodes and what was felt of them. The requests of all of them leave together.

import type { Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { ChannelConfig } from '../common/net/channel-config.ts';
import { Peers } from '../common/net/peers.ts';
import type { Transport } from '../common/net/transport.ts';
import type { Zk } from '../common/zk/store.ts';
import { NodeHealth } from './health.ts';
import { NodeList } from './node-list.ts';

/** The world that a client lives in. */
export interface ClientWorld {
  /** Closed with the client. */
  readonly zk: Zk;
  readonly transport: Transport;
  readonly env: Env;
  readonly log: Logger;
  readonly channel?: Partial<ChannelConfig>;
}

/** Hears of the cluster; closed with the connection. */
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
  private readonly users = new Set<ConnectionUser>();

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
      changed: () => this.tell((user) => user.nodesChanged()),
      located: (node, live) => {
        this.peers.setAddress(node, live?.address ?? null, live?.session ?? null);
        if (live === null) this.peers.suspect(node, 'its ZooKeeper session has ended');
      },
    });
    zk.onSession((session) => {
      this.tell((user) => user.zookeeperIs(true));
      session.onEnd(() => this.tell((user) => user.zookeeperIs(false)));
    });
  }

  /** Until `leave`. */
  join(user: ConnectionUser): void {
    this.users.add(user);
  }

  leave(user: ConnectionUser): void {
    this.users.delete(user);
  }

  /** With all that use it. */
  async close(): Promise<void> {
    const closing = [...this.users].map((user) => user.close());
    this.nodes.close();
    this.peers.close();
    await Promise.all(closing);
    await this.zk.close();
  }

  private tell(each: (user: ConnectionUser) => void): void {
    for (const user of [...this.users]) each(user);
  }
}
