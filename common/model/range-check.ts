// The result of a consistency check of one range: its replicas' digests at one seq, and the verdict. It is JSON in a CheckReply,
// for people and scripts.

import type { Bytes } from '../base/bytes.ts';
import { Field } from './fields.ts';
import type { Epoch, NodeId, RangeId, Seq } from './ids.ts';

/**
 * `sound`: all replicas that reported are equal. `damaged`: a majority of the range's replicas is equal, and others differ from it.
 * `undecided`: they differ, and no majority is equal. `alone`: at most one reported, so nothing could be compared.
 */
export const CHECK_VERDICTS = ['sound', 'damaged', 'undecided', 'alone'] as const;
export type CheckVerdict = (typeof CHECK_VERDICTS)[number];

/** `differs`: it differs from others, and nobody can say which is right. `silent`: it did not report in time. */
export const REPLICA_VERDICTS = ['sound', 'damaged', 'differs', 'alone', 'silent'] as const;
export type ReplicaVerdict = (typeof REPLICA_VERDICTS)[number];

export interface ReplicaCheck {
  readonly node: NodeId;
  /** Null: it reported nothing. */
  readonly rows: number | null;
  /** CRC-32C of rows and client sessions, unsigned; null: it reported nothing. */
  readonly checksum: number | null;
  /** Null while the check is under way. */
  readonly verdict: ReplicaVerdict | null;
}

export interface RangeCheck {
  readonly range: RangeId;
  readonly epoch: Epoch;
  /** The replicas are compared as of this seq. */
  readonly seq: Seq;
  /** Null while the check is under way. */
  readonly verdict: CheckVerdict | null;
  /** Every replica of the range, the owner first. */
  readonly replicas: readonly ReplicaCheck[];
}

const REPLICAS_MAX = 1_000;
const CHECKSUM_MAX = 2 ** 32 - 1;

/** Decodes an owner's result of a check. Throws BadDataError. */
export function decodeRangeCheck(json: Bytes): RangeCheck {
  const field = Field.parse(json);
  return {
    range: field.get('range').integer(),
    epoch: field.get('epoch').integer(),
    seq: field.get('seq').integer(),
    verdict: field.get('verdict').orNull((verdict) => verdict.word(CHECK_VERDICTS)),
    replicas: field.get('replicas').list(REPLICAS_MAX, readReplica),
  };
}

function readReplica(field: Field): ReplicaCheck {
  return {
    node: field.get('node').id(),
    rows: field.get('rows').orNull((rows) => rows.integer()),
    checksum: field.get('checksum').orNull((checksum) => checksum.integer(0, CHECKSUM_MAX)),
    verdict: field.get('verdict').orNull((verdict) => verdict.word(REPLICA_VERDICTS)),
  };
}
