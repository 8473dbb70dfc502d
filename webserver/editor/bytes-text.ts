// Bytes and texts of the page: base64 in messages, and one line of a value for the list.

import { type Bytes, utf8OrNull } from '../../common/base/bytes.ts';

export function fromBase64(text: string): Bytes {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

export function toBase64(bytes: Bytes): string {
  let binary = '';
  // In parts, because a megabyte of arguments in one call would overflow the stack.
  for (let at = 0; at < bytes.length; at += 8192)
    binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(binary);
}

/** One line for a table: text with visible line breaks, or hex. @param cut whether `bytes` are only the start of the value */
export function preview(bytes: Bytes, cut: boolean): string {
  // The cut may have split a character. Leave that character out, so that the rest is shown as text.
  const complete = cut ? withoutPartialEnd(bytes) : bytes;
  const text = utf8OrNull(complete);
  const shown =
    text !== null && !hasControls(text)
      ? text.replace(/[\n\r\t]+/g, ' ⏎ ')
      : hexLines(complete).replaceAll('\n', ' ');
  return cut ? `${shown}…` : shown;
}

/** Hex with sixteen bytes in each line. */
export function hexLines(bytes: Bytes): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) lines.push(hexLine(bytes.subarray(at, at + 16)));
  return lines.join('\n');
}

export function hexLine(bytes: Bytes): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** Whether the text has control characters other than tabs and line ends. */
export function hasControls(text: string): boolean {
  return /(?![\n\r\t])\p{Cc}/u.test(text);
}

/** The bytes without the beginning of a UTF-8 character at their end. */
export function withoutPartialEnd(bytes: Bytes): Bytes {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}
