// What no owner can say if R1 to R12 held everywhere: that an entry which is committed here is not in its log, or is
// another one. It does say so where a disk or ZooKeeper lost what it had promised (R12): a log that was emptied, a
// directory that went back to a copy, an epoch that was given twice. The healthy side must survive that.
//
// A replica that hears such a claim refuses it, reports it, and is fenced: it acknowledges and applies nothing more under
// that epoch, so an owner that needs its acknowledgement commits nothing with it. It truncates nothing. What the owner
// does then is in ownership.ts (`#contradicted`).

import type { Position, Seq } from '../../common/model/ids.ts';
import type { LogState } from './log-state.ts';
import type { Append } from './replica-messages.ts';

/** `seq`: where the claim and the log part. */
export interface ImpossibleClaim {
  readonly seq: Seq;
  readonly text: string;
}

/** Null: an owner may say so. */
export function impossibleAppend(state: LogState, { epoch, prev, entries }: Append): ImpossibleClaim | null {
  if (contradicts(state, prev)) return contradiction(state, prev);
  let before = prev;
  for (const { epoch: entryEpoch, seq } of entries) {
    const entry = { epoch: entryEpoch, seq };
    if (seq !== before.seq + 1 || entryEpoch < before.epoch || entryEpoch > epoch) {
      return { seq: before.seq + 1, text: `${at(entry)} cannot follow ${at(before)} in epoch ${epoch}` };
    }
    if (contradicts(state, entry)) return contradiction(state, entry);
    before = entry;
  }
  return null;
}

/** A snapshot may be newer than this log, but not of a log in which what is committed here is missing. */
export function impossibleSnapshot(state: LogState, position: Position): ImpossibleClaim | null {
  if (contradicts(state, position)) return contradiction(state, position);
  const committed = committedPosition(state);
  if (position.seq <= committed.seq || position.epoch >= committed.epoch) return null;
  return {
    seq: committed.seq,
    text: `${at(position)} comes after ${at(committed)}, which is committed here`,
  };
}

/** What was compacted away can no longer be compared. */
function contradicts({ index, commitSeq }: LogState, position: Position): boolean {
  return position.seq <= commitSeq && position.seq >= index.base.seq && !index.has(position);
}

function contradiction(state: LogState, claimed: Position): ImpossibleClaim {
  const held = { epoch: state.index.epochAt(claimed.seq) ?? 0, seq: claimed.seq };
  return { seq: claimed.seq, text: `${at(held)} is committed here, and it has ${at(claimed)}` };
}

function committedPosition({ index, commitSeq }: LogState): Position {
  return { epoch: index.epochAt(commitSeq) ?? index.base.epoch, seq: commitSeq };
}

function at({ epoch, seq }: Position): string {
  return `entry ${epoch}/${seq}`;
}
