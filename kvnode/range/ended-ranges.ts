// S5: descriptors of ranges that have ended stay in ZooKeeper until no node holds a replica of them. The owner of the children deletes
// those of the parents as soon as each of their nodes has answered as a replica of a child: it has stepped then. Where that does not
// happen, each node takes itself out after a while, and the leader deletes what nobody holds.

import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import { type DescriptorImage, incOf, withoutHolder } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import { type Zk, ZkError, type ZkOp } from '../../common/zk/store.ts';
import { descriptorCodec, paths } from '../../common/zk/znodes.ts';
import type { RangeHost } from './range-host.ts';

/** A node takes itself out of the descriptor of a replaced range after this time, ms. The owner of the children is usually done by then. */
const TAKE_OUT_MS = 5_000;
const RETRY_MS = 1_000;

export interface EndedRangesParts {
  readonly self: NodeId;
  readonly env: Env;
  readonly logger: Logger;
  readonly zk: Zk;
  host(range: RangeId): RangeHost | undefined;
  unwatch(range: RangeId): void;
  readAgain(range: RangeId): void;
}

/** Parents that this node has replaced. */
interface Replaced {
  readonly parents: readonly DescriptorImage[];
  readonly children: readonly RangeId[];
  /** All nodes that had a replica of a parent. */
  readonly holders: ReadonlySet<NodeId>;
}

export class EndedRanges {
  readonly #parts: EndedRangesParts;
  readonly #replaced = new Set<Replaced>();
  /** Images that list this node, although it has no replica, and when it takes itself out. */
  readonly #listed = new Map<RangeId, { image: DescriptorImage; at: number }>();

  constructor(parts: EndedRangesParts) {
    this.#parts = parts;
  }

  /** This node has sent the multi that replaced ranges, and it took effect. */
  decided(images: readonly DescriptorImage[]): void {
    const parents = images.filter(({ descriptor }) => descriptor.state === 'replaced');
    const children = images.filter(({ descriptor }) => descriptor.state === 'serving');
    this.#replaced.add({
      parents,
      children: children.map(({ descriptor }) => descriptor.id),
      holders: new Set(parents.flatMap(({ descriptor }) => descriptor.replicas.map(({ node }) => node))),
    });
  }

  /** The image is of a range that has ended, and of which this node has no replica. */
  learned(image: DescriptorImage): void {
    const { self, env, unwatch } = this.#parts;
    const { id } = image.descriptor;
    if (incOf(image.descriptor, self) === undefined) {
      this.#listed.delete(id);
      return unwatch(id);
    }
    // Of a dropped range there is no owner that deletes it.
    const patienceMs = image.descriptor.state === 'dropped' ? 0 : TAKE_OUT_MS;
    const at = this.#listed.get(id)?.at ?? env.now() + patienceMs;
    this.#listed.set(id, { image, at });
  }

  /** The znode is gone, and this node has no replica of the range. */
  missing(range: RangeId): void {
    this.#listed.delete(range);
    this.#parts.unwatch(range);
  }

  /** To be called at the end of each turn, and by the tick. */
  review(): void {
    for (const replaced of this.#replaced) this.#deleteIfStepped(replaced);
    const now = this.#parts.env.now();
    for (const listed of this.#listed.values()) {
      if (listed.at > now) continue;
      listed.at = now + RETRY_MS;
      void this.#takeOut(listed.image);
    }
  }

  #deleteIfStepped(replaced: Replaced): void {
    const { host, self } = this.#parts;
    const [child] = replaced.children;
    const ownership = child === undefined ? null : (host(child)?.replica.ownership ?? null);
    if (ownership === null || !ownership.started) {
      if (child === undefined || host(child) === undefined) this.#replaced.delete(replaced);
      return;
    }
    const answered = new Set([self]);
    for (const { node, hasAnswered } of ownership.followers) if (hasAnswered) answered.add(node);
    if (![...replaced.holders].every((node) => answered.has(node))) return;
    this.#replaced.delete(replaced);
    void this.#write(
      replaced.parents.map(({ descriptor: { namespace, id }, version }): ZkOp => {
        return { kind: 'delete', path: paths.range(namespace, id), version };
      }),
    );
  }

  async #takeOut({ descriptor, version }: DescriptorImage): Promise<void> {
    const { self, readAgain } = this.#parts;
    const { namespace, id } = descriptor;
    const data = descriptorCodec.encode(withoutHolder(descriptor, [self]));
    const failure = await this.#write([{ kind: 'set', path: paths.range(namespace, id), data, version }]);
    if (failure?.failure === 'no-node') this.missing(id);
    else readAgain(id);
  }

  /** Null: done. If it fails, the slow way is still there. */
  async #write(ops: readonly ZkOp[]): Promise<ZkError | null> {
    try {
      await this.#parts.zk.session?.multi(ops);
      return null;
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      this.#parts.logger.debug({ error: error.message }, 'the descriptor of a range that has ended stays');
      return error;
    }
  }
}
