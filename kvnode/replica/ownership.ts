// A replica as the owner of one epoch: what its followers have (R3), what is committed (R4), who is in the in-sync set (R5, R6,
// R10), and how it hands over (R8). A new epoch gets a new Ownership. Replica calls it, and asks take() once a turn what to
// do. Instants are of Env.now(), ms.

import { assert } from '../../common/base/assert.ts';
import type { ReplicationConfig } from '../../common/model/config.ts';
import { type DescriptorImage, isInSync, withInSync, withOwner } from '../../common/model/descriptor.ts';
import type { Epoch, NodeId, Seq, SessionId } from '../../common/model/ids.ts';
import type { Ending } from '../../common/model/replace-ranges.ts';
import { AppendTimes } from './append-times.ts';
import { committedSeq, maximalInSync } from './commit.ts';
import { Contradictions } from './contradictions.ts';
import { DescriptorChange } from './descriptor-change.ts';
import { isDueAtOnce } from './due.ts';
import type { HandOverBackoff } from './hand-over-backoff.ts';
import { type LaggingLearner, laggingLearners, memberToRemove, retiringMember } from './in-sync-review.ts';
import type { LogState } from './log-state.ts';
import { Phase } from './phase.ts';
import type { FollowerProgress } from './progress.ts';
import { ProgressTracker } from './progress-tracker.ts';
import type {
  AckMessage,
  CasOutcome,
  Conflict,
  Intent,
  LiveStandings,
  Outgoing,
  Purpose,
} from './replica-messages.ts';
import { epochStart, Sending } from './sending.ts';
import { bestTransferee, mayTakeOver } from './transferee.ts';

const IDLE_SHARE = 1 / 4;

export interface OwnershipOptions {
  readonly self: NodeId;
  readonly state: LogState;
  readonly image: DescriptorImage;
  readonly live: LiveStandings;
  readonly config: ReplicationConfig;
  readonly backoff: HandOverBackoff;
}

export class Ownership {
  readonly epoch: Epoch;
  /** The seq of this epoch's EpochStart. Nothing is served before it is committed (R2). */
  readonly startSeq: Seq;
  readonly #self: NodeId;
  readonly #state: LogState;
  readonly #config: ReplicationConfig;
  readonly #followers: ProgressTracker;
  readonly #appendTimes = new AppendTimes();
  readonly #backoff: HandOverBackoff;
  readonly #contradictions = new Contradictions();
  #image: DescriptorImage;
  #live: LiveStandings;
  /** R10: the one compare-and-set in flight. */
  #change: DescriptorChange | null = null;
  readonly #phase = new Phase();
  #committedAt: number;
  #heartbeatMs: number;
  #readOnlySince: number | null = null;
  #intents: Intent[] = [];

  /** R2: stores epochSeen and appends EpochStart. Nothing is acknowledged in this epoch before both are durable. */
  constructor({ self, state, image, live, config, backoff }: OwnershipOptions, now: number) {
    const { epoch, owner, replicas } = image.descriptor;
    assert(owner.node === self, 'R1: the descriptor names this node');
    assert(epoch > state.epochSeen, 'R1: an epoch is entered at most once');
    this.epoch = epoch;
    this.#self = self;
    this.#state = state;
    this.#followers = new ProgressTracker(self, state, state.index.last);
    this.#config = config;
    this.#backoff = backoff;
    this.#image = image;
    this.#live = live;
    this.#committedAt = now;
    this.#heartbeatMs = config.heartbeatMs;
    this.startSeq = state.index.lastSeq + 1;
    state.raiseEpochSeen(epoch);
    state.append([epochStart({ epoch, seq: this.startSeq })]);
    this.#appendTimes.appended(this.startSeq, now);
    this.#followers.adopt(replicas, now);
  }

  // ---- what it is --------------------------------------------------------------------------------------------------

  get image(): DescriptorImage {
    return this.#image;
  }

  get followers(): Iterable<FollowerProgress> {
    return this.#followers;
  }

  /** The learners that lack something and so cannot join the in-sync set (R6), and since when each has made no progress. */
  lagging(): readonly LaggingLearner[] {
    const needed = Math.max(this.#state.commitSeq, this.startSeq);
    return laggingLearners(this.#image.descriptor, this.#followers, needed);
  }

  /** R5: since when writes are refused because a member is late and the in-sync set is at its minimum; null: they are not. */
  get readOnlySince(): number | null {
    return this.#readOnlySince;
  }

  /** R2: EpochStart is committed, and with it all earlier entries. So reads see every write that was acknowledged before. */
  get started(): boolean {
    return this.#state.commitSeq >= this.startSeq;
  }

  /** R12: not null if an in-sync member contradicts this owner's log. Then nothing is served or committed. */
  get conflict(): Conflict | null {
    return this.#contradictions.conflict;
  }

  /** R8, S2: neither a hand-over nor a replacement is under way. */
  get acceptsWrites(): boolean {
    return this.#phase.isServing && this.conflict === null;
  }

  /** R2, R8, R11. The caller checks the lease. */
  get acceptsReads(): boolean {
    return !this.#phase.isStopped && this.conflict === null && this.started;
  }

  /** Another replica's node is live and not about to stop. It may take over now, or once it is in-sync. */
  get hasSuccessor(): boolean {
    const { replicas } = this.#image.descriptor;
    return replicas.some(({ node }) => node !== this.#self && mayTakeOver(this.#live, node));
  }

  // ---- events ------------------------------------------------------------------------------------------------------

  /** An entry was appended to the log. */
  appended(now: number): void {
    this.#appendTimes.appended(this.#state.index.lastSeq, now);
  }

  /** R1, R9, R10: a newer image of the same epoch. */
  adopt(image: DescriptorImage, now: number): void {
    assert(image.descriptor.epoch === this.epoch, 'only an image of its own epoch is adopted');
    assert(image.descriptor.owner.node === this.#self, 'an epoch has one owner');
    if (image.version <= this.#image.version) return;
    this.#image = image;
    if (this.#change?.settledBy(image)) {
      this.#change = null;
      if (this.#phase.isStopped) this.#phase.serve();
    }
    this.#followers.adopt(image.descriptor.replicas, now);
    this.#commit(now);
    this.#handOverIfRequested(now);
  }

  setLive(live: LiveStandings): void {
    this.#live = live;
  }

  connected(node: NodeId): void {
    this.#followers.connected(node);
  }

  /**
   * R10: `done` settles the compare-and-set, anything else waits for an image. Returns true if it was this epoch's hand-over (R8)
   * and took effect: the epoch is over.
   */
  casOutcome(expected: number, outcome: CasOutcome, now: number): boolean {
    const change = this.#change;
    if (change === null || change.expected !== expected || !change.answered(outcome)) return false;
    this.#change = null;
    if (change.purpose.kind === 'hand-over') return true;
    this.#image = { descriptor: change.next, version: expected + 1 };
    this.#commit(now);
    return false;
  }

  synced(now: number): void {
    this.#commit(now);
  }

  /**
   * R4: the acknowledgement counts if it is of this epoch and of the present inc of the follower's replica (R9). Returns true if the
   * follower has seen a higher epoch: then this ownership is over (R1).
   */
  receiveAck(from: NodeId, ack: AckMessage, now: number): boolean {
    const follower = this.#followers.get(from);
    if (ack.epoch > this.epoch) return true;
    if (follower === undefined || ack.inc !== follower.inc) return false;
    if (ack.epoch < this.epoch) {
      // It has just made its replica (S6), so what was sent before is lost.
      if (!follower.hasAnswered) this.#followers.connected(from);
      return false;
    }
    follower.received(ack, now);
    // An acknowledgement beyond the log is of entries that this owner has never sent.
    const { lastSeq } = this.#state.index;
    const contradiction = ack.contradiction ?? (ack.acked > lastSeq ? lastSeq + 1 : null);
    if (contradiction !== null) {
      this.#contradicted(follower, contradiction, now);
    } else if (ack.rejection !== null) {
      if (this.#followers.rejected(follower, ack.rejection)) this.#requestSnapshot(follower);
    } else {
      follower.acknowledged(ack.acked, now);
      this.#commit(now);
      this.#expand(follower);
    }
    return false;
  }

  /** A snapshot transfer ended. */
  snapshotSent(to: NodeId, inc: number, installed: boolean, now: number): void {
    const follower = this.#followers.get(to);
    if (follower === undefined || follower.inc !== inc || follower.state !== 'snapshot') return;
    if (installed) follower.snapshotInstalled(this.#state.index.last, now);
    else follower.snapshotFailed(now);
  }

  /** @param heartbeatMs see dueTo() @param pausedMs the time since the node's last tick, ms */
  tick(now: number, heartbeatMs: number, pausedMs: number): void {
    this.#heartbeatMs = heartbeatMs;
    const wasPaused = pausedMs >= this.#config.lagMs;
    // After a pause of this process there may be unread acknowledgements. Nobody counts as late before they are read.
    if (!wasPaused && this.conflict === null) this.#reviewInSync(now);
    this.#reviewHandOver(now);
    // The log keeps what the slowest follower needs, within the bound of retention.
    this.#state.retainAfter(this.#followers.minAcked);
  }

  // ---- effects -----------------------------------------------------------------------------------------------------

  /** Whether take() would return something now. Time alone makes more due only at the next tick. */
  get hasReady(): boolean {
    if (this.#intents.length > 0 || this.#change !== null || !this.#phase.isServing) return true;
    for (const follower of this.#followers) {
      if (isDueAtOnce(follower, this.#state, this.#config)) return true;
    }
    return false;
  }

  /** What to send, and what the node must do. `readsAllowed`: linearizable reads are allowed at this instant (R11). */
  take(now: number, readsAllowed: boolean): { messages: readonly Outgoing[]; intents: readonly Intent[] } {
    this.#appendTimes.dropThrough(this.#state.commitSeq);
    const start = { epoch: this.epoch, seq: this.startSeq };
    const sending = new Sending({ log: this.#state, config: this.#config, start, readsAllowed, now });
    for (const follower of this.#followers) sending.sendTo(follower, this.#heartbeatMsOf(follower));
    for (const follower of sending.snapshots) this.#requestSnapshot(follower);
    this.#proceedHandOver(now);
    if (this.#change !== null) this.#intents.push(...this.#change.takeIntents(now, this.#config.resendMs));
    const intents = this.#intents;
    this.#intents = [];
    return { messages: sending.messages, intents };
  }

  /** A learner (it may be added, R6), and every follower while a change is in flight, gets the shortest interval. */
  #heartbeatMsOf({ node, sentAt }: FollowerProgress): number {
    const { heartbeatMs, heartbeatMsMax } = this.#config;
    if (this.#change !== null || !isInSync(this.#image.descriptor, node)) return heartbeatMs;
    // It grows to a part of the time since the last commit.
    const idleMs = sentAt - this.#committedAt;
    return Math.max(this.#heartbeatMs, Math.min(heartbeatMsMax, idleMs * IDLE_SHARE));
  }

  /** A tick finds nothing to do before this instant, at which the first heartbeat is due; 0: something is under way. */
  get idleUntil(): number {
    if (!this.#isSettled) return 0;
    let at = Number.POSITIVE_INFINITY;
    for (const follower of this.#followers)
      at = Math.min(at, follower.sentAt + this.#heartbeatMsOf(follower));
    return at;
  }

  /** Nothing is under way, and every replica is in-sync and has the whole log. */
  get #isSettled(): boolean {
    const { transferTo, retire, reshape } = this.#image.descriptor;
    if (this.#change !== null || !this.acceptsWrites || this.#readOnlySince !== null) return false;
    if (transferTo !== null || retire !== null || reshape !== null) return false;
    if (this.#state.commitSeq < this.#state.index.lastSeq) return false;
    return this.#followers.haveAll((node) => this.#live.has(node) && isInSync(this.#image.descriptor, node));
  }

  // ---- followers ---------------------------------------------------------------------------------------------------

  /** R12: see contradictions.ts. */
  #contradicted(follower: FollowerProgress, seq: Seq, now: number): void {
    const { node } = follower;
    follower.becomeProbe(this.#state.index.last, now);
    const inSync = isInSync(this.#image.descriptor, node);
    const conflict = this.#contradictions.record(node, this.epoch, seq, inSync);
    if (conflict !== null) this.#intents.push({ kind: 'report-conflict', conflict });
    this.#handOverToBetterLog(now);
  }

  /** The hand-over does not wait until entries under way commit, because nothing commits any more. */
  #handOverToBetterLog(now: number): void {
    const better = this.#contradictions.memberWithBetterLog(this.#state.commitSeq);
    if (better !== null) this.handOver(better, now - this.#config.lagMs);
  }

  #requestSnapshot({ node, inc }: FollowerProgress): void {
    this.#intents.push({ kind: 'send-snapshot', to: node, inc });
  }

  // ---- commit ------------------------------------------------------------------------------------------------------

  #maximalInSync(): readonly NodeId[] {
    return maximalInSync(this.#image.descriptor, this.#change?.purpose);
  }

  /** R4. */
  #commit(now: number): void {
    if (this.conflict !== null) return;
    if (this.#state.syncedSeq <= this.#state.commitSeq) return;
    const acked: Seq[] = [];
    for (const node of this.#maximalInSync()) {
      if (node !== this.#self) acked.push(this.#followers.get(node)?.acked ?? 0);
    }
    const seq = committedSeq(this.#state.syncedSeq, acked);
    if (seq <= this.#state.commitSeq) return;
    this.#state.commit(seq);
    this.#committedAt = now;
  }

  // ---- the in-sync set ---------------------------------------------------------------------------------------------

  #issue(purpose: Purpose, next: DescriptorImage['descriptor'], why: string): void {
    assert(this.#change === null, 'R10: one compare-and-set in flight');
    this.#change = new DescriptorChange(purpose, this.#image, next, why);
  }

  /** R6: a learner that has everything committed, EpochStart included, becomes pending now and is then added. */
  #expand(follower: FollowerProgress): void {
    const { descriptor } = this.#image;
    if (this.#change !== null || !this.acceptsWrites || isInSync(descriptor, follower.node)) return;
    if (!this.#live.has(follower.node) || descriptor.retire === follower.node) return;
    if (follower.acked < Math.max(this.#state.commitSeq, this.startSeq)) return;
    const next = withInSync(descriptor, [...descriptor.inSync, follower.node]);
    this.#issue({ kind: 'expand', node: follower.node }, next, 'it holds every acknowledged write');
  }

  /** R5: a member that is gone or late is removed while more than minInSync are left. Otherwise the range is read-only. */
  #reviewInSync(now: number): void {
    const { descriptor } = this.#image;
    const { lagMs } = this.#config;
    const isLate = ({ acked }: FollowerProgress) => this.#appendTimes.oldestAgeMs(acked, now) > lagMs;
    const candidate = memberToRemove(descriptor, this.#followers, (node) => this.#live.has(node), isLate);
    if (candidate === null) {
      this.#readOnlySince = null;
      const retiring = retiringMember(descriptor, this.#self);
      if (retiring !== null) this.#shrink(retiring, 'it is being retired');
    } else if (descriptor.inSync.length <= descriptor.minInSync) {
      this.#readOnlySince ??= now;
    } else {
      const { node, isGone } = candidate;
      this.#shrink(node, !isGone ? `it acknowledged nothing for ${lagMs} ms` : 'its session ended');
    }
  }

  #shrink(node: NodeId, why: string): void {
    if (this.#change !== null || this.#phase.isStopped || this.#phase.isSealed) return;
    const { descriptor } = this.#image;
    const remaining = descriptor.inSync.filter((member) => member !== node);
    this.#issue({ kind: 'shrink', node }, withInSync(descriptor, remaining), why);
  }

  // ---- replacement ------------------------------------------------------------------------------------------------

  /** S2. Returns false if the range cannot be sealed now. */
  seal(): boolean {
    if (!this.started || !this.acceptsWrites || this.#change !== null) return false;
    this.#phase.seal();
    return true;
  }

  unseal(): void {
    if (this.#phase.isSealed) this.#phase.serve();
  }

  get isSealed(): boolean {
    return this.#phase.isSealed;
  }

  /** S3: how the range ends, if it ends now; null: it is not sealed, or something in its log is not committed. */
  get ending(): Ending | null {
    const { commitSeq, index } = this.#state;
    if (!this.isSealed || this.conflict !== null || commitSeq < index.lastSeq) return null;
    return { descriptor: this.#image.descriptor, final: index.last };
  }

  // ---- hand-over ---------------------------------------------------------------------------------------------------

  /** R8: begins a hand-over to `to`, or to the best member if `to` is null. Does nothing if nobody can take over. */
  handOver(to: NodeId | null, now: number, isStuck = false): void {
    const { descriptor } = this.#image;
    const target = to ?? bestTransferee(this.#followers, descriptor, this.#live);
    if (target === null || !this.#phase.isServing) return;
    if (!isInSync(descriptor, target) || !mayTakeOver(this.#live, target)) return;
    if (this.#followers.get(target)?.unhealthy) return;
    this.#phase.drain(target, now, isStuck);
  }

  #handOverIfRequested(now: number): void {
    const { transferTo } = this.#image.descriptor;
    if (transferTo !== null && transferTo !== this.#self) this.handOver(transferTo, now);
  }

  /** R5: an owner that commits nothing while entries wait may be the one that is cut off. */
  #reviewHandOver(now: number): void {
    if (this.conflict !== null) return this.#handOverToBetterLog(now);
    const { commitSeq, index } = this.#state;
    const waiting = commitSeq < index.lastSeq;
    const since = Math.max(this.#committedAt, now - this.#appendTimes.oldestAgeMs(commitSeq, now));
    const waitMs = this.#backoff.waitMs(commitSeq, this.#config);
    if (waiting && now - since > waitMs) {
      this.#committedAt = now;
      this.handOver(null, now, true);
      return;
    }
    if (waiting && now - since > this.#config.stuckMs) this.#reportStuck(waitMs);
    this.#handOverIfRequested(now);
  }

  /** Once an epoch: this owner keeps the range although nothing commits, because handing over did not help. */
  #reportStuck(waitMs: number): void {
    const unresponsive = this.#followers.behind(this.#maximalInSync());
    const report = this.#backoff.report(this.epoch, this.#state.commitSeq, unresponsive, waitMs);
    if (report !== null) this.#intents.push(report);
  }

  /** R8: once no entry waits (or after lagMs), asks for the transferee's session. The answer stops this owner. */
  #proceedHandOver(now: number): void {
    if (this.#change !== null) return;
    const isDrained = this.#state.commitSeq === this.#state.index.lastSeq;
    const node = this.#phase.takeTransferee(now, isDrained, this.#config.lagMs);
    if (node !== null) this.#intents.push({ kind: 'read-session', node });
  }

  /** R8: the transferee's live session, read after D; null if it has none or is about to stop. */
  sessionRead(node: NodeId, session: SessionId | null): void {
    if (this.#phase.drainsTo !== node) return;
    const isHindered = this.#change !== null || !isInSync(this.#image.descriptor, node);
    if (session === null || isHindered) return this.#phase.serve();
    const isStuck = this.#phase.stop();
    if (isStuck) this.#backoff.handedOver(this.#state.commitSeq);
    const why = isStuck ? 'it commits nothing' : 'every write under way is done';
    this.#issue({ kind: 'hand-over', node }, withOwner(this.#image.descriptor, node, session), why);
  }
}
