// R3, the receiving side: what a replica does with an Append. Nothing here knows what the owner wants; a late, repeated
// or reordered message changes nothing that it should not.

import { assert } from '../../common/base/assert.ts';
import { origin, type Position } from '../../common/model/ids.ts';
import type { LogEntry } from '../storage/storage.ts';
import type { LogState } from './log-state.ts';
import type { Append, Rejection } from './replica-messages.ts';

/** Null: accepted; the log holds prev and the entries, and commitSeq is taken as far as it is verified. */
export function receiveAppend(state: LogState, append: Append): Rejection | null {
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

/** A void replica holds nothing that counts: it asks for a snapshot. */
export function rejectVoid(append: Append): Rejection {
  return { prevSeq: append.prev.seq, newest: origin };
}

/** The entries that are not in the log yet; truncates where an epoch differs, and only there. */
function skipPresent(state: LogState, entries: readonly LogEntry[]): readonly LogEntry[] {
  const { index } = state;
  let at = 0;
  for (; at < entries.length; at++) {
    const entry = entries[at] as LogEntry;
    if (entry.seq > index.lastSeq) break;
    if (entry.seq <= index.base.seq || index.epochAt(entry.seq) === entry.epoch) continue;
    state.truncate(entry.seq - 1);
    break;
  }
  return at === 0 ? entries : entries.slice(at);
}

/** R3: whether a snapshot at `position` would add something; else it is only acknowledged. */
export function wantsSnapshot(state: LogState, position: Position): boolean {
  return position.seq > state.commitSeq && !state.index.has(position);
}
