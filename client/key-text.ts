// A key in an error's message.

import { type Bytes, formatBytes } from '../common/base/bytes.ts';

/** Of a longer key only the beginning is shown. */
const SHOWN_BYTES = 80;

/** One line, in the form of `formatBytes`. */
export function keyText(key: Bytes): string {
  return key.length <= SHOWN_BYTES ? formatBytes(key) : `${formatBytes(key.subarray(0, SHOWN_BYTES))}…`;
}
