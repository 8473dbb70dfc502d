// The texts that people read about a consistency check: a line of the log, an event, and the reason why a node gives up its data.

import type { NodeId, RangeId, Seq } from '../../common/model/ids.ts';
import type { RangeCheck, ReplicaCheck } from '../../common/model/range-check.ts';

/** Describes a check that found replicas which differ. */
export function describeCheck(check: RangeCheck, nameOf: (node: NodeId) => string): string {
  const { range, seq, verdict, replicas } = check;
  const digests = replicas.map((replica) => `${nameOf(replica.node)}: ${digestText(replica)}`).join('; ');
  const damaged = replicas.filter((replica) => replica.verdict === 'damaged');
  const names = damaged.map(({ node }) => nameOf(node)).join(' and ');
  const finding =
    verdict === 'damaged'
      ? `${names} differs from the majority and is rebuilt`
      : 'its replicas differ and none has a majority; nothing was changed';
  return `range ${range} at seq ${seq}: ${finding} (${digests})`;
}

function digestText({ rows, checksum }: ReplicaCheck): string {
  return rows === null ? 'silent' : `${rows} rows, checksum ${checksum}`;
}

/** Why a node gives up its data after the check of that range at that seq. */
export function damageReason(range: RangeId, seq: Seq): string {
  return `the replica of range ${range} differed from a majority of the others at seq ${seq}`;
}
