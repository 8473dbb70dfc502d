// The types of the protocol's messages for the rest of the code: a union by `kind`, in which absent values are null.
// rangekeeper.proto says what each field means, and bodies.ts lists the codecs. Byte fields of a decoded message are views of the
// received bytes. Code that keeps one after its handler returns must copy it (`copyOf`), because a view keeps the whole message in
// memory. Encoding copies, so the caller may reuse its bytes at once.

import type { Bytes } from '../base/bytes.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { Epoch, Inc, NodeId, Position, RangeId, Seq } from '../model/ids.ts';
import type { ReadMode } from '../model/read-mode.ts';
import type { EncodedRows, WireRow } from './encoded-rows.ts';

export const PROTOCOL = 1;
/** R13: the length of a client's identity, which the client draws. */
export const CLIENT_ID_BYTES = 16;

/** The read modes of requests to nodes. A fallback read is made of these two by the client. */
export type WireReadMode = Exclude<ReadMode, 'fallback'>;

export interface Hello {
  readonly kind: 'hello';
  readonly protocol: number;
  readonly clusterId: string;
  /** Empty for a client. */
  readonly nodeId: NodeId;
}

export interface HelloReply {
  readonly kind: 'hello-reply';
  readonly protocol: number;
  readonly clusterId: string;
  readonly nodeId: NodeId;
}

export interface ErrorReply {
  readonly kind: 'error';
  readonly code: ErrorCode;
  readonly message: string;
  /** CONFLICT: the key's revision when this was decided; else 0. */
  readonly revision: Seq;
  /** CONFLICT, CLIENT_FORGOTTEN: a seq at or after the one at which it was decided; else 0. */
  readonly seq: Seq;
  /** CONFLICT: the place of the mutation whose condition did not hold, from 0; null: not known. */
  readonly index: number | null;
  /** The newest descriptor that the answering node knows: its znode's bytes and version. */
  readonly descriptor: { readonly data: Bytes; readonly version: number } | null;
}

export interface WriteRequest {
  readonly kind: 'write';
  readonly range: RangeId;
  readonly epoch: Epoch;
  /** An encoded Operation (operation.ts), which is not checked yet. */
  readonly operation: Bytes;
}

export interface WriteReply {
  readonly kind: 'write-reply';
  readonly revision: Seq;
  readonly epoch: Epoch;
  /** Keys that existed and were deleted. */
  readonly deleted: number;
}

export interface GetRequest {
  readonly kind: 'get';
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly key: Bytes;
  readonly mode: WireReadMode;
  readonly minSeq: Seq;
}

/** R11: what a read's answer guarantees. */
export interface ReadGuarantee {
  readonly epoch: Epoch;
  readonly stale: boolean;
  /** How old the answer is at most, ms; null: not known. */
  readonly staleMs: number | null;
  readonly appliedSeq: Seq;
}

export interface GetReply extends ReadGuarantee {
  readonly kind: 'get-reply';
  readonly found: boolean;
  readonly value: Bytes;
  readonly revision: Seq;
}

export interface ScanRequest {
  readonly kind: 'scan';
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly start: Bytes;
  readonly end: Bytes | null;
  readonly limitRows: number;
  readonly limitBytes: number;
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** Answer only so many bytes of each value; null: complete values. */
  readonly valueBytesMax: number | null;
  readonly mode: WireReadMode;
  readonly minSeq: Seq;
}

export interface ScanReply extends ReadGuarantee {
  readonly kind: 'scan-reply';
  readonly rows: EncodedRows;
  readonly count: number;
  /** The answer covers [start, bound), or [bound, end) if the scan is reverse. Null: it covers everything in that direction. */
  readonly bound: Bytes | null;
}

export interface StatusRequest {
  readonly kind: 'status';
}

export interface StatusReply {
  readonly kind: 'status-reply';
  /** JSON of NodeStatus. */
  readonly json: Bytes;
}

/** EntryKind in rangekeeper.proto; the log stores the same numbers. */
export const ENTRY_KINDS = { epochStart: 1, operation: 2, check: 3 } as const;
export type EntryKind = (typeof ENTRY_KINDS)[keyof typeof ENTRY_KINDS];

export interface WireEntry {
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly kind: EntryKind;
  readonly payload: Bytes;
}

export interface Append {
  readonly kind: 'append';
  readonly range: RangeId;
  /** The inc of the replica that is addressed. */
  readonly inc: Inc;
  readonly epoch: Epoch;
  readonly prev: Position;
  readonly entries: readonly WireEntry[];
  readonly commitSeq: Seq;
  /** The newest stamp that this follower sent; null: the owner does not vouch for it now (R11). */
  readonly echo: number | null;
}

export interface AppendAck {
  readonly kind: 'append-ack';
  readonly range: RangeId;
  readonly inc: Inc;
  /** The follower's epochSeen. */
  readonly epoch: Epoch;
  readonly ackedSeq: Seq;
  /** Null: prev is in the follower's log. Else `newest` is the follower's newest position at or before prev. */
  readonly rejection: { readonly prevSeq: Seq; readonly newest: Position } | null;
  /** The follower's monotonic clock, ms. */
  readonly stamp: number;
  /** The follower's node is unhealthy, and should own nothing. */
  readonly unhealthy: boolean;
  /** The follower holds a committed entry at this seq that the owner's log contradicts; null: none. */
  readonly contradiction: Seq | null;
}

/** A row of R13's table of client sessions (kvnode/range/dedupe/session-record.ts). */
export interface WireSession {
  /** Empty: the row about the table itself. */
  readonly clientId: Bytes;
  readonly record: Bytes;
}

export interface SnapshotChunk {
  readonly kind: 'snapshot-chunk';
  readonly range: RangeId;
  readonly inc: Inc;
  readonly epoch: Epoch;
  readonly snapshot: number;
  readonly index: number;
  /** The snapshot is the state at this position. */
  readonly position: Position;
  readonly start: Bytes;
  readonly end: Bytes | null;
  readonly rows: readonly WireRow[];
  readonly last: boolean;
  /** The checksum of all rows and client sessions so far. */
  readonly checksum: number;
  /** In the last chunk: the complete table of R13. */
  readonly clientSessions: readonly WireSession[];
}

export interface SnapshotAck {
  readonly kind: 'snapshot-ack';
  readonly range: RangeId;
  readonly inc: Inc;
  readonly epoch: Epoch;
  readonly snapshot: number;
  readonly nextIndex: number;
  readonly installed: boolean;
  readonly refused: boolean;
}

export interface ReplicaDigest {
  readonly kind: 'replica-digest';
  readonly range: RangeId;
  /** The inc of the replica that sends it. */
  readonly inc: Inc;
  readonly epoch: Epoch;
  /** The seq of the check's entry. */
  readonly seq: Seq;
  /** How the digest was computed. Only digests of the same format can be compared. */
  readonly format: number;
  /** Null: the replica has not computed one. */
  readonly digest: WireDigest | null;
}

export interface WireDigest {
  readonly rows: number;
  /** Unsigned 32 bits. */
  readonly checksum: number;
}

export interface DamageVerdict {
  readonly kind: 'damage-verdict';
  readonly range: RangeId;
  /** The inc of the replica that is addressed. */
  readonly inc: Inc;
  readonly epoch: Epoch;
  /** The seq of the check's entry. */
  readonly seq: Seq;
  /** The digest of a majority of the replicas. */
  readonly expected: WireDigest;
}

export interface CheckRequest {
  readonly kind: 'check';
  readonly range: RangeId;
  readonly epoch: Epoch;
  /** 0: start a check, or join the one under way. Else the request is for the result of the check at this seq. */
  readonly seq: Seq;
}

export interface CheckReply {
  readonly kind: 'check-reply';
  /** JSON of RangeCheck. */
  readonly json: Bytes;
}

export interface Ping {
  readonly kind: 'ping';
}

export interface Pong {
  readonly kind: 'pong';
}

/** A request. Its frame has an id. */
export type RequestBody = WriteRequest | GetRequest | ScanRequest | StatusRequest | CheckRequest;
/** The answer to the request with the same frame id. */
export type ReplyBody = WriteReply | GetReply | ScanReply | StatusReply | CheckReply | ErrorReply;
/** A one-way message, with frame id 0. If it is lost, repeated or reordered, that does no harm. */
export type OneWayBody = Append | AppendAck | SnapshotChunk | SnapshotAck | ReplicaDigest | DamageVerdict;
/** The channel's own messages. */
export type ControlBody = Hello | HelloReply | Ping | Pong;
export type Body = RequestBody | ReplyBody | OneWayBody | ControlBody;

export interface Frame {
  /** The number of a request on its connection, from 1, or that of the request that is answered; 0: one-way. */
  readonly id: number;
  readonly body: Body;
}

/** The change of one key within an operation. */
export type Mutation =
  | { readonly kind: 'put'; readonly key: Bytes; readonly value: Bytes; readonly ifRevision: Seq | null }
  | { readonly kind: 'delete'; readonly key: Bytes; readonly ifRevision: Seq | null }
  /** Changes nothing; only its condition counts. */
  | { readonly kind: 'check'; readonly key: Bytes; readonly ifRevision: Seq };

/** R13: one write as its client encoded it. */
export interface Operation {
  /** CLIENT_ID_BYTES long. */
  readonly clientId: Bytes;
  readonly number: number;
  /** Lower numbers are never sent again. At most `number`, and more than `number - LIMITS.writeWindow`. */
  readonly doneBelow: number;
  /** A seq of the range that was known when the write was first sent. The write is applied at a higher one. */
  readonly base: Seq;
  readonly mutations: readonly Mutation[];
}

/** A copy in memory of its own, for bytes that are kept. */
export function copyOf(view: Bytes): Bytes {
  return new Uint8Array(view);
}
