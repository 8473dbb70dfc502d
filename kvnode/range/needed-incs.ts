// R9: the ranges whose descriptor gives this node an inc that it cannot use, because it had that inc or a later one before. That
// happens after ZooKeeper was restored to an older state. The node reports them to the leader, which gives out other incs.

import type { Inc, RangeId } from '../../common/model/ids.ts';
import type { NeededInc } from '../../common/model/records.ts';

export class NeededIncs {
  readonly #needed = new Map<RangeId, Inc>();

  /**
   * A descriptor was read.
   * @param given the inc that it gives this node; undefined: the node is to have no replica
   * @param lowest the lowest inc that a replica here can have
   */
  learn(range: RangeId, given: Inc | undefined, lowest: Inc): void {
    if (given !== undefined && given < lowest) this.#needed.set(range, lowest);
    else this.#needed.delete(range);
  }

  /** For the health report; empty where every inc can be used. */
  get report(): { readonly neededIncs?: readonly NeededInc[] } {
    if (this.#needed.size === 0) return {};
    return { neededIncs: [...this.#needed].map(([range, inc]) => ({ range, inc })) };
  }
}
