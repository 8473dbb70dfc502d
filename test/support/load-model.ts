// Clients for tests of the planner: keys with a load and bytes, which change with time. The nodes of a small cluster measure what they own as
// real ones do, with some noise, and report it by the same rules.

import { present } from '../../common/base/assert.ts';
import { type Bytes, compareBytes, toBytes } from '../../common/base/bytes.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { PlanConfig } from '../../coordinator/config.ts';
import type { Step } from '../../coordinator/step.ts';
import { cpuShareOf } from '../../kvnode/load/cost.ts';
import { isBusy, isNewLoad, loadRecord, type OwnedLoad } from '../../kvnode/load/load-record.ts';
import type { LoadRates } from '../../kvnode/load/range-load.ts';
import { type Rng, seededRng } from './rng.ts';
import type { SmallCluster } from './small-cluster.ts';

/** What is asked of a key, and what it holds. */
export interface KeyLoad {
  readonly key: Bytes;
  /** A second. */
  readonly reads: number;
  readonly writes: number;
  readonly bytes: number;
}

const DECAY_MS = 10_000;
const REPORT_MS = 5_000;
const BUSY_REPORT_MS = 15_000;
const SAMPLES = 32;
/** Measured rates are off by at most this part. */
const NOISE = 0.05;

export class LoadModel {
  readonly cluster: SmallCluster;
  /** The namespace that has the keys. */
  readonly #namespace: string;
  readonly steps: { readonly at: number; readonly step: Step }[] = [];
  /** In order. */
  keys: readonly KeyLoad[] = [];
  readonly #rng: Rng;
  readonly #rates = new Map<RangeId, { reads: number; writes: number }>();
  readonly #reportedAt = new Map<NodeId, number>();

  constructor(cluster: SmallCluster, namespace: string, seed = 1) {
    this.cluster = cluster;
    this.#namespace = namespace;
    this.#rng = seededRng(seed);
  }

  /** Lets `ms` pass. @param keysAt the load at an instant of the cluster's time, in order of keys */
  run(config: PlanConfig, ms: number, keysAt: (time: number) => readonly KeyLoad[], roundMs = 1_000): void {
    const { cluster } = this;
    for (const end = cluster.time + ms; cluster.time < end; ) {
      this.keys = keysAt(cluster.time);
      this.#measure(roundMs);
      this.#report();
      const at = cluster.time;
      for (const step of cluster.round(config, roundMs)) this.steps.push({ at, step });
    }
  }

  get serving(): readonly Descriptor[] {
    return this.cluster.descriptors
      .filter(({ state }) => state === 'serving')
      .sort((a, b) => compareBytes(a.start, b.start));
  }

  keysIn(range: Descriptor): readonly KeyLoad[] {
    if (range.namespace !== this.#namespace) return [];
    const from = countBelow(this.keys, range.start);
    return this.keys.slice(from, range.end === null ? undefined : countBelow(this.keys, range.end));
  }

  /** The CPU that each live node spends on the ranges that it owns now, relative to the mean. */
  get levels(): ReadonlyMap<NodeId, number> {
    const cpu = new Map([...this.cluster.live.keys()].map((node) => [node, 0]));
    for (const range of this.serving) {
      const { node } = range.owner;
      cpu.set(node, (cpu.get(node) ?? 0) + cpuShareOf(ratesOf(this.keysIn(range))));
    }
    const mean = [...cpu.values()].reduce((sum, share) => sum + share, 0) / cpu.size;
    return new Map([...cpu].map(([node, share]) => [node, share / mean]));
  }

  get highestLevel(): number {
    return Math.max(...this.levels.values());
  }

  /** What was decided since an instant, by the kind of change. */
  decisionsSince(time: number): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { at, step } of this.steps) {
      if (at < time) continue;
      const kind = 'change' in step ? step.change : step.kind;
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  }

  /** Decayed means, as RangeLoad has them. */
  #measure(ms: number): void {
    const keep = Math.exp(-ms / DECAY_MS);
    for (const range of this.serving) {
      const { reads, writes } = ratesOf(this.keysIn(range));
      const known = this.#rates.get(range.id) ?? { reads, writes };
      this.#rates.set(range.id, {
        reads: known.reads * keep + reads * this.#noise() * (1 - keep),
        writes: known.writes * keep + writes * this.#noise() * (1 - keep),
      });
    }
  }

  #noise(): number {
    return 1 + NOISE * (this.#rng.below(2_001) / 1_000 - 1);
  }

  #report(): void {
    const { cluster } = this;
    for (const node of cluster.live.keys()) {
      const forMs = cluster.time - (this.#reportedAt.get(node) ?? Number.NEGATIVE_INFINITY);
      if (forMs < REPORT_MS) continue;
      const ranges = this.serving
        .filter(({ owner }) => owner.node === node)
        .map((range) => this.#owned(range));
      const cpu = ranges.reduce((sum, { rates }) => sum + cpuShareOf(rates), 0);
      const syncTimes = { meanMs: 1, p99Ms: this.syncMs.get(node) ?? 3 };
      const record = loadRecord({ cpu, syncTimes, ranges });
      const known = cluster.loadRecords.get(node);
      if (known !== undefined && !isNewLoad(known, record) && !(forMs >= BUSY_REPORT_MS && isBusy(record)))
        continue;
      cluster.loadRecords.set(node, record);
      this.#reportedAt.set(node, cluster.time);
    }
  }

  /** By node: how long its log takes to sync, ms. */
  readonly syncMs = new Map<NodeId, number>();

  #owned(range: Descriptor): OwnedLoad {
    const keys = this.keysIn(range);
    const { reads, writes } = present(this.#rates.get(range.id), 'it was measured');
    const rates = { reads, writes, bytesIn: 100 * writes, bytesOut: 100 * reads };
    const bytes = keys.reduce((sum, key) => sum + key.bytes, 0);
    return { range: range.id, rates, bytes, middleKey: middleOf(keys, bytes), samples: this.#samples(keys) };
  }

  #samples(keys: readonly KeyLoad[]): readonly Bytes[] {
    const all = keys.reduce((sum, { reads, writes }) => sum + reads + writes, 0);
    if (all === 0) return [];
    return Array.from({ length: SAMPLES }, () => {
      let left = (this.#rng.below(1_000_000) / 1_000_000) * all;
      const found = keys.find(({ reads, writes }) => {
        left -= reads + writes;
        return left < 0;
      });
      return present(found ?? keys.at(-1), 'a key').key;
    });
  }
}

function countBelow(keys: readonly KeyLoad[], bound: Bytes): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(present(keys[middle], 'a key').key, bound) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function ratesOf(keys: readonly KeyLoad[]): LoadRates {
  const reads = keys.reduce((sum, key) => sum + key.reads, 0);
  const writes = keys.reduce((sum, key) => sum + key.writes, 0);
  return { reads, writes, bytesIn: 100 * writes, bytesOut: 100 * reads };
}

function middleOf(keys: readonly KeyLoad[], bytes: number): Bytes | null {
  let before = 0;
  const middle = keys.find((key, at) => {
    const isMiddle = at > 0 && before >= bytes / 2;
    before += key.bytes;
    return isMiddle;
  });
  return middle?.key ?? null;
}

/** Keys `prefix0000` and so on with the same load each. */
export function evenKeys(prefix: string, count: number, load: Omit<KeyLoad, 'key'>): readonly KeyLoad[] {
  return Array.from({ length: count }, (_, at) => ({
    key: toBytes(`${prefix}${String(at).padStart(4, '0')}`),
    ...load,
  }));
}
