// What a replica reports about itself to people. Nothing here decides anything.

import type { Epoch, Inc, RangeId, Seq } from '../../common/model/ids.ts';
import type { FollowerStatus, ReplicaRole, ReplicaStatus } from '../../common/model/status.ts';
import type { LogState } from './log-state.ts';
import type { Ownership } from './ownership.ts';

export interface ReplicaFacts {
  readonly range: RangeId;
  readonly inc: Inc;
  readonly isVoid: boolean;
  /** According to the newest image. */
  readonly isInSync: boolean;
  readonly descriptorEpoch: Epoch | null;
  readonly state: LogState;
  readonly appliedSeq: Seq;
  /** Null: the replica is not the owner. */
  readonly ownership: Ownership | null;
  /** Upper bound of how old the state of a follower is, ms; null if it is unknown. */
  readonly staleMs: number | null;
  readonly conflict: string | null;
  /** Converts an instant of Env.now() to Unix time, ms. */
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
    conflict: ownership?.conflict?.text ?? facts.conflict,
  };
}

/** It names the command that helps, because people see this text as it is. */
const RESTORED =
  'ZooKeeper was restored to an older state; raise-epochs in the REPL has the range begin again';

/**
 * Why a descriptor cannot follow what the replica has seen; null if it can. Epochs only rise and have one owner each. So ZooKeeper
 * was restored to an older state, or its server lags.
 * @param isNamedOwner the descriptor names the replica as the owner, and it does not own
 */
export function epochMismatch(
  descriptorEpoch: Epoch | null,
  epochSeen: Epoch,
  isNamedOwner: boolean,
): string | null {
  if (descriptorEpoch === null || descriptorEpoch > epochSeen) return null;
  if (descriptorEpoch === epochSeen) {
    if (!isNamedOwner) return null;
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
