// What an import reads, from any source: rows to write, rows that it refuses with a reason, and what it skips by rule. Limits
// of keys and values are checked here, so that refused rows are counted by one short reason each.

import type { Bytes } from '../../common/base/bytes.ts';
import { LIMITS } from '../../common/model/config.ts';

export type Item =
  | { readonly kind: 'row'; readonly key: Bytes; readonly value: Bytes; readonly from: string }
  | { readonly kind: 'refused'; readonly reason: string; readonly from: string }
  | { readonly kind: 'skipped'; readonly what: string };

export const VALUE_TOO_LONG = `value over ${LIMITS.valueBytesMax} bytes`;
export const KEY_TOO_LONG = `key over ${LIMITS.keyBytesMax} bytes`;
export const KEY_EMPTY = 'empty key';

/** A row, or its refusal. @param from where the row was found: a line or a path */
export function rowItem(key: Bytes, value: Bytes, from: string): Item {
  if (key.length === 0) return { kind: 'refused', reason: KEY_EMPTY, from };
  if (key.length > LIMITS.keyBytesMax) return { kind: 'refused', reason: KEY_TOO_LONG, from };
  if (value.length > LIMITS.valueBytesMax) return { kind: 'refused', reason: VALUE_TOO_LONG, from };
  return { kind: 'row', key, value, from };
}
