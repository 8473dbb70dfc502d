// What somebody probably meant who typed a word that does not exist: "did you mean ...?". The one importer of leven.

import { closestMatch } from 'leven';

/** The candidate that is nearest to `typed`, in any case; null: none is near. `candidates` are in lower case. */
export function nearest(typed: string, candidates: readonly string[]): string | null {
  return closestMatch(typed.toLowerCase(), candidates, { maxDistance: editsMax(typed.length) }) ?? null;
}

/** How many letters may be wrong in a word of this length. Two letters that changed places count as two. */
function editsMax(length: number): number {
  if (length < 3) return 1;
  return length < 8 ? 2 : 3;
}
