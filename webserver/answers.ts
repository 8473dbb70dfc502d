// The bodies of the HTTP API as types, for the server and the page. In a body, keys are in the text form of formatBytes, which is
// exact for any bytes, and values are base64. Revisions and seqs are safe integers. In a URL, keys and bounds are percent-encoded
// bytes (common/base/percent-encoding.ts): %FF is the byte 0xff, and \xff are four characters.
//
//   GET    /api/namespaces
//   GET    /api/namespaces/:namespace/keys?prefix|start,end,limit,cursor,reverse,read,valueBytes   a page of a scan
//   GET    /api/namespaces/:namespace/key?key=..&read=..
//   PUT    /api/namespaces/:namespace/key?key=..      { value, ifRevision? }   content-type: application/json
//   DELETE /api/namespaces/:namespace/key?key=..      { ifRevision? }          content-type: application/json
//   POST   /api/namespaces/:namespace/tasks           TaskBody                 content-type: application/json
//
// A task is asked of the leader (client/admin-api.ts). A dry run is answered with the steps that the leader would take; any other task as
// soon as the leader has begun it, and the feed tells how it goes on. What the leader refuses is REFUSED, with its reason.

import type { Applied, ErrorCode, Retry } from '../common/base/errors.ts';
import type { Epoch, NodeId, RangeId, Seq } from '../common/model/ids.ts';
import type { TaskState } from '../common/model/records.ts';

/** The range, its epoch, and the node that answered. */
export interface Provenance {
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly node: NodeId;
}

export interface Freshness {
  readonly stale: boolean;
  /** How far the answer may be behind, ms, at most; 0 if it is not stale; null: not known. */
  readonly staleMs: number | null;
}

export interface FoundAnswer extends Provenance, Freshness {
  readonly key: string;
  /** base64 */
  readonly value: string;
  readonly revision: Seq;
}

export interface RowAnswer {
  readonly key: string;
  readonly revision: Seq;
  /** Length of the complete value in bytes. */
  readonly size: number;
  /** base64 of the first `valueBytes` bytes of the value, or of the complete value if the request had no `valueBytes`. */
  readonly value: string;
}

export interface PageAnswer extends Freshness {
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

/** Ranges of keys are those of the namespace in the path. Nodes are given by their ids or names. */
export type TaskRequestBody =
  | { readonly kind: 'split'; readonly keys: readonly string[] }
  | { readonly kind: 'merge'; readonly key: string }
  | { readonly kind: 'move'; readonly range: RangeId; readonly from: NodeId; readonly to: NodeId }
  | { readonly kind: 'transfer'; readonly range: RangeId; readonly node: NodeId }
  /** Without a node the leader chooses one. */
  | { readonly kind: 'isolate'; readonly range: RangeId; readonly node?: NodeId }
  | { readonly kind: 'isolate-key'; readonly key: string; readonly node?: NodeId }
  | { readonly kind: 'pin' | 'unpin'; readonly range: RangeId }
  | { readonly kind: 'drain' | 'undrain'; readonly node: NodeId }
  | { readonly kind: 'rebalance' }
  | { readonly kind: 'cancel'; readonly task: string };

export type TaskBody = TaskRequestBody & { readonly dryRun?: boolean };

export interface TaskAnswer {
  readonly id: string;
  readonly state: TaskState;
  readonly progress: string;
  /** In order, each with its reason. */
  readonly steps: readonly string[];
}

export interface WrittenAnswer extends Provenance {
  readonly revision: Seq;
}

export interface DeletedAnswer extends WrittenAnswer {
  readonly existed: boolean;
}

/** The codes of the error table, and two that only HTTP has. */
export type AnswerCode = ErrorCode | 'NOT_FOUND' | 'FORBIDDEN';

export interface ErrorAnswer {
  readonly code: AnswerCode;
  readonly message: string;
  readonly applied: Applied;
  readonly retry: Retry;
  /** CONFLICT: the key's revision now; 0 if it is absent. */
  readonly revision?: Seq;
}
