// Keys and values of the state store:
//
//   row      := namespaceId:u32be key            → revision:u64be value
//   applied  := 0:u32be 'a' range:u64be          → epoch:u64be seq:u64be inc:u64be
//   session  := 0:u32be 's' range:u64be clientId → record            of the table itself: without a client id
//   batch    := 0:u32be 'b' number:u64be         → first:u64be group:u64be       which batches were written
//
// On the disk a checksum precedes each value (checked-engine.ts).
//
// Rows are keyed by namespace and not by range, so that splitting and merging move no data. Namespace 0 is no namespace:
// what belongs to a replica beside its rows lives there, one letter a kind.

import { assert } from '../../../common/base/assert.ts';
import { type Bytes, emptyBytes } from '../../../common/base/bytes.ts';
import type { Inc, NamespaceId, Position, RangeId, Seq } from '../../../common/model/ids.ts';
import type { KeyRange } from '../../../common/model/key-range.ts';
import { viewOf } from '../log/record.ts';
import type { Row, SessionRow } from '../storage.ts';

export const ROW_PREFIX_BYTES = 4;
export const REVISION_BYTES = 8;
const NAMESPACE_MAX = 2 ** 32 - 2;
const APPLIED = 0x61;
const SESSION = 0x73;
const BATCH = 0x62;
const REPLICA_PREFIX_BYTES = ROW_PREFIX_BYTES + 1 + 8;
const TWO_32 = 2 ** 32;

function putU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, (value / TWO_32) >>> 0);
  view.setUint32(at + 4, value >>> 0);
}

function getU64(view: DataView, at: number): number {
  return view.getUint32(at) * TWO_32 + view.getUint32(at + 4);
}

export function putRowKey(into: Bytes, namespaceId: NamespaceId, key: Bytes): void {
  assert(namespaceId > 0 && namespaceId <= NAMESPACE_MAX, 'a namespace id is a positive 32-bit number');
  into[0] = namespaceId >>> 24;
  into[1] = namespaceId >>> 16;
  into[2] = namespaceId >>> 8;
  into[3] = namespaceId;
  into.set(key, ROW_PREFIX_BYTES);
}

export function rowKey(namespaceId: NamespaceId, key: Bytes): Bytes {
  const bytes = new Uint8Array(ROW_PREFIX_BYTES + key.length);
  putRowKey(bytes, namespaceId, key);
  return bytes;
}

/** The keys of a namespace between these bounds. */
export function rowBounds(namespaceId: NamespaceId, { start, end }: KeyRange): { start: Bytes; end: Bytes } {
  const from = rowKey(namespaceId, start);
  if (end !== null) return { start: from, end: rowKey(namespaceId, end) };
  const next = new Uint8Array(ROW_PREFIX_BYTES);
  viewOf(next).setUint32(0, namespaceId + 1);
  return { start: from, end: next };
}

export function rowValueBytes(value: Bytes): number {
  return REVISION_BYTES + value.length;
}

export function putRowValue(into: Bytes, revision: Seq, value: Bytes): void {
  const high = (revision / TWO_32) >>> 0;
  into[0] = high >>> 24;
  into[1] = high >>> 16;
  into[2] = high >>> 8;
  into[3] = high;
  into[4] = revision >>> 24;
  into[5] = revision >>> 16;
  into[6] = revision >>> 8;
  into[7] = revision;
  into.set(value, REVISION_BYTES);
}

export function readRevision(stored: Bytes): Seq {
  const low = word(stored, 4);
  const high = word(stored, 0);
  return high * TWO_32 + low;
}

function word(bytes: Bytes, at: number): number {
  const low =
    ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  return (bytes[at] as number) * 0x1000000 + low;
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
  putU64(viewOf(bytes), ROW_PREFIX_BYTES + 1, id);
  bytes.set(rest, REPLICA_PREFIX_BYTES);
  return bytes;
}

export function appliedKey(range: RangeId): Bytes {
  return replicaKey(APPLIED, range);
}

export function sessionKey(range: RangeId, clientId: Bytes): Bytes {
  return replicaKey(SESSION, range, clientId);
}

/** The keys of a range's client sessions. */
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
  const view = viewOf(bytes);
  putU64(view, 0, position.epoch);
  putU64(view, 8, position.seq);
  putU64(view, 16, inc);
  return bytes;
}

export function decodeApplied(bytes: Bytes): StoredApplied {
  const view = viewOf(bytes);
  return { position: { epoch: getU64(view, 0), seq: getU64(view, 8) }, inc: getU64(view, 16) };
}

/** What a batch says of itself (checked-engine.ts). */
export interface BatchMark {
  /** Marks of older batches than this one may be gone. */
  readonly first: number;
  /** The log was synced through this group when the batch was written. */
  readonly group: number;
}

export function batchKey(number: number): Bytes {
  return replicaKey(BATCH, number);
}

/** The keys of all batches. */
export const BATCH_BOUNDS = { start: replicaKey(BATCH, 0), end: replicaKey(BATCH + 1, 0) };

export function batchNumber(key: Bytes): number {
  return getU64(viewOf(key), ROW_PREFIX_BYTES + 1);
}

export function encodeBatchMark({ first, group }: BatchMark): Bytes {
  const bytes = new Uint8Array(16);
  putU64(viewOf(bytes), 0, first);
  putU64(viewOf(bytes), 8, group);
  return bytes;
}

export function decodeBatchMark(bytes: Bytes): BatchMark {
  const view = viewOf(bytes);
  return { first: getU64(view, 0), group: getU64(view, 8) };
}
