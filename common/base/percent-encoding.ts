// Percent-encoding of bytes: the form that keys have in URLs, for every route, every method and the page. `%NN` is one byte, so any
// key can be written, whether it is UTF-8 or not. Every other character is the byte of that character. Nothing else is an escape: a
// backslash is a backslash. Nothing here needs Node.

import { type Bytes, toBytes } from './bytes.ts';

/** The characters that are written as themselves (RFC 3986: unreserved). */
const UNRESERVED = /[A-Za-z0-9._~-]/;

/** Text that is safe as a value in a query and as a segment of a path. A string is encoded as UTF-8. */
export function percentEncode(value: string | Bytes): string {
  let text = '';
  for (const byte of toBytes(value)) {
    const character = String.fromCharCode(byte);
    text += UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}

/** The inverse of {@link percentEncode}. Throws RangeError for a `%` without two hexadecimal digits, and for text that is not ASCII. */
export function percentDecode(text: string): Bytes {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) throw new RangeError('a character that is not ASCII must be percent-encoded (%NN)');
    if (code !== PERCENT) {
      bytes[length++] = code;
      continue;
    }
    const digits = text.slice(at + 1, at + 3);
    if (!/^[0-9A-Fa-f]{2}$/.test(digits))
      throw new RangeError(`bad percent-encoding at %${digits} (write %NN, and %25 for a percent sign)`);
    bytes[length++] = Number.parseInt(digits, 16);
    at += 2;
  }
  return bytes.slice(0, length);
}

const PERCENT = 0x25;
