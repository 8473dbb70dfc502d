// When a node looks at its replicas, and how long it leaves the followers of those that it owns in silence. Only those with
// something under way are looked at often; the others when their followers are due to hear from them. A node with many
// ranges owns mostly quiet ones: looked at and talked to as often as the few of a small node, they would take the time
// of those that are busy.

import type { Env, Timer } from '../common/base/env.ts';
import type { ReplicationConfig } from '../common/model/config.ts';
import type { RangeId } from '../common/model/ids.ts';

/** What waits for a tick waits for one of those that are so far apart, ms: one tick serves many. */
const TICK_MS = 25;
/** There is one so often in any case: how long this process was paused shows in that. */
const IDLE_TICK_MS = 250;
/** Quiet ones are looked at together, so that their Appends leave together: up to one part in so many later than they could be. */
const QUIET_LATE_SHARE = 8;
/** So many with something under way are looked at in one tick, unless it would be the turn of each only every TURNS_MAX ticks. */
const BUSY_A_TICK = 64;
const TURNS_MAX = 4;

/** A replica, as far as ticks go. */
export interface Ticked {
  readonly range: RangeId;
  readonly isOwner: boolean;
  /** A tick finds nothing to do before this instant; 0: something is under way; infinity: never. */
  readonly idleUntil: number;
  /** When it is looked at next; this file's. */
  lookAt: number;
}

export class TickPace {
  readonly #env: Env;
  readonly #config: Pick<ReplicationConfig, 'idleAppendMs' | 'quietAppendMsPerRange'>;
  readonly #tick: () => void;
  #timer: Timer;
  #at: number;
  #tickedAt: number;
  #turns = 1;
  /** Owned ones are counted as rarely as that: whether one is owned is looked up far from what else is asked of it. */
  #countedAt = Number.NEGATIVE_INFINITY;
  #quietMs: number;

  constructor(
    env: Env,
    config: Pick<ReplicationConfig, 'idleAppendMs' | 'quietAppendMsPerRange'>,
    tick: () => void,
  ) {
    this.#env = env;
    this.#config = config;
    this.#tick = tick;
    this.#quietMs = config.idleAppendMs;
    this.#tickedAt = env.now();
    this.#at = this.#tickedAt + IDLE_TICK_MS;
    this.#timer = env.after(IDLE_TICK_MS, tick);
  }

  /** How long followers that have everything may be left in silence, ms. */
  get quietMs(): number {
    return this.#quietMs;
  }

  /** A tick, on time or for another reason: those that it looks at, and for how long there was none, ms. */
  begin<T extends Ticked>(
    replicas: Iterable<T>,
    allOwners: boolean,
  ): { readonly due: readonly T[]; readonly pausedMs: number } {
    const now = this.#env.now();
    const pausedMs = now - this.#tickedAt;
    this.#tickedAt = now;
    const due: T[] = [];
    const counts = allOwners || now - this.#countedAt >= IDLE_TICK_MS;
    let owned = 0;
    let soon = 0;
    let next = now + IDLE_TICK_MS;
    for (const replica of replicas) {
      if (counts && replica.isOwner) owned++;
      if (replica.lookAt <= now + TURNS_MAX * TICK_MS) soon++;
      if (replica.lookAt > now && !(allOwners && replica.isOwner)) next = Math.min(next, replica.lookAt);
      else {
        replica.lookAt = Number.POSITIVE_INFINITY;
        due.push(replica);
      }
    }
    this.#turns = Math.min(TURNS_MAX, Math.max(1, Math.ceil(soon / BUSY_A_TICK)));
    if (counts) this.#counted(owned, now);
    this.#arm(next, now);
    return { due, pausedMs };
  }

  /** Something happened to the replica: a tick will look at it when that is needed, and not because it was needed before. */
  lookAgain(replica: Ticked): void {
    const now = this.#env.now();
    const { idleUntil } = replica;
    const at = idleUntil === 0 ? this.#turnOf(replica.range, now) : this.#gathered(idleUntil);
    if (at >= replica.lookAt) return;
    replica.lookAt = at;
    if (at < this.#at) this.#arm(at, now);
  }

  close(): void {
    this.#timer.cancel();
  }

  #counted(owned: number, now: number): void {
    const { idleAppendMs, quietAppendMsPerRange } = this.#config;
    this.#countedAt = now;
    this.#quietMs = Math.max(idleAppendMs, owned * quietAppendMsPerRange);
  }

  /** Ranges have their turns in different ticks. */
  #turnOf(range: RangeId, now: number): number {
    const next = Math.floor(now / TICK_MS) + 1;
    const turns = this.#turns;
    return (next + ((range + turns - (next % turns)) % turns)) * TICK_MS;
  }

  #gathered(at: number): number {
    const ticks = Math.max(1, Math.floor(this.#quietMs / QUIET_LATE_SHARE / TICK_MS));
    return Math.ceil(at / (ticks * TICK_MS)) * ticks * TICK_MS;
  }

  #arm(at: number, now: number): void {
    this.#timer.cancel();
    this.#at = Math.ceil(at / TICK_MS) * TICK_MS;
    // A timer may be early by the part of a ms that its clock does not tell.
    this.#timer = this.#env.after(Math.max(0, this.#at - now) + 1, this.#tick);
  }
}
