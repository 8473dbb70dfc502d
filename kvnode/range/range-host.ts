// A replica with its surroundings on this node: its rows and client sessions, the clients that wait for their writes,
// and the snapshot that it installs. It applies committed entries in order and answers clients. It does not use
// ZooKeeper or other nodes.

import type { Bytes } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import { type ErrorCode, Failure, RangekeeperError } from '../../common/base/errors.ts';
import type { ReplicationConfig } from '../../common/model/config.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import type { Epoch, Inc, Position, RangeId, Seq } from '../../common/model/ids.ts';
import { contains, formatKeyRange, sameBounds } from '../../common/model/key-range.ts';
import type { ReplicaStatus } from '../../common/model/status.ts';
import { replyFromError } from '../../common/wire/error-reply.ts';
import type { ErrorReply, Operation } from '../../common/wire/messages.ts';
import { decodeOperation } from '../../common/wire/operation.ts';
import { descriptorCodec } from '../../common/zk/znodes.ts';
import { RangeLoad } from '../load/range-load.ts';
import type { Replica } from '../replica/replica.ts';
import type { Ready } from '../replica/replica-messages.ts';
import { ENTRY_KINDS, type LogEntry, type ReplicaMeta, type Storage } from '../storage/storage.ts';
import type { TickTarget } from '../tick-scheduler.ts';
import type { WriteAnswer } from './dedupe/answer-window.ts';
import type { DecodedSessions, SessionLimits } from './dedupe/client-sessions.ts';
import { HeldWrites, type WriteToRange } from './held-writes.ts';
import { APPLY_BYTES, RangeState } from './range-state.ts';
import { type ReplyTarget, type WaitingBytes, type WaitingWrite, WaitingWrites } from './waiting-writes.ts';

/** The fixed cost of applying an entry, in bytes. The bytes of its payload are added. */
const ENTRY_BYTES = 256;
/** Copying an operation of this size costs more than decoding it twice. */
const LARGE_BYTES = 4096;

type RangeHostConfig = SessionLimits &
  Pick<ReplicationConfig, 'uncommittedBytesMax' | 'uncommittedNodeBytesMax'>;

/** Called when a consistency check is applied, in the same turn: the state is then exactly that of its position. */
export interface CheckListener {
  checkApplied(host: RangeHost, position: Position): void;
}

export interface RangeHostParts {
  readonly env: Pick<Env, 'now' | 'random'>;
  readonly replica: Replica;
  readonly meta: ReplicaMeta;
  readonly storage: Storage;
  /** The seq through which the state on the disk is applied. */
  readonly appliedSeq: Seq;
  /** See RangeStateParts. */
  readonly sessions?: DecodedSessions;
  readonly config: RangeHostConfig;
  /** The writes that wait in all ranges of the node. */
  readonly waitingOnNode: WaitingBytes;
  readonly checks: CheckListener;
}

export class RangeHost implements TickTarget {
  readonly replica: Replica;
  readonly meta: ReplicaMeta;
  /** What clients ask of it. */
  readonly load: RangeLoad;
  readonly #storage: Storage;
  /** The bound of the bytes of writes of this range that wait for their commit. */
  readonly #waitingBytesMax: number;
  /** The bytes of the writes that wait in all ranges of this node, and their bound. */
  readonly #waitingOnNode: WaitingBytes;
  readonly #waitingOnNodeMax: number;
  readonly #checks: CheckListener;
  readonly #waiting: WaitingWrites;
  readonly #state: RangeState;
  /** S2: the writes that came while the replica is sealed. */
  readonly #held: HeldWrites;
  /** See TickScheduler. */
  nextTickAt = Number.POSITIVE_INFINITY;
  /** The replica is being wiped (R9): it serves and receives nothing any more. */
  wiping = false;
  /** Its znode is absent (R9): the replica is kept and listed, and no node owns it. */
  orphan = false;
  /**
   * The reason if the znode with its id belongs to another range: the replica is kept and listed, and not used. Null if
   * the znode is its own.
   */
  foreign: string | null = null;
  /** A descriptor was checked. Until then `foreign` means nothing. */
  #descriptorChecked = false;

  constructor(parts: RangeHostParts) {
    const { replica, storage, config } = parts;
    this.#checks = parts.checks;
    this.replica = replica;
    this.load = new RangeLoad(parts.env);
    this.#state = new RangeState(parts);
    this.meta = this.#state.meta;
    this.#storage = storage;
    this.#waitingBytesMax = config.uncommittedBytesMax;
    this.#waitingOnNode = parts.waitingOnNode;
    this.#waitingOnNodeMax = config.uncommittedNodeBytesMax;
    this.#waiting = new WaitingWrites(parts.waitingOnNode);
    this.#held = new HeldWrites(parts.waitingOnNode);
  }

  get appliedSeq(): Seq {
    return this.#state.appliedSeq;
  }

  /** What it has applied, for the step that replaces it. */
  get state(): RangeState {
    return this.#state;
  }

  get range(): RangeId {
    return this.meta.range;
  }

  get isOwner(): boolean {
    return this.replica.ownedEpoch !== null;
  }

  /**
   * R9: whether the descriptor is newer than the one that added this replica, and does not have it any more. `inc`: the
   * inc that the descriptor has for this node. A descriptor whose epoch is below one that the replica has seen is
   * older, whatever its nextInc says: ZooKeeper was restored to an older state. But a range that was dropped never serves again,
   * in whatever epoch that was.
   */
  isRemovedBy({ nextInc, epoch, state }: Descriptor, inc: Inc | undefined): boolean {
    const { replica } = this;
    const isGone = inc !== replica.inc && nextInc > replica.inc;
    return state === 'dropped' || (isGone && epoch >= replica.epochSeen);
  }

  /** S6: whether the descriptor says that the range was replaced. An older one (see above) says nothing. */
  isReplacedBy({ state, epoch }: Descriptor): boolean {
    return state === 'replaced' && epoch >= this.replica.epochSeen;
  }

  get isOwn(): boolean {
    return this.#descriptorChecked && this.foreign === null;
  }

  /** See ConflictWatch. */
  get mismatch(): string | null {
    return this.foreign ?? this.replica.mismatch;
  }

  status(now: number, toUnixMs: (at: number) => number): ReplicaStatus {
    const status = this.replica.status(now, toUnixMs);
    return this.foreign === null ? status : { ...status, conflict: this.foreign };
  }

  /**
   * Checks that a descriptor belongs to this replica. After ZooKeeper was restored to an older state, its counters give
   * out ids again that are in use here. The descriptor is of this replica only if namespace and bounds, which never
   * change, are the same.
   */
  checkDescriptor({ namespaceId, start, end }: Descriptor): void {
    const own = this.meta;
    this.#descriptorChecked = true;
    const isSame = namespaceId === own.namespaceId && sameBounds({ start, end }, own);
    this.foreign = isSame
      ? null
      : `the descriptor belongs to another range, ${formatKeyRange({ start, end })} of namespace ${namespaceId}: this replica has ` +
        `${formatKeyRange(own)} of namespace ${own.namespaceId}, and is not used`;
  }

  get idleUntil(): number {
    return this.replica.idleUntil;
  }

  /**
   * Proposes a write of a client. A refused write is answered at once. Others are answered when they are applied, or
   * when their outcome is unknown.
   */
  write(request: WriteToRange, client: ReplyTarget, requestId: number, now: number): void {
    const bytes = request.operation.length;
    const full = this.#whyFull(bytes);
    if (full !== null) return client.reply(requestId, this.refusal('OVERLOADED', full));
    if (this.replica.isSealed) return this.#held.push({ request, client, requestId });
    // A write that waits outlives the message that it came in, and a view would keep all of that message in memory. A
    // large operation is read from the log again instead.
    const isLarge = bytes >= LARGE_BYTES;
    const payload = isLarge ? request.operation : Buffer.from(request.operation);
    const { epoch } = request;
    const operation = this.#decodeOrRefuse(payload, client, requestId);
    if (operation === null) return;
    if (!operation.mutations.every(({ key }) => contains(this.meta, key)))
      return this.#answerOutside(operation, epoch, client, requestId);
    const seq = this.replica.propose(epoch, ENTRY_KINDS.operation, payload, now);
    if (typeof seq === 'string') return client.reply(requestId, this.unavailable(seq, 'takes no writes'));
    this.load.countWrite(operation.mutations[0]?.key ?? this.meta.start, bytes);
    const kept = isLarge ? null : operation;
    this.#waiting.push({ seq, epoch, operation: kept, bytes, client, requestId });
  }

  /** Decodes the operation of a client. Null if it is malformed: then the client has its error. */
  #decodeOrRefuse(payload: Bytes, client: ReplyTarget, requestId: number): Operation | null {
    try {
      return decodeOperation(payload);
    } catch (error) {
      const fault = error instanceof RangekeeperError ? error.message : String(error);
      client.reply(requestId, this.refusal('INVALID_ARGUMENT', fault));
      return null;
    }
  }

  /**
   * A split may have parted the keys of a batch after an earlier attempt was applied. Then the answer is in the table of the parent, which
   * this range has (S8). Otherwise no attempt was applied, and none ever will be: the parent has ended, and no child takes it.
   */
  #answerOutside(operation: Operation, epoch: Epoch, client: ReplyTarget, requestId: number): void {
    const refusal = this.replica.readRefusal(epoch);
    if (refusal !== null) return client.reply(requestId, this.unavailable(refusal, 'takes no writes'));
    const known = this.#state.sessions.lookUp(operation);
    if (known !== 'new') return this.#reply({ client, requestId, seq: this.appliedSeq }, known);
    client.reply(requestId, this.refusal('WRONG_RANGE', 'a key of the write is outside the range'));
  }

  /**
   * Why there is no room for a write of `bytes` bytes. Null if there is. It is asked before any work is done for the
   * write.
   */
  #whyFull(bytes: number): string | null {
    if (this.#waiting.bytes + this.#held.bytes + bytes > this.#waitingBytesMax)
      return 'too much waits to commit';
    if (this.#waitingOnNode.all + bytes > this.#waitingOnNodeMax)
      return 'too much waits to commit in all ranges of the node';
    if (this.#storage.full) return "the owner's disk is full";
    if (this.#storage.saturated) return 'the state store is behind';
    return null;
  }

  /** The refusal of a write or a linearizable read that this replica cannot serve now. @param what in words */
  unavailable(code: ErrorCode, what: string): ErrorReply {
    const cause =
      code === 'NOT_READY' && !this.replica.leaseValid()
        ? ': it has no lease, because ZooKeeper does not answer it'
        : '';
    return this.refusal(code, `range ${this.meta.range} ${what} on this node now${cause}`);
  }

  /** An error reply. It has the newest descriptor known here, if that helps the client. */
  refusal(code: ErrorCode, message: string): ErrorReply {
    const { image } = this.replica;
    const helps =
      image !== null && (code === 'NOT_OWNER' || code === 'STALE_EPOCH' || code === 'WRONG_RANGE');
    const details = helps
      ? { descriptor: { data: descriptorCodec.encode(image.descriptor), version: image.version } }
      : {};
    return replyFromError(new Failure(code, message, details));
  }

  /**
   * Steps 2 and 3 of a Ready: applies what is committed, then answers clients (R4). Writes that are lost end with
   * OUTCOME_UNKNOWN (R5). A follower applies about `bytesMax` bytes, and then has a backlog. An owner, or a replica
   * that has just lost ownership, applies everything, because clients wait.
   * @returns the bytes applied as a follower
   */
  applyReady(ready: Ready, now: number, bytesMax: number): number {
    const follows = !this.isOwner && ready.lost === null;
    const bytes = this.replica.isVoid
      ? 0
      : this.#applyThrough(ready.commitSeq, now, follows ? bytesMax : Number.POSITIVE_INFINITY);
    if (ready.lost !== null) this.#failWaiting();
    return follows ? bytes : 0;
  }

  /** Whether this follower has more to apply than it did in the last turn, and may apply it now. */
  get hasBacklog(): boolean {
    const { isVoid, commitSeq } = this.replica;
    return !isVoid && this.appliedSeq < commitSeq && !this.#storage.saturated;
  }

  /** S2: the seal is off, so the writes that came meanwhile are proposed. */
  proposeHeld(now: number): void {
    for (const { request, client, requestId } of this.#held.takeAll())
      this.write(request, client, requestId, now);
  }

  /** S6: the range was replaced. Each client retries at once, in the range that `successor` gives. */
  refuseHeld(successor: (operation: Bytes) => ErrorReply): void {
    for (const { request, client, requestId } of this.#held.takeAll())
      client.reply(requestId, successor(request.operation));
  }

  #failWaiting(): void {
    for (const { client, requestId } of this.#waiting.takeAll()) {
      const text = `the owner of range ${this.meta.range} changed while the write was in progress`;
      client.reply(requestId, replyFromError(new Failure('OUTCOME_UNKNOWN', text)));
    }
  }

  /** A snapshot was installed: takes over its position and client sessions. */
  installed(seq: Seq, sessions: DecodedSessions): void {
    this.#state.installed(seq, sessions);
  }

  /**
   * Applies entries through `commitSeq`. A follower stops while the state store is behind, and continues in a later
   * turn. An owner takes no new writes then.
   */
  #applyThrough(commitSeq: Seq, now: number, bytesMax: number): number {
    const from = this.appliedSeq;
    let bytes = 0;
    while (this.appliedSeq < commitSeq && bytes < bytesMax) {
      if (this.#storage.saturated && this.replica.ownedEpoch === null) break;
      if (!this.#applyWaiting()) bytes += this.#applyLogged(commitSeq, bytesMax - bytes);
    }
    if (this.appliedSeq > from) this.replica.step({ kind: 'applied', seq: this.appliedSeq }, now);
    return bytes;
  }

  /** Applies the next entry, if a client waits for it: then it is already decoded. */
  #applyWaiting(): boolean {
    const seq = this.appliedSeq + 1;
    const epoch = this.replica.epochAt(seq);
    const waiting = epoch === undefined ? null : this.#waiting.take(epoch, seq);
    if (waiting === null) return false;
    const operation = waiting.operation ?? this.#state.readOperation(seq);
    this.#reply(waiting, this.#state.applyOperation(operation, waiting));
    return true;
  }

  /** Applies some of the next entries, at least one. Returns their cost in bytes. */
  #applyLogged(commitSeq: Seq, bytesMax: number): number {
    let bytes = 0;
    for (const entry of this.#state.next(APPLY_BYTES)) {
      if (entry.seq > commitSeq || bytes >= bytesMax || this.#applyWaiting()) break;
      this.#apply(entry);
      bytes += ENTRY_BYTES + entry.payload.length;
    }
    return bytes;
  }

  #apply(entry: LogEntry): void {
    const { epoch, seq, kind } = entry;
    this.#state.apply(entry);
    if (kind === ENTRY_KINDS.check) this.#checks.checkApplied(this, { epoch, seq });
  }

  /** R14: a conflict too is reported only now, after the commit. */
  #reply(
    { client, requestId, seq }: Pick<WaitingWrite, 'client' | 'requestId' | 'seq'>,
    answer: WriteAnswer | 'forgotten',
  ): void {
    if (answer === 'forgotten') {
      const text = `range ${this.meta.range} has forgotten this client`;
      client.reply(requestId, replyFromError(new Failure('CLIENT_FORGOTTEN', text, { seq })));
      return;
    }
    const { revision } = answer;
    if (answer.kind === 'written') {
      const { epoch, deleted } = answer;
      client.reply(requestId, { kind: 'write-reply', revision, epoch, deleted });
      return;
    }
    // `seq` is this entry, or what is applied, even if the answer is a repeated one: the state at `seq` is no older
    // than the one that decided it.
    const { index } = answer;
    const details = { revision, seq, ...(index === null ? {} : { index }) };
    const error = new Failure('CONFLICT', `the key is at revision ${revision}`, details);
    client.reply(requestId, replyFromError(error));
  }
}
