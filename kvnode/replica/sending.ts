// Makes the Appends that an owner sends in one turn: to each follower what is due to it (due.ts). There is one Sending for each
// turn, so that entries which are due to several followers are read from the log once.

import { assert } from '../../common/base/assert.ts';
import { emptyBytes } from '../../common/base/bytes.ts';
import type { ReplicationConfig } from '../../common/model/config.ts';
import type { Position, Seq } from '../../common/model/ids.ts';
import { ENTRY_KINDS, type LogEntry } from '../storage/storage.ts';
import { dueTo, positionAt } from './due.ts';
import type { LogState } from './log-state.ts';
import type { FollowerProgress } from './progress.ts';
import type { Outgoing } from './replica-messages.ts';

const NO_ENTRIES: readonly LogEntry[] = [];

export function epochStart({ epoch, seq }: Position): LogEntry {
  return { epoch, seq, kind: ENTRY_KINDS.epochStart, payload: emptyBytes };
}

export interface SendingParts {
  readonly log: LogState;
  readonly config: ReplicationConfig;
  /** The epoch's EpochStart. */
  readonly start: Position;
  /** R11: the owner may serve linearizable reads. Only then does it echo stamps. */
  readonly readsAllowed: boolean;
  /** An instant of Env.now(), ms. */
  readonly now: number;
}

export class Sending {
  readonly #log: LogState;
  readonly #config: ReplicationConfig;
  readonly #start: Position;
  readonly #readsAllowed: boolean;
  readonly #now: number;
  readonly #messages: Outgoing[] = [];
  readonly #snapshots: FollowerProgress[] = [];
  #readFrom: Seq = 0;
  #read: readonly LogEntry[] | null = null;

  constructor({ log, config, start, readsAllowed, now }: SendingParts) {
    this.#log = log;
    this.#config = config;
    this.#start = start;
    this.#readsAllowed = readsAllowed;
    this.#now = now;
  }

  /** In the order in which they must be sent. */
  get messages(): readonly Outgoing[] {
    return this.#messages;
  }

  /** The followers for which a snapshot transfer must begin. */
  get snapshots(): readonly FollowerProgress[] {
    return this.#snapshots;
  }

  /** @param heartbeatMs see dueTo() */
  sendTo(follower: FollowerProgress, heartbeatMs: number): void {
    const times = { config: this.#config, now: this.#now };
    for (;;) {
      switch (dueTo(follower, this.#log, times, heartbeatMs)) {
        case 'nothing':
          return;
        case 'probe':
          follower.probed(this.#now);
          return this.#append(follower, follower.probeAt, this.#probeEntries(follower));
        case 'heartbeat':
          return this.#append(follower, this.#prevOf(follower), NO_ENTRIES);
        case 'entries':
          if (this.#sendEntries(follower)) continue;
          return this.#transfer(follower);
        case 'snapshot':
          return this.#transfer(follower);
      }
    }
  }

  /**
   * A probe at the end of the log before this epoch has EpochStart with it. Most followers have that log, and so a round trip and a sync
   * less are needed until EpochStart is committed.
   */
  #probeEntries({ probeAt }: FollowerProgress): readonly LogEntry[] {
    return probeAt.seq === this.#start.seq - 1 ? [epochStart(this.#start)] : NO_ENTRIES;
  }

  /** Returns false if the log has just dropped the entries. */
  #sendEntries(follower: FollowerProgress): boolean {
    const prev = this.#prevOf(follower);
    const entries = this.#entriesFrom(follower.next);
    if (entries === null || entries.length === 0) return false;
    let bytes = 0;
    for (const { payload } of entries) bytes += payload.length;
    follower.sentEntries(entries.length, bytes);
    this.#append(follower, prev, entries);
    return true;
  }

  #transfer(follower: FollowerProgress): void {
    follower.becomeSnapshot();
    this.#snapshots.push(follower);
  }

  #append(follower: FollowerProgress, prev: Position, entries: readonly LogEntry[]): void {
    const { node, inc } = follower;
    const echo = this.#readsAllowed ? follower.stamp : null;
    const { commitSeq } = this.#log;
    follower.sentAppend(commitSeq, this.#now);
    const { epoch } = this.#start;
    const message = { kind: 'append', inc, epoch, prev, entries, commitSeq, echo } as const;
    this.#messages.push({ to: node, message });
  }

  /** The position before the first entry that was not sent. */
  #prevOf({ next }: FollowerProgress): Position {
    const prev = positionAt(this.#log, next - 1);
    assert(prev !== null, 'R3: what is due to a follower follows on what the log has');
    return prev;
  }

  #entriesFrom(seq: Seq): readonly LogEntry[] | null {
    if (this.#read === null || this.#readFrom !== seq) {
      this.#readFrom = seq;
      this.#read = this.#log.read(seq, this.#config.appendBytesMax);
    }
    return this.#read;
  }
}
