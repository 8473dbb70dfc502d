// A replica with its surroundings on this node: its rows and client sessions, the clients that wait for their writes,
// and the snapshot that it installs. It applies committed entries in order and answers clients. It does not use
// ZooKeeper or other nodes.

import { assert } from '../../common/base/assert.ts';
import type { Bytes } from '../../common/base/bytes.ts';
import { type ErrorCode, Failure, RangekeeperError } from '../../common/base/errors.ts';
import type { ReplicationConfig } from '../../common/model/config.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import type { Inc, Position, RangeId, Seq } from '../../common/model/ids.ts';
import { contains, formatKeyRange, sameBounds } from '../../common/model/key-range.ts';
import type { ReplicaStatus } from '../../common/model/status.ts';
import { replyFromError } from '../../common/wire/error-reply.ts';
import type { ErrorReply, Operation, WriteRequest } from '../../common/wire/messages.ts';
import { decodeOperation } from '../../common/wire/operation.ts';
import { descriptorCodec } from '../../common/zk/znodes.ts';
import type { Replica } from '../replica/replica.ts';
import type { Ready } from '../replica/replica-messages.ts';
import {
  ENTRY_KINDS,
  type LogEntry,
  type ReplicaLog,
  type ReplicaMeta,
  type Storage,
} from '../storage/storage.ts';
import type { TickTarget } from '../tick-scheduler.ts';
import { applyOperation, type OperationOutcome } from './apply.ts';
import type { WriteAnswer } from './dedupe/answer-window.ts';
import { ClientSessions, type DecodedSessions, type SessionLimits } from './dedupe/client-sessions.ts';
import { type ReplyTarget, type WaitingBytes, type WaitingWrite, WaitingWrites } from './waiting-writes.ts';

/** Bytes of entries that are read from the log at once to be applied. */
const APPLY_BYTES = 64 * 1024;
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
  readonly replica: Replica;
  readonly meta: ReplicaMeta;
  readonly storage: Storage;
  /** The seq through which the state on the disk is applied. */
  readonly appliedSeq: Seq;
  readonly config: RangeHostConfig;
  /** The writes that wait in all ranges of the node. */
  readonly waitingOnNode: WaitingBytes;
  readonly checks: CheckListener;
}

/** A write request for the range of a host. `operation`: the encoded operation. */
export type WriteToRange = Pick<WriteRequest, 'epoch' | 'operation'>;

export class RangeHost implements TickTarget {
  readonly replica: Replica;
  readonly meta: ReplicaMeta;
  readonly #storage: Storage;
  readonly #log: ReplicaLog;
  /** The bound of the bytes of writes of this range that wait for their commit. */
  readonly #waitingBytesMax: number;
  /** The bytes of the writes that wait in all ranges of this node, and their bound. */
  readonly #waitingOnNode: WaitingBytes;
  readonly #waitingOnNodeMax: number;
  readonly #checks: CheckListener;
  readonly #waiting: WaitingWrites;
  readonly #sessions: ClientSessions;
  #appliedSeq: Seq;
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
    const { range, inc, namespace, namespaceId, start, end } = parts.meta;
    this.#checks = parts.checks;
    this.replica = replica;
    // A new object: one that is put together with spreads has a hidden class of its own, which slows down its readers.
    this.meta = { range, inc, namespace, namespaceId, start, end };
    this.#storage = storage;
    this.#log = storage.logOf(range);
    this.#appliedSeq = parts.appliedSeq;
    this.#waitingBytesMax = config.uncommittedBytesMax;
    this.#waitingOnNode = parts.waitingOnNode;
    this.#waitingOnNodeMax = config.uncommittedNodeBytesMax;
    this.#waiting = new WaitingWrites(parts.waitingOnNode);
    this.#sessions = new ClientSessions(config);
    this.#sessions.load(storage.attachSessions(range, this.#sessions));
  }

  get appliedSeq(): Seq {
    return this.#appliedSeq;
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
   * older, whatever its nextInc says: ZooKeeper was restored to an older state.
   */
  isRemovedBy({ nextInc, epoch }: Descriptor, inc: Inc | undefined): boolean {
    const { replica } = this;
    return inc !== replica.inc && nextInc > replica.inc && epoch >= replica.epochSeen;
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
    // A write that waits outlives the message that it came in, and a view would keep all of that message in memory. A
    // large operation is read from the log again instead.
    const isLarge = bytes >= LARGE_BYTES;
    const payload = isLarge ? request.operation : Buffer.from(request.operation);
    const operation = this.#decodeOrRefuse(payload, client, requestId);
    if (operation === null) return;
    const { epoch } = request;
    const seq = this.replica.propose(epoch, ENTRY_KINDS.operation, payload, now);
    if (typeof seq === 'string') return client.reply(requestId, this.unavailable(seq, 'takes no writes'));
    const kept = isLarge ? null : operation;
    this.#waiting.push({ seq, epoch, operation: kept, bytes, client, requestId });
  }

  /**
   * Decodes the operation of a client. Null if it is malformed, or has a key outside the range: then the client has its
   * error.
   */
  #decodeOrRefuse(payload: Bytes, client: ReplyTarget, requestId: number): Operation | null {
    let operation: Operation;
    try {
      operation = decodeOperation(payload);
    } catch (error) {
      const fault = error instanceof RangekeeperError ? error.message : String(error);
      client.reply(requestId, this.refusal('INVALID_ARGUMENT', fault));
      return null;
    }
    if (operation.mutations.every(({ key }) => contains(this.meta, key))) return operation;
    client.reply(requestId, this.refusal('WRONG_RANGE', 'a key of the write is outside the range'));
    return null;
  }

  /**
   * Why there is no room for a write of `bytes` bytes. Null if there is. It is asked before any work is done for the
   * write.
   */
  #whyFull(bytes: number): string | null {
    if (this.#waiting.bytes + bytes > this.#waitingBytesMax) return 'too much waits to commit';
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
    return !isVoid && this.#appliedSeq < commitSeq && !this.#storage.saturated;
  }

  #failWaiting(): void {
    for (const { client, requestId } of this.#waiting.takeAll()) {
      const text = `the owner of range ${this.meta.range} changed while the write was in progress`;
      client.reply(requestId, replyFromError(new Failure('OUTCOME_UNKNOWN', text)));
    }
  }

  /** A snapshot was installed: takes over its position and client sessions. */
  installed(seq: Seq, sessions: DecodedSessions): void {
    this.#appliedSeq = seq;
    this.#sessions.replace(sessions);
  }

  /**
   * Applies entries through `commitSeq`. A follower stops while the state store is behind, and continues in a later
   * turn. An owner takes no new writes then.
   */
  #applyThrough(commitSeq: Seq, now: number, bytesMax: number): number {
    const from = this.#appliedSeq;
    let bytes = 0;
    while (this.#appliedSeq < commitSeq && bytes < bytesMax) {
      if (this.#storage.saturated && this.replica.ownedEpoch === null) break;
      if (!this.#applyWaiting()) bytes += this.#applyLogged(commitSeq, bytesMax - bytes);
    }
    if (this.#appliedSeq > from) this.replica.step({ kind: 'applied', seq: this.#appliedSeq }, now);
    return bytes;
  }

  /** Applies the next entry, if a client waits for it: then it is already decoded. */
  #applyWaiting(): boolean {
    const seq = this.#appliedSeq + 1;
    const epoch = this.replica.epochAt(seq);
    const waiting = epoch === undefined ? null : this.#waiting.take(epoch, seq);
    if (waiting === null) return false;
    const operation = waiting.operation ?? this.#readOperation(seq);
    this.#reply(waiting, this.#applyOperation(operation, waiting));
    this.#appliedSeq = seq;
    return true;
  }

  #readOperation(seq: Seq): Operation {
    const entry = this.#log.read(seq, 0)?.[0];
    assert(entry?.seq === seq, 'what is not applied is in the log');
    return decodeOperation(entry.payload);
  }

  /** Applies some of the next entries, at least one. Returns their cost in bytes. */
  #applyLogged(commitSeq: Seq, bytesMax: number): number {
    const entries = this.#log.read(this.#appliedSeq + 1, APPLY_BYTES);
    assert(entries !== null && entries.length > 0, 'what is not applied is in the log');
    let bytes = 0;
    for (const entry of entries) {
      if (entry.seq > commitSeq || bytes >= bytesMax || this.#applyWaiting()) break;
      this.#apply(entry);
      bytes += ENTRY_BYTES + entry.payload.length;
    }
    return bytes;
  }

  #apply(entry: LogEntry): void {
    assert(entry.seq === this.#appliedSeq + 1, 'entries are applied in order, each once');
    const { epoch, seq } = entry;
    const position = { epoch, seq };
    if (entry.kind === ENTRY_KINDS.operation) this.#applyOperation(decodeOperation(entry.payload), position);
    else this.#storage.apply(this.meta.range, position, []);
    this.#appliedSeq = seq;
    if (entry.kind === ENTRY_KINDS.check) this.#checks.checkApplied(this, position);
  }

  /**
   * R13, R14: applies an operation and returns its answer. If the operation was applied before, the answer is that of
   * the first time and nothing changes.
   */
  #applyOperation(operation: Operation, position: Position): WriteAnswer | 'forgotten' {
    const { range, namespaceId } = this.meta;
    const known = this.#sessions.lookUp(operation);
    if (known !== 'new') {
      this.#storage.apply(range, position, []);
      return known;
    }
    const { outcome, changes } = applyOperation(this.#storage, namespaceId, operation);
    const answer = answerOf(outcome, position);
    // This comes before `apply`, which may cut a batch: it must have the session too.
    this.#sessions.record(operation, position.seq, answer);
    this.#storage.apply(range, position, changes);
    return answer;
  }

  /** R14: a conflict too is reported only now, after the commit. */
  #reply({ client, requestId, seq }: WaitingWrite, answer: WriteAnswer | 'forgotten'): void {
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
    // `seq` is this entry, even if the answer is a repeated one: the state at `seq` is no older than the one that
    // decided it.
    const { index } = answer;
    const details = { revision, seq, ...(index === null ? {} : { index }) };
    const error = new Failure('CONFLICT', `the key is at revision ${revision}`, details);
    client.reply(requestId, replyFromError(error));
  }
}

function answerOf(outcome: OperationOutcome, { epoch, seq }: Position): WriteAnswer {
  if (outcome.kind === 'conflict') return outcome;
  return { kind: 'written', epoch, revision: seq, deleted: outcome.deleted };
}
