// Byte strings: order, text forms. Keys are ordered by unsigned bytes; on screens and in znodes a byte string
// is written as UTF-8 text with `\xNN` for what is not printable text, and `\\` for a backslash. The page uses
// this file too, so nothing here may need Node.

export type Bytes = Uint8Array;

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const emptyBytes: Bytes = new Uint8Array(0);

/** Most keys are short and ASCII. Up to this length, encoding them here costs less than TextEncoder. */
const SHORT_LENGTH = 64;

/**
 * The UTF-8 bytes of a string. Bytes are returned as they are. Throws RangeError if the string is not well-formed Unicode, rather
 * than change it.
 */
export function toBytes(value: string | Bytes): Bytes {
  if (typeof value !== 'string') return value;
  return (value.length <= SHORT_LENGTH ? asciiBytes(value) : null) ?? encoder.encode(wellFormed(value));
}

/**
 * The string itself. Throws RangeError if it has half of a surrogate pair: that has no UTF-8 form, and every encoder silently writes
 * U+FFFD for it.
 */
export function wellFormed(text: string): string {
  if (text.isWellFormed()) return text;
  const at = text.search(/\p{Surrogate}/u);
  throw new RangeError(`not well-formed Unicode: half of a surrogate pair at index ${at}`);
}

/** Null if not every character is ASCII. */
function asciiBytes(text: string): Bytes | null {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return null;
    bytes[i] = code;
  }
  return bytes;
}

/** The byte at an index. Throws RangeError if there is none. */
export function byteAt(bytes: Bytes, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new RangeError(`no byte at ${at} of ${bytes.length}`);
  return byte;
}

/** Unsigned lexicographic order: negative, zero or positive. */
export function compareBytes(a: Bytes, b: Bytes): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** A view that is kept may keep this many bytes of memory alive: as many as one read of a socket gives. */
const PINNED_BYTES_MAX = 64 * 1024;

/** The view itself, or a copy of it if the view would keep much more memory alive than it has. */
export function keepable(view: Bytes): Bytes {
  const { byteLength } = view.buffer;
  return byteLength <= PINNED_BYTES_MAX || view.length * 2 >= byteLength ? view : new Uint8Array(view);
}

/** The smallest byte string greater than `key`: `key` followed by a zero byte. */
export function keyAfter(key: Bytes): Bytes {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** The smallest byte string greater than every string with this prefix; null if there is none (all 0xff). */
export function prefixEnd(prefix: Bytes): Bytes | null {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return null;
  // Not `slice`: that of a Buffer is a view, and the caller's bytes would change.
  const end = new Uint8Array(length);
  end.set(prefix.subarray(0, length));
  end[length - 1] = byteAt(prefix, length - 1) + 1;
  return end;
}

export function toHex(bytes: Bytes): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** The inverse of {@link toHex}. Throws RangeError for other text. */
export function fromHex(text: string): Bytes {
  if (text.length % 2 !== 0 || /[^0-9a-fA-F]/.test(text)) throw new RangeError(`not hexadecimal: ${text}`);
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

/** The UTF-8 text of `bytes`, or null if they are not valid UTF-8. */
export function utf8OrNull(bytes: Bytes): string | null {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return null;
  }
}

/** The bytes without a character at their end that was cut in two. */
export function withoutCutCharacter(bytes: Bytes): Bytes {
  const end = bytes.length;
  for (let at = end - 1; at >= 0 && at > end - CHARACTER_BYTES_MAX; at--) {
    const byte = byteAt(bytes, at);
    if (isContinuation(byte)) continue;
    return sequenceLength(byte) > end - at ? bytes.subarray(0, at) : bytes;
  }
  return bytes;
}

const CHARACTER_BYTES_MAX = 4;
const BACKSLASH = 0x5c;

/** One-line text of a byte string; {@link parseBytes} reads it back exactly. */
export function formatBytes(bytes: Bytes): string {
  let text = '';
  for (let i = 0; i < bytes.length; ) {
    const byte = byteAt(bytes, i);
    if (byte >= 0x20 && byte < 0x7f) {
      text += byte === BACKSLASH ? '\\\\' : String.fromCharCode(byte);
      i++;
      continue;
    }
    const character = characterAt(bytes, i);
    if (character === null || !isPrintable(character)) {
      text += `\\x${byte.toString(16).padStart(2, '0')}`;
      i++;
    } else {
      text += character;
      i += sequenceLength(byte);
    }
  }
  return text;
}

/**
 * Reads the text form: `\xNN`, `\\`, `\n`, `\t`, `\r`, anything else as UTF-8. Throws RangeError on a bad escape, and if the text is
 * not well-formed Unicode.
 */
export function parseBytes(text: string): Bytes {
  wellFormed(text);
  // A UTF-16 unit has three bytes of UTF-8 at most.
  const bytes = new Uint8Array(text.length * 3);
  let length = 0;
  let from = 0;
  const addText = (end: number): void => {
    if (end > from) length += encoder.encodeInto(text.slice(from, end), bytes.subarray(length)).written;
  };
  for (let at = text.indexOf('\\'); at >= 0; at = text.indexOf('\\', from)) {
    addText(at);
    const found = escapeAt(text, at);
    bytes[length++] = found.byte;
    from = at + found.length;
  }
  addText(text.length);
  return bytes.slice(0, length);
}

/** The escape that begins at this backslash. */
function escapeAt(text: string, at: number): { readonly byte: number; readonly length: number } {
  const kind = text[at + 1] ?? '';
  const hex = text.slice(at + 2, at + 4);
  if (kind === 'x' && /^[0-9a-fA-F]{2}$/.test(hex)) return { byte: Number.parseInt(hex, 16), length: 4 };
  const byte = SIMPLE_ESCAPES[kind];
  if (byte === undefined)
    throw new RangeError(`bad escape at ${at} in ${JSON.stringify(text)} (use \\xNN or \\\\)`);
  return { byte, length: 2 };
}

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = { '\\': BACKSLASH, n: 0x0a, r: 0x0d, t: 0x09 };

/** Null: no UTF-8 character begins here. */
function characterAt(bytes: Bytes, at: number): string | null {
  const length = sequenceLength(byteAt(bytes, at));
  if (length === 1) return String.fromCharCode(byteAt(bytes, at));
  // Most of what is not UTF-8 is told here: an exception of the decoder would cost far more.
  const last = length === 0 ? undefined : bytes[at + length - 1];
  return last !== undefined && isContinuation(last) ? utf8OrNull(bytes.subarray(at, at + length)) : null;
}

/** Whether the byte is one after the first of a character. */
function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** How many bytes a character has that begins with this one; 0: none does. */
function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

/**
 * False for control, format, surrogate, unassigned and line-breaking characters, which would spoil or disguise a line of output.
 */
function isPrintable(character: string): boolean {
  return !/[\p{C}\p{Zl}\p{Zp}]/u.test(character);
}
