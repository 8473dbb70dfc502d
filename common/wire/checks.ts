// What decoders ask of what comes in. They throw RangeError; whoever runs a decoder turns whatever it throws into MALFORMED.

import type { Bytes } from '../base/bytes.ts';
import { RangekeeperError } from '../base/errors.ts';
import { LIMITS } from '../model/config.ts';

/** What a decoder threw, its own errors and those of protobufjs, as the rest of the code sees it. */
export function malformed(error: unknown): RangekeeperError {
  const fault = error instanceof Error ? error.message : error;
  return new RangekeeperError('MALFORMED', `malformed message: ${fault}`);
}

/** Throws, for use inside a decoder. */
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

/** Bounds may be one byte longer than a key: "just after this key". */
export function checkBound(bound: Bytes): Bytes {
  check(bound.length <= LIMITS.keyBytesMax + 1, 'bound too long');
  return bound;
}
