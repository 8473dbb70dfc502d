// One replica with what surrounds it on this node: its rows and client sessions, the clients that wait for its writes, the
// snapshot that it takes in. It applies what is committed, in order, and answers; it knows nothing of ZooKeeper or of other nodes.

import { assert } from '../../common/base/assert.ts';
import { type Bytes, compareBytes } from '../../common/base/bytes.ts';
import { type ErrorCode, Failure, RangekeeperError } from '../../common/base/errors.ts';
import type { ReplicationConfig } from '../../common/model/config.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import type { Inc, Position, RangeId, Seq } from '../../common/model/ids.ts';
import { contains, formatKeyRange } from '../../common/model/key-range.ts';
import type { ReplicaStatus } from '../../common/model/status.ts';
import { replyFromError } from '../../common/wire/error-reply.ts';
import type { ErrorReply, Operation } from '../../common/wire/messages.ts';
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

/** Entries read from the log at once to be applied, in bytes. */
const APPLY_BYTES = 64 * 1024;
/** What applying an entry costs beside its bytes, as bytes. */
const ENTRY_BYTES = 256;
/** To copy a longer operation costs more than to decode it twice. */
const LARGE_BYTES = 4096;

type RangeHostConfig = SessionLimits &
  Pick<ReplicationConfig, 'uncommittedBytesMax' | 'uncommittedNodeBytesMax'>;

/** Hears of consistency checks in the turn in which they are applied, when the state is exactly that of their position. */
export interface CheckListener {
  checkApplied(host: RangeHost, position: Position): void;
}

export interface RangeHostParts {
  readonly replica: Replica;
  readonly meta: ReplicaMeta;
  readonly storage: Storage;
  /** What the state on disk has. */
  readonly appliedSeq: Seq;
  readonly config: RangeHostConfig;
  /** What waits in all ranges of the node. */
  readonly waitingOnNode: WaitingBytes;
  readonly checks: CheckListener;
}

export class RangeHost implements TickTarget {
  readonly replica: Replica;
  readonly meta: ReplicaMeta;
  readonly #storage: Storage;
  readonly #log: ReplicaLog;
  /** Of writes that wait for their commit. */
  readonly #waitingBytesMax: number;
  /** And of those in all ranges of this node. */
  readonly #waitingOnNode: WaitingBytes;
  readonly #waitingOnNodeMax: number;
  readonly #checks: CheckListener;
  readonly #waiting: WaitingWrites;
  readonly #sessions: ClientSessions;
  #appliedSeq: Seq;
  /** See TickScheduler. */
  nextTickAt = Number.POSITIVE_INFINITY;
  /** The replica is being wiped (R9): nothing is served or received any more. */
  wiping = false;
  /** Its znode is absent: kept, listed, owned by nobody (R9). */
  orphan = false;
  /** The znode under its id is another range's, in words; null: it is its own. Kept and listed, and not used for anything. */
  foreign: string | null = null;
  /** A descriptor was read, so that `foreign` means something. */
  #descriptorChecked = false;

  constructor(parts: RangeHostParts) {
    const { replica, storage, config } = parts;
    const { range, inc, namespace, namespaceId, start, end } = parts.meta;
    this.#checks = parts.checks;
    this.replica = replica;
    // Not what was given, which was put together from parts: each such object has a hidden class of its own.
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
   * R9: an image newer than the addition, and lacking it; `inc` is what it names here. One of an epoch below one that the
   * replica has seen is older than that, whatever its nextInc says: ZooKeeper was restored to an older state.
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
   * After ZooKeeper was restored to an older state its id counters give ids again that are in use here. A descriptor is
   * this replica's only if it is of the same namespace and has the same bounds, which never change.
   */
  checkDescriptor({ namespaceId, start, end }: Descriptor): void {
    const own = this.meta;
    this.#descriptorChecked = true;
    const isSame =
      namespaceId === own.namespaceId && compareBytes(start, own.start) === 0 && sameEnd(end, own.end);
    this.foreign = isSame
      ? null
      : `the descriptor is of another range, ${formatKeyRange({ start, end })} of namespace ${namespaceId}: this replica is ` +
        `of ${formatKeyRange(own)} of namespace ${own.namespaceId}, and is kept aside`;
  }

  get idleUntil(): number {
    return this.replica.idleUntil;
  }

  /** A client's write; answered now if it is refused, else when it is applied or its fate is unknown. */
  write(
    epoch: number,
    operationBytes: Uint8Array,
    client: ReplyTarget,
    requestId: number,
    now: number,
  ): void {
    const full = this.#whyFull(operationBytes.length);
    if (full !== null) return client.reply(requestId, this.refusal('OVERLOADED', full));
    // What waits outlives the message that it came in, and a view would pin all of that. A large one is read from the log.
    const isLarge = operationBytes.length >= LARGE_BYTES;
    const payload = isLarge ? operationBytes : Buffer.from(operationBytes);
    let operation: Operation;
    try {
      operation = decodeOperation(payload);
    } catch (error) {
      const fault = error instanceof RangekeeperError ? error.message : String(error);
      return client.reply(requestId, this.refusal('INVALID_ARGUMENT', fault));
    }
    if (!operation.mutations.every(({ key }) => contains(this.meta, key))) {
      return client.reply(requestId, this.refusal('WRONG_RANGE', 'a key of the write is outside the range'));
    }
    const seq = this.replica.propose(epoch, ENTRY_KINDS.operation, payload, now);
    if (typeof seq === 'string') {
      const text = `range ${this.meta.range} takes no write here`;
      return client.reply(requestId, this.refusal(seq, text));
    }
    const kept = isLarge ? null : operation;
    this.#waiting.push({ seq, epoch, operation: kept, bytes: payload.length, client, requestId });
  }

  /** What has no room for a write of so many bytes: asked before anything is done for it. */
  #whyFull(bytes: number): string | null {
    if (this.#waiting.bytes + bytes > this.#waitingBytesMax) return 'too much waits to commit';
    if (this.#waitingOnNode.all + bytes > this.#waitingOnNodeMax)
      return 'too much waits to commit in all ranges of the node';
    if (this.#storage.full) return "the owner's disk is full";
    if (this.#storage.saturated) return 'the state store is behind';
    return null;
  }

  /** An error that carries the newest descriptor known here, where the asker should look at it. */
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
   * Steps 2 and 3 of a Ready: applies what is committed, then answers (R4); what is lost ends UNKNOWN (R5). A follower
   * applies some `bytesMax` and is `hasBacklog` then; an owner, or one that was owner just now, has clients that wait.
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

  /** There is more to apply than this follower did in the last turn, and room for it. */
  get hasBacklog(): boolean {
    const { isVoid, commitSeq } = this.replica;
    return !isVoid && this.#appliedSeq < commitSeq && !this.#storage.saturated;
  }

  #failWaiting(): void {
    for (const { client, requestId } of this.#waiting.takeAll()) {
      const text = `the owner of range ${this.meta.range} changed while the write was under way`;
      client.reply(requestId, replyFromError(new Failure('OUTCOME_UNKNOWN', text)));
    }
  }

  /** A snapshot was installed: its rows are the state now, and these the client sessions. */
  installed(seq: Seq, sessions: DecodedSessions): void {
    this.#appliedSeq = seq;
    this.#sessions.replace(sessions);
  }

  /** A follower stops while its state store is behind, and goes on with a later turn; an owner takes no new writes then. */
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

  /** The next entry, where a client waits for it: it is at hand as it was decoded when it came. */
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

  /** Some of the next entries, one at least; gives what they cost, bytes. */
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

  /** R13, R14: what the write is answered, which it may have been before; then nothing happens again. */
  #applyOperation(operation: Operation, position: Position): WriteAnswer | 'forgotten' {
    const { range, namespaceId } = this.meta;
    const verdict = this.#sessions.lookUp(operation);
    if (verdict !== 'new') {
      this.#storage.apply(range, position, []);
      return verdict;
    }
    const { outcome, changes } = applyOperation(this.#storage, namespaceId, operation);
    const answer = answerOf(outcome, position);
    // Before the rows: a batch may be cut with them.
    this.#sessions.record(operation, position.seq, answer);
    this.#storage.apply(range, position, changes);
    return answer;
  }

  /** R14: a conflict too is told only now, after commit. */
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
    // Answered again, it is as good as decided here: the range's state at `seq` is no older than where it was decided.
    const error = new Failure('CONFLICT', `the key is at revision ${revision}`, { revision, seq });
    client.reply(requestId, replyFromError(error));
  }
}

function sameEnd(a: Bytes | null, b: Bytes | null): boolean {
  return a === null || b === null ? a === b : compareBytes(a, b) === 0;
}

function answerOf(outcome: OperationOutcome, { epoch, seq }: Position): WriteAnswer {
  if (outcome.kind === 'conflict') return { kind: 'conflict', revision: outcome.revision };
  return { kind: 'written', epoch, revision: seq, deleted: outcome.deleted };
}
