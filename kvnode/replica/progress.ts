// What an owner knows of one follower. A follower is in one of three states, as in etcd's raft:
//
//   probe     The owner does not know where the two logs meet. It sends one empty Append at a time, at `probeAt`.
//   stream    Entries below `next` were sent. New ones are sent as they come, up to a limit of bytes in flight.
//   snapshot  The owner's log no longer reaches back far enough. The node transfers a snapshot.
//
// Instants are of Env.now(), ms.

import type { Inc, NodeId, Position, Seq } from '../../common/model/ids.ts';
import type { AckMessage } from './replica-messages.ts';

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
  #lastAckAt: number;
  #progressedAt: number;
  #unhealthy = false;
  #hasAnswered = false;
  #sentCommit: Seq = 0;
  #sentAt = 0;

  /** @param probeAt where the two logs may meet, usually the end of the owner's log */
  constructor(node: NodeId, inc: Inc, probeAt: Position, now: number) {
    this.node = node;
    this.inc = inc;
    this.#probeAt = probeAt;
    this.#lastAckAt = now;
    this.#progressedAt = now;
  }

  get state(): FollowerState {
    return this.#state;
  }

  /** The highest seq that the follower has acknowledged under the owner's epoch. */
  get acked(): Seq {
    return this.#acked;
  }

  /** R11: the newest stamp received; null if none was. */
  get stamp(): number | null {
    return this.#stamp;
  }

  /** When the last acknowledgement came; before the first, when the owner began to track this follower. */
  get lastAckAt(): number {
    return this.#lastAckAt;
  }

  /** When `acked` last rose; before that, when the owner began to track this follower. */
  get progressedAt(): number {
    return this.#progressedAt;
  }

  /** An answer of it under the owner's epoch has come. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** What the follower last said about its node. Nothing is handed over to an unhealthy one (R8). */
  get unhealthy(): boolean {
    return this.#unhealthy;
  }

  /** The commitSeq in the last Append that was sent. */
  get sentCommit(): Seq {
    return this.#sentCommit;
  }

  /** When the last Append was sent. */
  get sentAt(): number {
    return this.#sentAt;
  }

  /** In state `probe`: where the two logs may meet. */
  get probeAt(): Position {
    return this.#probeAt;
  }

  /** In state `probe`: when the probe was sent; null if it was not yet. */
  get probeSentAt(): number | null {
    return this.#probeSentAt;
  }

  /** In state `stream`: the first seq that was not sent. */
  get next(): Seq {
    return this.#next;
  }

  /** In state `stream`: whether fewer bytes than the limit are in flight. */
  hasRoom(inflightBytesMax: number): boolean {
    return this.#inflightBytes < inflightBytesMax;
  }

  /** In state `snapshot`: when the last transfer failed; null while one is under way. */
  get failedAt(): number | null {
    return this.#failedAt;
  }

  /** It is in state `stream` and has acknowledged everything through `lastSeq`. */
  hasAll(lastSeq: Seq): boolean {
    return this.#state === 'stream' && this.#acked >= lastSeq;
  }

  // ---- states ------------------------------------------------------------------------------------------------------

  /** @param sentAt when the probe was sent; null if it is still to be sent */
  becomeProbe(probeAt: Position, sentAt: number | null = null): void {
    this.#state = 'probe';
    this.#probeAt = probeAt;
    this.#probeSentAt = sentAt;
  }

  /** The follower holds what it has acknowledged. Sending continues after that. */
  becomeStream(): void {
    this.#state = 'stream';
    this.#next = this.#acked + 1;
    this.#inflight = [];
    this.#inflightBytes = 0;
  }

  /** A snapshot transfer begins, or begins again. */
  becomeSnapshot(): void {
    this.#state = 'snapshot';
    this.#failedAt = null;
  }

  // ---- what was sent -----------------------------------------------------------------------------------------------

  probed(now: number): void {
    this.#probeSentAt = now;
  }

  /** `count` entries from `next` on were sent, `bytes` in total. */
  sentEntries(count: number, bytes: number): void {
    this.#next += count;
    this.#inflight.push({ lastSeq: this.#next - 1, bytes });
    this.#inflightBytes += bytes;
  }

  /** An Append with this commitSeq was sent. */
  sentAppend(commitSeq: Seq, now: number): void {
    this.#sentCommit = commitSeq;
    this.#sentAt = now;
  }

  snapshotFailed(now: number): void {
    this.#failedAt = now;
  }

  /** @param probeAt where the two logs may meet now */
  snapshotInstalled(probeAt: Position, now: number): void {
    this.becomeProbe(probeAt);
    this.#progressedAt = now;
  }

  // ---- what was received -------------------------------------------------------------------------------------------

  received({ unhealthy, stamp }: Pick<AckMessage, 'unhealthy' | 'stamp'>, now: number): void {
    this.#lastAckAt = now;
    this.#hasAnswered = true;
    this.#unhealthy = unhealthy;
    this.#stamp = Math.max(this.#stamp ?? 0, stamp);
  }

  /** The follower has everything through `acked` on its disk. */
  acknowledged(acked: Seq, now: number): void {
    if (acked > this.#acked) this.#progressedAt = now;
    this.#acked = Math.max(this.#acked, acked);
    if (this.#state === 'probe') return this.becomeStream();
    if (this.#state !== 'stream') return;
    this.#next = Math.max(this.#next, this.#acked + 1);
    while (this.#inflight[0] !== undefined && this.#inflight[0].lastSeq <= this.#acked) {
      this.#inflightBytes -= this.#inflight.shift()?.bytes ?? 0;
    }
  }

  /** The follower's log ends at `newest`, so no acknowledgement beyond that counts. R12 excludes this for in-sync members. */
  lowerAcked(newest: Seq): void {
    this.#acked = Math.min(this.#acked, newest);
  }
}
