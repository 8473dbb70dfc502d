// Nodes that can be given replicas again. The leader has noted that replicas on such a node do not catch up, and since then one
// of them has become in-sync. Only this change counts: a replica that was in-sync all along, or that was removed, proves nothing.

import { type DescriptorImage, isInSync } from '../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';

export class CatchUps {
  /** Replicas outside their in-sync sets in the previous cluster view, by node. */
  #behind: ReadonlyMap<NodeId, ReadonlySet<RangeId>> = new Map();
  /** The nodes found so far, with the session that the note is about. */
  readonly #found = new Map<NodeId, string>();

  /**
   * Must be called with every cluster view, or a change is missed. Returns the nodes found so far.
   *
   * @param noted nodes that have such a note about their present session, and that session
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
