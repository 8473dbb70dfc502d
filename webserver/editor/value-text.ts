// A value as text that a text field can hold, and back. What is shown and not touched gives exactly the same bytes again. A text field
// makes every line end `\n`, so the line end of a text is kept beside it, and a text that mixes line ends is shown escaped.

import {
  type Bytes,
  formatBytes,
  fromHex,
  parseBytes,
  toBytes,
  utf8OrNull,
} from '../../common/base/bytes.ts';
import { hasControls, hexLines, withoutPartialEnd } from './bytes-text.ts';

/**
 * `text`: as it is. `escaped`: lines in the text form of formatBytes, which is exact for any bytes. `hex`: two digits for each byte.
 */
export type Form = 'text' | 'escaped' | 'hex';
export const FORMS: readonly Form[] = ['text', 'escaped', 'hex'];

export type LineEnd = '\n' | '\r\n' | '\r';

export interface ValueText {
  readonly form: Form;
  /** Its lines end with `\n`. */
  readonly text: string;
  /** The line end of the bytes; matters to the form `text` only. */
  readonly lineEnd: LineEnd;
}

/** The form that is easiest to read. */
export function bestForm(bytes: Bytes): Form {
  const text = utf8OrNull(bytes);
  if (text === null) return 'hex';
  return textRefusal(text) === null ? 'text' : 'escaped';
}

/** Why bytes cannot be shown in a form, in a sentence; null: they can. */
export function refusalOf(bytes: Bytes, form: Form): string | null {
  if (form !== 'text') return null;
  const text = utf8OrNull(bytes);
  return text === null ? 'These bytes are not UTF-8 text.' : textRefusal(text);
}

/** The bytes in a form that {@link refusalOf} does not refuse. */
export function show(bytes: Bytes, form: Form): ValueText {
  switch (form) {
    case 'text': {
      const text = utf8OrNull(bytes) ?? '';
      const lineEnd = lineEndsOf(text)[0] ?? '\n';
      return { form, text: text.replaceAll(lineEnd, '\n'), lineEnd };
    }
    case 'escaped':
      return { form, text: escapedText(bytes), lineEnd: '\n' };
    case 'hex':
      return { form, text: hexLines(bytes), lineEnd: '\n' };
  }
}

/** The inverse of {@link show}. Throws RangeError with a sentence if the text does not have its form. */
export function read({ form, text, lineEnd }: ValueText): Bytes {
  // TextEncoder would replace half of a surrogate pair by another character.
  if (/\p{Surrogate}/u.test(text)) throw new RangeError('half of a surrogate pair is not text');
  switch (form) {
    case 'text':
      return toBytes(lineEnd === '\n' ? text : text.replaceAll('\n', lineEnd));
    case 'escaped':
      return readEscaped(text);
    case 'hex':
      return readHex(text);
  }
}

/** The first bytes of a value, at most `max`. It splits no character, and no line end. */
export function headOf(bytes: Bytes, max: number): Bytes {
  if (bytes.length <= max) return bytes;
  const head = withoutPartialEnd(bytes.subarray(0, max));
  return head.at(-1) === 0x0d ? head.subarray(0, -1) : head;
}

/** The bytes of typed hexadecimal digits. Throws RangeError with a sentence. */
export function readHex(text: string): Bytes {
  const digits = text.replace(/\s+/g, '');
  if (/[^0-9a-fA-F]/.test(digits)) throw new RangeError('not hexadecimal');
  if (digits.length % 2 !== 0) throw new RangeError('not hexadecimal: a digit is missing');
  return fromHex(digits);
}

function readEscaped(text: string): Bytes {
  try {
    return parseBytes(text);
  } catch {
    throw new RangeError('a bad escape: write \\xNN, and \\\\ for a backslash');
  }
}

/** Why a text field could not hold this text as it is; null: it can. */
function textRefusal(text: string): string | null {
  if (hasControls(text)) return 'This text has control characters: they are shown escaped.';
  if (lineEndsOf(text).length > 1) return 'This text mixes line ends: they are shown escaped.';
  return null;
}

/** The kinds of line ends in the text. */
function lineEndsOf(text: string): readonly LineEnd[] {
  const found = new Set<LineEnd>();
  if (/\r\n/.test(text)) found.add('\r\n');
  if (/(?<!\r)\n/.test(text)) found.add('\n');
  if (/\r(?!\n)/.test(text)) found.add('\r');
  return [...found];
}

function escapedText(bytes: Bytes): string {
  const text = utf8OrNull(bytes);
  if (text === null) return linesOf(bytes).map(formatBytes).join('\n');
  return text.replace(/(?!\n)[\p{C}\p{Zl}\p{Zp}\\]/gu, (character) => formatBytes(toBytes(character)));
}

function linesOf(bytes: Bytes): readonly Bytes[] {
  const lines: Bytes[] = [];
  let start = 0;
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return [...lines, bytes.subarray(start)];
}
