// All rows of a replica: read for a learner, and written from an owner's snapshot (docs/storage.md#the-state).

import { assert } from '../../../common/base/assert.ts';
import type { Inc, Position, RangeId } from '../../../common/model/ids.ts';
import { contains } from '../../../common/model/key-range.ts';
import type { Span } from '../log/bodies.ts';
import type { LoggedReplica } from '../log/logged-replicas.ts';
import { scratchRowKey, scratchRowValue } from '../rows/scratch-buffer.ts';
import type { ReplicaMeta, Row, SessionChange, SessionRow, SnapshotReader } from '../storage.ts';
import type { StateBatch, StateCursor, StateEngine, StateSnapshot } from './engine.ts';
import {
  appliedKey,
  decodeApplied,
  encodeApplied,
  readRow,
  readSession,
  rowBounds,
  sessionBounds,
  sessionKey,
} from './stored-keys.ts';

const CURSOR_BYTES = 1024 * 1024;
const CURSOR_ROWS = 1000;

/**
 * The position through which the store, or a snapshot of it, has applied the log of this life of a range. Null if it
 * has applied nothing since the replica was made.
 */
export function readApplied(
  store: Pick<StateEngine, 'get'>,
  { range, inc }: { readonly range: number; readonly inc: Inc },
): Position | null {
  const stored = store.get(appliedKey(range));
  if (stored === undefined) return null;
  const applied = decodeApplied(stored);
  return applied.inc === inc ? applied.position : null;
}

/** The client-session table of a range in the store, or in a snapshot of it. */
export async function readSessions(
  store: Pick<StateEngine, 'open'>,
  range: RangeId,
): Promise<readonly SessionRow[]> {
  const rows: SessionRow[] = [];
  const cursor = store.open({
    ...sessionBounds(range),
    reverse: false,
    values: true,
    bytesMax: CURSOR_BYTES,
  });
  try {
    for (;;) {
      const pairs = await cursor.next(CURSOR_ROWS);
      if (pairs.length === 0) return rows;
      for (const [key, value] of pairs) {
        assert(value !== undefined, 'the cursor reads values');
        rows.push(readSession(key, value));
      }
    }
  } finally {
    cursor.close();
  }
}

/** Rows and position of one moment of the store. What is only in the overlay is left to the log. */
export class StoredSnapshot implements SnapshotReader {
  readonly meta: ReplicaMeta;
  readonly position: Position;
  readonly #snapshot: StateSnapshot;
  readonly #cursor: StateCursor;
  readonly #release: () => void;
  /** Pairs that were read from the store. Those before `#taken` were returned. */
  #ahead: Awaited<ReturnType<StateCursor['next']>> = [];
  #taken = 0;
  #closed = false;

  constructor(engine: StateEngine, replica: LoggedReplica, base: Position) {
    this.meta = replica.meta;
    this.#snapshot = engine.snapshot();
    this.position = readApplied(this.#snapshot, replica) ?? base;
    this.#cursor = this.#snapshot.open({
      ...rowBounds(replica.span.namespaceId, replica.span),
      reverse: false,
      values: true,
      bytesMax: CURSOR_BYTES,
    });
    const pin = { seq: this.position.seq };
    replica.pins.add(pin);
    this.#release = () => void replica.pins.delete(pin);
  }

  async next(bytesMax: number): Promise<readonly Row[] | null> {
    assert(!this.#closed, 'the snapshot is open');
    const rows: Row[] = [];
    for (let bytes = 0; bytes < bytesMax; ) {
      if (this.#taken === this.#ahead.length) {
        this.#ahead = await this.#cursor.next(CURSOR_ROWS);
        this.#taken = 0;
      }
      const pair = this.#ahead[this.#taken];
      if (pair === undefined) break;
      this.#taken++;
      const [key, value] = pair;
      assert(value !== undefined, 'the cursor reads values');
      rows.push(readRow(key, value));
      bytes += key.length + value.length;
    }
    return rows.length === 0 ? null : rows;
  }

  sessions(): Promise<readonly SessionRow[]> {
    assert(!this.#closed, 'the snapshot is open');
    return readSessions(this.#snapshot, this.meta.range);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cursor.close();
    this.#snapshot.close();
    this.#release();
  }
}

export function addRows(batch: StateBatch, span: Span, rows: readonly Row[]): void {
  for (const row of rows) {
    assert(contains(span, row.key), 'a snapshot holds keys of its range only');
    batch.put(scratchRowKey(span.namespaceId, row.key), scratchRowValue(row));
  }
}

export function addApplied(batch: StateBatch, replica: LoggedReplica, position: Position): void {
  batch.put(appliedKey(replica.range), encodeApplied({ position, inc: replica.inc }));
}

export function addSessions(
  batch: StateBatch,
  replica: LoggedReplica,
  changes: readonly SessionChange[],
): void {
  for (const { clientId, record } of changes) {
    const key = sessionKey(replica.range, clientId);
    if (record === null) batch.delete(key);
    else batch.put(key, record);
  }
}
