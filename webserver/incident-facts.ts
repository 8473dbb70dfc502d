// What the causes of incidents (incidents.ts) are found from: the ranges that stand still, the ranges that lack a copy, and the nodes
// that do not answer or have no lease.

import { copiesSentence, isShort } from '../common/model/health.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import { Machines } from '../common/model/machines.ts';
import type { Condition, FeedState, NodeRow, RangeRow } from './feed.ts';
import { answers, copiesOf, desiredCopies } from './page-health.ts';

export type Trouble = Exclude<Condition, 'serving' | 'unknown'>;

/** A range about which there is something to say. */
export interface Finding {
  readonly range: RangeRow;
  /** Null: it serves, but lacks a copy. */
  readonly trouble: Trouble | null;
  /** Whether it takes no writes. */
  readonly isStopped: boolean;
  readonly text: string;
}

/** Ranges about which the same is said. */
export interface Symptom {
  /** Empty: it is about the whole cluster. */
  readonly ranges: readonly RangeId[];
  readonly text: string;
}

/** How long a condition lasts before it counts, ms: a new owner needs a moment to start, and one late answer means nothing. */
const COUNTS_AFTER_MS: Readonly<Record<Trouble, number>> = {
  'no-owner': 0,
  'read-only': 0,
  waiting: 0,
  'no-lease': 2_000,
  starting: 2_000,
  silent: 500,
};

const TEXTS: Readonly<Record<Trouble, string>> = {
  'no-owner': 'no owner until the coordinator has promoted an in-sync copy',
  'read-only': 'read-only, because an in-sync copy does not answer and no more copies may be left out',
  waiting: 'no writes and no linearizable reads: the new owner needs an in-sync copy that does not answer',
  'no-lease': 'the owner has no valid lease; stale and fallback reads go on',
  starting: 'the owner has not started to serve yet',
  silent: 'the owner does not answer',
};

/** How long nodes may take to register again once ZooKeeper has come back, ms. */
const RETURN_MS = 5_000;

export class IncidentFacts {
  readonly feed: FeedState;
  readonly findings: readonly Finding[];
  /** Nodes that hold copies and do not answer. */
  readonly silent: readonly NodeRow[];
  /** ZooKeeper has begun to answer a moment ago: nodes whose sessions ended in between are about to register again. */
  readonly zookeeperReturns: boolean;
  /** Nodes that answer, and whose lapsed lease stops a range. */
  readonly lapsed: readonly NodeRow[];
  readonly #now: number;
  readonly #nodes: ReadonlyMap<NodeId, NodeRow>;
  readonly #desired: ReadonlyMap<string, number>;
  readonly #machines: Machines;

  /** @param now Unix ms of the webserver's clock */
  constructor(feed: FeedState, now: number) {
    this.feed = feed;
    this.#now = now;
    this.#nodes = new Map(feed.nodes.map((node) => [node.id, node]));
    this.#desired = desiredCopies(feed);
    this.#machines = new Machines(feed.nodes);
    this.findings = feed.ranges.flatMap((range) => this.#findingOf(range) ?? []);
    const { zookeeper, zookeeperSince } = feed.overview;
    this.zookeeperReturns = zookeeper && zookeeperSince !== null && now - zookeeperSince < RETURN_MS;
    this.silent = feed.nodes.filter(
      (node) => node.held > 0 && !answers(node) && !this.#isReturning(node) && !this.#isLateOnce(node),
    );
    const stopped = new Set(this.findings.filter(({ trouble }) => trouble === 'no-lease').map(ownerOf));
    this.lapsed = feed.nodes.filter((node) => answers(node) && stopped.has(node.id));
  }

  #isReturning({ alive, goneSince }: NodeRow): boolean {
    const backAt = this.feed.overview.zookeeperSince ?? 0;
    return this.zookeeperReturns && !alive && goneSince !== null && goneSince >= backAt;
  }

  #isLateOnce({ silentSince }: NodeRow): boolean {
    return silentSince !== null && this.#now - silentSince < COUNTS_AFTER_MS.silent;
  }

  #findingOf(range: RangeRow): Finding | null {
    const trouble = this.#troubleOf(range);
    const copies = copiesOf(range, this.#desired.get(range.namespace), this.#nodes);
    if (trouble === 'no-owner' && copies.nodes.length === 0)
      return { range, trouble, isStopped: true, text: 'no owner, and no in-sync copy that could take over' };
    if (trouble !== null) return { range, trouble, isStopped: true, text: TEXTS[trouble] };
    if (range.condition !== 'serving' || !isShort(copies)) return null;
    const isStopped = copies.nodes.length < copies.minInSync;
    return { range, trouble, isStopped, text: copiesSentence(copies, this.#machines, 'it') };
  }

  #troubleOf({ condition, since }: RangeRow): Trouble | null {
    if (condition === 'serving' || condition === 'unknown') return null;
    const lastedMs = this.#now - (since ?? this.#now);
    // While ZooKeeper is silent it is clear why a lease lapses, so there is nothing to wait for.
    const isClear = condition === 'no-lease' && !this.feed.overview.zookeeper;
    return isClear || lastedMs >= COUNTS_AFTER_MS[condition] ? condition : null;
  }
}

function ownerOf({ range }: Finding): NodeId {
  return range.owner;
}

/** Ranges with the same text become one symptom. Those that stand still come first. */
export function symptomsOf(findings: readonly Finding[]): readonly Symptom[] {
  const sorted = [...findings].sort((a, b) => Number(a.trouble === null) - Number(b.trouble === null));
  const byText = groupedBy(sorted, ({ text }) => text);
  return [...byText].map(([text, same]) => ({ text, ranges: same.map(({ range }) => range.id) }));
}

/** The items with the same key together, in the order of their first item. */
export function groupedBy<T, K>(items: readonly T[], keyOf: (item: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
