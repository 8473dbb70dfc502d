// One replica of one range: the state machine of docs/replication.md (rules R1 to R11). It has no promise, no clock and no socket in
// it. The node feeds it events and writes, and once a turn calls take() and does what that returns, in the order that
// replica-messages.ts gives. What the replica logs goes to the node's shared log at once, in call order, and counts only when
// its group is synced.
//
// Roles. A replica is a follower until an image of its descriptor names this node, this session and this inc as the owner of
// an epoch above epochSeen (R1). Then it stores that epoch, appends EpochStart and is owner (R2). One Ownership stands for
// one owned epoch. It ends when a higher epoch is seen (in the descriptor, in an Append, in an acknowledgement), when the
// session ends, or when a hand-over took effect. An epoch is entered at most once.
//
// Follower (follower.ts). An Append under an epoch below epochSeen is answered with epochSeen. One above raises epochSeen, and
// nothing is acknowledged under the new epoch before that is durable. A follower acknowledges min(verified, synced) and
// applies min(commitSeq, verified) (R3).
//
// Owner (ownership.ts). It sends entries to the followers before they are synced here. A seq commits when every member of
// the maximal in-sync set has acknowledged it (R4). Members that are late or gone leave the set, and learners that have
// everything join it. Each such change is one compare-and-set on the descriptor, and each is settled before the next (R5, R6, R10).
//
// A claim that these rules exclude (impossible-claims.ts) is refused and reported. It ends no process. The replica is fenced from
// that epoch.
//
// Reads are linearizable at an owner whose EpochStart is committed and whose lease is valid, both checked after the state was
// read (R11). A void replica is installing a snapshot: it serves nothing, acknowledges nothing, and counts for nothing.

import { assert, never } from '../../common/base/assert.ts';
import type { ErrorCode } from '../../common/base/errors.ts';
import { LIMITS, type ReplicationConfig } from '../../common/model/config.ts';
import { type DescriptorImage, isInSync, isSameTerm } from '../../common/model/descriptor.ts';
import type { Epoch, Inc, NodeId, Position, RangeId, Seq, SessionId } from '../../common/model/ids.ts';
import type { ReplicaStatus } from '../../common/model/status.ts';
import type { EntryKind, RecoveredReplica, ReplicaLog } from '../storage/storage.ts';
import { EpochFence } from './epoch-fence.ts';
import { receiveAppend, rejectVoid, wantsSnapshot } from './follower.ts';
import { HandOverBackoff } from './hand-over-backoff.ts';
import { type ImpossibleClaim, impossibleAppend, impossibleSnapshot } from './impossible-claims.ts';
import { LogState } from './log-state.ts';
import { Ownership } from './ownership.ts';
import { PendingAck } from './pending-ack.ts';
import type {
  AppendMessage,
  LiveStandings,
  Outgoing,
  OwnerEvent,
  Ready,
  ReplicaEvent,
} from './replica-messages.ts';
import { epochMismatch, statusOf } from './replica-status.ts';
import { Staleness } from './staleness.ts';

export interface ReplicaOptions {
  readonly self: NodeId;
  readonly recovered: RecoveredReplica;
  readonly log: ReplicaLog;
  readonly config: ReplicationConfig;
  /** Whether the node's lease is valid now (docs/zookeeper.md#the-lease). */
  readonly leaseValid: () => boolean;
  /** Whether this node may own ranges: its disk works, and its data is not known to be damaged. */
  readonly isHealthy: () => boolean;
  /** See Staleness: a random number, drawn once for each process. */
  readonly stampBase: number;
}

type RoleState =
  | { readonly kind: 'follower' }
  | { readonly kind: 'owner'; readonly ownership: Ownership }
  | { readonly kind: 'void' };

const FOLLOWER: RoleState = { kind: 'follower' };
const NO_EFFECTS: Pick<Ready, 'messages' | 'intents'> = { messages: [], intents: [] };

export class Replica {
  readonly range: RangeId;
  readonly inc: Inc;
  readonly #options: ReplicaOptions;
  readonly leaseValid: () => boolean;
  readonly #state: LogState;
  readonly #staleness: Staleness;
  readonly #backoff = new HandOverBackoff();
  #role: RoleState;
  /** The newest image seen; older ones are ignored (R1). */
  #image: DescriptorImage | null = null;
  /** The newest image names this replica as the owner in this session, and it does not own. */
  #isNamedOwner = false;
  #live: LiveStandings = new Map();
  readonly #pendingAck: PendingAck;
  readonly #fence = new EpochFence();
  #outbox: Outgoing[] = [];
  #lost: Epoch | null = null;
  #appliedSeq: Seq;

  constructor(options: ReplicaOptions) {
    const { recovered } = options;
    this.range = recovered.range;
    this.inc = recovered.inc;
    this.#options = options;
    this.leaseValid = options.leaseValid;
    this.#state = new LogState(recovered, options.log);
    this.#staleness = new Staleness(options.stampBase);
    const parts = { inc: this.inc, state: this.#state, staleness: this.#staleness, fence: this.#fence };
    this.#pendingAck = new PendingAck({ ...parts, isHealthy: options.isHealthy });
    this.#role = recovered.void ? { kind: 'void' } : FOLLOWER;
    this.#appliedSeq = recovered.void ? 0 : recovered.applied.seq;
  }

  /** The newest image known. */
  get image(): DescriptorImage | null {
    return this.ownership?.image ?? this.#image;
  }

  get epochSeen(): Epoch {
    return this.#state.epochSeen;
  }

  get commitSeq(): Seq {
    return this.#state.commitSeq;
  }

  /** The epoch of the entry at `seq`; undefined if the log holds none. */
  epochAt(seq: Seq): Epoch | undefined {
    return this.#state.index.epochAt(seq);
  }

  get hasUnsynced(): boolean {
    return this.#state.hasUnsynced;
  }

  /** The epoch that this replica owns; null if it is not the owner. */
  get ownedEpoch(): Epoch | null {
    return this.ownership?.epoch ?? null;
  }

  /** The owner's side, for a replacement (S2); null if this replica is not the owner. */
  get ownership(): Ownership | null {
    return this.#role.kind === 'owner' ? this.#role.ownership : null;
  }

  /** S2: new writes wait. */
  get isSealed(): boolean {
    return this.ownership?.isSealed ?? false;
  }

  /** S6: whether the log durably holds this position. */
  holds(position: Position): boolean {
    return this.#state.index.has(position) && this.#state.syncedSeq >= position.seq;
  }

  /** See Ownership.lagging; empty if this replica is not the owner. */
  get lagging(): ReturnType<Ownership['lagging']> {
    return this.ownership?.lagging() ?? [];
  }

  get hasSuccessor(): boolean {
    return this.ownership?.hasSuccessor ?? false;
  }

  /** See epochMismatch. */
  get mismatch(): string | null {
    return epochMismatch(this.image?.descriptor.epoch ?? null, this.#state.epochSeen, this.#isNamedOwner);
  }

  get isVoid(): boolean {
    return this.#role.kind === 'void';
  }

  /** A tick finds nothing to do before this instant; 0: something is under way; infinity: there is nothing to wait for. */
  get idleUntil(): number {
    if (this.ownership !== null) return this.ownership.idleUntil;
    return this.#appliedSeq < this.#state.commitSeq ? 0 : Number.POSITIVE_INFINITY;
  }

  step(event: ReplicaEvent, now: number): void {
    const ownership = this.ownership;
    switch (event.kind) {
      case 'image':
        return this.#learn(event.image, event.session, now);
      case 'session-ended':
        return this.#stepDown();
      case 'ended':
        this.#stepDown();
        return this.#state.commit(event.final.seq);
      case 'announce':
        return ownership === null ? this.#answer(event.to, now) : undefined;
      case 'live':
        this.#backoff.setLive(event.nodes, this.image?.descriptor);
        this.#live = event.nodes;
        return ownership?.setLive(event.nodes);
      case 'connected':
        this.#pendingAck.connected(event.node, now);
        return ownership?.connected(event.node);
      case 'append':
        return this.#receiveAppend(event.from, event.message, now);
      case 'synced':
        return this.#synced(event.group, now);
      case 'applied':
        this.#appliedSeq = event.seq;
        return this.#staleness.applied(event.seq);
      default:
        if (ownership !== null) this.#stepOwner(ownership, event, now);
    }
  }

  /** Events that mean something to an owner only. */
  #stepOwner(ownership: Ownership, event: OwnerEvent, now: number): void {
    switch (event.kind) {
      case 'append-ack':
        if (ownership.receiveAck(event.from, event.message, now)) this.#stepDown();
        return;
      case 'cas-outcome':
        if (ownership.casOutcome(event.expected, event.outcome, now)) this.#stepDown();
        return;
      case 'session-read':
        return ownership.sessionRead(event.node, event.session);
      case 'snapshot-sent':
        return ownership.snapshotSent(event.to, event.inc, event.installed, now);
      case 'hand-over':
        return ownership.handOver(null, now);
      case 'tick':
        return ownership.tick(now, event.heartbeatMs, event.pausedMs);
      default:
        return never(event);
    }
  }

  #synced(group: number, now: number): void {
    if (!this.#state.synced(group)) return;
    this.ownership?.synced(now);
    this.#pendingAck.synced();
  }

  // ---- clients -----------------------------------------------------------------------------------------------------

  /**
   * Appends one operation or one consistency check. Refused with an error code, and nothing is appended, unless this replica owns
   * `epoch`, has a lease, prepares no hand-over (R8) and is not read-only (R5).
   * @param payload an encoded Operation, or empty for a check; the log keeps the array
   * @returns the seq of the entry: it is committed once commitSeq reaches it, which may never happen
   */
  propose(epoch: Epoch, kind: EntryKind, payload: Uint8Array, now: number): Seq | ErrorCode {
    const ownership = this.ownership;
    if (ownership === null) return 'NOT_OWNER';
    if (ownership.epoch !== epoch) return 'STALE_EPOCH';
    if (!ownership.acceptsWrites || !this.leaseValid()) return 'NOT_READY';
    if (ownership.readOnlySince !== null) return 'READ_ONLY';
    const { index, commitSeq } = this.#state;
    if (index.lastSeq - commitSeq >= this.#options.config.uncommittedEntriesMax) return 'OVERLOADED';
    assert(payload.length <= LIMITS.operationBytesMax, 'operations are bounded before they get here');
    const seq = index.lastSeq + 1;
    this.#state.append([{ epoch, seq, kind, payload }]);
    ownership.appended(now);
    return seq;
  }

  /** R11: to be called after the state was read. Null: what was read is linearizable. */
  readRefusal(epoch: Epoch): ErrorCode | null {
    const ownership = this.ownership;
    if (ownership === null) return 'NOT_OWNER';
    if (ownership.epoch !== epoch) return 'STALE_EPOCH';
    if (!ownership.acceptsReads || this.#appliedSeq < this.#state.commitSeq || !this.leaseValid())
      return 'NOT_READY';
    return null;
  }

  /** R11: upper bound of how old the state is, ms; null if unknown; 0 at an owner that may serve linearizable reads. */
  staleMs(now: number): number | null {
    const epoch = this.ownedEpoch;
    return epoch !== null && this.readRefusal(epoch) === null ? 0 : this.#staleness.staleMs(now);
  }

  // ---- snapshots ---------------------------------------------------------------------------------------------------

  /**
   * R3: a snapshot at `position` is offered under `epoch`. `take`: call becomeVoid() and install it. `have`: only acknowledge it,
   * because the log holds that position. `refuse`: the epoch is over, or the snapshot contradicts what is committed here.
   */
  offerSnapshot(from: NodeId, epoch: Epoch, position: Position): 'take' | 'have' | 'refuse' {
    if (epoch < this.#state.epochSeen) return 'refuse';
    this.#enterEpoch(epoch);
    if (!this.#admits(from, epoch, (state) => impossibleSnapshot(state, position))) return 'refuse';
    return this.isVoid || wantsSnapshot(this.#state, position) ? 'take' : 'have';
  }

  /** The log counts as empty from now on, also after a restart, until a snapshot is installed. */
  becomeVoid(): void {
    assert(this.#role.kind !== 'owner', 'an owner installs no snapshot');
    this.#role = { kind: 'void' };
    this.#state.empty();
    this.#appliedSeq = 0;
  }

  /** The snapshot at `position` is durable. */
  installed(position: Position): void {
    assert(this.isVoid, 'only a void replica installs');
    this.#state.reset(position);
    this.#appliedSeq = position.seq;
    this.#role = FOLLOWER;
  }

  // ---- effects -----------------------------------------------------------------------------------------------------

  /** R11: an owner counts its own stamp as echoed. So it knows how old its state is when it may no longer serve linearizable reads. */
  #echoOwnStamp(now: number): void {
    this.#staleness.echoed(this.#staleness.stampAt(now), this.#state.commitSeq, now);
    this.#staleness.applied(this.#appliedSeq);
  }

  /** Whether take() would return something now. If only time makes something due, the node's tick comes. */
  get hasReady(): boolean {
    const waits = this.#outbox.length > 0 || this.#fence.hasReports || this.#lost !== null;
    return (
      waits ||
      this.#state.commitSeq > this.#appliedSeq ||
      (this.ownership?.hasReady ?? this.#pendingAck.isDue)
    );
  }

  /** What the node must do now. Everything that has to be logged is in the log already (LogState). */
  take(now: number): Ready {
    const ownership = this.ownership;
    const readsAllowed = this.leaseValid() && ownership?.acceptsReads === true;
    if (readsAllowed) this.#echoOwnStamp(now);
    const ack = ownership === null ? this.#pendingAck.take(now) : null;
    if (ack !== null) this.#outbox.push(ack);
    const effects = ownership?.take(now, readsAllowed) ?? NO_EFFECTS;
    const messages = this.#outbox.length === 0 ? effects.messages : [...this.#outbox, ...effects.messages];
    const lost = this.#lost;
    const intents = this.#fence.hasReports
      ? [...this.#fence.takeReports(), ...effects.intents]
      : effects.intents;
    if (this.#outbox.length > 0) this.#outbox = [];
    this.#lost = null;
    return { messages, commitSeq: this.#state.commitSeq, lost, intents };
  }

  /** @param toUnixMs converts an instant of Env.now() to Unix time, ms */
  status(now: number, toUnixMs: (at: number) => number): ReplicaStatus {
    return statusOf({
      range: this.range,
      inc: this.inc,
      isVoid: this.isVoid,
      isInSync: this.#image !== null && isInSync(this.#image.descriptor, this.#options.self),
      descriptorEpoch: this.image?.descriptor.epoch ?? null,
      state: this.#state,
      appliedSeq: this.#appliedSeq,
      ownership: this.ownership,
      staleMs: this.#staleness.staleMs(now),
      conflict: this.#fence.conflict?.text ?? this.mismatch,
      toUnixMs,
    });
  }

  // ---- ownership ---------------------------------------------------------------------------------------------------

  #learn(image: DescriptorImage, session: SessionId | null, now: number): void {
    const known = this.image;
    if (known !== null && image.version < known.version) return;
    this.#image = image;
    const ownership = this.ownership;
    if (ownership !== null) {
      // An image of the same epoch with another owner comes from a ZooKeeper that has lost something.
      const { state } = image.descriptor;
      if (state === 'serving' && isSameTerm(image.descriptor, ownership.image.descriptor))
        return ownership.adopt(image, now);
      this.#stepDown();
    }
    this.#isNamedOwner = this.#names(image, session);
    if (this.#isNamedOwner && image.descriptor.epoch > this.#state.epochSeen) {
      this.#isNamedOwner = false;
      this.#pendingAck.clear();
      const { self, config } = this.#options;
      const parts = { self, config, state: this.#state, backoff: this.#backoff, live: this.#live };
      const entered = new Ownership({ ...parts, image }, now);
      this.#role = { kind: 'owner', ownership: entered };
    }
  }

  /** R1: the image names this replica as the owner, in this session. A void replica has no data, so it cannot be in-sync. */
  #names(image: DescriptorImage, session: SessionId | null): boolean {
    const { owner, state } = image.descriptor;
    return (
      state === 'serving' &&
      this.#role.kind === 'follower' &&
      owner.node === this.#options.self &&
      owner.session === session &&
      owner.inc === this.inc
    );
  }

  /** R1: epochSeen stays as it is. Raising it would block this node's own promotion to the new epoch. */
  #stepDown(): void {
    this.#isNamedOwner = false;
    const ownership = this.ownership;
    if (ownership === null) return;
    if (this.#image === null || this.#image.version < ownership.image.version) this.#image = ownership.image;
    this.#lost = ownership.epoch;
    this.#role = FOLLOWER;
  }

  // ---- follower ----------------------------------------------------------------------------------------------------

  /** R3: epochSeen rises before anything else happens under that epoch. If this replica owned a lower one, it steps down (R1). */
  #enterEpoch(epoch: Epoch): void {
    if (epoch <= this.#state.epochSeen) return;
    this.#stepDown();
    this.#state.raiseEpochSeen(epoch);
    this.#fence.lift();
  }

  /** R3: an Append for another inc (R9) is ignored, one of a lower epoch is refused, any other is received (follower.ts). */
  #receiveAppend(from: NodeId, append: AppendMessage, now: number): void {
    if (append.inc !== this.inc) return;
    if (append.epoch < this.#state.epochSeen) {
      if (this.#state.epochSeenDurable) this.#answer(from, now);
      return;
    }
    this.#enterEpoch(append.epoch);
    if (!this.#admits(from, append.epoch, (state) => impossibleAppend(state, append))) {
      return this.#refuseFenced(from, now);
    }
    const rejection = this.isVoid ? rejectVoid(append) : receiveAppend(this.#state, append);
    this.#pendingAck.received(from, rejection);
    if (rejection !== null) return;
    if (append.echo !== null) {
      this.#staleness.echoed(append.echo, append.commitSeq, now);
      // In an idle range nothing more will be applied, so the echo is covered already.
      this.#staleness.applied(this.#appliedSeq);
    }
    if (!this.#state.hasUnsynced)
      this.#pendingAck.refresh(this.#state.ackedSeq, now, this.#options.config.heartbeatMs / 2);
  }

  #admits(from: NodeId, epoch: Epoch, judge: (state: LogState) => ImpossibleClaim | null): boolean {
    const owner = this.ownership === null ? null : this.#options.self;
    const { commitSeq } = this.#state;
    return this.#fence.admits({ from, epoch, owner, commitSeq }, () =>
      this.isVoid ? null : judge(this.#state),
    );
  }

  /** The acknowledgement says why this replica is fenced. */
  #refuseFenced(to: NodeId, now: number): void {
    this.#pendingAck.setOwner(to);
    if (this.ownership === null) this.#pendingAck.makeDue();
    else if (this.#state.epochSeenDurable) this.#answer(to, now);
  }

  /** An answer that nobody waits for: it says which epoch this replica has seen, and why it refuses. */
  #answer(to: NodeId, now: number): void {
    this.#outbox.push({ to, message: this.#pendingAck.message(null, now) });
  }
}
