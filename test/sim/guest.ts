// A namespace besides `default` that is made, written to by a client of its own, and dropped while that client still uses it. When it
// is dropped nothing of it may be left: no answer to its client, no replica, no row. Each one has the same name as the one before it.

import type { Descriptor } from '../../common/model/descriptor.ts';
import type { NamespaceId, NodeId, RangeId } from '../../common/model/ids.ts';
import { namespaceCodec, paths } from '../../common/zk/znodes.ts';
import { ClientProcess } from './client-process.ts';
import { History } from './history.ts';
import type { NodeDeps } from './node-process.ts';
import type { Change } from './world/zk-tree.ts';

const NAME = 'guest';
const KEYS = ['a', 'c', 'e', 'g', 'i', 'k', 'm', 'o'];
/** Where its first ranges meet: a replica of a dropped range must not be taken for one of its neighbour. */
const SPLIT_AT = ['g', 'm'];

export class Guest {
  readonly name = NAME;
  readonly keys = KEYS;
  readonly history = new History();
  readonly client: ClientProcess;
  /** The ranges that have ended, and the nodes that held a replica then, and must wipe it (S5). */
  readonly holders = new Map<RangeId, readonly NodeId[]>();
  readonly #world: NodeDeps['world'];
  #id: NamespaceId | null = null;
  #goneAt: number | null = null;
  /** Whether it is to be dropped. */
  isUnwanted = false;

  constructor(deps: Omit<NodeDeps, 'applied'>, number: number, isActive: () => boolean) {
    const { history, keys } = this;
    this.#world = deps.world;
    const workload = { namespace: NAME, tag: `${NAME}-${number} `, history, keys, isActive };
    const host = deps.world.makeHost(`${NAME}-${number}`);
    this.client = new ClientProcess(deps, workload, host, false);
  }

  /** Null: it was not made yet. */
  get id(): NamespaceId | null {
    return this.#id;
  }

  /** When ZooKeeper had nothing of it any more, ms of the world's clock; null: it was not dropped. */
  get goneAt(): number | null {
    return this.#goneAt;
  }

  create(replicationFactor: number) {
    return {
      kind: 'create-namespace',
      ...{ name: NAME, replicationFactor, minInSync: null, splitAt: SPLIT_AT },
    } as const;
  }

  drop() {
    this.isUnwanted = true;
    return { kind: 'drop-namespace', name: NAME } as const;
  }

  /** A descriptor has changed. */
  learn({ namespace, id, state, replicas }: Descriptor): void {
    if (namespace !== NAME || state === 'serving' || this.holders.has(id)) return;
    this.holders.set(
      id,
      replicas.map(({ node }) => node),
    );
  }

  /** To be called for every transaction of ZooKeeper until it is gone. */
  watch(changes: readonly Change[]): void {
    const change = changes.find(({ path }) => path === paths.namespace(NAME));
    if (change === undefined || this.#goneAt !== null) return;
    if (change.node !== null) this.#id ??= namespaceCodec.decode(change.node.data).id;
    else {
      this.#goneAt = this.#world.clock.now;
      this.#world.story.count('namespace dropped');
    }
  }
}
