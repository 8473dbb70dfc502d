// Replicas at a start. A replacement whose rows may be missing in the state store is completed first (docs/replication.md, S6): the logs of
// the parents are applied to their ends, and the children begin with their sessions.

import type { ReplicationConfig } from '../../common/model/config.ts';
import type { RangeId } from '../../common/model/ids.ts';
import type { RecoveredReplica, Storage, UnsettledStep } from '../storage/storage.ts';
import type { DecodedSessions } from './dedupe/client-sessions.ts';
import { mergedSessions } from './dedupe/merged-sessions.ts';
import { RangeState } from './range-state.ts';

interface Adopter {
  adopt(recovered: RecoveredReplica, sessions?: DecodedSessions): unknown;
}

/** Adopts all replicas that the start has found. */
export function adoptRecovered(replicas: Adopter, storage: Storage, config: ReplicationConfig): void {
  const begun = new Map<RangeId, DecodedSessions>();
  const steps = storage.unsettled;
  for (const step of steps) {
    const tables = step.parents.map((parent) => sessionsAtEnd(parent, storage, config));
    for (const child of step.children) begun.set(child, mergedSessions(tables.map((state) => state.copy())));
  }
  for (const replica of storage.recovered) replicas.adopt(replica, begun.get(replica.range));
  if (steps.length > 0) {
    storage.settle().catch(() => {
      // The log has reported the failure, and the process stops.
    });
  }
}

function sessionsAtEnd(
  parent: UnsettledStep['parents'][number],
  storage: Storage,
  config: ReplicationConfig,
): RangeState['sessions'] {
  const state = new RangeState({ meta: parent, storage, appliedSeq: parent.applied.seq, config });
  state.applyThrough(parent.final.seq);
  return state.sessions;
}
