// What people are told of a check: a line of the log, an event, and the reason why a node gives up its data.

import type { NodeId, RangeId, Seq } from '../../common/model/ids.ts';
import type { RangeCheck, ReplicaCheck } from '../../common/model/range-check.ts';

/** Of a check that has found replicas which differ. */
export function storyOf(check: RangeCheck, nameOf: (node: NodeId) => string): string {
  const { range, seq, verdict, replicas } = check;
  const said = replicas.map((replica) => `${nameOf(replica.node)}: ${digestText(replica)}`).join('; ');
  const damaged = replicas.filter((replica) => replica.verdict === 'damaged');
  const names = damaged.map(({ node }) => nameOf(node)).join(' and ');
  const found =
    verdict === 'damaged'
      ? `${names} differs from the majority and is rebuilt`
      : 'its replicas differ and none has a majority; nothing was changed';
  return `range ${range} at seq ${seq}: ${found} (${said})`;
}

function digestText({ rows, checksum }: ReplicaCheck): string {
  return rows === null ? 'silent' : `${rows} rows, checksum ${checksum}`;
}

export function reasonOf(range: RangeId, seq: Seq): string {
  return `the replica of range ${range} differed from a majority of the others at seq ${seq}`;
}
