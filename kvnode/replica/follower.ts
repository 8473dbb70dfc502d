// R3, the receiving side: what a replica does with an Append. A late, repeated or reordered Append never shortens the log and
// never changes an entry that it has already taken from the same epoch.

import { assert } from '../../common/base/assert.ts';
import { origin, type Position } from '../../common/model/ids.ts';
import type { LogEntry } from '../storage/storage.ts';
import type { LogState } from './log-state.ts';
import type { AppendMessage, Rejection } from './replica-messages.ts';

/** Null: accepted. Then the log holds prev and the entries, and commitSeq has advanced as far as the log is verified. */
export function receiveAppend(state: LogState, append: AppendMessage): Rejection | null {
  assert(append.epoch === state.epochSeen, 'an Append is received under its own epoch');
  const { index } = state;
  const { prev, entries } = append;
  if (prev.seq >= index.base.seq && !index.has(prev)) {
    return { prevSeq: prev.seq, newest: index.newestAtOrBefore(prev) };
  }
  const end = prev.seq + entries.length;
  if (prev.seq < index.base.seq && end < index.base.seq) return null;
  const fresh = skipPresent(state, entries);
  if (fresh.length > 0) state.append(fresh);
  state.verify(end);
  state.commit(Math.min(append.commitSeq, state.verifiedSeq));
  return null;
}

/** The answer of a void replica. Its log is empty, so the owner sends it a snapshot. */
export function rejectVoid(append: AppendMessage): Rejection {
  return { prevSeq: append.prev.seq, newest: origin };
}

/** Returns the entries that are not in the log yet. Truncates the log where an epoch differs, and only there. */
function skipPresent(state: LogState, entries: readonly LogEntry[]): readonly LogEntry[] {
  const { index } = state;
  let present = 0;
  for (const entry of entries) {
    if (entry.seq > index.lastSeq) break;
    if (entry.seq <= index.base.seq || index.epochAt(entry.seq) === entry.epoch) {
      present++;
      continue;
    }
    state.truncate(entry.seq - 1);
    break;
  }
  return present === 0 ? entries : entries.slice(present);
}

/** R3: whether a snapshot at `position` would add something. Otherwise it is only acknowledged. */
export function wantsSnapshot(state: LogState, position: Position): boolean {
  return position.seq > state.commitSeq && !state.index.has(position);
}
