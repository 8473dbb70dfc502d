// The replicated state of a replica on this node: its rows and its client sessions. They change only as committed entries are applied,
// in order. A replica that is replaced at a start is applied to its end by this alone (docs/replication.md, S6).

import { assert } from '../../common/base/assert.ts';
import type { Position, RangeId, Seq } from '../../common/model/ids.ts';
import type { Operation } from '../../common/wire/messages.ts';
import { decodeOperation } from '../../common/wire/operation.ts';
import {
  ENTRY_KINDS,
  type LogEntry,
  type ReplicaLog,
  type ReplicaMeta,
  type Storage,
} from '../storage/storage.ts';
import { applyOperation, type OperationOutcome } from './apply.ts';
import type { WriteAnswer } from './dedupe/answer-window.ts';
import { ClientSessions, type DecodedSessions, type SessionLimits } from './dedupe/client-sessions.ts';

/** Bytes of entries that are read from the log at once to be applied. */
export const APPLY_BYTES = 64 * 1024;

export interface RangeStateParts {
  readonly meta: ReplicaMeta;
  readonly storage: Storage;
  /** The seq through which the state on the disk is applied. */
  readonly appliedSeq: Seq;
  readonly config: SessionLimits;
  /** The sessions of a replica that was just made from its parents (S8). Absent: those on the disk. */
  readonly sessions?: DecodedSessions;
}

export class RangeState {
  readonly meta: ReplicaMeta;
  readonly sessions: ClientSessions;
  readonly #storage: Storage;
  readonly #log: ReplicaLog;
  #appliedSeq: Seq;

  constructor({ meta, storage, appliedSeq, config, sessions }: RangeStateParts) {
    const { range, inc, namespace, namespaceId, start, end } = meta;
    // A new object: one that is put together with spreads has a hidden class of its own, which slows down its readers.
    this.meta = { range, inc, namespace, namespaceId, start, end };
    this.#storage = storage;
    this.#log = storage.logOf(range);
    this.#appliedSeq = appliedSeq;
    this.sessions = new ClientSessions(config);
    const stored = storage.attachSessions(range, this.sessions);
    if (sessions === undefined) this.sessions.load(stored);
    else this.sessions.begin(sessions);
  }

  get range(): RangeId {
    return this.meta.range;
  }

  get appliedSeq(): Seq {
    return this.#appliedSeq;
  }

  /** Some of the entries that are applied next, at least one. They must be in the log. */
  next(bytesMax: number): readonly LogEntry[] {
    const entries = this.#log.read(this.#appliedSeq + 1, bytesMax);
    assert(entries !== null && entries.length > 0, 'what is not applied is in the log');
    return entries;
  }

  /** The operation at `seq`, which is the next entry to be applied. */
  readOperation(seq: Seq): Operation {
    const entry = this.#log.read(seq, 0)?.[0];
    assert(entry?.seq === seq, 'what is not applied is in the log');
    return decodeOperation(entry.payload);
  }

  apply({ epoch, seq, kind, payload }: LogEntry): void {
    const position = { epoch, seq };
    if (kind === ENTRY_KINDS.operation) this.applyOperation(decodeOperation(payload), position);
    else this.#applyChanges(position, []);
  }

  /**
   * R13, R14: applies an operation and returns its answer. If the operation was applied before, the answer is that of the first time
   * and nothing changes.
   */
  applyOperation(operation: Operation, position: Position): WriteAnswer | 'forgotten' {
    const known = this.sessions.lookUp(operation);
    if (known !== 'new') {
      this.#applyChanges(position, []);
      return known;
    }
    const { outcome, changes } = applyOperation(this.#storage, this.meta.namespaceId, operation);
    const answer = answerOf(outcome, position);
    // This comes before the storage applies it, which may cut a batch: it must have the session too.
    this.sessions.record(operation, position.seq, answer);
    this.#applyChanges(position, changes);
    return answer;
  }

  #applyChanges(position: Position, changes: Parameters<Storage['apply']>[2]): void {
    assert(position.seq === this.#appliedSeq + 1, 'entries are applied in order, each once');
    this.#storage.apply(this.meta.range, position, changes);
    this.#appliedSeq = position.seq;
  }

  /** Applies the log through `seq`, all in this turn. */
  applyThrough(seq: Seq): void {
    while (this.#appliedSeq < seq) {
      for (const entry of this.next(APPLY_BYTES)) {
        if (entry.seq > seq) break;
        this.apply(entry);
      }
    }
  }

  /** A snapshot was installed: takes over its position and client sessions. */
  installed(seq: Seq, sessions: DecodedSessions): void {
    this.#appliedSeq = seq;
    this.sessions.replace(sessions);
  }
}

function answerOf(outcome: OperationOutcome, { epoch, seq }: Position): WriteAnswer {
  if (outcome.kind === 'conflict') return outcome;
  return { kind: 'written', epoch, revision: seq, deleted: outcome.deleted };
}
