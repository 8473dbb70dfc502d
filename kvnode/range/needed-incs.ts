// R9: the ranges whose descriptor gives this node an inc that it cannot use, because it had that inc or a later one
// before. That happens after ZooKeeper was restored to an older state. The node reports them to the leader, which gives
// out other incs.

import type { Inc, RangeId } from '../../common/model/ids.ts';
import type { NeededInc } from '../../common/model/records.ts';

export class NeededIncs {
  readonly #needed = new Map<RangeId, Inc>();

  /**
   * Called when a descriptor was read.
   * @param given the inc that the descriptor gives this node; undefined if it gives none
   * @param lowest the lowest inc that a replica on this node can have
   */
  learn(range: RangeId, given: Inc | undefined, lowest: Inc): void {
    if (given !== undefined && given < lowest) this.#needed.set(range, lowest);
    else this.#needed.delete(range);
  }

  /** The part of the health report. It is empty if every inc can be used. */
  get report(): { readonly neededIncs?: readonly NeededInc[] } {
    if (this.#needed.size === 0) return {};
    return { neededIncs: [...this.#needed].map(([range, inc]) => ({ range, inc })) };
  }
}
