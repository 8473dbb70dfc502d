// Converts values between their forms: base64 in messages, bytes in memory, text or hex on the screen.

import { type Bytes, fromHex, toBytes, utf8OrNull } from '../../../common/base/bytes.ts';

export type Form = 'text' | 'hex';

export function fromBase64(text: string): Bytes {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

export function toBase64(bytes: Bytes): string {
  let binary = '';
  // In parts, because a megabyte of arguments in one call would overflow the stack.
  for (let at = 0; at < bytes.length; at += 8192)
    binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(binary);
}

/** `text` if the bytes are text without control characters, else `hex`. */
export function bestForm(bytes: Bytes): Form {
  const text = utf8OrNull(bytes);
  return text !== null && !hasControls(text) ? 'text' : 'hex';
}

/** The bytes as text or hex; null: they are not UTF-8 text. */
export function show(bytes: Bytes, form: Form): string | null {
  return form === 'text' ? utf8OrNull(bytes) : hexLines(bytes);
}

/** The bytes of a text or hex form. Throws RangeError if the text is not hexadecimal, or has half of a surrogate pair. */
export function read(text: string, form: Form): Bytes {
  return form === 'text' ? toBytes(text) : fromHex(text.replace(/\s+/g, ''));
}

/** One line for a table: text with visible line breaks, or hex. @param cut whether `bytes` are only the start of the value */
export function preview(bytes: Bytes, cut: boolean): string {
  // The cut may have split a character. Leave that character out, so that the rest is shown as text.
  const complete = cut ? withoutPartialEnd(bytes) : bytes;
  const text = utf8OrNull(complete);
  const shown =
    text !== null && !/[\p{Cc}]/u.test(text.replace(/[\n\r\t]/g, ''))
      ? text.replace(/[\n\r\t]+/g, ' ⏎ ')
      : hexLines(complete).replaceAll('\n', ' ');
  return cut ? `${shown}…` : shown;
}

/** Hex with sixteen bytes in each line. */
function hexLines(bytes: Bytes): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const line = Array.from(bytes.subarray(at, at + 16), (byte) => byte.toString(16).padStart(2, '0'));
    lines.push(line.join(' '));
  }
  return lines.join('\n');
}

function hasControls(text: string): boolean {
  return /[\p{Cc}]/u.test(text.replace(/[\n\r\t]/g, ''));
}

function withoutPartialEnd(bytes: Bytes): Bytes {
  let end = bytes.length;
  while (end > 0 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end--;
  return (bytes[end - 1] ?? 0) >= 0xc0 ? bytes.subarray(0, end - 1) : bytes;
}
