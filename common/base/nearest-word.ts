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

/** How many characters must be added, left out, changed, or exchanged with the next one. */
function editDistance(from: string, to: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: to.length + 1 }, (_, length) => length);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = at(row, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const exchanged =
        i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
          ? at(before, j - 2) + 1
          : Number.POSITIVE_INFINITY;
      next.push(Math.min(changed, exchanged, at(row, j) + 1, at(next, j - 1) + 1));
    }
    before = row;
    row = next;
  }
  return at(row, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
