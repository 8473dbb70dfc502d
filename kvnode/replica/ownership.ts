// A replica's life as owner in one epoch: what its followers have (R3), what is committed (R4), who is in the in-sync set
// (R5, R6, R10), and how it hands over (R8). It ends with the epoch; a new epoch makes a new Ownership.

import { assert } from '../../common/base/assert.ts';
import { emptyBytes } from '../../common/base/bytes.ts';
import type { ReplicationConfig } from '../../common/model/config.ts';
import { type DescriptorImage, isInSync, withInSync, withOwner } from '../../common/model/descriptor.ts';
import type { Epoch, NodeId, Seq, SessionId } from '../../common/model/ids.ts';
import { ENTRY_KINDS } from '../storage/storage.ts';
import { AppendTimes } from './append-times.ts';
import { committedSeq } from './commit.ts';
import { Contest } from './contradictions.ts';
import { type CasOutcome, DescriptorChange } from './descriptor-change.ts';
import { isDueAtOnce } from './due.ts';
import { retiringMember, silentMember } from './in-sync-review.ts';
import type { LogState } from './log-state.ts';
import type { OwnershipParts } from './ownership-parts.ts';
import type { FollowerProgress } from './progress.ts';
import { Followers } from './progress-tracker.ts';
import type { AppendAck, Intent, LiveStandings, Outgoing, Purpose } from './replica-messages.ts';
import { Sending } from './sending.ts';
import { bestTransferee, type HandOverPhase, lasts } from './transferee.ts';

/** Followers are left in silence for one part in so many of the time for which nothing was written. */
const QUIET_SHARE = 4;

export class Ownership {
  readonly epoch: Epoch;
  /** Seq of this epoch's EpochStart: nothing is served before it is committed (R2). */
  readonly startSeq: Seq;
  readonly #self: NodeId;
  readonly #state: LogState;
  readonly #config: ReplicationConfig;
  readonly #followers: Followers;
  readonly #times = new AppendTimes();
  #image: DescriptorImage;
  #change: DescriptorChange | null = null;
  #phase: HandOverPhase = { kind: 'serving' };
  #live: LiveStandings;
  #committedAt: number;
  #quietMs: number;
  #readOnlySince: number | null = null;
  readonly #stuck: OwnershipParts['stuck'];
  readonly #contest = new Contest();
  #intents: Intent[] = [];

  /** R2: epochSeen is stored, EpochStart appended; both are durable before anything under this epoch is acknowledged. */
  constructor(
    self: NodeId,
    state: LogState,
    image: DescriptorImage,
    { live, config, stuck }: OwnershipParts,
    now: number,
  ) {
    const { epoch } = image.descriptor;
    assert(image.descriptor.owner.node === self, 'R1: the descriptor names this node');
    assert(epoch > state.epochSeen, 'R1: an epoch is entered at most once');
    this.epoch = epoch;
    this.#self = self;
    this.#state = state;
    this.#followers = new Followers(self, state);
    this.#config = config;
    this.#stuck = stuck;
    this.#image = image;
    this.#live = live;
    this.#committedAt = now;
    this.#quietMs = config.idleAppendMs;
    const before = state.index.last;
    state.raiseEpochSeen(epoch);
    this.startSeq = before.seq + 1;
    state.append([{ epoch, seq: this.startSeq, kind: ENTRY_KINDS.epochStart, payload: emptyBytes }]);
    this.#times.appended(this.startSeq, now);
    this.#followers.adopt(image.descriptor.replicas, now);
  }

  get image(): DescriptorImage {
    return this.#image;
  }

  get followers(): Iterable<FollowerProgress> {
    return this.#followers;
  }

  /** Replicas outside the in-sync set that lack something which would let them in (R6), and since when they caught up with nothing. */
  *lagging(): Iterable<{ readonly node: NodeId; readonly since: number }> {
    const { descriptor } = this.#image;
    const needed = Math.max(this.#state.commitSeq, this.startSeq);
    for (const { node, acked, caughtUpAt } of this.#followers) {
      if (isInSync(descriptor, node) || descriptor.retire === node || acked >= needed) continue;
      yield { node, since: caughtUpAt };
    }
  }

  get readOnlySince(): number | null {
    return this.#readOnlySince;
  }

  /** R2: what the log held at the start is committed, so reads see all that was acknowledged before. */
  get started(): boolean {
    return this.#state.commitSeq >= this.startSeq;
  }

  get contested(): Contest['conflict'] {
    return this.#contest.conflict;
  }

  /** R8: not while a hand-over is being prepared, or out. */
  get acceptsWrites(): boolean {
    return this.#phase.kind === 'serving' && this.contested === null;
  }

  /** R2, R8, R11. */
  get acceptsReads(): boolean {
    return this.#phase.kind !== 'stopped' && this.contested === null && this.started;
  }

  appended(now: number): void {
    this.#times.appended(this.#state.index.lastSeq, now);
  }

  /** R1, R9, R10: a newer image of the same epoch. */
  adopt(image: DescriptorImage, now: number): void {
    assert(image.descriptor.epoch === this.epoch, 'only an image of its own epoch is adopted');
    assert(image.descriptor.owner.node === this.#self, 'one owner an epoch');
    if (image.version <= this.#image.version) return;
    this.#image = image;
    if (this.#change?.settledBy(image)) {
      this.#change = null;
      if (this.#phase.kind === 'stopped') this.#phase = { kind: 'serving' };
    }
    this.#followers.adopt(image.descriptor.replicas, now);
    this.#commit(now);
    const wish = image.descriptor.transferTo;
    if (wish !== null && wish !== this.#self) this.handOver(wish, now);
  }

  setLive(live: LiveStandings): void {
    this.#live = live;
  }

  /** See Followers. */
  reachable(node: NodeId): void {
    this.#followers.reachable(node);
  }

  /**
   * R10: `done` settles it, anything else waits for an image. True: it was this epoch's hand-over (R8), and it took effect:
   * the epoch is over.
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

  /** R4: counts for this life of the follower (R9) under this epoch. True: it has seen a higher one, so this is over (R1). */
  receiveAck(from: NodeId, ack: AppendAck, now: number): boolean {
    const follower = this.#followers.get(from);
    if (ack.epoch > this.epoch) return true;
    if (follower === undefined || ack.inc !== follower.inc || ack.epoch < this.epoch) return false;
    follower.heard(ack, now);
    // Nobody acknowledges what was not sent.
    const { lastSeq } = this.#state.index;
    const contradiction = ack.contradiction ?? (ack.acked > lastSeq ? lastSeq + 1 : null);
    if (contradiction !== null) {
      this.#contradicted(follower, contradiction, now);
      return false;
    }
    if (ack.rejection !== null) {
      if (this.#followers.rejected(follower, ack.rejection)) this.#askSnapshot(follower);
      return false;
    }
    follower.acknowledged(ack.acked, now);
    this.#commit(now);
    this.#expand(follower);
    return false;
  }

  /** A transfer ended; at `position` if it was installed. */
  snapshotSent(to: NodeId, inc: number, installed: boolean, now: number): void {
    const follower = this.#followers.get(to);
    if (follower === undefined || follower.inc !== inc || follower.state !== 'snapshot') return;
    if (installed) follower.snapshotInstalled(this.#state.index.last, now);
    else follower.snapshotFailed(now);
  }

  /** Some other replica's node is live and not about to stop: it may take over now, or once it is in-sync. */
  get hasSuccessor(): boolean {
    return this.#image.descriptor.replicas.some(({ node }) => node !== this.#self && lasts(this.#live, node));
  }

  /** R8: hands over to `to`, or to whoever is best where `to` is null; does nothing where nobody can take it. */
  handOver(to: NodeId | null, now: number, isStuck = false): void {
    const target = to ?? bestTransferee(this.#followers, this.#image.descriptor, this.#live);
    if (target === null || this.#phase.kind !== 'serving') return;
    if (!isInSync(this.#image.descriptor, target) || !lasts(this.#live, target)) return;
    if (this.#followers.get(target)?.unfit) return;
    this.#phase = { kind: 'draining', to: target, since: now, isStuck, askedSession: false };
  }

  /** R8: the target's live session, read after D; null: it has none, or is about to stop. */
  sessionRead(node: NodeId, session: SessionId | null): void {
    if (this.#phase.kind !== 'draining' || this.#phase.to !== node) return;
    if (session === null || this.#change !== null || !isInSync(this.#image.descriptor, node)) {
      this.#phase = { kind: 'serving' };
      return;
    }
    const { isStuck } = this.#phase;
    if (isStuck) this.#stuck.handedOver(this.#state.commitSeq);
    this.#phase = { kind: 'stopped', to: node };
    const why = isStuck ? 'it commits nothing' : 'every write under way is done';
    this.#issue({ kind: 'hand-over', node }, withOwner(this.#image.descriptor, node, session), why);
  }

  /** `quietMs`: see Sending. `pausedMs`: since the node's last tick. */
  tick(now: number, quietMs: number, pausedMs: number): void {
    this.#quietMs = quietMs;
    const wasPaused = pausedMs >= this.#config.lagMs;
    // After a pause of this process the others' acknowledgements wait unread: nobody is late before they are read.
    if (!wasPaused && this.contested === null) this.#reviewInSync(now);
    this.#reviewHandOver(now);
    // For the slowest replica, as far as the retention bound allows.
    this.#state.retainAfter(this.#followers.leastAcked);
  }

  /** False: take() would find nothing to do, unless time has passed. */
  get due(): boolean {
    if (this.#intents.length > 0 || this.#change !== null || this.#phase.kind !== 'serving') return true;
    for (const follower of this.#followers) {
      if (isDueAtOnce(follower, this.#state, this.#config)) return true;
    }
    return false;
  }

  /** What to send and to ask for now. `mayVouch`: reads here are linearizable at this instant (R11). */
  take(now: number, mayVouch: boolean): { messages: readonly Outgoing[]; intents: readonly Intent[] } {
    this.#times.forget(this.#state.commitSeq);
    const parts = { log: this.#state, config: this.#config, epoch: this.epoch, mayVouch, now };
    const sending = new Sending(parts);
    for (const follower of this.#followers) sending.sendTo(follower, this.#quietMsOf(follower));
    for (const follower of sending.snapshots) this.#askSnapshot(follower);
    this.#proceedHandOver(now);
    if (this.#change !== null) this.#intents.push(...this.#change.due(now, this.#config.resendMs));
    const intents = this.#intents;
    this.#intents = [];
    return { messages: sending.messages, intents };
  }

  /** One that may still be added (R6), or whose change is under way, is asked often. */
  #quietMsOf({ node, sentAt }: FollowerProgress): number {
    const { idleAppendMs, quietAppendMsMax } = this.#config;
    if (this.#change !== null || !isInSync(this.#image.descriptor, node)) return idleAppendMs;
    return Math.max(this.#quietMs, Math.min(quietAppendMsMax, (sentAt - this.#committedAt) / QUIET_SHARE));
  }

  /** As Replica's: when the first of the followers has been left idle for long enough. */
  get idleUntil(): number {
    if (!this.#isSettled) return 0;
    let at = Number.POSITIVE_INFINITY;
    for (const follower of this.#followers) at = Math.min(at, follower.sentAt + this.#quietMsOf(follower));
    return at;
  }

  /** Nothing is under way, and everybody has everything. */
  get #isSettled(): boolean {
    const { transferTo, retire } = this.#image.descriptor;
    if (this.#change !== null || !this.acceptsWrites || this.#readOnlySince !== null) return false;
    if (transferTo !== null || retire !== null || this.#state.commitSeq < this.#state.index.lastSeq)
      return false;
    return this.#followers.haveAll((node) => this.#live.has(node) && isInSync(this.#image.descriptor, node));
  }

  // ---- followers -------------------------------------------------------------------------------------------------

  /** See contradictions.ts. */
  #contradicted(follower: FollowerProgress, seq: Seq, now: number): void {
    const { node } = follower;
    follower.becomeProbe(this.#state.index.last, now);
    const conflict = this.#contest.raise(node, this.epoch, seq, isInSync(this.#image.descriptor, node));
    if (conflict !== null) this.#intents.push({ kind: 'report', conflict });
    this.#giveUpContested(now);
  }

  /** Not drained first: nothing more commits. */
  #giveUpContested(now: number): void {
    const better = this.#contest.better(this.#state.commitSeq);
    if (better !== null) this.handOver(better, now - this.#config.lagMs);
  }

  #askSnapshot({ node, inc }: FollowerProgress): void {
    this.#intents.push({ kind: 'send-snapshot', to: node, inc });
  }

  // ---- commit ------------------------------------------------------------------------------------------------------

  /** R4: the known set, with additions pending; removals count once they are confirmed. */
  #maximalInSync(): readonly NodeId[] {
    const { inSync } = this.#image.descriptor;
    const pending = this.#change?.purpose;
    return pending?.kind === 'expand' && !inSync.includes(pending.node) ? [...inSync, pending.node] : inSync;
  }

  #commit(now: number): void {
    if (this.contested !== null) return;
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

  // ---- the in-sync set -----------------------------------------------------------------------------------------------

  #issue(purpose: Purpose, next: DescriptorImage['descriptor'], why: string): void {
    assert(this.#change === null, 'R10: one compare-and-set in flight');
    this.#change = new DescriptorChange(purpose, this.#image, next, why);
  }

  /** R6: one that holds all that is committed, EpochStart included, counts from now and is then added. */
  #expand(follower: FollowerProgress): void {
    const { descriptor } = this.#image;
    if (this.#change !== null || !this.acceptsWrites || isInSync(descriptor, follower.node)) return;
    if (!this.#live.has(follower.node) || descriptor.retire === follower.node) return;
    if (follower.acked < Math.max(this.#state.commitSeq, this.startSeq)) return;
    const next = withInSync(descriptor, [...descriptor.inSync, follower.node]);
    this.#issue({ kind: 'expand', node: follower.node }, next, 'it holds every acknowledged write');
  }

  /** R5: members that went, or are late, leave, while at least m remain; else the range is read-only for now. */
  #reviewInSync(now: number): void {
    const { descriptor } = this.#image;
    const { lagMs } = this.#config;
    const isLive = (node: NodeId): boolean => this.#live.has(node);
    const isLate = ({ acked }: FollowerProgress) => this.#times.oldestUnacked(acked, now) > lagMs;
    const silent = silentMember(descriptor, this.#followers, isLive, isLate);
    if (silent === null) {
      this.#readOnlySince = null;
      const retiring = retiringMember(descriptor, this.#self);
      if (retiring !== null) this.#shrink(retiring, 'it makes way');
    } else if (descriptor.inSync.length <= descriptor.minInSync) {
      this.#readOnlySince ??= now;
    } else {
      const { node, isGone } = silent;
      this.#shrink(node, !isGone ? `it acknowledged nothing for ${lagMs} ms` : 'its session ended');
    }
  }

  #shrink(node: NodeId, why: string): void {
    if (this.#change !== null || this.#phase.kind === 'stopped') return;
    const { descriptor } = this.#image;
    const remaining = descriptor.inSync.filter((member) => member !== node);
    this.#issue({ kind: 'shrink', node }, withInSync(descriptor, remaining), why);
  }

  // ---- hand-over -----------------------------------------------------------------------------------------------------

  /** R5: an owner that commits nothing while entries wait may be the one that is cut off. */
  #reviewHandOver(now: number): void {
    if (this.contested !== null) return this.#giveUpContested(now);
    const waiting = this.#state.commitSeq < this.#state.index.lastSeq;
    const since = Math.max(this.#committedAt, now - this.#times.oldestUnacked(this.#state.commitSeq, now));
    const waitMs = this.#stuck.waitMs(this.#state.commitSeq, this.#config);
    if (waiting && now - since > waitMs) {
      this.#committedAt = now;
      this.handOver(null, now, true);
      return;
    }
    if (waiting && now - since > this.#config.stuckMs) this.#reportStuck(waitMs);
    const wish = this.#image.descriptor.transferTo;
    if (wish !== null && wish !== this.#self) this.handOver(wish, now);
  }

  /** Once in an epoch: the range stays here although nothing commits, as it did not help to hand it over. */
  #reportStuck(waitMs: number): void {
    const silent = this.#followers.behind(this.#maximalInSync());
    const report = this.#stuck.report(this.epoch, this.#state.commitSeq, silent, waitMs);
    if (report !== null) this.#intents.push(report);
  }

  /** R8: once nothing waits (or for too long), the heir's session is asked for; its answer stops this owner. */
  #proceedHandOver(now: number): void {
    const phase = this.#phase;
    if (phase.kind !== 'draining' || phase.askedSession || this.#change !== null) return;
    const drained = this.#state.commitSeq === this.#state.index.lastSeq;
    if (!drained && now - phase.since < this.#config.lagMs) return;
    phase.askedSession = true;
    this.#intents.push({ kind: 'read-session', node: phase.to });
  }
}
