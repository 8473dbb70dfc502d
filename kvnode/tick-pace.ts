// How often a node looks at the replicas that it owns, and how long it leaves their followers in silence. A node with many
// ranges owns mostly quiet ones: looked at and talked to as often as the few of a small node, they would take the
// time of those that are busy.

import type { ReplicationConfig } from '../common/model/config.ts';
import type { RangeId } from '../common/model/ids.ts';

/** So many owners are looked at in one tick, unless it would be the turn of each only every TURNS_MAX ticks. */
const OWNERS_A_TICK = 64;
const TURNS_MAX = 4;

export class TickPace {
  readonly #config: Pick<ReplicationConfig, 'idleAppendMs' | 'quietAppendMsPerRange'>;
  #ticks = 0;
  #turns = 1;
  #owned = 0;

  constructor(config: Pick<ReplicationConfig, 'idleAppendMs' | 'quietAppendMsPerRange'>) {
    this.#config = config;
  }

  /** A tick begins; `owned`: ranges owned now. */
  begin(owned: number): void {
    this.#owned = owned;
    this.#turns = Math.min(TURNS_MAX, Math.max(1, Math.ceil(owned / OWNERS_A_TICK)));
    this.#ticks++;
  }

  /** Whether it is this range's turn. */
  isDue(range: RangeId): boolean {
    return range % this.#turns === this.#ticks % this.#turns;
  }

  /** How long followers that have everything may be left in silence, ms. */
  get quietMs(): number {
    const { idleAppendMs, quietAppendMsPerRange } = this.#config;
    return Math.max(idleAppendMs, this.#owned * quietAppendMsPerRange);
  }
}
