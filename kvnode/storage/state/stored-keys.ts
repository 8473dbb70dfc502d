// The keys and values of the state store:
//
//   row      := namespaceId:u32be key            → revision:u64be value
//   applied  := 0:u32be 'a' range:u64be          → epoch:u64be seq:u64be inc:u64be
//   session  := 0:u32be 's' range:u64be clientId → record            an empty clientId: the record of the table
//   batch    := 0:u32be 'b' number:u64be         → first:u64be group:u64be       the mark of a batch
//
// On the disk a checksum precedes each value (checked-engine.ts).
//
// Rows are keyed by namespace and not by range, so that a split or merge moves no data. No namespace has the id 0, so
// all other entries have that prefix: applied positions, client sessions and marks. One letter names the kind.

import { assert } from '../../../common/base/assert.ts';
import { type Bytes, emptyBytes } from '../../../common/base/bytes.ts';
import { getU64be, putU32be, putU64be } from '../../../common/base/integers.ts';
import type { Inc, NamespaceId, Position, RangeId, Seq } from '../../../common/model/ids.ts';
import type { KeyRange } from '../../../common/model/key-range.ts';
import type { Row, SessionRow } from '../storage.ts';

export const ROW_PREFIX_BYTES = 4;
export const REVISION_BYTES = 8;
const NAMESPACE_MAX = 2 ** 32 - 2;
const APPLIED = 0x61;
const SESSION = 0x73;
const BATCH = 0x62;
const REPLICA_PREFIX_BYTES = ROW_PREFIX_BYTES + 1 + 8;

export function putRowKey(into: Bytes, namespaceId: NamespaceId, key: Bytes): void {
  assert(namespaceId > 0 && namespaceId <= NAMESPACE_MAX, 'a namespace id is a positive 32-bit number');
  putU32be(into, 0, namespaceId);
  into.set(key, ROW_PREFIX_BYTES);
}

export function rowKey(namespaceId: NamespaceId, key: Bytes): Bytes {
  const bytes = new Uint8Array(ROW_PREFIX_BYTES + key.length);
  putRowKey(bytes, namespaceId, key);
  return bytes;
}

/** The stored keys of a namespace within these bounds. */
export function rowBounds(namespaceId: NamespaceId, { start, end }: KeyRange): { start: Bytes; end: Bytes } {
  const from = rowKey(namespaceId, start);
  if (end !== null) return { start: from, end: rowKey(namespaceId, end) };
  const next = new Uint8Array(ROW_PREFIX_BYTES);
  putU32be(next, 0, namespaceId + 1);
  return { start: from, end: next };
}

export function rowValueBytes(value: Bytes): number {
  return REVISION_BYTES + value.length;
}

export function putRowValue(into: Bytes, revision: Seq, value: Bytes): void {
  putU64be(into, 0, revision);
  into.set(value, REVISION_BYTES);
}

export function readRevision(stored: Bytes): Seq {
  return getU64be(stored, 0);
}

/** The row in a stored pair; shares its bytes. */
export function readRow(key: Bytes, stored: Bytes): Row {
  return {
    key: key.subarray(ROW_PREFIX_BYTES),
    value: stored.subarray(REVISION_BYTES),
    revision: readRevision(stored),
  };
}

/** @param id of a range, or the number of a batch */
function replicaKey(kind: number, id: number, rest: Bytes = emptyBytes): Bytes {
  const bytes = new Uint8Array(REPLICA_PREFIX_BYTES + rest.length);
  bytes[ROW_PREFIX_BYTES] = kind;
  putU64be(bytes, ROW_PREFIX_BYTES + 1, id);
  bytes.set(rest, REPLICA_PREFIX_BYTES);
  return bytes;
}

export function appliedKey(range: RangeId): Bytes {
  return replicaKey(APPLIED, range);
}

export function sessionKey(range: RangeId, clientId: Bytes): Bytes {
  return replicaKey(SESSION, range, clientId);
}

/** The stored keys of the client sessions of a range. */
export function sessionBounds(range: RangeId): { start: Bytes; end: Bytes } {
  return { start: replicaKey(SESSION, range), end: replicaKey(SESSION, range + 1) };
}

/** The row in a stored pair; shares its bytes. */
export function readSession(key: Bytes, stored: Bytes): SessionRow {
  return { clientId: key.subarray(REPLICA_PREFIX_BYTES), record: stored };
}

export interface StoredApplied {
  readonly position: Position;
  readonly inc: Inc;
}

export function encodeApplied({ position, inc }: StoredApplied): Bytes {
  const bytes = new Uint8Array(24);
  putU64be(bytes, 0, position.epoch);
  putU64be(bytes, 8, position.seq);
  putU64be(bytes, 16, inc);
  return bytes;
}

export function decodeApplied(bytes: Bytes): StoredApplied {
  return { position: { epoch: getU64be(bytes, 0), seq: getU64be(bytes, 8) }, inc: getU64be(bytes, 16) };
}

/** The mark of a batch (checked-engine.ts). */
export interface BatchMark {
  /** Marks of batches below this number may be deleted. */
  readonly first: number;
  /** The log was synced through this group when the batch was written. */
  readonly group: number;
}

export function batchKey(number: number): Bytes {
  return replicaKey(BATCH, number);
}

/** The stored keys of all marks. */
export const BATCH_BOUNDS = { start: replicaKey(BATCH, 0), end: replicaKey(BATCH + 1, 0) };

export function batchNumber(key: Bytes): number {
  return getU64be(key, ROW_PREFIX_BYTES + 1);
}

export function encodeBatchMark({ first, group }: BatchMark): Bytes {
  const bytes = new Uint8Array(16);
  putU64be(bytes, 0, first);
  putU64be(bytes, 8, group);
  return bytes;
}

export function decodeBatchMark(bytes: Bytes): BatchMark {
  return { first: getU64be(bytes, 0), group: getU64be(bytes, 8) };
}
