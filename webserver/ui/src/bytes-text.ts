// Values between the wire (base64), memory (bytes) and the screen (text or hex).

import { type Bytes, fromHex, utf8OrNull } from '../../../common/base/bytes.ts';

export type Form = 'text' | 'hex';

export function fromBase64(text: string): Bytes {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

export function toBase64(bytes: Bytes): string {
  let binary = '';
  // As arguments of one call, a megabyte of bytes would overflow the stack.
  for (let at = 0; at < bytes.length; at += 8192)
    binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(binary);
}

/** Text where the bytes are readable text without control characters, else hex. */
export function bestForm(bytes: Bytes): Form {
  const text = utf8OrNull(bytes);
  return text !== null && !hasControls(text) ? 'text' : 'hex';
}

/** Null: these bytes have no text. */
export function show(bytes: Bytes, form: Form): string | null {
  return form === 'text' ? utf8OrNull(bytes) : hexLines(bytes);
}

/** Throws RangeError for what is not hexadecimal. */
export function read(text: string, form: Form): Bytes {
  return form === 'text' ? new TextEncoder().encode(text) : fromHex(text.replace(/\s+/g, ''));
}

/** One line for a table: text with its line breaks shown, or the first bytes in hex. */
export function preview(bytes: Bytes, cut: boolean): string {
  // A cut may split a character: what is left of it is no reason to show hex.
  const whole = cut ? withoutPartialEnd(bytes) : bytes;
  const text = utf8OrNull(whole);
  const shown =
    text !== null && !/[\p{Cc}]/u.test(text.replace(/[\n\r\t]/g, ''))
      ? text.replace(/[\n\r\t]+/g, ' ⏎ ')
      : hexLines(whole).replaceAll('\n', ' ');
  return cut ? `${shown}…` : shown;
}

/** Sixteen bytes a line. */
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
