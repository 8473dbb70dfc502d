// Translates ZooKeeper's answers: error codes to our failures, 64-bit fields to numbers, and a refused multi to the operation that
// was refused.

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

/** The operation, for its error. */
export interface Asked {
  readonly path: string;
  readonly isWrite: boolean;
}

export const NO_NODE = -101;

/** The codes that are known here. Any other becomes `protocol`. */
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

/** In the answer to a refused multi, operations before the refused one have code 0, and those after it have this one. */
const NOT_TRIED = -2;
/** The type of a result of a refused multi. */
const ERROR_RESULT = -1;

/** The error for a code that ZooKeeper answered. Codes from -100 down are refusals; with others a write may have taken effect. */
export function refusal(asked: Asked, code: number, message: string): ZkError {
  return new ZkError(FAILURES.get(code) ?? 'protocol', asked.path, {
    maybeApplied: asked.isWrite && code > -100,
    message: `ZooKeeper: ${message} at ${asked.path}`,
  });
}

/** The error for an operation that was sent and not answered. */
export function unanswered(asked: Asked, failure: ZkFailure, reason: string): ZkError {
  return new ZkError(failure, asked.path, {
    maybeApplied: asked.isWrite,
    message: `ZooKeeper: ${reason}, at ${asked.path}`,
  });
}

/** The results of a multi. Throws ZkError for the refused operation if there is one. @param relative takes the root off a path */
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
  if (results.some((result) => result.type === ERROR_RESULT))
    throw new RangeError('a refused multi that names no refused operation');
  return results.map(({ path, stat }) => {
    if (path !== undefined) return { kind: 'created', path: relative(path) };
    return stat === undefined ? { kind: 'done' } : { kind: 'set', version: stat.version };
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

/** Exact for up to two million changes of ZooKeeper's leader. */
function toZxid(bytes: Buffer): number {
  const zxid = Number(bytes.readBigInt64BE());
  if (!Number.isSafeInteger(zxid)) throw new RangeError('a zxid that is no safe integer');
  return zxid;
}

/** Resolves with the value of an answer. If a part of the answer is missing or impossible, the operation fails. */
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
    reject(error instanceof ZkError ? error : unanswered(asked, 'protocol', `an invalid answer: ${reason}`));
  }
}
