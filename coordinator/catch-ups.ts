// Nodes on which a replica has come into its in-sync set while the leader has it noted that replicas there catch up with nothing:
// what had kept them from it is over. Only the change counts. A replica that has been in-sync all along says nothing, and one
// that was removed meanwhile says nothing either.

import { type DescriptorImage, isInSync } from '../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';

export class CatchUps {
  /** Replicas outside their in-sync sets as of the last picture, by node. */
  #behind: ReadonlyMap<NodeId, ReadonlySet<RangeId>> = new Map();
  /** The sessions that are noted, of the nodes found so far. */
  readonly #found = new Map<NodeId, string>();

  /**
   * To be called with every picture, or a change is missed.
   *
   * @param noted nodes with a note about their present session, and that session
   */
  update(noted: ReadonlyMap<NodeId, string>, ranges: readonly DescriptorImage[]): ReadonlySet<NodeId> {
    for (const [node, session] of this.#found) if (noted.get(node) !== session) this.#found.delete(node);
    const behind = new Map<NodeId, Set<RangeId>>();
    for (const { descriptor } of ranges) {
      for (const { node } of descriptor.replicas) {
        const { id } = descriptor;
        if (!isInSync(descriptor, node)) behind.set(node, (behind.get(node) ?? new Set()).add(id));
        else if (this.#behind.get(node)?.has(id)) this.#caughtUp(node, noted.get(node));
      }
    }
    this.#behind = behind;
    return new Set(this.#found.keys());
  }

  #caughtUp(node: NodeId, session: string | undefined): void {
    if (session !== undefined) this.#found.set(node, session);
  }
}
