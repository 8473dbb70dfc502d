// What the leader knows of loads, from the nodes' reports, with its own clock. Only the present owner's report of a range counts; until it
// comes, what the former one reported is kept. A range that was just made from others has what was reported of them, parted by
// their samples. A new leader knows nothing of the time before its term.

import { present } from '../common/base/assert.ts';
import type { Env } from '../common/base/env.ts';
import type { Descriptor, DescriptorImage } from '../common/model/descriptor.ts';
import type { NodeId, RangeId, SessionId } from '../common/model/ids.ts';
import { contains, intersect, type KeyRange, sameBounds } from '../common/model/key-range.ts';
import type { LoadRecord, RangeLoadRecord } from '../common/model/load.ts';
import type { LoadView, NodeLoadView, RangeLoadView } from './load-view.ts';
import { Strains } from './strains.ts';

/** A child that has this part of its parent's load was split off in vain. It is judged once it was known for so long, ms. */
const VAIN_SHARE = 0.85;
const JUDGED_AFTER_MS = 20_000;
/** What ended ranges reported is kept for so long, ms: their children may not have been read yet. */
const KEEP_ENDED_MS = 60_000;

/** A report as it was read. `version`: another one for each report. */
export interface LoadReport {
  readonly record: LoadRecord;
  readonly version: number;
  /** The session of the node that has written it. */
  readonly session: SessionId;
}

interface RangeHistory {
  readonly span: KeyRange;
  record: RangeLoadRecord;
  isEstimated: boolean;
  readonly knownSince: number;
  coldSince: number | null;
  splitsInVain: number;
  /** What was asked of the parent that was split, if this has not been compared yet. */
  parent: { readonly cpu: number; readonly splitsInVain: number } | null;
  lastServing: number;
}

export class LoadHistory {
  readonly #env: Pick<Env, 'now'>;
  readonly #coldCpu: number;
  readonly #ranges = new Map<RangeId, RangeHistory>();
  readonly #arrived = new Map<NodeId, { readonly version: number; readonly at: number }>();
  readonly #strains: Strains;

  /** @param coldCpu below this part of one core a range is cold */
  constructor(env: Pick<Env, 'now'>, coldCpu: number) {
    this.#env = env;
    this.#coldCpu = coldCpu;
    this.#strains = new Strains(env);
  }

  /**
   * Must be called for every cluster view.
   * @param reports of live nodes
   * @param ranges those in state `serving`
   */
  update(reports: ReadonlyMap<NodeId, LoadReport>, ranges: readonly DescriptorImage[]): LoadView {
    const now = this.#env.now();
    const byNode = new Map([...reports].map(([node, { record }]) => [node, byRange(record)]));
    const views = new Map<RangeId, RangeLoadView>();
    for (const { descriptor } of ranges) {
      const history = this.#learn(descriptor, byNode.get(descriptor.owner.node)?.get(descriptor.id), now);
      if (history !== null) views.set(descriptor.id, viewOf(history, now));
    }
    this.#forget(now);
    return { nodes: this.#nodes(reports, now), ranges: views };
  }

  #forget(now: number): void {
    for (const [range, { lastServing }] of this.#ranges)
      if (lastServing + KEEP_ENDED_MS < now) this.#ranges.delete(range);
  }

  #nodes(reports: ReadonlyMap<NodeId, LoadReport>, now: number): ReadonlyMap<NodeId, NodeLoadView> {
    for (const node of this.#arrived.keys()) if (!reports.has(node)) this.#arrived.delete(node);
    for (const [node, { version }] of reports)
      if (this.#arrived.get(node)?.version !== version) this.#arrived.set(node, { version, at: now });
    const strains = this.#strains.update(new Map([...reports].map(([node, { record }]) => [node, record])));
    return new Map(
      [...reports].map(([node, { record }]): [NodeId, NodeLoadView] => {
        const ageMs = now - (this.#arrived.get(node)?.at ?? now);
        return [node, { record, ageMs, strain: strains.get(node) ?? null }];
      }),
    );
  }

  /** Null: nothing is known of the range. */
  #learn(descriptor: Descriptor, reported: RangeLoadRecord | undefined, now: number): RangeHistory | null {
    let history = this.#ranges.get(descriptor.id);
    if (history === undefined) {
      const inherited = this.#inherit(descriptor, now);
      if (inherited === null && reported === undefined) return null;
      history = inherited ?? estimated(present(reported, 'a report'), descriptor, now, null);
      this.#ranges.set(descriptor.id, history);
    }
    if (reported !== undefined) {
      history.record = reported;
      history.isEstimated = false;
    }
    history.lastServing = now;
    this.#judge(history, now);
    if (history.record.cpu >= this.#coldCpu || history.isEstimated) history.coldSince = null;
    else history.coldSince ??= now;
    return history;
  }

  /** Whether the split that made the range was in vain. */
  #judge(history: RangeHistory, now: number): void {
    const { parent, isEstimated, knownSince, record } = history;
    if (parent === null || isEstimated || now - knownSince < JUDGED_AFTER_MS) return;
    const inVain = parent.cpu >= this.#coldCpu && record.cpu >= VAIN_SHARE * parent.cpu;
    history.splitsInVain = inVain ? parent.splitsInVain + 1 : 0;
    history.parent = null;
  }

  /** What a range begins with that was made from others: from one that has its keys, or from two that were merged. */
  #inherit(descriptor: Descriptor, now: number): RangeHistory | null {
    const { start, end } = descriptor;
    const [first, second] = descriptor.parents.map(({ range }) => this.#ranges.get(range));
    if (first === undefined) return null;
    const isPart = sameBounds(intersect(first.span, descriptor), { start, end });
    if (!isPart && second === undefined) return null;
    if (!isPart && second !== undefined)
      return estimated(sumOf(first.record, second.record), descriptor, now, null);
    const { record, splitsInVain } = first;
    return estimated(partOf(record, descriptor), descriptor, now, { cpu: record.cpu, splitsInVain });
  }
}

function estimated(
  record: RangeLoadRecord,
  { start, end }: KeyRange,
  now: number,
  parent: RangeHistory['parent'],
): RangeHistory {
  return {
    ...{ span: { start, end }, record, isEstimated: true, knownSince: now, coldSince: null },
    ...{ splitsInVain: parent?.splitsInVain ?? 0, parent, lastServing: now },
  };
}

function sumOf(a: RangeLoadRecord, b: RangeLoadRecord): RangeLoadRecord {
  return {
    range: a.range,
    reads: a.reads + b.reads,
    writes: a.writes + b.writes,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
    cpu: a.cpu + b.cpu,
    bytes: a.bytes === null || b.bytes === null ? null : a.bytes + b.bytes,
  };
}

/** The part of what is asked of a range that falls to a child, by the parent's samples. How many bytes it has nobody knows yet. */
function partOf(record: RangeLoadRecord, child: Descriptor): RangeLoadRecord {
  const samples = record.samples ?? [];
  const share =
    samples.length === 0 ? 0.5 : samples.filter((key) => contains(child, key)).length / samples.length;
  return {
    range: child.id,
    reads: record.reads * share,
    writes: record.writes * share,
    bytesIn: record.bytesIn * share,
    bytesOut: record.bytesOut * share,
    cpu: record.cpu * share,
    bytes: null,
  };
}

function viewOf(history: RangeHistory, now: number): RangeLoadView {
  const { record, isEstimated, knownSince, coldSince, splitsInVain } = history;
  const { range: _, ...load } = record;
  const coldForMs = coldSince === null ? 0 : now - coldSince;
  return { ...load, isEstimated, coldForMs, knownForMs: now - knownSince, splitsInVain };
}

function byRange({ ranges }: LoadRecord): ReadonlyMap<RangeId, RangeLoadRecord> {
  return new Map(ranges.map((record) => [record.range, record]));
}
