// What a replica tells people of itself. Nothing here decides anything.

import type { Epoch, Inc, RangeId, Seq } from '../../common/model/ids.ts';
import type { FollowerStatus, ReplicaRole, ReplicaStatus } from '../../common/model/status.ts';
import type { LogState } from './log-state.ts';
import type { Ownership } from './ownership.ts';

export interface ReplicaFacts {
  readonly range: RangeId;
  readonly inc: Inc;
  readonly isVoid: boolean;
  /** By the newest image. */
  readonly isInSync: boolean;
  readonly descriptorEpoch: Epoch | null;
  readonly state: LogState;
  readonly appliedSeq: Seq;
  /** Null: it is no owner. */
  readonly ownership: Ownership | null;
  /** Of a replica that is no owner. */
  readonly staleMs: number | null;
  readonly conflict: string | null;
  /** Turns an instant of the monotonic clock into Unix ms. */
  readonly toUnixMs: (at: number) => number;
}

export function statusOf(facts: ReplicaFacts): ReplicaStatus {
  const { range, inc, descriptorEpoch, state, appliedSeq, ownership, toUnixMs } = facts;
  const readOnlySince = ownership?.readOnlySince ?? null;
  return {
    range,
    inc,
    role: roleOf(facts),
    epochSeen: state.epochSeen,
    descriptorEpoch,
    lastEpoch: state.index.last.epoch,
    lastSeq: state.index.lastSeq,
    syncedSeq: state.syncedSeq,
    commitSeq: state.commitSeq,
    appliedSeq,
    readOnlySince: readOnlySince === null ? null : toUnixMs(readOnlySince),
    followers: ownership === null ? [] : followersOf(ownership, state.index.lastSeq),
    staleMs: ownership === null ? facts.staleMs : null,
    conflict: ownership?.contested?.text ?? facts.conflict,
  };
}

/** With the command that helps: status, log, timeline and page show it as it is. */
const RESTORED =
  'ZooKeeper was restored to an older state; raise-epochs in the REPL has the range begin again';

/**
 * A descriptor that cannot follow what the replica has seen, in words; null: it can. Epochs only rise and have one owner each,
 * so ZooKeeper was restored to an older state, or the reading lags.
 * @param isNamed the descriptor names the replica as the owner, and it is none
 */
export function misfitOf(descriptorEpoch: Epoch | null, epochSeen: Epoch, isNamed: boolean): string | null {
  if (descriptorEpoch === null || descriptorEpoch > epochSeen) return null;
  if (descriptorEpoch === epochSeen) {
    if (!isNamed) return null;
    return `it cannot own epoch ${epochSeen}, which it has seen before: ${RESTORED}`;
  }
  return `epochSeen ${epochSeen} is above the descriptor's epoch ${descriptorEpoch}: ${RESTORED}`;
}

function roleOf({ ownership, isVoid, isInSync }: ReplicaFacts): ReplicaRole {
  if (ownership !== null) return ownership.started ? 'owner' : 'starting';
  if (isVoid) return 'void';
  return isInSync ? 'follower' : 'learner';
}

function followersOf({ followers }: Ownership, lastSeq: Seq): readonly FollowerStatus[] {
  return [...followers].map(({ node, state, acked }) => ({
    node,
    progress: state,
    ackedSeq: acked,
    lag: lastSeq - acked,
  }));
}
