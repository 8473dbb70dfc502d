// The keys at which the first ranges of a namespace meet.

import { type Bytes, toBytes } from '../base/bytes.ts';

const LETTERS_AND_DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';

/** The `count - 1` keys, in order, that divide keys made of letters and digits into `count` even parts. */
export function evenSplitKeys(count: number): readonly Bytes[] {
  let digits = 1;
  while (36 ** digits < count) digits++;
  const positions = 36 ** digits;
  const keys: Bytes[] = [];
  for (let i = 1; i < count; i++) keys.push(toBytes(keyAt(Math.round((i * positions) / count), digits)));
  return keys;
}

/** The number in base 36, without zeros at its end: `a` divides the keys where `a0` would. */
function keyAt(position: number, digits: number): string {
  let text = '';
  for (let rest = position, i = 0; i < digits; i++, rest = Math.floor(rest / 36)) {
    text = (LETTERS_AND_DIGITS[rest % 36] ?? '') + text;
  }
  return text.replace(/(?<=.)0+$/, '');
}
