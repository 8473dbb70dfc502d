// When an owner sends what to a follower, and since when an entry waits for its acknowledgement.

import type { ReplicationConfig } from '../../common/model/config.ts';
import type { Epoch, Position, Seq } from '../../common/model/ids.ts';
import type { LogEntry } from '../storage/storage.ts';
import type { LogState } from './log-state.ts';
import type { Append } from './messages.ts';
import type { FollowerProgress } from './progress.ts';

/** When entries were appended: one sample a turn, forgotten once committed. */
export class AppendTimes {
  readonly #samples: { lastSeq: Seq; readonly at: number }[] = [];

  appended(lastSeq: Seq, at: number): void {
    const newest = this.#samples.at(-1);
    if (newest !== undefined && newest.at === at) newest.lastSeq = lastSeq;
    else this.#samples.push({ lastSeq, at });
  }

  forget(commitSeq: Seq): void {
    let done = 0;
    while ((this.#samples[done]?.lastSeq ?? Number.POSITIVE_INFINITY) <= commitSeq) done++;
    if (done > 0) this.#samples.splice(0, done);
  }

  /** Age in ms of the oldest entry after `acked`; 0 where there is none. */
  oldestUnacked(acked: Seq, now: number): number {
    const sample = this.#samples.find(({ lastSeq }) => lastSeq > acked);
    return sample === undefined ? 0 : now - sample.at;
  }
}

/** Entries read once for all followers that want the same, which is what most of them do. */
export class SharedRead {
  readonly #state: LogState;
  readonly #bytesMax: number;
  #from: Seq = 0;
  #entries: readonly LogEntry[] | null = null;

  constructor(state: LogState, bytesMax: number) {
    this.#state = state;
    this.#bytesMax = bytesMax;
  }

  from(seq: Seq): readonly LogEntry[] | null {
    if (this.#entries === null || this.#from !== seq) {
      this.#from = seq;
      this.#entries = this.#state.read(seq, this.#bytesMax);
    }
    return this.#entries;
  }
}

interface Due {
  readonly messages: readonly Append[];
  readonly needsSnapshot: boolean;
}

const nothing: Due = { messages: [], needsSnapshot: false };
const snapshotOnly: Due = { messages: [], needsSnapshot: true };

export interface Sending {
  readonly epoch: Epoch;
  /** The owner's lease is valid and EpochStart committed: only then may stamps be echoed (R11). */
  readonly mayVouch: boolean;
  readonly config: ReplicationConfig;
  /** A follower that has everything may be left in silence for so long, ms. */
  readonly quietMs: number;
  readonly now: number;
}

/** Whether a follower is due something whatever the time is; one that does not stream always may be. */
export function hasDue(
  { progress, sentCommit }: FollowerProgress,
  state: LogState,
  { inflightBytesMax }: ReplicationConfig,
): boolean {
  if (progress.kind !== 'stream' || sentCommit < state.commitSeq) return true;
  return progress.inflightBytes < inflightBytesMax && progress.next <= state.index.lastSeq;
}

/** R3, the sending side: what a follower is due now. */
export function appendsDue(
  follower: FollowerProgress,
  state: LogState,
  read: SharedRead,
  sending: Sending,
): Due {
  const { progress } = follower;
  const { config, quietMs, now } = sending;
  switch (progress.kind) {
    case 'probe':
      if (progress.sentAt !== null && now - progress.sentAt < config.resendMs) return nothing;
      if (!state.index.has(progress.prev)) {
        follower.progress = { kind: 'snapshot', failedAt: null };
        return { messages: [], needsSnapshot: true };
      }
      progress.sentAt = now;
      return { messages: [append(follower, state, sending, progress.prev, [])], needsSnapshot: false };
    case 'snapshot':
      if (progress.failedAt === null || now - progress.failedAt < config.lagMs) return nothing;
      progress.failedAt = null;
      return { messages: [], needsSnapshot: true };
    case 'stream': {
      let messages: Append[] | null = null;
      while (progress.next <= state.index.lastSeq && progress.inflightBytes < config.inflightBytesMax) {
        const prev = positionAt(state, progress.next - 1);
        const entries = prev === null ? null : read.from(progress.next);
        if (prev === null || entries === null || entries.length === 0) {
          follower.progress = { kind: 'snapshot', failedAt: null };
          return { messages: messages ?? [], needsSnapshot: true };
        }
        let bytes = 0;
        for (const { payload } of entries) bytes += payload.length;
        progress.next += entries.length;
        progress.inflight.push({ lastSeq: progress.next - 1, bytes });
        progress.inflightBytes += bytes;
        const message = append(follower, state, sending, prev, entries);
        // Mostly there is one, and a list that was pushed to has room for many.
        if (messages === null) messages = [message];
        else messages.push(message);
      }
      if (messages !== null) return { messages, needsSnapshot: false };
      const idleMs = follower.acked === state.index.lastSeq ? quietMs : config.idleAppendMs;
      const idle = follower.sentCommit < state.commitSeq || now - follower.sentAt >= idleMs;
      if (!idle) return nothing;
      const prev = positionAt(state, progress.next - 1);
      if (prev === null) {
        // It was away while the log went on without what is in flight.
        follower.progress = { kind: 'snapshot', failedAt: null };
        return snapshotOnly;
      }
      return { messages: [append(follower, state, sending, prev, [])], needsSnapshot: false };
    }
  }
}

/** Told here: what the follower is sent it knows of. */
function append(
  follower: FollowerProgress,
  state: LogState,
  { epoch, mayVouch, now }: Sending,
  prev: Position,
  entries: readonly LogEntry[],
): Append {
  const { inc } = follower;
  const echo = mayVouch ? follower.stamp : null;
  const { commitSeq } = state;
  follower.sentCommit = commitSeq;
  follower.sentAt = now;
  return { kind: 'append', inc, epoch, prev, entries, commitSeq, echo };
}

function positionAt(state: LogState, seq: Seq): Position | null {
  const epoch = state.index.epochAt(seq);
  return epoch === undefined ? null : { epoch, seq };
}
