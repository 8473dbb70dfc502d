// Judges the digests of a range's replicas. Pure functions. A replica is called damaged only if a strict majority of all replicas of
// the range, silent ones included, has one other digest. Its node then gives up all its data. If replicas differ and there
// is no such majority, people have to decide.

import type { NodeId } from '../../common/model/ids.ts';
import type { CheckVerdict, ReplicaCheck, ReplicaVerdict } from '../../common/model/range-check.ts';

export interface Digest {
  readonly rows: number;
  /** CRC-32C, unsigned 32 bits. */
  readonly checksum: number;
}

export interface ReplicaReport {
  readonly node: NodeId;
  /** Null if none came. */
  readonly digest: Digest | null;
}

export interface Judgement {
  readonly verdict: CheckVerdict;
  /** In the order of the reports. */
  readonly replicas: readonly ReplicaCheck[];
  /** The majority's digest; null unless the verdict is `damaged`. */
  readonly expected: Digest | null;
}

/** @param reports one for each replica of the range */
export function judge(reports: readonly ReplicaReport[]): Judgement {
  const digests = reports.flatMap(({ digest }) => (digest === null ? [] : [digest]));
  const [first] = digests;
  if (first === undefined || digests.length === 1) return judgement(reports, 'alone', null, () => 'alone');
  if (digests.every((digest) => isEqual(digest, first))) {
    return judgement(reports, 'sound', null, () => 'sound');
  }
  const majority = digests.find(
    (digest) => digests.filter((other) => isEqual(other, digest)).length * 2 > reports.length,
  );
  if (majority === undefined) return judgement(reports, 'undecided', null, () => 'differs');
  return judgement(reports, 'damaged', majority, (digest) =>
    isEqual(digest, majority) ? 'sound' : 'damaged',
  );
}

export function isEqual(a: Digest, b: Digest): boolean {
  return a.rows === b.rows && a.checksum === b.checksum;
}

function judgement(
  reports: readonly ReplicaReport[],
  verdict: CheckVerdict,
  expected: Digest | null,
  verdictOf: (digest: Digest) => ReplicaVerdict,
): Judgement {
  const replicas = reports.map(({ node, digest }) => replicaCheck(node, digest, verdictOf));
  return { verdict, replicas, expected };
}

function replicaCheck(
  node: NodeId,
  digest: Digest | null,
  verdictOf: (digest: Digest) => ReplicaVerdict,
): ReplicaCheck {
  if (digest === null) return { node, rows: null, checksum: null, verdict: 'silent' };
  return { node, rows: digest.rows, checksum: digest.checksum, verdict: verdictOf(digest) };
}
