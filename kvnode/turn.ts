// A node's turn. Everything that happens (a frame, an answer of ZooKeeper, a sync, a tick) is a step of a replica and marks the
// replica's host as touched. Once in each turn of the event loop, every touched replica is asked what to do (take()), and that
// is done in the order that replica/replica-messages.ts gives. Replicas send nothing outside this file.

import type { Env } from '../common/base/env.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { TurnEnd } from '../common/net/turn-end.ts';
import type { OneWayBody } from '../common/wire/messages.ts';
import type { IntentExecutor } from './intent-executor.ts';
import { toFrame } from './range/append-frames.ts';
import type { RangeHost } from './range/range-host.ts';
import type { Ready, ReplicaEvent } from './replica/replica-messages.ts';

/** Followers apply at most this many bytes in one turn, so that the log, acknowledgements and heartbeats do not wait for a long backlog. */
const APPLY_BYTES_MAX = 256 * 1024;

export interface TurnParts {
  readonly env: Env;
  readonly turnEnd: Pick<TurnEnd, 'flush'>;
  readonly intents: Pick<IntentExecutor, 'execute' | 'flush'>;
  send(to: NodeId, body: OneWayBody): void;
  /** The host's replica was served: its next tick may be due at another time. */
  reschedule(host: RangeHost): void;
  /** Called at the end of each turn. */
  ended(): void;
}

export class Turn {
  readonly #parts: TurnParts;
  readonly #touched = new Set<RangeHost>();
  /** Hosts that have logged something that is not synced yet. */
  readonly #unsynced = new Set<RangeHost>();
  #isScheduled = false;
  #closed = false;

  constructor(parts: TurnParts) {
    this.#parts = parts;
  }

  /** The host's replica will be asked at the end of this turn. */
  touch(host: RangeHost): void {
    this.#touched.add(host);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#parts.env.soon(() => this.run());
  }

  /** Feeds the event to the host's replica, and touches the host. */
  step(host: RangeHost, event: ReplicaEvent): void {
    if (host.wiping) return;
    // Before the step, so that the turn runs before the log starts to write what this event logs.
    this.touch(host);
    host.replica.step(event, this.#parts.env.now());
  }

  /** Like step(), but touches the host only if there is something to do. For events that come often and rarely cause work. */
  stepLazily(host: RangeHost, event: ReplicaEvent): void {
    if (host.wiping) return;
    const { replica } = host;
    replica.step(event, this.#parts.env.now());
    if (replica.hasUnsynced) this.#unsynced.add(host);
    if (replica.hasReady) this.touch(host);
  }

  /** All groups of the log through `group` are on disk. */
  synced(group: number): void {
    const event = { kind: 'synced', group } as const;
    for (const host of this.#unsynced) {
      this.stepLazily(host, event);
      if (!host.replica.hasUnsynced) this.#unsynced.delete(host);
    }
  }

  /** The host's replica is wiped, and its log with it. */
  remove(host: RangeHost): void {
    this.#unsynced.delete(host);
  }

  /** Messages to other nodes are sent before anything is applied and answered, and before the disk is busy with it. */
  run(): void {
    const { env, turnEnd, intents, ended } = this.#parts;
    this.#isScheduled = false;
    const now = env.now();
    const served = this.#sendAll(now);
    turnEnd.flush();
    const behind = this.#applyAll(served, now);
    intents.flush();
    turnEnd.flush();
    this.#continueLater(behind);
    ended();
  }

  /** From now on no backlog is continued. */
  close(): void {
    this.#closed = true;
  }

  #sendAll(now: number): readonly (readonly [RangeHost, Ready])[] {
    const served: (readonly [RangeHost, Ready])[] = [];
    for (const host of this.#touched) {
      this.#touched.delete(host);
      if (host.wiping) continue;
      const ready = host.replica.take(now);
      for (const { to, message } of ready.messages) this.#parts.send(to, toFrame(host.meta.range, message));
      served.push([host, ready]);
    }
    return served;
  }

  /** @returns the followers that have more to apply than one turn allows */
  #applyAll(served: readonly (readonly [RangeHost, Ready])[], now: number): readonly RangeHost[] {
    const { intents, reschedule } = this.#parts;
    const behind: RangeHost[] = [];
    let bytesLeft = APPLY_BYTES_MAX;
    for (const [host, ready] of served) {
      bytesLeft -= host.applyReady(ready, now, bytesLeft);
      if (host.hasBacklog) behind.push(host);
      for (const intent of ready.intents) intents.execute(host, intent);
      if (host.replica.hasUnsynced) this.#unsynced.add(host);
      reschedule(host);
    }
    return behind;
  }

  /** These continue in the next turn. The first one goes last, because it has used most of this turn. */
  #continueLater([first, ...others]: readonly RangeHost[]): void {
    if (first === undefined || this.#closed) return;
    for (const host of [...others, first]) this.touch(host);
  }
}
