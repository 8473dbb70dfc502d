// The client sessions with which a child begins (docs/replication.md, S8).

import { present } from '../../../common/base/assert.ts';
import { ClientIndex } from './client-index.ts';
import type { DecodedSessions } from './client-sessions.ts';
import type { ClientSession } from './session-record.ts';

/**
 * The union of the tables of all parents. A client that a parent does not know may have been forgotten there, so what that parent
 * has forgotten counts for its floor. The seqs of two parents cannot be compared: the higher one only makes a range forget more.
 * @param tables nobody else uses them afterwards
 */
export function mergedSessions(tables: readonly DecodedSessions[]): DecodedSessions {
  const [only, ...others] = tables;
  if (only !== undefined && others.length === 0) return only;
  const indexes = tables.map(indexOf);
  const merged = new ClientIndex<ClientSession>();
  for (const { sessions } of tables) {
    for (const { clientId } of sessions) {
      if (merged.get(clientId) !== null) continue;
      const known = indexes.flatMap((index) => index.get(clientId) ?? []);
      const floors = indexes.map(
        (index, at) => index.get(clientId)?.floor ?? present(tables[at], 'a table').evictedThrough,
      );
      merged.add(mergedSession(known, Math.max(...floors)));
    }
  }
  return {
    evictedThrough: Math.max(...tables.map(({ evictedThrough }) => evictedThrough)),
    sessions: [...merged.values()],
  };
}

function indexOf({ sessions }: DecodedSessions): ClientIndex<ClientSession> {
  const index = new ClientIndex<ClientSession>();
  for (const session of sessions) index.add(session);
  return index;
}

/** All answers at or above the highest doneBelow: a client never asks for the others again. */
function mergedSession(known: readonly ClientSession[], floor: number): ClientSession {
  const { clientId, window } = present(known[0], 'a session');
  for (const { window: other } of known) window.dropBelow(other.doneBelow);
  for (const { window: other } of known.slice(1)) {
    for (const [number, answer] of other.entries())
      if (number >= window.doneBelow) window.set(number, answer);
  }
  return {
    clientId,
    floor,
    window,
    lastSeq: Math.max(...known.map(({ lastSeq }) => lastSeq)),
    changed: false,
  };
}
