// R9: makes a replica from a descriptor. This is the only way to make one. Its inc is above that of the tombstone, if
// there is one.

import type { Descriptor } from '../../common/model/descriptor.ts';
import { type Inc, origin } from '../../common/model/ids.ts';
import type { RecoveredReplica, Storage } from '../storage/storage.ts';

/** An empty replica, as a start would find it on the disk. A string says why none is made. */
export function newReplica(
  descriptor: Descriptor,
  inc: Inc,
  storage: Pick<Storage, 'tombstones' | 'overlapping'>,
): RecoveredReplica | string {
  const { id, namespace, namespaceId, start, end, base } = descriptor;
  const tombstone = storage.tombstones.get(id);
  if (tombstone !== undefined && inc <= tombstone.inc) {
    const past = `replica ${tombstone.inc} of that range was here before`;
    return `replica ${inc} is not made: ${past}, so the descriptor is old, or belongs to another range`;
  }
  if (base.seq !== origin.seq)
    return 'it is not made: its log begins with a split, which this version does not support';
  const other = storage.overlapping({ range: id, inc, namespace, namespaceId, start, end });
  if (other !== null) return `it is not made: its keys overlap those of range ${other} on this node`;
  return {
    range: id,
    inc,
    namespace,
    namespaceId,
    start,
    end,
    epochSeen: tombstone?.epochSeen ?? 0,
    base,
    lastSeq: base.seq,
    applied: base,
    committed: base.seq,
    void: false,
  };
}
