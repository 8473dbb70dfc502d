// R13: which writes of which clients a range has applied, and how they were answered. A client that sends a write again
// gets the answer of the first time.
//
// The table is part of the replicated state. It is read and changed only as entries are applied, so every replica
// decides the same: by entries and never by a clock. It is written in one batch with the rows, and snapshots have it.
//
// The table is bounded, so clients are evicted: the one with the lowest last seq first. `evictedThrough` is the highest
// last seq of an evicted client. A write whose number has no answer is new only if the table cannot have evicted its
// answer. Its `base` is a seq of the range that its client knew before it first sent the write. The `floor` of a
// session is `evictedThrough` at the time when the session began. The write is new if its base is not below the floor.
// The floor stays with the session: an evicted client that comes back with a newer write is known again, but its older
// writes stay forgotten.

import { assert } from '../../../common/base/assert.ts';
import { type Bytes, compareBytes, emptyBytes, equalBytes } from '../../../common/base/bytes.ts';
import type { ReplicationConfig } from '../../../common/model/config.ts';
import type { Seq } from '../../../common/model/ids.ts';
import { copyOf, type Operation } from '../../../common/wire/messages.ts';
import type { SessionChange, SessionRow, SessionTable } from '../../storage/storage.ts';
import { AnswerWindow, type WriteAnswer } from './answer-window.ts';
import { ClientIndex } from './client-index.ts';
import {
  type ClientSession,
  decodeSession,
  decodeTable,
  encodeSession,
  encodeTable,
} from './session-record.ts';

/** The limits of the table. All replicas must have the same ones. */
export type SessionLimits = Pick<ReplicationConfig, 'clientSessionsMax' | 'clientAnswersMax'>;

/** `new`: apply the write. `forgotten`: it may have been applied and evicted, so it is not applied. */
export type DedupeResult = WriteAnswer | 'new' | 'forgotten';

/** The fields of an operation that identify the write. */
export type WriteId = Pick<Operation, 'clientId' | 'number' | 'doneBelow' | 'base'>;

/** A decoded table. */
export interface DecodedSessions {
  readonly evictedThrough: Seq;
  readonly sessions: readonly ClientSession[];
}

/** Decodes the rows of a table. Throws RangeError if they are not a table of the entries through `seq`. */
export function decodeSessions(rows: readonly SessionRow[], seq: Seq): DecodedSessions {
  const known = new ClientIndex<ClientSession>();
  let evictedThrough = 0;
  for (const { clientId, record } of rows) {
    if (clientId.length === 0) {
      evictedThrough = decodeTable(record);
      continue;
    }
    const session = decodeSession(copyOf(clientId), record);
    if (session.lastSeq > seq) throw new RangeError('a client has a write that is not in the snapshot');
    if (known.get(session.clientId) !== null) throw new RangeError('a client has two rows');
    known.add(session);
  }
  if (evictedThrough > seq) throw new RangeError('a client was forgotten after the snapshot');
  return { evictedThrough, sessions: [...known.values()] };
}

export class ClientSessions implements SessionTable {
  readonly #bounds: SessionLimits;
  readonly #sessions = new ClientIndex<ClientSession>();
  #evictedThrough: Seq = 0;
  #answers = 0;
  /** The session that was looked up last. It is often needed again. */
  #recent: ClientSession | null = null;
  #changed: ClientSession[] = [];
  /** The row of the table itself must be written, although nobody was evicted. */
  #tableChanged = false;
  /** Sessions that were evicted since the last `takeChanges`. */
  #evicted: ClientSession[] = [];

  constructor(bounds: SessionLimits) {
    this.#bounds = bounds;
  }

  get clients(): number {
    return this.#sessions.size;
  }

  /** The highest last seq of an evicted client. */
  get evictedThrough(): Seq {
    return this.#evictedThrough;
  }

  lookUp({ clientId, number, base }: WriteId): DedupeResult {
    const session = this.#find(clientId);
    if (session === null) return base < this.#evictedThrough ? 'forgotten' : 'new';
    const answer = session.window.get(number);
    if (answer !== null) return answer;
    return number < session.window.doneBelow || base < session.floor ? 'forgotten' : 'new';
  }

  /** Records the answer of a new write that was applied at `seq`. */
  record({ clientId, number, doneBelow }: WriteId, seq: Seq, answer: WriteAnswer): void {
    const session = this.#find(clientId) ?? this.#begin(clientId, doneBelow);
    const { window } = session;
    const before = window.span;
    window.dropBelow(doneBelow);
    window.set(number, answer);
    this.#answers += window.span - before;
    session.lastSeq = seq;
    if (!session.changed) {
      session.changed = true;
      this.#changed.push(session);
    }
    this.#keepBounds();
  }

  #keepBounds(): void {
    const { clientSessionsMax, clientAnswersMax } = this.#bounds;
    while (this.#sessions.size > clientSessionsMax || this.#answers > clientAnswersMax) this.#evict();
  }

  takeChanges(): readonly SessionChange[] {
    const changes: SessionChange[] = [];
    if (this.#tableChanged || this.#evicted.length > 0) changes.push(this.#tableRow());
    // A client that was evicted and came back also has a new row. That row comes later.
    for (const { clientId } of this.#evicted) changes.push({ clientId, record: null });
    for (const session of this.#changed) {
      if (session.changed) changes.push(rowOf(session));
      session.changed = false;
    }
    this.#tableChanged = false;
    this.#evicted = [];
    this.#changed = [];
    return changes;
  }

  /** All rows of the table. */
  rows(): readonly SessionRow[] {
    return [this.#tableRow(), ...[...this.#sessions.values()].map(rowOf)];
  }

  /** Replaces the content of the table. Throws RangeError if the rows are not those of a table ({@link rows}). */
  load(rows: readonly SessionRow[]): void {
    this.replace(decodeSessions(rows, Number.MAX_SAFE_INTEGER));
  }

  /** The content of the table, as it is now. */
  copy(): DecodedSessions {
    const sessions = [...this.#sessions.values()];
    return {
      evictedThrough: this.#evictedThrough,
      sessions: sessions.map((session) => ({ ...session, window: session.window.copy(), changed: false })),
    };
  }

  /** Begins with what the parents of the range had (S8). All of it counts as changed. */
  begin(content: DecodedSessions): void {
    this.replace(content);
    this.#tableChanged = true;
    for (const session of content.sessions) {
      session.changed = true;
      this.#changed.push(session);
    }
    this.#keepBounds();
  }

  /** Replaces the content of the table. */
  replace({ evictedThrough, sessions }: DecodedSessions): void {
    this.#sessions.clear();
    this.#evictedThrough = evictedThrough;
    this.#answers = 0;
    this.#recent = null;
    this.#tableChanged = false;
    this.#changed = [];
    this.#evicted = [];
    for (const session of sessions) {
      this.#sessions.add(session);
      this.#answers += session.window.span;
    }
  }

  #find(clientId: Bytes): ClientSession | null {
    const recent = this.#recent;
    if (recent !== null && equalBytes(recent.clientId, clientId)) return recent;
    const session = this.#sessions.get(clientId);
    if (session !== null) this.#recent = session;
    return session;
  }

  #begin(clientId: Bytes, doneBelow: number): ClientSession {
    const session: ClientSession = {
      // A copy, because the id of the operation is a view into the entry.
      clientId: copyOf(clientId),
      floor: this.#evictedThrough,
      window: new AnswerWindow(doneBelow),
      lastSeq: 0,
      changed: false,
    };
    this.#sessions.add(session);
    this.#recent = session;
    return session;
  }

  /**
   * Evicts one client. This is rare, so a search through all clients does no harm. After a merge several clients may have the same
   * last seq: then their ids decide, so that all replicas evict the same one.
   */
  #evict(): void {
    let oldest: ClientSession | null = null;
    for (const session of this.#sessions.values()) {
      if (oldest === null || isOlder(session, oldest)) oldest = session;
    }
    assert(oldest !== null, 'answers are of clients');
    this.#sessions.delete(oldest);
    if (this.#recent === oldest) this.#recent = null;
    this.#answers -= oldest.window.span;
    this.#evictedThrough = Math.max(this.#evictedThrough, oldest.lastSeq);
    oldest.changed = false;
    this.#evicted.push(oldest);
  }

  #tableRow(): SessionRow {
    return { clientId: emptyBytes, record: encodeTable(this.#evictedThrough) };
  }
}

function isOlder(a: ClientSession, b: ClientSession): boolean {
  return a.lastSeq === b.lastSeq ? compareBytes(a.clientId, b.clientId) < 0 : a.lastSeq < b.lastSeq;
}

function rowOf(session: ClientSession): SessionRow {
  return { clientId: session.clientId, record: encodeSession(session) };
}
