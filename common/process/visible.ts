// Makes control characters visible. Keys, names, reasons and errors come from outside, and a terminal obeys what they hold: escape
// sequences (also those that begin with U+009B), and characters that reverse or hide text. Everything that a process shows to people
// passes through here.

/** Control, format, surrogate, unassigned and line-breaking characters. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;
const UNSAFE_IN_LINES = /(?![\n\t]|\r\n)[\p{C}\p{Zl}\p{Zp}]/gu;

/** Writes each unsafe character as `\uXXXX`, except line ends and tabs. A JSON text stays the same JSON. */
export function visible(text: string): string {
  return text.replace(UNSAFE_IN_LINES, escaped);
}

/** As {@link visible}, with line ends and tabs escaped, too: a cell or a name stays on its line. */
export function visibleLine(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** Half of a surrogate pair. */
const HALF = /\p{Cs}/gu;

/** Writes each half of a surrogate pair as `\uXXXX`, so that the text has a UTF-8 form. */
export function encodable(text: string): string {
  return text.isWellFormed() ? text : text.replace(HALF, escaped);
}

function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('');
}
