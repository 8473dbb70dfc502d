// Decides when a node ticks which of its replicas, and how often the owners here send heartbeats. A replica with something under
// way is ticked often. Any other one is ticked only when its followers' next heartbeat is due. A node with many ranges owns
// mostly idle ones: if they were ticked as often as the few ranges of a small node, they would take time from the busy ones.

import type { Env, Timer } from '../common/base/env.ts';
import type { ReplicationConfig } from '../common/model/config.ts';
import type { RangeId } from '../common/model/ids.ts';

/** Ticks are at multiples of this, ms, so that one tick serves many replicas. */
const TICK_MS = 25;
/** There is a tick at least this often, ms, because pauses of this process are measured between ticks. */
const IDLE_TICK_MS = 250;
/** Idle replicas are gathered into common ticks, so that their heartbeats leave together: late by at most this part of heartbeatMs. */
const GATHER_SHARE = 1 / 8;
/** This many busy replicas are ticked in one tick. With more, each has its turn in every second to GROUPS_MAX-th tick. */
const BUSY_PER_TICK = 64;
const GROUPS_MAX = 4;

/** A replica as this file sees it. */
export interface TickTarget {
  readonly range: RangeId;
  readonly isOwner: boolean;
  /** A tick finds nothing to do before this instant; 0: something is under way; infinity: there is nothing to wait for. */
  readonly idleUntil: number;
  /** When it is ticked next. Only this file writes it. */
  nextTickAt: number;
}

export class TickScheduler {
  readonly #env: Env;
  readonly #config: Pick<ReplicationConfig, 'heartbeatMs' | 'heartbeatMsPerRange'>;
  readonly #tick: () => void;
  #timer: Timer;
  /** When the timer fires. */
  #timerAt: number;
  #lastTickAt: number;
  /** Busy replicas are ticked in this many groups, one group in each tick. */
  #groups = 1;
  /** Counting the owned replicas costs memory accesses, so it is done only every IDLE_TICK_MS. */
  #countedAt = Number.NEGATIVE_INFINITY;
  #heartbeatMs: number;

  constructor(
    env: Env,
    config: Pick<ReplicationConfig, 'heartbeatMs' | 'heartbeatMsPerRange'>,
    tick: () => void,
  ) {
    this.#env = env;
    this.#config = config;
    this.#tick = tick;
    this.#heartbeatMs = config.heartbeatMs;
    this.#lastTickAt = env.now();
    this.#timerAt = this.#lastTickAt + IDLE_TICK_MS;
    this.#timer = env.after(IDLE_TICK_MS, tick);
  }

  /** The interval of heartbeats to followers that have everything, ms. It grows with the number of owned ranges. */
  get heartbeatMs(): number {
    return this.#heartbeatMs;
  }

  /**
   * Begins a tick, on time or for another reason.
   * @param allOwners ticks every owned replica, whether or not it is due
   * @returns the replicas to tick, and the time since the previous tick, ms
   */
  beginTick<T extends TickTarget>(
    replicas: Iterable<T>,
    allOwners: boolean,
  ): { readonly due: readonly T[]; readonly pausedMs: number } {
    const now = this.#env.now();
    const pausedMs = now - this.#lastTickAt;
    this.#lastTickAt = now;
    const due: T[] = [];
    const counts = allOwners || now - this.#countedAt >= IDLE_TICK_MS;
    let owned = 0;
    let busy = 0;
    let next = now + IDLE_TICK_MS;
    for (const replica of replicas) {
      if (counts && replica.isOwner) owned++;
      if (replica.nextTickAt <= now + GROUPS_MAX * TICK_MS) busy++;
      if (replica.nextTickAt > now && !(allOwners && replica.isOwner)) {
        next = Math.min(next, replica.nextTickAt);
      } else {
        replica.nextTickAt = Number.POSITIVE_INFINITY;
        due.push(replica);
      }
    }
    this.#groups = Math.min(GROUPS_MAX, Math.max(1, Math.ceil(busy / BUSY_PER_TICK)));
    if (counts) this.#countedOwned(owned, now);
    this.#arm(next, now);
    return { due, pausedMs };
  }

  /** Something happened to the replica. Its next tick may come earlier now, but never later. */
  reschedule(replica: TickTarget): void {
    const now = this.#env.now();
    const { idleUntil } = replica;
    const at = idleUntil === 0 ? this.#busyTickAt(replica.range, now) : this.#gatheredTickAt(idleUntil);
    if (at >= replica.nextTickAt) return;
    replica.nextTickAt = at;
    if (at < this.#timerAt) this.#arm(at, now);
  }

  close(): void {
    this.#timer.cancel();
  }

  #countedOwned(owned: number, now: number): void {
    const { heartbeatMs, heartbeatMsPerRange } = this.#config;
    this.#countedAt = now;
    this.#heartbeatMs = Math.max(heartbeatMs, owned * heartbeatMsPerRange);
  }

  /** The next tick of the range's group. */
  #busyTickAt(range: RangeId, now: number): number {
    const next = Math.floor(now / TICK_MS) + 1;
    const groups = this.#groups;
    return (next + ((range + groups - (next % groups)) % groups)) * TICK_MS;
  }

  /** The next common tick of idle replicas, not before `at`. */
  #gatheredTickAt(at: number): number {
    const ticks = Math.max(1, Math.floor((this.#heartbeatMs * GATHER_SHARE) / TICK_MS));
    return Math.ceil(at / (ticks * TICK_MS)) * ticks * TICK_MS;
  }

  #arm(at: number, now: number): void {
    this.#timer.cancel();
    this.#timerAt = Math.ceil(at / TICK_MS) * TICK_MS;
    // A timer may fire up to 1 ms early, because its clock has whole milliseconds.
    this.#timer = this.#env.after(Math.max(0, this.#timerAt - now) + 1, this.#tick);
  }
}
