// The shapes of the HTTP API's bodies, for the server and the page. Keys are in formatBytes' text form, which is exact
// for any bytes; values are base64. Revisions and seqs are safe integers.
//
//   GET    /api/namespaces
//   GET    /api/namespaces/:namespace/keys?prefix|start,end,limit,cursor,reverse,read,valueBytes   a page of a scan
//   GET    /api/namespaces/:namespace/key?key=..&read=..
//   PUT    /api/namespaces/:namespace/key?key=..      { value, ifRevision? }   content-type: application/json
//   DELETE /api/namespaces/:namespace/key?key=..      { ifRevision? }          content-type: application/json

import type { Applied, ErrorCode, Retry } from '../common/base/errors.ts';
import type { Epoch, NodeId, RangeId, Seq } from '../common/model/ids.ts';

export interface Whence {
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly node: NodeId;
}

export interface Age {
  readonly stale: boolean;
  /** Upper bound, ms; 0 where the answer is not stale; null: not known. */
  readonly staleMs: number | null;
}

export interface FoundAnswer extends Whence, Age {
  readonly key: string;
  /** base64 */
  readonly value: string;
  readonly revision: Seq;
}

export interface RowAnswer {
  readonly key: string;
  readonly revision: Seq;
  /** Length of the whole value in bytes. */
  readonly size: number;
  /** base64 of the value's first `valueBytes` bytes (all of it where the request named none). */
  readonly value: string;
}

export interface PageAnswer extends Age {
  readonly rows: readonly RowAnswer[];
  readonly cursor: string | null;
}

export interface PutBody {
  /** base64 */
  readonly value: string;
  readonly ifRevision?: number;
}

export interface DeleteBody {
  readonly ifRevision?: number;
}

export interface WrittenAnswer extends Whence {
  readonly revision: Seq;
}

export interface DeletedAnswer extends WrittenAnswer {
  readonly existed: boolean;
}

/** The table's codes, and two that only HTTP has. */
export type AnswerCode = ErrorCode | 'NOT_FOUND' | 'FORBIDDEN';

export interface ErrorAnswer {
  readonly code: AnswerCode;
  readonly message: string;
  readonly applied: Applied;
  readonly retry: Retry;
  /** CONFLICT: the key's revision now; 0 where it is absent. */
  readonly revision?: Seq;
}
