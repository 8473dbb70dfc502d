// Checks the arguments of calls, and encodes keys and values, before anything is sent. A bad argument throws INVALID_ARGUMENT with
// one line that says what is wrong and what is allowed.

import { type Bytes, emptyBytes, prefixEnd, toBytes } from '../common/base/bytes.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import { LIMITS } from '../common/model/config.ts';
import type { KeyRange } from '../common/model/key-range.ts';
import { READ_MODES, type ReadMode } from '../common/model/read-mode.ts';
import { namespaceNameFault } from '../common/model/requested-namespace.ts';
import type { Mutation } from '../common/wire/messages.ts';
import type { BatchOp, CallOptions, Key, ScanOptions } from './api.ts';

export function invalid(message: string): never {
  throw new RangekeeperError('INVALID_ARGUMENT', message);
}

/** `what` names the value in the error, such as `a key`. */
export function bytesOf(value: Key, what: string): Bytes {
  if (typeof value === 'string' || value instanceof Uint8Array) return toBytes(value);
  return invalid(`${what} must be a string or bytes, not ${value === null ? 'null' : typeof value}`);
}

export function keyBytes(key: Key): Bytes {
  const bytes = bytesOf(key, 'a key');
  if (bytes.length === 0) invalid('the key is empty');
  if (bytes.length > LIMITS.keyBytesMax)
    invalid(`the key has ${bytes.length} bytes, at most ${LIMITS.keyBytesMax} are allowed`);
  return bytes;
}

export function valueBytes(value: Key): Bytes {
  // Buffer.from takes memory from a shared pool. That costs less than an array of its own, and the value is encoded soon.
  const bytes = typeof value === 'string' ? Buffer.from(value) : bytesOf(value, 'a value');
  if (bytes.length > LIMITS.valueBytesMax)
    invalid(`the value has ${bytes.length} bytes, at most ${LIMITS.valueBytesMax} are allowed`);
  return bytes;
}

export function namespaceNameOf(name: string): string {
  const fault = namespaceNameFault(name);
  return fault === null ? name : invalid(fault);
}

/** Null if there is no condition. */
export function revisionOf(revision: number | undefined): number | null {
  if (revision === undefined) return null;
  if (!Number.isSafeInteger(revision) || revision < 0)
    invalid(`a revision is 0 or a positive integer, not ${revision}`);
  return revision;
}

export function deadlineMsOf({ deadlineMs }: CallOptions, otherwise: number): number {
  return positiveMs('deadlineMs', deadlineMs, otherwise);
}

/** A positive duration that a timer accepts. */
export function positiveMs(name: string, ms: number | undefined, otherwise: number): number {
  if (ms === undefined) return otherwise;
  if (!(ms > 0 && ms <= 0x7fff_ffff)) invalid(`${name} is a positive number of milliseconds, not ${ms}`);
  return ms;
}

export function readModeOf(mode: ReadMode | undefined): ReadMode {
  if (mode === undefined) return 'linearizable';
  if (!READ_MODES.includes(mode)) invalid(`read is one of ${READ_MODES.join(', ')}, not ${String(mode)}`);
  return mode;
}

/** Null if there is no limit. */
export function limitOf(limit: number | undefined): number | null {
  if (limit === undefined) return null;
  if (!Number.isSafeInteger(limit) || limit < 1) invalid(`limit is a positive integer, not ${limit}`);
  return limit;
}

/** Null if values are complete. */
export function valueBytesMaxOf({ valueBytesMax, keysOnly }: ScanOptions): number | null {
  if (valueBytesMax === undefined) return null;
  if (!Number.isSafeInteger(valueBytesMax) || valueBytesMax < 0)
    invalid(`valueBytesMax is 0 or a positive integer, not ${valueBytesMax}`);
  if (keysOnly === true) invalid('valueBytesMax does not go together with keysOnly');
  return Math.min(valueBytesMax, LIMITS.valueBytesMax);
}

/** The range of keys that a scan covers, which may be empty. */
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
  return bytes;
}

export function mutationsOf(ops: readonly BatchOp[]): readonly Mutation[] {
  if (ops.length === 0) invalid('the batch is empty');
  if (ops.length > LIMITS.batchOpsMax)
    invalid(`the batch has ${ops.length} operations, at most ${LIMITS.batchOpsMax} are allowed`);
  return ops.map(mutationOf);
}

function mutationOf(op: BatchOp): Mutation {
  if ('put' in op) {
    const { key, value, ifRevision } = op.put;
    return { kind: 'put', key: keyBytes(key), value: valueBytes(value), ifRevision: revisionOf(ifRevision) };
  }
  if ('delete' in op) {
    return { kind: 'delete', key: keyBytes(op.delete.key), ifRevision: revisionOf(op.delete.ifRevision) };
  }
  if ('check' in op) {
    return { kind: 'check', key: keyBytes(op.check.key), ifRevision: revisionOf(op.check.revision) ?? 0 };
  }
  return invalid('a batch holds { put }, { delete } and { check }');
}
