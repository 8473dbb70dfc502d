// A node's turn. Everything that happens (frames, ZooKeeper, syncs, ticks) is a step of a replica, and marks its host as touched.
// Once a turn of the event loop each touched replica is asked what to do, and that is done in the order that
// replica/replica-messages.ts gives. This is the one place where anything leaves the node.

import type { Env } from '../common/base/env.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { TurnEnd } from '../common/net/turn-end.ts';
import type { OneWayBody } from '../common/wire/messages.ts';
import type { Intents } from './intent-executor.ts';
import type { RangeHost } from './range/range-host.ts';
import { toFrame } from './range/wire.ts';
import type { ReplicaEvent } from './replica/events.ts';
import type { Ready } from './replica/replica-messages.ts';

/** What followers apply in one turn, bytes: log, acknowledgements and heartbeats do not wait for all of a long backlog. */
const APPLY_BYTES_MAX = 256 * 1024;

export interface TurnParts {
  readonly env: Env;
  readonly turnEnd: Pick<TurnEnd, 'flush'>;
  readonly intents: Pick<Intents, 'carryOut' | 'flush'>;
  send(to: NodeId, body: OneWayBody): void;
  /** The host's replica was asked and served. */
  lookAgain(host: RangeHost): void;
  /** Called at the end of each turn. */
  ended(): void;
}

export class Turn {
  readonly #parts: TurnParts;
  readonly #touched = new Set<RangeHost>();
  /** Hosts with something logged that is not synced yet. */
  readonly #unsynced = new Set<RangeHost>();
  #due = false;
  #closed = false;

  constructor(parts: TurnParts) {
    this.#parts = parts;
  }

  /** The host's replica is asked at the end of this turn. */
  touch(host: RangeHost): void {
    this.#touched.add(host);
    if (this.#due) return;
    this.#due = true;
    this.#parts.env.soon(() => this.run());
  }

  step(host: RangeHost, event: ReplicaEvent): void {
    if (host.wiping) return;
    // First, so that the turn comes before the log begins to write what this event logs.
    this.touch(host);
    host.replica.step(event, this.#parts.env.now());
  }

  /** As `step`, for what comes often and mostly leaves nothing to do. */
  stepLightly(host: RangeHost, event: ReplicaEvent): void {
    if (host.wiping) return;
    const { replica } = host;
    replica.step(event, this.#parts.env.now());
    if (replica.hasUnsynced) this.#unsynced.add(host);
    if (replica.due) this.touch(host);
  }

  /** A group of the log is on the disk. */
  synced(group: number): void {
    const event = { kind: 'synced', group } as const;
    for (const host of this.#unsynced) {
      this.stepLightly(host, event);
      if (!host.replica.hasUnsynced) this.#unsynced.delete(host);
    }
  }

  /** The host's replica is wiped: its log is nobody's any more. */
  forget(host: RangeHost): void {
    this.#unsynced.delete(host);
  }

  /** What goes to other nodes leaves before anything is applied and answered, and before the disk is busy with it. */
  run(): void {
    const { env, turnEnd, intents, ended } = this.#parts;
    this.#due = false;
    const now = env.now();
    const due = this.#sendAll(now);
    turnEnd.flush();
    const behind = this.#applyAll(due, now);
    intents.flush();
    turnEnd.flush();
    this.#goOn(behind);
    ended();
  }

  /** No backlog is gone on with from here. */
  close(): void {
    this.#closed = true;
  }

  #sendAll(now: number): readonly (readonly [RangeHost, Ready])[] {
    const due: (readonly [RangeHost, Ready])[] = [];
    for (const host of this.#touched) {
      this.#touched.delete(host);
      if (host.wiping) continue;
      const ready = host.replica.take(now);
      for (const { to, message } of ready.messages) this.#parts.send(to, toFrame(host.meta.range, message));
      due.push([host, ready]);
    }
    return due;
  }

  /** @returns the followers that have more to apply than had room in this turn */
  #applyAll(due: readonly (readonly [RangeHost, Ready])[], now: number): readonly RangeHost[] {
    const { intents, lookAgain } = this.#parts;
    const behind: RangeHost[] = [];
    let bytesLeft = APPLY_BYTES_MAX;
    for (const [host, ready] of due) {
      bytesLeft -= host.carryOut(ready, now, bytesLeft);
      if (host.behind) behind.push(host);
      for (const intent of ready.intents) intents.carryOut(host, intent);
      if (host.replica.hasUnsynced) this.#unsynced.add(host);
      lookAgain(host);
    }
    return behind;
  }

  /** In the next turn, after what comes in until then; the one that had its part in this turn comes after the others. */
  #goOn([first, ...others]: readonly RangeHost[]): void {
    if (first === undefined || this.#closed) return;
    for (const host of [...others, first]) this.touch(host);
  }
}
