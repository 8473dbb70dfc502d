// R9: makes a replica from a descriptor. This is the only way to make one, apart from a step (S6). Its inc is above that of the
// tombstone, if there is one.

import type { Descriptor } from '../../common/model/descriptor.ts';
import { type Inc, origin, type RangeId } from '../../common/model/ids.ts';
import type { RecoveredReplica, Storage } from '../storage/storage.ts';

export type NewReplica =
  /** As a start would find it on the disk. */
  | { readonly kind: 'made'; readonly replica: RecoveredReplica }
  /** `overlaps`: the range on this node that is in the way (S7), or null. */
  | { readonly kind: 'refused'; readonly text: string; readonly overlaps: RangeId | null };

/** An empty replica. It is void if the range began with data of its parents, so that nobody takes it for an empty range. */
export function newReplica(
  { id, namespace, namespaceId, start, end, base }: Descriptor,
  inc: Inc,
  storage: Pick<Storage, 'tombstones' | 'overlapping'>,
): NewReplica {
  const tombstone = storage.tombstones.get(id);
  if (tombstone !== undefined && inc <= tombstone.inc) {
    const past = `replica ${tombstone.inc} of that range was here before`;
    const text = `replica ${inc} is not made: ${past}, so the descriptor is old, or belongs to another range`;
    return { kind: 'refused', text, overlaps: null };
  }
  const meta = { range: id, inc, namespace, namespaceId, start, end };
  const overlaps = storage.overlapping(meta);
  if (overlaps !== null) {
    const text = `it is not made: its keys overlap those of range ${overlaps} on this node`;
    return { kind: 'refused', text, overlaps };
  }
  const replica: RecoveredReplica = {
    ...meta,
    epochSeen: tombstone?.epochSeen ?? 0,
    base: origin,
    lastSeq: origin.seq,
    applied: origin,
    committed: origin.seq,
    void: base.seq > origin.seq,
  };
  return { kind: 'made', replica };
}
