// The load of this node: rates of its ranges, once a second, and the bytes of those that it owns. What it makes of them is reported to
// the leader (zk/load-report.ts).

import { type Env, every, type Timer } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { RangeId } from '../../common/model/ids.ts';
import type { LoadRecord } from '../../common/model/load.ts';
import { CorruptDataError } from '../storage/data-errors.ts';
import type { Storage } from '../storage/storage.ts';
import { loadRecord } from './load-record.ts';
import type { RangeLoad } from './range-load.ts';
import { RangeSizes } from './range-sizes.ts';

const FOLD_MS = 1_000;
/** Rates that were counted for less say too little, ms. */
const COUNTED_MS_MIN = 2_500;
/** Sizes are measured in every so many-th of them. */
const FOLDS_PER_MEASUREMENT = 5;
/** The node's CPU share is a mean in which the newest second has this weight. */
const CPU_WEIGHT = 0.1;

/** A host as this file sees it. */
export interface LoadedHost {
  readonly range: RangeId;
  readonly isOwner: boolean;
  readonly load: RangeLoad;
}

export interface NodeLoadOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly storage: Pick<Storage, 'appliedBytes' | 'measure' | 'syncTimes'>;
  readonly hosts: () => Iterable<LoadedHost>;
  /** The CPU time of the process so far, ms. Null: not known. */
  readonly cpuMs: () => number | null;
}

export class NodeLoad {
  readonly #options: NodeLoadOptions;
  readonly #sizes: RangeSizes;
  readonly #timer: Timer;
  /** The ranges that the node owned at the last fold. */
  #owned: ReadonlySet<RangeId> = new Set();
  #folds = 0;
  #foldedAt: number;
  #cpuMs: number | null;
  #cpu: number | null = null;

  constructor(options: NodeLoadOptions) {
    this.#options = options;
    this.#sizes = new RangeSizes(options.storage);
    this.#foldedAt = options.env.now();
    this.#cpuMs = options.cpuMs();
    this.#timer = every(options.env, FOLD_MS, () => this.#fold());
  }

  close(): void {
    this.#timer.cancel();
  }

  record(): LoadRecord {
    const { storage } = this.#options;
    const counted = [...this.#options.hosts()].filter(
      ({ range, isOwner, load }) => isOwner && this.#owned.has(range) && load.forMs >= COUNTED_MS_MIN,
    );
    const ranges = counted.map(({ range, load }) => ({
      ...{ range, rates: load.rates, samples: load.samples },
      ...{ bytes: this.#sizes.bytesOf(range), middleKey: this.#sizes.middleKeyOf(range) },
    }));
    return loadRecord({ cpu: this.#cpu, syncTimes: storage.syncTimes, ranges });
  }

  #fold(): void {
    const now = this.#options.env.now();
    const owned = new Set<RangeId>();
    for (const { range, isOwner, load } of this.#options.hosts()) {
      if (isOwner) owned.add(range);
      if (isOwner && !this.#owned.has(range)) load.restart();
      else load.fold(now);
    }
    this.#owned = owned;
    this.#foldCpu(now);
    if (++this.#folds % FOLDS_PER_MEASUREMENT === 0) this.#measure(owned, now);
  }

  #measure(owned: ReadonlySet<RangeId>, now: number): void {
    this.#sizes.measure(owned, now).catch((error: unknown) => {
      // The storage has reported damage, and the process stops. Any other failure is tried again.
      if (!(error instanceof CorruptDataError))
        this.#options.logger.debug({ error: String(error) }, 'ranges not measured');
    });
  }

  #foldCpu(now: number): void {
    const cpuMs = this.#options.cpuMs();
    const ms = now - this.#foldedAt;
    if (cpuMs !== null && this.#cpuMs !== null && ms > 0) {
      const share = (cpuMs - this.#cpuMs) / ms;
      this.#cpu = this.#cpu === null ? share : this.#cpu + CPU_WEIGHT * (share - this.#cpu);
    }
    this.#cpuMs = cpuMs;
    this.#foldedAt = now;
  }
}
