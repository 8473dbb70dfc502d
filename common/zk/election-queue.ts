// The election queue in `/coordinators`. Each coordinator has an ephemeral sequential znode there, and these form a queue in the
// order of their sequence numbers. The first one leads, and each of the others waits for the one before it. A persistent znode does
// not count, because it belongs to no session that could end.

import type { ZkNode } from './store.ts';
import { inSequence } from './znodes.ts';

/** The names that may stand in the queue, the first one first. {@link standsInQueue} says whether one really does. */
export function queueOf(names: Iterable<string>): readonly string[] {
  return inSequence([...names]);
}

export function standsInQueue(node: ZkNode): boolean {
  return node.ephemeralOwner !== null;
}

/** The znode of the leader. @param standing names of those that stand in the queue, in any order */
export function leaderAmong(standing: Iterable<string>): string | undefined {
  return queueOf(standing)[0];
}
