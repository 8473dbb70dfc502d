// Checks the arguments of calls, and encodes keys and values, before anything is sent. A bad argument throws INVALID_ARGUMENT with
// one line that says what is wrong and what is allowed.

import { isUint8Array } from 'node:util/types';
import { type Bytes, emptyBytes, prefixEnd, toBytes, wellFormed } from '../common/base/bytes.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import type { Logger } from '../common/base/log.ts';
import { LIMITS } from '../common/model/config.ts';
import type { KeyRange } from '../common/model/key-range.ts';
import { READ_MODES, type ReadMode } from '../common/model/read-mode.ts';
import { namespaceNameFault } from '../common/model/requested-namespace.ts';
import { copyOf } from '../common/wire/messages.ts';
import type { CallOptions, Key, ScanOptions } from './api.ts';

/** An argument as a message shows it is cut after so many characters. */
const SHOWN_MAX = 60;

export function invalid(message: string): never {
  throw new RangekeeperError('INVALID_ARGUMENT', message);
}

/** A wrong argument in a message. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, SHOWN_MAX));
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/**
 * Bytes are returned as they are. `isUint8Array` knows those of another realm, too, such as a test's sandbox.
 * @param what names the value in the error, such as `a key`
 */
export function bytesOf(value: Key, what: string, encode: (text: string) => Bytes = toBytes): Bytes {
  if (isUint8Array(value)) return value;
  if (typeof value !== 'string') return invalid(`${what} must be a string or bytes, not ${shown(value)}`);
  try {
    return encode(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return invalid(`${what} is ${error.message}`);
  }
}

/** May be the caller's own bytes. */
export function keyBytes(key: Key): Bytes {
  const bytes = bytesOf(key, 'a key');
  if (bytes.length === 0) invalid('the key is empty');
  if (bytes.length > LIMITS.keyBytesMax)
    invalid(`the key has ${bytes.length} bytes, at most ${LIMITS.keyBytesMax} are allowed`);
  return bytes;
}

/** For calls that keep the key. The caller may change its own bytes once the call has returned. */
export function ownKeyBytes(key: Key): Bytes {
  return ownBytes(key, keyBytes(key));
}

/** @param bytes those of `given` */
function ownBytes(given: Key, bytes: Bytes): Bytes {
  return typeof given === 'string' ? bytes : copyOf(bytes);
}

/** May be the caller's own bytes. */
export function valueBytes(value: Key): Bytes {
  const bytes = bytesOf(value, 'a value', pooledBytes);
  if (bytes.length > LIMITS.valueBytesMax)
    invalid(`the value has ${bytes.length} bytes, at most ${LIMITS.valueBytesMax} are allowed`);
  return bytes;
}

/** Buffer.from takes memory from a shared pool. That costs less than an array of its own, and a value is encoded soon. */
function pooledBytes(text: string): Bytes {
  return Buffer.from(wellFormed(text));
}

export function namespaceNameOf(name: string): string {
  const fault = namespaceNameFault(name);
  return fault === null ? name : invalid(fault);
}

/** Null if there is no condition. */
export function revisionOf(revision: number | undefined): number | null {
  if (revision === undefined) return null;
  if (!Number.isSafeInteger(revision) || revision < 0)
    invalid(`a revision is 0 or a positive integer, not ${shown(revision)}`);
  return revision;
}

export function deadlineMsOf({ deadlineMs }: Pick<CallOptions, 'deadlineMs'>, otherwise: number): number {
  return positiveMs('deadlineMs', deadlineMs, otherwise);
}

/** A positive duration that a timer accepts. */
export function positiveMs(name: string, ms: number | undefined, otherwise: number): number {
  if (ms === undefined) return otherwise;
  if (!(typeof ms === 'number' && ms > 0 && ms <= 0x7fff_ffff))
    invalid(`${name} is a positive number of milliseconds, not ${shown(ms)}`);
  return ms;
}

export function readModeOf(mode: ReadMode | undefined): ReadMode {
  if (mode === undefined) return 'linearizable';
  if (!READ_MODES.includes(mode)) invalid(`read is one of ${READ_MODES.join(', ')}, not ${shown(mode)}`);
  return mode;
}

/** Null if there is no limit. */
export function limitOf(limit: number | undefined): number | null {
  if (limit === undefined) return null;
  if (!Number.isSafeInteger(limit) || limit < 1) invalid(`limit is a positive integer, not ${shown(limit)}`);
  return limit;
}

/** Null if values are complete. */
export function valueBytesMaxOf({ valueBytesMax, keysOnly }: ScanOptions): number | null {
  if (valueBytesMax === undefined) return null;
  if (!Number.isSafeInteger(valueBytesMax) || valueBytesMax < 0)
    invalid(`valueBytesMax is 0 or a positive integer, not ${shown(valueBytesMax)}`);
  if (keysOnly === true) invalid('valueBytesMax does not go together with keysOnly');
  return Math.min(valueBytesMax, LIMITS.valueBytesMax);
}

/** @param name the option's */
export function flagOf(name: string, flag: boolean | undefined): boolean {
  if (flag !== undefined && typeof flag !== 'boolean')
    invalid(`${name} is true or false, not ${shown(flag)}`);
  return flag === true;
}

export function signalOf(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || typeof signal?.addEventListener === 'function') return signal;
  return invalid(`signal is an AbortSignal, not ${shown(signal)}`);
}

/** @param what the argument in words, such as `a namespace` */
export function nameOf(what: string, name: string): string {
  if (typeof name !== 'string' || name === '' || !name.isWellFormed())
    invalid(`${what} is a name, not ${shown(name)}`);
  return name;
}

/** @param name the option's */
export function numberOf(name: string, value: number | undefined): number | null {
  if (value !== undefined && typeof value !== 'number') invalid(`${name} is a number, not ${shown(value)}`);
  return value ?? null;
}

export function connectStringOf(zk: string | undefined): string {
  if (typeof zk === 'string' && zk !== '') return zk;
  return invalid(`zk must be ZooKeeper's connect string, such as host:port,host:port/root, not ${shown(zk)}`);
}

export function loggerOf(logger: Logger): Logger {
  if (typeof logger?.warn !== 'function') invalid(`logger has methods such as warn, unlike ${shown(logger)}`);
  return logger;
}

/** The range of keys that a scan covers, which may be empty. In memory of its own. */
export function boundsOf({ prefix, start, end }: Pick<ScanOptions, 'prefix' | 'start' | 'end'>): KeyRange {
  if (prefix === undefined) {
    return {
      start: start === undefined ? emptyBytes : boundOf(start),
      end: end === undefined ? null : boundOf(end),
    };
  }
  if (start !== undefined || end !== undefined) invalid('prefix does not go together with start or end');
  const bytes = boundOf(prefix);
  return { start: bytes, end: prefixEnd(bytes) };
}

function boundOf(bound: Key): Bytes {
  const bytes = bytesOf(bound, 'a bound');
  if (bytes.length > LIMITS.keyBytesMax + 1)
    invalid(`a bound has ${bytes.length} bytes, at most ${LIMITS.keyBytesMax} are allowed`);
  return ownBytes(bound, bytes);
}
