// One table of all errors that cross a process boundary: whether the write may have been applied, and what the caller should do
// next. Nobody parses a message. An unknown code is never retried.

/** Whether a write that failed with this error was applied. */
export type Applied = 'no' | 'unknown';

/**
 * `never`: the same request would fail again. `refresh`: read the range's descriptor, which the error may carry, and ask its owner.
 * `backoff`: the same request may succeed shortly. `elsewhere`: another replica may answer.
 */
export type Retry = 'never' | 'refresh' | 'backoff' | 'elsewhere';

interface ErrorRow {
  /** Number on the wire; never reused. */
  readonly wire: number;
  readonly applied: Applied;
  readonly retry: Retry;
}

export const ERROR_TABLE = {
  /** The request itself is invalid: a limit, an empty key, bad bounds or bad options. */
  INVALID_ARGUMENT: { wire: 1, applied: 'no', retry: 'never' },
  /** No such namespace. */
  UNKNOWN_NAMESPACE: { wire: 2, applied: 'no', retry: 'never' },
  /** The node does not own the range, or holds no replica of it. Carries the descriptor if the node knows it. */
  NOT_OWNER: { wire: 3, applied: 'no', retry: 'refresh' },
  /** The request names an epoch other than the owner's. Carries the descriptor. */
  STALE_EPOCH: { wire: 4, applied: 'no', retry: 'refresh' },
  /** The key is outside the range, which was split or merged. Carries the descriptor. */
  WRONG_RANGE: { wire: 5, applied: 'no', retry: 'refresh' },
  /** The range had no owner until the deadline. Nothing was applied. */
  NO_OWNER: { wire: 6, applied: 'no', retry: 'never' },
  /** The in-sync set has its minimum size and a member does not answer, so no writes are possible for now. */
  READ_ONLY: { wire: 7, applied: 'no', retry: 'backoff' },
  /** The owner is starting (its EpochStart is not committed) or its lease has lapsed for the moment. */
  NOT_READY: { wire: 8, applied: 'no', retry: 'backoff' },
  /** A queue is full. */
  OVERLOADED: { wire: 9, applied: 'no', retry: 'backoff' },
  /**
   * A condition (ifRevision, check) did not hold. Carries the revision that the key had when this was decided, and a seq of the range
   * that is not before that decision. The answer to a repeated write is the first one (R13), so the key may have changed since.
   */
  CONFLICT: { wire: 10, applied: 'no', retry: 'never' },
  /** A batch touches more than one range. */
  CROSS_RANGE: { wire: 11, applied: 'no', retry: 'never' },
  /** The replica has not yet applied what this client has already seen. */
  BEHIND: { wire: 12, applied: 'no', retry: 'elsewhere' },
  /** The deadline passed: nothing was sent in time, or no answer to a read came in time. */
  DEADLINE: { wire: 13, applied: 'no', retry: 'never' },
  /**
   * The write may have been applied: it was sent, no answer came that says so, and it was repeated under its number (R13) until
   * its deadline. Between a node and its client, this is about one attempt only.
   */
  OUTCOME_UNKNOWN: { wire: 14, applied: 'unknown', retry: 'never' },
  /** The peer could not be reached, and the request was not sent. */
  UNREACHABLE: { wire: 15, applied: 'no', retry: 'elsewhere' },
  /** The peer belongs to another cluster or speaks another protocol version. */
  WRONG_CLUSTER: { wire: 16, applied: 'no', retry: 'never' },
  /** The bytes are not a message of this protocol. */
  MALFORMED: { wire: 17, applied: 'no', retry: 'never' },
  /** This client or node is closing. */
  CLOSED: { wire: 18, applied: 'no', retry: 'elsewhere' },
  /** ZooKeeper could not be reached, or holds no cluster under this root. */
  NO_CLUSTER: { wire: 19, applied: 'no', retry: 'never' },
  /** A defect; the message says where. */
  INTERNAL: { wire: 20, applied: 'unknown', retry: 'never' },
  /**
   * R13: the range may have forgotten its answer to this write, and did not apply it now. Carries a seq of the range. If the
   * write was sent for the first time, it was not applied, and is sent anew with that seq as its base. Otherwise an earlier
   * attempt may have been applied.
   */
  CLIENT_FORGOTTEN: { wire: 21, applied: 'unknown', retry: 'never' },
  /** The leader refuses an administrator's request. The message says why. Nothing was changed. */
  REFUSED: { wire: 22, applied: 'no', retry: 'never' },
  /** The call's AbortSignal ended it. Nothing was applied; a write that was sent ends with OUTCOME_UNKNOWN instead. */
  ABORTED: { wire: 23, applied: 'no', retry: 'never' },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_TABLE;

export interface ErrorDetails {
  /** CONFLICT: the key's revision when this was decided; 0: it was absent. */
  readonly revision?: number;
  /** CONFLICT: the place of the operation in the batch whose condition did not hold, from 0; 0 for `put` and `delete`. */
  readonly index?: number;
  /** CONFLICT: the key of that operation. Absent, as `index` is, where the range no longer knows which one it was. */
  readonly key?: Uint8Array;
  /**
   * CONFLICT, CLIENT_FORGOTTEN: a seq of the range, at or after the one at which this was decided. The client has thereby seen the
   * range's state at that seq, so no later answer to it may be older.
   */
  readonly seq?: number;
  /** NOT_OWNER, STALE_EPOCH, WRONG_RANGE: the newest descriptor that the answering node knows: its znode's bytes and version. */
  readonly descriptor?: { readonly data: Uint8Array; readonly version: number };
}

/**
 * An error as a value, for use inside the program. It captures no stack: in an overloaded cluster refusals are frequent, and a stack
 * costs more than the rest of a call. A caller of the public API gets a RangekeeperError instead.
 */
export class Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
  /** The reason of the AbortSignal that ended the call; undefined: none did. */
  readonly cause?: unknown;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    this.code = code;
    this.message = message;
    this.details = details;
    this.cause = cause;
  }

  /** What is known of the write that ended so. */
  get applied(): Applied {
    return ERROR_TABLE[this.code].applied;
  }

  get retry(): Retry {
    return ERROR_TABLE[this.code].retry;
  }
}

/** The one error class of the public API. */
export class RangekeeperError extends Error {
  override readonly name = 'RangekeeperError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }

  static from({ code, message, details, cause }: Failure): RangekeeperError {
    return new RangekeeperError(code, message, details, cause);
  }

  /** What is known of the write that ended so. */
  get applied(): Applied {
    return ERROR_TABLE[this.code].applied;
  }

  get retry(): Retry {
    return ERROR_TABLE[this.code].retry;
  }
}

const byWire = new Map<number, ErrorCode>(
  (Object.keys(ERROR_TABLE) as ErrorCode[]).map((code) => [ERROR_TABLE[code].wire, code]),
);

/** The code with this wire number. A number that this version does not know becomes INTERNAL, which is never retried. */
export function errorCodeFromWire(wire: number): ErrorCode {
  return byWire.get(wire) ?? 'INTERNAL';
}
