// Nodes that should own less than their share for a while: their log syncs much more slowly than that of others, or they have much less CPU
// left. Such a node is told from its peers, not by a limit alone, because a busy cluster is no reason to move anything. It has to
// be better for a long time before it gets its share again, and longer each time: what eased it may be that it owns less.

import type { Env } from '../common/base/env.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { LoadRecord } from '../common/model/load.ts';
import type { Strain } from './load-view.ts';

/** Times of syncs, 99th percentile, and how many times the median of the other nodes. */
const SLOW_MS = 50;
const SLOW_TIMES = 5;
/** CPU of the process, in cores, and how many times the mean of the other nodes. */
const OVERLOADED_CPU = 0.9;
const OVERLOADED_TIMES = 1.5;
/** A node counts as better below this part of each of these. */
const BETTER_SHARE = 0.5;

const BEGINS_AFTER_MS = 30_000;
const ENDS_AFTER_MS = 600_000;
const ENDS_AFTER_MS_MAX = 4 * 3_600_000;

interface Watched {
  strain: Strain | null;
  /** Since when the node has been strained without a break, or better if it counts as strained. */
  since: number | null;
  /** How often it has been strained. */
  times: number;
}

export class Strains {
  readonly #env: Pick<Env, 'now'>;
  readonly #nodes = new Map<NodeId, Watched>();

  constructor(env: Pick<Env, 'now'>) {
    this.#env = env;
  }

  /** @returns the nodes that are strained, with the reason */
  update(records: ReadonlyMap<NodeId, LoadRecord>): ReadonlyMap<NodeId, Strain> {
    const strained = new Map<NodeId, Strain>();
    for (const node of this.#nodes.keys()) if (!records.has(node)) this.#nodes.delete(node);
    for (const [node, record] of records) {
      const others = [...records].filter(([other]) => other !== node).map(([, other]) => other);
      const watched = this.#nodes.get(node) ?? { strain: null, since: null, times: 0 };
      this.#nodes.set(node, watched);
      this.#watch(watched, record, others);
      if (watched.strain !== null) strained.set(node, watched.strain);
    }
    return strained;
  }

  #watch(watched: Watched, record: LoadRecord, others: readonly LoadRecord[]): void {
    const now = this.#env.now();
    const seen = strainOf(record, others, 1);
    const changes =
      watched.strain === null ? seen !== null : strainOf(record, others, BETTER_SHARE) !== watched.strain;
    if (!changes) watched.since = null;
    else watched.since ??= now;
    if (watched.since === null) return;
    const forMs = now - watched.since;
    if (watched.strain === null ? forMs < BEGINS_AFTER_MS : forMs < endsAfterMs(watched.times)) return;
    if (watched.strain === null) watched.times++;
    watched.strain = watched.strain === null ? seen : null;
    watched.since = null;
  }
}

function endsAfterMs(times: number): number {
  return Math.min(ENDS_AFTER_MS * 2 ** (times - 1), ENDS_AFTER_MS_MAX);
}

/** @param share of what makes a node strained that is enough here */
function strainOf(record: LoadRecord, others: readonly LoadRecord[], share: number): Strain | null {
  if (others.length === 0) return null;
  const syncs = others.map(({ syncP99Ms }) => syncP99Ms ?? 0).sort((a, b) => a - b);
  const median = syncs[Math.floor(syncs.length / 2)] ?? 0;
  const slow = Math.max(SLOW_MS, SLOW_TIMES * median) * share;
  if ((record.syncP99Ms ?? 0) >= slow) return 'slow';
  const cpu = others.reduce((sum, other) => sum + (other.cpu ?? 0), 0) / others.length;
  const overloaded = Math.max(OVERLOADED_CPU, OVERLOADED_TIMES * cpu) * share;
  return (record.cpu ?? 0) >= overloaded ? 'overloaded' : null;
}
