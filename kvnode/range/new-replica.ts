// R9: what a replica is made of. It is made from a descriptor only, and never at or below the inc of a tombstone.

import type { Descriptor } from '../../common/model/descriptor.ts';
import { type Inc, origin } from '../../common/model/ids.ts';
import type { RecoveredReplica, Storage } from '../storage/storage.ts';

/** An empty replica as it would be found on disk; a string: why none is made. */
export function newReplica(
  descriptor: Descriptor,
  inc: Inc,
  storage: Pick<Storage, 'tombstones' | 'overlapping'>,
): RecoveredReplica | string {
  const { id, namespace, namespaceId, start, end, base } = descriptor;
  const tombstone = storage.tombstones.get(id);
  if (tombstone !== undefined && inc <= tombstone.inc) {
    const past = `replica ${tombstone.inc} of that range was here before`;
    return `replica ${inc} is not made: ${past}, so the descriptor is older, or of another range`;
  }
  if (base.seq !== origin.seq) return 'its log begins with a split, which this version does not know';
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
