// What an import reads, whatever it reads from: rows to write, what it cannot take (and why), what it leaves out by
// rule. The limits of keys and values are checked here, so that each refusal is counted under one short reason.

import type { Bytes } from '../../common/base/bytes.ts';
import { LIMITS } from '../../common/model/config.ts';

export type Item =
  | { readonly kind: 'row'; readonly key: Bytes; readonly value: Bytes; readonly from: string }
  | { readonly kind: 'refused'; readonly reason: string; readonly from: string }
  | { readonly kind: 'skipped'; readonly what: string };

export const VALUE_TOO_LONG = `value over ${LIMITS.valueBytesMax} bytes`;
export const KEY_TOO_LONG = `key over ${LIMITS.keyBytesMax} bytes`;
export const KEY_EMPTY = 'empty key';

/** `from` says where it was found: a line, a path. */
export function rowItem(key: Bytes, value: Bytes, from: string): Item {
  if (key.length === 0) return { kind: 'refused', reason: KEY_EMPTY, from };
  if (key.length > LIMITS.keyBytesMax) return { kind: 'refused', reason: KEY_TOO_LONG, from };
  if (value.length > LIMITS.valueBytesMax) return { kind: 'refused', reason: VALUE_TOO_LONG, from };
  return { kind: 'row', key, value, from };
}
