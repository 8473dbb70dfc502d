// Claims of an owner that R1 to R12 exclude: that an entry which is committed here is missing in the owner's log, or is another
// one. They happen when a disk or ZooKeeper loses what it promised to keep (R12): a log was emptied, a data directory was
// replaced by an older copy, or an epoch was given twice. The replica with the good data must survive them.
//
// A replica that receives such a claim refuses it, reports it, and is fenced (epoch-fence.ts): it acknowledges and applies nothing
// more under that epoch, so an owner that needs its acknowledgement commits nothing. It truncates nothing. What
// the owner does then is in contradictions.ts. The functions here are pure.

import type { Position, Seq } from '../../common/model/ids.ts';
import type { LogState } from './log-state.ts';
import type { AppendMessage } from './replica-messages.ts';

/** `seq`: the first seq at which the claim and the log differ. */
export interface ImpossibleClaim {
  readonly seq: Seq;
  readonly text: string;
}

/** Null: the Append is possible. */
export function impossibleAppend(
  state: LogState,
  { epoch, prev, entries }: AppendMessage,
): ImpossibleClaim | null {
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

/** Null: the snapshot is possible. It may be newer than this log, but it must include what is committed here. */
export function impossibleSnapshot(state: LogState, position: Position): ImpossibleClaim | null {
  if (contradicts(state, position)) return contradiction(state, position);
  const committed = committedPosition(state);
  if (position.seq <= committed.seq || position.epoch >= committed.epoch) return null;
  return {
    seq: committed.seq,
    text: `${at(position)} comes after ${at(committed)}, which is committed here`,
  };
}

/** Entries before the log's base are gone and cannot be compared. */
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
