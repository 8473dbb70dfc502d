// R9: what a replica is made of. It is made from a descriptor only, and never at or below the inc of a tombstone.

import type { Descriptor } from '../common/model/descriptor.ts';
import { type Inc, origin } from '../common/model/ids.ts';
import type { RecoveredReplica, Tombstone } from './storage/storage.ts';

/** An empty replica as it would be found on disk; a string: why none is made. */
export function newReplica(
  descriptor: Descriptor,
  inc: Inc,
  tombstone: Tombstone | undefined,
): RecoveredReplica | string {
  const { id, namespace, namespaceId, start, end, base } = descriptor;
  if (tombstone !== undefined && inc <= tombstone.inc) {
    const past = `replica ${tombstone.inc} of that range was here before`;
    return `replica ${inc} is not made: ${past}, so the descriptor is older, or of another range`;
  }
  if (base.seq !== origin.seq) return 'a range that a split made is not made here';
  return {
    range: id,
    inc,
    namespace,
    namespaceId,
    start,
    end,
    epochSeen: tombstone?.epochSeen ?? 0,
    base,
    runs: [],
    lastSeq: base.seq,
    applied: base,
    committed: base.seq,
    void: false,
  };
}
