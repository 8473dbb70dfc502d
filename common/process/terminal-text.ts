// Text on a terminal: how wide it is, where it may be cut, and where its lines are broken. The one importer of string-width, which
// knows that Chinese characters and emoji take two columns, and combining marks none.

import stringWidth from 'string-width';
import { visible } from './visible.ts';

/** A stream that may be a terminal, such as process.stdout. */
export interface MaybeTerminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

const COLUMNS_DEFAULT = 80;
const ROWS_DEFAULT = 24;
/** Further lines of a line begin below its second column if that leaves so many columns for them. */
const TEXT_COLUMNS_MIN = 20;

const graphemes = new Intl.Segmenter();

/** The width of the terminal; null: it is none. A terminal that does not know its width says 0 or nothing. */
export function columnsOf(stream: MaybeTerminal): number | null {
  return stream.isTTY === true ? stream.columns || COLUMNS_DEFAULT : null;
}

/** The height of the terminal, in lines. */
export function rowsOf(stream: MaybeTerminal): number {
  return stream.rows || ROWS_DEFAULT;
}

/** How many columns a line of text takes. */
export function textWidth(text: string): number {
  return stringWidth(text);
}

/** The beginning of `text` that fits into `columns`. It ends between characters as people see them. */
export function fitting(text: string, columns: number): string {
  let width = 0;
  for (const { segment, index } of graphemes.segment(text)) {
    width += stringWidth(segment);
    if (width > columns) return text.slice(0, index);
  }
  return text;
}

/** A message for people in the form for this stream: without control characters, and on a terminal broken between words. */
export function messageFor(stream: MaybeTerminal, text: string): string {
  const columns = columnsOf(stream);
  return columns === null ? visible(text) : wrapped(visible(text), columns);
}

/** Breaks lines between words, so that each fits into `columns` unless a word is longer. */
export function wrapped(text: string, columns: number): string {
  return text
    .split('\n')
    .map((line) => (stringWidth(line) <= columns ? line : wrapLine(line, columns)))
    .join('\n');
}

function wrapLine(line: string, columns: number): string {
  const { label, indent } = partsOf(line, columns);
  const lines: string[] = [];
  let current = label;
  let isEmpty = true;
  for (const word of line.slice(label.length).split(/ +/)) {
    const longer = isEmpty ? current + word : `${current} ${word}`;
    if (isEmpty || stringWidth(longer) <= columns) current = longer;
    else {
      lines.push(current);
      current = ' '.repeat(indent) + word;
    }
    isEmpty = false;
  }
  return [...lines, current].join('\n');
}

/** What stays at the head of the line, and how far its further lines are indented. */
function partsOf(line: string, columns: number): { readonly label: string; readonly indent: number } {
  const label = /^ *(?:\S+(?: \S+)* {2,})/.exec(line)?.[0] ?? '';
  const width = stringWidth(label);
  if (label !== '' && columns - width >= TEXT_COLUMNS_MIN) return { label, indent: width };
  const blanks = /^ */.exec(line)?.[0] ?? '';
  return { label: blanks, indent: blanks.length + 2 };
}
