// What a misspelt word was probably meant to be, for messages such as "did you mean ifRevision?".

/** A longer word is not compared: its distance takes too long, and is too large. */
const LENGTH_MAX = 40;

/** The word with the fewest typing mistakes between it and `word`, in any case; null: none is near. */
export function nearestWord(word: string, words: Iterable<string>): string | null {
  if (word.length > LENGTH_MAX) return null;
  let nearest: string | null = null;
  let least = 1 + Math.max(1, Math.floor(word.length / 3));
  for (const candidate of words) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance >= least) continue;
    nearest = candidate;
    least = distance;
  }
  return nearest;
}

/** How many characters must be added, left out or changed (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, length) => length);
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++) {
      const changed = (row[j] as number) + (from[i] === to[j] ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] as number) + 1, (next[j] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
