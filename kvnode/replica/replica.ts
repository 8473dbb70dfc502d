// One replica of one range: the state machine of docs/replication.md (rules R1 to R11), without a promise, a clock or a
// socket in it. The node feeds it events and writes, then calls take() once a turn and carries out what it returns, in
// the order that replica-messages.ts gives. Everything that it logs goes to the shared log at once, in call order, and counts
// only when that group is synced.
//
// Roles. A replica is a follower until an image of its descriptor names this node, this session and this inc as the
// owner of an epoch above epochSeen (R1). Then it stores that epoch, appends EpochStart and is owner (R2); an Ownership
// lives as long as that epoch. It ends when a higher epoch is seen (in the descriptor, in an Append, in an
// acknowledgement), when the session ends, or when a hand-over took effect. An epoch is entered at most once.
//
// Follower. An Append under an epoch below epochSeen is answered with epochSeen; one above raises it, durably, before
// anything is acknowledged under it. What is acknowledged is min(verified, synced); what is applied min(commitSeq,
// verified) (R3). follower.ts has the log's side of this.
//
// Owner. Entries go to the followers before they are synced here; commit is the least acknowledgement in the maximal
// in-sync set (R4). Members that are late or gone leave it, learners that have everything enter it, each by one
// compare-and-set on the descriptor at a time, whose outcome is settled before the next (R5, R6, R10).
//
// A claim that these rules exclude (impossible-claims.ts) is refused and reported, and ends neither process: the replica is fenced from
// that epoch.
//
// Reads are allowed to an owner whose EpochStart is committed while its lease is valid, checked after the state was
// read (R11). A void replica (a snapshot is being installed) answers nothing, acknowledges nothing, counts for nothing.

import { assert, never } from '../../common/base/assert.ts';
import type { ErrorCode } from '../../common/base/errors.ts';
import { LIMITS, type ReplicationConfig } from '../../common/model/config.ts';
import { type DescriptorImage, isInSync, isSameTerm } from '../../common/model/descriptor.ts';
import type { Epoch, Inc, NodeId, Position, RangeId, Seq, SessionId } from '../../common/model/ids.ts';
import type { ReplicaStatus } from '../../common/model/status.ts';
import type { EntryKind, RecoveredReplica, ReplicaLog } from '../storage/storage.ts';
import { Fence } from './epoch-fence.ts';
import type { ReplicaEvent } from './events.ts';
import { receiveAppend, rejectVoid, wantsSnapshot } from './follower.ts';
import { StuckHandOvers } from './hand-over-backoff.ts';
import { type ImpossibleClaim, impossibleAppend, impossibleSnapshot } from './impossible-claims.ts';
import { LogState } from './log-state.ts';
import { Ownership } from './ownership.ts';
import type { Append, AppendAck, LiveStandings, Outgoing, Ready, Rejection } from './replica-messages.ts';
import { misfitOf, statusOf } from './replica-status.ts';
import { Freshness } from './staleness.ts';

export interface ReplicaOptions {
  readonly self: NodeId;
  readonly recovered: RecoveredReplica;
  readonly log: ReplicaLog;
  readonly config: ReplicationConfig;
  /** Whether the node's lease is valid at this instant (docs/zookeeper.md#the-lease). */
  readonly leaseValid: () => boolean;
  /** Whether the node's disk is fit to own ranges on. */
  readonly diskFit: () => boolean;
  /** See Freshness. */
  readonly stampBase: number;
}

type Role =
  | { readonly kind: 'follower' }
  | { readonly kind: 'owner'; readonly ownership: Ownership }
  | { readonly kind: 'void' };

const FOLLOWER: Role = { kind: 'follower' };
const NOTHING_ANSWERED = -1;
const NO_EFFECTS: Pick<Ready, 'messages' | 'intents'> = { messages: [], intents: [] };

export class Replica {
  readonly range: RangeId;
  readonly inc: Inc;
  readonly #self: NodeId;
  readonly #config: ReplicationConfig;
  readonly #leaseValid: () => boolean;
  readonly #diskFit: () => boolean;
  readonly #state: LogState;
  readonly #freshness: Freshness;
  readonly #stuck = new StuckHandOvers();
  #role: Role;
  /** The newest image seen; older ones are ignored (R1). */
  #image: DescriptorImage | null = null;
  /** The newest image names this replica as its owner in this session, and it is none. */
  #isNamed = false;
  #live: LiveStandings = new Map();
  /** The owner to answer, and what the answer says beside what is acknowledged. */
  #answerTo: NodeId | null = null;
  #rejection: Rejection | null = null;
  #answerDue = false;
  readonly #fence = new Fence();
  #answered = { acked: NOTHING_ANSWERED, at: 0 };
  #outbox: Outgoing[] = [];
  #lost: Epoch | null = null;
  #appliedSeq: Seq;

  constructor(options: ReplicaOptions) {
    const { recovered } = options;
    this.range = recovered.range;
    this.inc = recovered.inc;
    this.#self = options.self;
    this.#config = options.config;
    this.#leaseValid = options.leaseValid;
    this.#diskFit = options.diskFit;
    this.#state = new LogState(recovered, options.log);
    this.#freshness = new Freshness(options.stampBase);
    this.#role = recovered.void ? { kind: 'void' } : FOLLOWER;
    this.#appliedSeq = recovered.void ? 0 : recovered.applied.seq;
  }

  /** The newest image known. */
  get image(): DescriptorImage | null {
    return this.#ownership?.image ?? this.#image;
  }

  get epochSeen(): Epoch {
    return this.#state.epochSeen;
  }

  get commitSeq(): Seq {
    return this.#state.commitSeq;
  }

  /** Of the entry at `seq`; undefined where the log holds none. */
  epochAt(seq: Seq): Epoch | undefined {
    return this.#state.index.epochAt(seq);
  }

  get hasUnsynced(): boolean {
    return this.#state.hasUnsynced;
  }

  /** The epoch that this replica owns; null where it is no owner. */
  get ownedEpoch(): Epoch | null {
    return this.#ownership?.epoch ?? null;
  }

  /** What only an owner can say: see Ownership. */
  get lagging(): ReturnType<Ownership['lagging']> {
    return this.#ownership?.lagging() ?? [];
  }

  get hasSuccessor(): boolean {
    return this.#ownership?.hasSuccessor ?? false;
  }

  /** See misfitOf. */
  get misfit(): string | null {
    return misfitOf(this.image?.descriptor.epoch ?? null, this.#state.epochSeen, this.#isNamed);
  }

  get isVoid(): boolean {
    return this.#role.kind === 'void';
  }

  /** A tick finds nothing to do before this instant; 0: something is under way; infinity: never. */
  get idleUntil(): number {
    if (this.#ownership !== null) return this.#ownership.idleUntil;
    return this.#appliedSeq < this.#state.commitSeq ? 0 : Number.POSITIVE_INFINITY;
  }

  step(event: ReplicaEvent, now: number): void {
    const ownership = this.#ownership;
    switch (event.kind) {
      case 'image':
        return this.#learn(event.image, event.session, now);
      case 'session-ended':
        return this.#stepDown();
      case 'live':
        this.#stuck.setLive(event.nodes, this.image?.descriptor);
        this.#live = event.nodes;
        return ownership?.setLive(event.nodes);
      case 'reachable':
        // The owner probes; what this follower answered last may be lost as well.
        if (event.node === this.#answerTo) this.#answered = { acked: NOTHING_ANSWERED, at: now };
        return ownership?.reachable(event.node);
      case 'append':
        return this.#receiveAppend(event.from, event.message, now);
      case 'append-ack':
        if (ownership?.receiveAck(event.from, event.message, now)) this.#stepDown();
        return;
      case 'synced':
        if (!this.#state.synced(event.group)) return;
        ownership?.synced(now);
        this.#answerDue ||= this.#answerTo !== null;
        return;
      case 'applied':
        this.#appliedSeq = event.seq;
        return this.#freshness.applied(event.seq);
      case 'cas-outcome':
        if (ownership?.casOutcome(event.expected, event.outcome, now)) this.#stepDown();
        return;
      case 'session-read':
        return ownership?.sessionRead(event.node, event.session);
      case 'snapshot-sent':
        return ownership?.snapshotSent(event.to, event.inc, event.installed, now);
      case 'hand-over':
        return ownership?.handOver(null, now);
      case 'tick':
        return ownership?.tick(now, event.quietMs, event.pausedMs);
      default:
        return never(event);
    }
  }

  // ---- clients -----------------------------------------------------------------------------------------------------

  /**
   * Appends one operation, or a consistency check, where this owner serves (R8) under a lease and is not read-only (R5); it is answered when
   * commitSeq reaches the seq returned, or never. A code: refused, nothing appended.
   * @param payload an encoded Operation, or nothing; the log keeps it
   */
  propose(epoch: Epoch, kind: EntryKind, payload: Uint8Array, now: number): Seq | ErrorCode {
    const ownership = this.#ownership;
    if (ownership === null) return 'NOT_OWNER';
    if (ownership.epoch !== epoch) return 'STALE_EPOCH';
    if (!ownership.acceptsWrites || !this.#leaseValid()) return 'NOT_READY';
    if (ownership.readOnlySince !== null) return 'READ_ONLY';
    const { index, commitSeq } = this.#state;
    if (index.lastSeq - commitSeq >= this.#config.uncommittedEntriesMax) return 'OVERLOADED';
    assert(payload.length <= LIMITS.operationBytesMax, 'operations are bounded before they get here');
    const seq = index.lastSeq + 1;
    this.#state.append([{ epoch, seq, kind, payload }]);
    ownership.appended(now);
    return seq;
  }

  /** R11: asked after the state was read. Null: the answer is linearizable. */
  readRefusal(epoch: Epoch): ErrorCode | null {
    const ownership = this.#ownership;
    if (ownership === null) return 'NOT_OWNER';
    if (ownership.epoch !== epoch) return 'STALE_EPOCH';
    if (!ownership.acceptsReads || this.#appliedSeq < this.#state.commitSeq || !this.#leaseValid())
      return 'NOT_READY';
    return null;
  }

  /** For a stale read: upper bound of how far the state is behind, ms; null: not known. An owner that may vouch: 0. */
  staleMs(now: number): number | null {
    const epoch = this.ownedEpoch;
    return epoch !== null && this.readRefusal(epoch) === null ? 0 : this.#freshness.staleMs(now);
  }

  // ---- snapshots ---------------------------------------------------------------------------------------------------

  /**
   * A snapshot at `position` is offered under `epoch`. `take`: install it, after becomeVoid(). `have`: acknowledge it
   * only, the log holds that position (R3). `refuse`: it comes from an owner that is over, or that cannot have it.
   */
  offerSnapshot(from: NodeId, epoch: Epoch, position: Position): 'take' | 'have' | 'refuse' {
    if (epoch < this.#state.epochSeen) return 'refuse';
    this.#enterEpoch(epoch);
    if (!this.#admits(from, epoch, (state) => impossibleSnapshot(state, position))) return 'refuse';
    return this.isVoid || wantsSnapshot(this.#state, position) ? 'take' : 'have';
  }

  /** Nothing of its log counts from here on, as after a restart in this state. */
  becomeVoid(): void {
    assert(this.#role.kind !== 'owner', 'an owner installs no snapshot');
    this.#role = { kind: 'void' };
    this.#state.empty();
    this.#appliedSeq = 0;
  }

  /** The snapshot offered under `epoch` is durable. */
  installed(position: Position): void {
    assert(this.isVoid, 'only a void replica installs');
    this.#state.reset(position);
    this.#appliedSeq = position.seq;
    this.#role = FOLLOWER;
  }

  // ---- effects -----------------------------------------------------------------------------------------------------

  /** R11: what this owner would tell a follower holds for itself, and for its answers once it may no longer vouch. */
  #vouched(now: number): void {
    this.#freshness.echoed(this.#freshness.stampAt(now), this.#state.commitSeq, now);
    this.#freshness.applied(this.#appliedSeq);
  }

  /** False: take() would find nothing to do, unless time has passed (then a tick comes). */
  get due(): boolean {
    const waits = this.#outbox.length > 0 || this.#fence.hasReports || this.#lost !== null;
    return waits || this.#state.commitSeq > this.#appliedSeq || (this.#ownership?.due ?? this.#answerDue);
  }

  /** What has to be done now. The log has everything already (LogState). */
  take(now: number): Ready {
    const ownership = this.#ownership;
    const mayVouch = this.#leaseValid() && ownership?.acceptsReads === true;
    if (mayVouch) this.#vouched(now);
    if (this.#answerDue && ownership === null) this.#answer(now);
    const effects = ownership?.take(now, mayVouch) ?? NO_EFFECTS;
    const messages = this.#outbox.length === 0 ? effects.messages : [...this.#outbox, ...effects.messages];
    const lost = this.#lost;
    const intents = this.#fence.hasReports
      ? [...this.#fence.takeReports(), ...effects.intents]
      : effects.intents;
    if (this.#outbox.length > 0) this.#outbox = [];
    this.#lost = null;
    return { messages, commitSeq: this.#state.commitSeq, lost, intents };
  }

  /** @param toUnixMs turns an instant of the monotonic clock into Unix ms */
  status(now: number, toUnixMs: (at: number) => number): ReplicaStatus {
    return statusOf({
      range: this.range,
      inc: this.inc,
      isVoid: this.isVoid,
      isInSync: this.#image !== null && isInSync(this.#image.descriptor, this.#self),
      descriptorEpoch: this.image?.descriptor.epoch ?? null,
      state: this.#state,
      appliedSeq: this.#appliedSeq,
      ownership: this.#ownership,
      staleMs: this.#freshness.staleMs(now),
      conflict: this.#fence.conflict?.text ?? this.misfit,
      toUnixMs,
    });
  }

  get #ownership(): Ownership | null {
    return this.#role.kind === 'owner' ? this.#role.ownership : null;
  }

  // ---- ownership ---------------------------------------------------------------------------------------------------

  #learn(image: DescriptorImage, session: SessionId | null, now: number): void {
    const known = this.image;
    if (known !== null && image.version < known.version) return;
    this.#image = image;
    const ownership = this.#ownership;
    if (ownership !== null) {
      // An image of this epoch that names another owner comes from a ZooKeeper that lost something.
      if (isSameTerm(image.descriptor, ownership.image.descriptor)) return ownership.adopt(image, now);
      this.#stepDown();
    }
    this.#isNamed = this.#names(image, session);
    if (this.#isNamed && image.descriptor.epoch > this.#state.epochSeen) {
      this.#isNamed = false;
      this.#answerTo = null;
      this.#answerDue = false;
      const parts = { live: this.#live, config: this.#config, stuck: this.#stuck };
      const entered = new Ownership(this.#self, this.#state, image, parts, now);
      this.#role = { kind: 'owner', ownership: entered };
    }
  }

  /** R1: whether this replica is to own the epoch, in this session. A void one holds nothing; it could not be in-sync. */
  #names(image: DescriptorImage, session: SessionId | null): boolean {
    const { owner, state } = image.descriptor;
    return (
      state === 'serving' &&
      this.#role.kind === 'follower' &&
      owner.node === this.#self &&
      owner.session === session &&
      owner.inc === this.inc
    );
  }

  /** R1: epochSeen stays as it is, or this node could not enter the epoch that deposed it. */
  #stepDown(): void {
    this.#isNamed = false;
    const ownership = this.#ownership;
    if (ownership === null) return;
    if (this.#image === null || this.#image.version < ownership.image.version) this.#image = ownership.image;
    this.#lost = ownership.epoch;
    this.#role = FOLLOWER;
  }

  // ---- follower ----------------------------------------------------------------------------------------------------

  /** R3: epochSeen is raised before anything else is done under that epoch; whoever owned a lower one is deposed (R1). */
  #enterEpoch(epoch: Epoch): void {
    if (epoch <= this.#state.epochSeen) return;
    this.#stepDown();
    this.#state.raiseEpochSeen(epoch);
    this.#fence.lift();
  }

  /** R3: for another life of this replica (R9) ignored, of an epoch that is over refused, else taken in (follower.ts). */
  #receiveAppend(from: NodeId, append: Append, now: number): void {
    if (append.inc !== this.inc) return;
    if (append.epoch < this.#state.epochSeen) {
      if (this.#state.epochSeenDurable) this.#outbox.push({ to: from, message: this.#ack(null, now) });
      return;
    }
    this.#enterEpoch(append.epoch);
    if (!this.#admits(from, append.epoch, (state) => impossibleAppend(state, append))) {
      return this.#answerFenced(from, now);
    }
    this.#answerTo = from;
    const rejection = this.isVoid ? rejectVoid(append) : receiveAppend(this.#state, append);
    this.#rejection = rejection;
    if (rejection !== null) {
      this.#answerDue = true;
      return;
    }
    if (append.echo !== null) {
      this.#freshness.echoed(append.echo, append.commitSeq, now);
      // In an idle range nothing more will be applied: the echo is covered as it comes.
      this.#freshness.applied(this.#appliedSeq);
    }
    const news = this.#state.ackedSeq !== this.#answered.acked;
    const quiet = now - this.#answered.at >= this.#config.idleAppendMs / 2;
    if (!this.#state.hasUnsynced && (news || quiet)) this.#answerDue = true;
  }

  #admits(from: NodeId, epoch: Epoch, judge: (state: LogState) => ImpossibleClaim | null): boolean {
    const owner = this.#ownership === null ? null : this.#self;
    const { commitSeq } = this.#state;
    return this.#fence.admits({ from, epoch, owner, commitSeq }, () =>
      this.isVoid ? null : judge(this.#state),
    );
  }

  #answerFenced(to: NodeId, now: number): void {
    this.#answerTo = to;
    if (this.#ownership === null) this.#answerDue = true;
    else if (this.#state.epochSeenDurable) this.#outbox.push({ to, message: this.#ack(null, now) });
  }

  /** Nothing is acknowledged under an epoch that is not on disk (R3); the sync that puts it there comes back here. */
  #answer(now: number): void {
    if (this.#answerTo === null || !this.#state.epochSeenDurable) return;
    const message = this.#ack(this.#rejection, now);
    this.#outbox.push({ to: this.#answerTo, message });
    // After a rejection the owner waits to hear where the logs meet, even if nothing more is acknowledged there.
    this.#answered = { acked: this.#rejection === null ? message.acked : NOTHING_ANSWERED, at: now };
    this.#rejection = null;
    this.#answerDue = false;
  }

  #ack(rejection: Rejection | null, now: number): AppendAck {
    const fenced = this.#fence.conflict;
    return {
      kind: 'append-ack',
      inc: this.inc,
      epoch: this.#state.epochSeen,
      acked: this.isVoid ? 0 : this.#state.ackedSeq,
      rejection,
      stamp: this.#freshness.stampAt(now),
      unfit: !this.#diskFit(),
      contradiction: fenced?.seq ?? null,
    };
  }
}
