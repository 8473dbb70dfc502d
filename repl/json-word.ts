// Finds the JSON objects and arrays that are typed as words. Such a word is taken exactly as it is typed: its quotes, blanks and
// newlines belong to the value. Keys such as `{user}/name`, `[a` or `[1]x` are not JSON, and stay plain words.

/**
 * `end` is exclusive. `open`: the text ends inside the object or array. `broken`: it looks like JSON and is not, and it is not a plain
 * word either. `none`: none begins here.
 */
export type JsonWord =
  | { readonly kind: 'complete'; readonly end: number }
  | { readonly kind: 'broken'; readonly end: number }
  | { readonly kind: 'open' }
  | { readonly kind: 'none' };

/** How an object or an array begins: the bracket, then what JSON allows after it, or the end of the text. */
const BEGINNING = /\{\s*(?:["}]|$)|\[\s*(?:["{[\]\d-]|true|false|null|$)/y;

export function jsonWordAt(text: string, from: number): JsonWord {
  BEGINNING.lastIndex = from;
  if (!BEGINNING.test(text)) return { kind: 'none' };
  const end = balancedEnd(text, from);
  if (end === null) return { kind: 'open' };
  const json = text.slice(from, end);
  const isWholeWord = end === text.length || /[\s;]/.test(text.charAt(end));
  if (isWholeWord && isJson(json)) return { kind: 'complete', end };
  return /[\s;"']/.test(json) ? { kind: 'broken', end } : { kind: 'none' };
}

/** Where the bracket at `from` is closed (exclusive); null: nowhere. */
function balancedEnd(text: string, from: number): number | null {
  let depth = 0;
  let inString = false;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') depth++;
    else if ((character === '}' || character === ']') && --depth === 0) return at + 1;
  }
  return null;
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
