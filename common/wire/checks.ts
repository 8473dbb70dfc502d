// Checks that decoders share. They throw RangeError. The caller of a decoder turns every error into MALFORMED.

import type { Bytes } from '../base/bytes.ts';
import { RangekeeperError } from '../base/errors.ts';
import { LIMITS } from '../model/config.ts';

/** The error for the rest of the code, made of whatever a decoder or protobufjs threw. */
export function malformed(error: unknown): RangekeeperError {
  const fault = error instanceof Error ? error.message : error;
  return new RangekeeperError('MALFORMED', `malformed message: ${fault}`);
}

/** Throws RangeError unless `condition` holds. For use inside a decoder. */
export function check(condition: boolean, fault: string): asserts condition {
  if (!condition) throw new RangeError(fault);
}

export function checkKey(key: Bytes): void {
  checkKeyLength(key.length);
}

export function checkKeyLength(length: number): void {
  check(length > 0, 'empty key');
  check(length <= LIMITS.keyBytesMax, 'key too long');
}

export function checkValue(value: Bytes): void {
  checkValueLength(value.length);
}

export function checkValueLength(length: number): void {
  check(length <= LIMITS.valueBytesMax, 'value too long');
}

export function checkFinite(value: number, name: string): void {
  check(Number.isFinite(value), `${name} is not a number`);
}

/** A bound may be one byte longer than a key, because "just after this key" has one more byte. */
export function checkBound(bound: Bytes): Bytes {
  check(bound.length <= LIMITS.keyBytesMax + 1, 'bound too long');
  return bound;
}
