// What an owner knows of one follower, and how it sends to it. A follower is in one of three states:
//
//   probe     where do our logs meet? One empty Append at a time asks at `probeAt`.
//   stream    entries below `next` were sent; more follow as they come, up to a window of bytes in flight.
//   snapshot  the log no longer reaches back far enough; the node transfers a snapshot.

import type { Inc, NodeId, Position, Seq } from '../../common/model/ids.ts';
import type { AppendAck } from './replica-messages.ts';

export type FollowerState = 'probe' | 'stream' | 'snapshot';

interface Inflight {
  readonly lastSeq: Seq;
  readonly bytes: number;
}

export class FollowerProgress {
  readonly node: NodeId;
  readonly inc: Inc;
  #state: FollowerState = 'probe';
  #probeAt: Position;
  #probeSentAt: number | null = null;
  #next: Seq = 0;
  #inflight: Inflight[] = [];
  #inflightBytes = 0;
  #failedAt: number | null = null;
  #acked: Seq = 0;
  #stamp: number | null = null;
  #heardAt: number;
  #caughtUpAt: number;
  #unfit = false;
  #sentCommit: Seq = 0;
  #sentAt = 0;

  /** @param probeAt where the logs may meet: mostly the end of the owner's log */
  constructor(node: NodeId, inc: Inc, probeAt: Position, now: number) {
    this.node = node;
    this.inc = inc;
    this.#probeAt = probeAt;
    this.#heardAt = now;
    this.#caughtUpAt = now;
  }

  get state(): FollowerState {
    return this.#state;
  }

  /** Acknowledged under the owner's epoch: it is on the follower's disk. */
  get acked(): Seq {
    return this.#acked;
  }

  /** The newest stamp heard (R11); null: none. */
  get stamp(): number | null {
    return this.#stamp;
  }

  /** When it was last heard; the start of the epoch before that. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** When it last acknowledged more than before; when the owner began to look at it before that. */
  get caughtUpAt(): number {
    return this.#caughtUpAt;
  }

  /** Its disk is in trouble, as it said last: it is handed nothing. */
  get unfit(): boolean {
    return this.#unfit;
  }

  /** The commitSeq of the last Append sent. */
  get sentCommit(): Seq {
    return this.#sentCommit;
  }

  /** When the last Append was sent. */
  get sentAt(): number {
    return this.#sentAt;
  }

  /** `probe`: where the logs may meet. */
  get probeAt(): Position {
    return this.#probeAt;
  }

  /** `probe`: when that was asked; null: it was not yet. */
  get probeSentAt(): number | null {
    return this.#probeSentAt;
  }

  /** `stream`: the first entry that was not sent. */
  get next(): Seq {
    return this.#next;
  }

  /** `stream`: fewer bytes than that are sent and not acknowledged. */
  hasRoom(inflightBytesMax: number): boolean {
    return this.#inflightBytes < inflightBytesMax;
  }

  /** `snapshot`: when the last transfer failed; null: one is under way. */
  get failedAt(): number | null {
    return this.#failedAt;
  }

  /** It is sent entries as they come, and has acknowledged all through `lastSeq`. */
  hasAll(lastSeq: Seq): boolean {
    return this.#state === 'stream' && this.#acked >= lastSeq;
  }

  // ---- states ------------------------------------------------------------------------------------------------------

  /** @param sentAt when it was asked already; null: the next sending asks */
  becomeProbe(probeAt: Position, sentAt: number | null = null): void {
    this.#state = 'probe';
    this.#probeAt = probeAt;
    this.#probeSentAt = sentAt;
  }

  /** It holds everything it has acknowledged: entries go on from there. */
  becomeStream(): void {
    this.#state = 'stream';
    this.#next = this.#acked + 1;
    this.#inflight = [];
    this.#inflightBytes = 0;
  }

  /** A transfer begins, or begins again. */
  becomeSnapshot(): void {
    this.#state = 'snapshot';
    this.#failedAt = null;
  }

  // ---- what was sent -----------------------------------------------------------------------------------------------

  probed(now: number): void {
    this.#probeSentAt = now;
  }

  /** So many entries from `next` on, of so many bytes together. */
  sentEntries(count: number, bytes: number): void {
    this.#next += count;
    this.#inflight.push({ lastSeq: this.#next - 1, bytes });
    this.#inflightBytes += bytes;
  }

  /** Any Append: the follower learns of this commitSeq by it. */
  sentAppend(commitSeq: Seq, now: number): void {
    this.#sentCommit = commitSeq;
    this.#sentAt = now;
  }

  snapshotFailed(now: number): void {
    this.#failedAt = now;
  }

  /** @param probeAt where the logs may meet now */
  snapshotInstalled(probeAt: Position, now: number): void {
    this.becomeProbe(probeAt);
    this.#caughtUpAt = now;
  }

  // ---- what was heard ----------------------------------------------------------------------------------------------

  heard({ unfit, stamp }: Pick<AppendAck, 'unfit' | 'stamp'>, now: number): void {
    this.#heardAt = now;
    this.#unfit = unfit;
    this.#stamp = Math.max(this.#stamp ?? 0, stamp);
  }

  /** It holds everything through `acked`, on its disk. */
  acknowledged(acked: Seq, now: number): void {
    if (acked > this.#acked) this.#caughtUpAt = now;
    this.#acked = Math.max(this.#acked, acked);
    if (this.#state === 'probe') return this.becomeStream();
    if (this.#state !== 'stream') return;
    this.#next = Math.max(this.#next, this.#acked + 1);
    while (this.#inflight[0] !== undefined && this.#inflight[0].lastSeq <= this.#acked) {
      this.#inflightBytes -= this.#inflight.shift()?.bytes ?? 0;
    }
  }

  /** Its log ends at `newest`: nothing that it acknowledged beyond counts any more (R12 says that there is no such thing). */
  takeBack(newest: Seq): void {
    this.#acked = Math.min(this.#acked, newest);
  }
}
