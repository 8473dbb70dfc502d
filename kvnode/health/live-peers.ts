// The other nodes as this one sees them: which ones are live, whether they stay, and whether there is a connection to each. It
// keeps those connections open and reports to the leader which are missing (health-report.ts). It knows nothing of what is
// sent over them.

import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { HealthRecord, LiveNode } from '../../common/model/records.ts';
import type { Peers } from '../../common/net/peers.ts';
import { watchLiveNodes } from '../../common/zk/live-nodes.ts';
import type { Zk, ZkSession } from '../../common/zk/store.ts';
import type { ZnodeChildren } from '../../common/zk/znode-children.ts';
import type { LiveStandings } from '../replica/replica-messages.ts';
import { type HealthReport, healthReport } from './health-report.ts';
import { PeerWatch } from './peer-watch.ts';

export interface LivePeersOptions {
  readonly self: NodeId;
  readonly env: Env;
  readonly logger: Logger;
  readonly zk: Zk;
  readonly peers: Peers;
  /** Called after every change of `standings`. */
  readonly changed: () => void;
  /** The node's own part of the health report: stuck replicas on live nodes, and why the node is unhealthy. */
  readonly ownReport: (isLive: (node: NodeId) => boolean) => Omit<HealthRecord, 'unreachable'>;
}

export class LivePeers {
  readonly #options: LivePeersOptions;
  readonly #live: ZnodeChildren<LiveNode>;
  readonly #watch: PeerWatch;
  readonly #report: HealthReport;
  #standings: LiveStandings = new Map();

  constructor(options: LivePeersOptions) {
    const { self, env, logger, zk, peers, ownReport } = options;
    this.#options = options;
    this.#live = watchLiveNodes(zk, logger, (ids) => {
      if (ids.length > 0) this.#liveChanged();
    });
    this.#watch = new PeerWatch({
      self,
      logger,
      live: () => this.#live.contents,
      isOpen: (node) => peers.isOpen(node),
    });
    const check = (): HealthRecord => {
      this.#watch.check();
      return { unreachable: this.unreachable, ...ownReport((node) => this.#standings.has(node)) };
    };
    this.#report = healthReport({ self, env, logger, check });
  }

  /** The nodes that have a live znode, as last seen. */
  get standings(): LiveStandings {
    return this.#standings;
  }

  /** Live nodes without a connection for a while, sorted. */
  get unreachable(): readonly NodeId[] {
    return this.#watch.unreachable;
  }

  /** The node's name, for texts; its id if it is not live. */
  nameOf(node: NodeId): string {
    return this.#live.contents.get(node)?.name ?? node;
  }

  /** Starts another read of the node's live znode, because what is known of it seems to be old. */
  readAgain(node: NodeId): void {
    this.#live.kickChild(node);
  }

  /** The session in which this node is registered; null if there is none. */
  useSession(session: ZkSession | null): void {
    this.#report.useSession(session);
  }

  close(): void {
    this.#report.close();
    this.#live.close();
  }

  #liveChanged(): void {
    const { self, peers, changed } = this.#options;
    const nodes = this.#live.contents;
    for (const id of this.#standings.keys()) if (!nodes.has(id)) peers.setAddress(id, null);
    this.#standings = new Map([...nodes].map(([id, { standing }]) => [id, standing ?? 'staying']));
    for (const [id, { address, session }] of nodes) {
      if (id === self) continue;
      peers.setAddress(id, address, session);
      peers.keep(id);
    }
    changed();
  }
}
