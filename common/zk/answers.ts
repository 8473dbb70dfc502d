// What ZooKeeper's answers mean: its error codes as our failures, its 64-bit fields as numbers, and which operation of a
// refused multi was the guilty one.

import { assert } from '../base/assert.ts';
import { toHex } from '../base/bytes.ts';
import { ZkError, type ZkFailure, type ZkNode, type ZkOp, type ZkOpResult } from './store.ts';

/** 64-bit fields are 8 bytes, big-endian. */
export interface RawStat {
  readonly czxid: Buffer;
  readonly mzxid: Buffer;
  readonly version: number;
  readonly ephemeralOwner: Buffer;
}

/** One operation's part of the answer to a multi. */
export interface RawResult {
  readonly type: number;
  readonly path?: string;
  readonly stat?: RawStat;
  readonly err?: number;
}

/** What was asked, for its error. */
export interface Asked {
  readonly path: string;
  readonly isWrite: boolean;
}

export const NO_NODE = -101;

/** The codes that have a meaning here; any other is `protocol`. */
const FAILURES: ReadonlyMap<number, ZkFailure> = new Map<number, ZkFailure>([
  [-4, 'lost'],
  [-7, 'lost'],
  [NO_NODE, 'no-node'],
  [-102, 'no-auth'],
  [-103, 'bad-version'],
  [-110, 'node-exists'],
  [-111, 'not-empty'],
  [-112, 'ended'],
  [-115, 'no-auth'],
]);

/** A refused multi answers 0 for the operations before the guilty one and this for those after it. */
const NOT_TRIED = -2;
/** The type of a result that is an error. */
const ERROR_RESULT = -1;

/** ZooKeeper answered with an error code. From -100 on these are refusals; before that, trouble with an open end. */
export function refusal(asked: Asked, code: number, message: string): ZkError {
  return new ZkError(FAILURES.get(code) ?? 'protocol', asked.path, {
    maybeApplied: asked.isWrite && code > -100,
    message: `ZooKeeper: ${message} at ${asked.path}`,
  });
}

/** It was sent, and there is no answer. */
export function unanswered(asked: Asked, failure: ZkFailure, reason: string): ZkError {
  return new ZkError(failure, asked.path, {
    maybeApplied: asked.isWrite,
    message: `ZooKeeper: ${reason}, at ${asked.path}`,
  });
}

/** Throws ZkError for the guilty operation of a refused multi. `relative` takes the root off a path. */
export function multiResults(
  ops: readonly ZkOp[],
  results: readonly RawResult[],
  relative: (path: string) => string,
): readonly ZkOpResult[] {
  const codes = results.map((result) => result.err ?? 0);
  const opIndex = codes.findIndex((code) => code !== 0 && code !== NOT_TRIED);
  const guilty = ops[opIndex];
  if (guilty !== undefined) {
    throw new ZkError(FAILURES.get(codes[opIndex] ?? 0) ?? 'protocol', guilty.path, { opIndex });
  }
  assert(
    results.every((result) => result.type !== ERROR_RESULT),
    'a refused multi has a guilty operation',
  );
  return results.map(({ path, stat }) => {
    if (path !== undefined) return { path: relative(path) };
    return stat === undefined ? {} : { version: stat.version };
  });
}

export function toNode(data: Buffer | undefined, stat: RawStat): ZkNode {
  return {
    data: new Uint8Array(data ?? []),
    version: stat.version,
    mzxid: toZxid(stat.mzxid),
    czxid: toZxid(stat.czxid),
    ephemeralOwner: stat.ephemeralOwner.readBigInt64BE() === 0n ? null : toHex(stat.ephemeralOwner),
  };
}

/** Exact up to two million changes of ZooKeeper's leader. */
function toZxid(bytes: Buffer): number {
  const zxid = Number(bytes.readBigInt64BE());
  assert(Number.isSafeInteger(zxid), 'a zxid is a safe integer');
  return zxid;
}

/** An answer in which something is missing or impossible is the operation's failure. */
export function settleWith<T>(
  asked: Asked,
  value: () => T,
  resolve: (value: T) => void,
  reject: (error: ZkError) => void,
): void {
  try {
    resolve(value());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    reject(
      error instanceof ZkError ? error : unanswered(asked, 'protocol', `an answer makes no sense: ${reason}`),
    );
  }
}
