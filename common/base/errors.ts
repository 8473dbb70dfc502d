// Every error that crosses a process boundary, in one table: may the write have been applied, and what should the
// asker do next. Nobody parses a message; an unknown code is never retried.

/** What is known of a write that ended with this error. */
export type Applied = 'no' | 'unknown';

/**
 * `never`: asking again gives the same answer. `refresh`: read the range's descriptor (the error may carry it) and ask
 * its owner. `backoff`: the same request may succeed shortly. `elsewhere`: another replica may answer.
 */
export type Retry = 'never' | 'refresh' | 'backoff' | 'elsewhere';

interface ErrorRow {
  /** Number on the wire; never reused. */
  readonly wire: number;
  readonly applied: Applied;
  readonly retry: Retry;
}

export const ERROR_TABLE = {
  /** The request is wrong in itself: limits, empty key, bad bounds, bad options. */
  INVALID_ARGUMENT: { wire: 1, applied: 'no', retry: 'never' },
  /** No such namespace. */
  UNKNOWN_NAMESPACE: { wire: 2, applied: 'no', retry: 'never' },
  /** The node asked does not own the range, or holds no replica of it; carries the descriptor it knows. */
  NOT_OWNER: { wire: 3, applied: 'no', retry: 'refresh' },
  /** The request named another epoch than the owner's; carries the descriptor. */
  STALE_EPOCH: { wire: 4, applied: 'no', retry: 'refresh' },
  /** The key is outside the range asked: it was split or merged; carries the descriptor. */
  WRONG_RANGE: { wire: 5, applied: 'no', retry: 'refresh' },
  /** No owner within the deadline. Nothing applied. */
  NO_OWNER: { wire: 6, applied: 'no', retry: 'never' },
  /** The in-sync set is at its minimum and a member is silent: no writes for now. */
  READ_ONLY: { wire: 7, applied: 'no', retry: 'backoff' },
  /** The owner is starting (its EpochStart is not committed) or its lease has lapsed for the moment. */
  NOT_READY: { wire: 8, applied: 'no', retry: 'backoff' },
  /** A queue is full. */
  OVERLOADED: { wire: 9, applied: 'no', retry: 'backoff' },
  /** A condition (ifRevision, check) did not hold; carries the key's revision, and the seq at which that was so. */
  CONFLICT: { wire: 10, applied: 'no', retry: 'never' },
  /** A batch touches more than one range. */
  CROSS_RANGE: { wire: 11, applied: 'no', retry: 'never' },
  /** The replica has not yet what this client has already seen. */
  BEHIND: { wire: 12, applied: 'no', retry: 'elsewhere' },
  /** The deadline passed before the request left this process. */
  DEADLINE: { wire: 13, applied: 'no', retry: 'never' },
  /**
   * A write may have been applied: it left, no answer came or none that tells, and it was sent again by its number (R13)
   * as long as there was time. Between a node and its client: of this one attempt.
   */
  OUTCOME_UNKNOWN: { wire: 14, applied: 'unknown', retry: 'never' },
  /** The peer could not be reached; the request never left. */
  UNREACHABLE: { wire: 15, applied: 'no', retry: 'elsewhere' },
  /** The peer belongs to another cluster or speaks another protocol version. */
  WRONG_CLUSTER: { wire: 16, applied: 'no', retry: 'never' },
  /** Bytes that are not a message of this protocol. */
  MALFORMED: { wire: 17, applied: 'no', retry: 'never' },
  /** This client or node is closing. */
  CLOSED: { wire: 18, applied: 'no', retry: 'elsewhere' },
  /** ZooKeeper could not be reached, or says that there is no cluster under this root. */
  NO_CLUSTER: { wire: 19, applied: 'no', retry: 'never' },
  /** A defect; the message says where. */
  INTERNAL: { wire: 20, applied: 'unknown', retry: 'never' },
  /**
   * R13: the range may have forgotten the answer to this write, and did not apply it now; carries a seq of the range. A
   * write sent for the first time was not applied and is sent anew with that as its base; one sent before may have been.
   */
  CLIENT_FORGOTTEN: { wire: 21, applied: 'unknown', retry: 'never' },
  /** The leading coordinator does not do what an administrator asks for; the message says why. Nothing was changed. */
  REFUSED: { wire: 22, applied: 'no', retry: 'never' },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_TABLE;

export interface ErrorDetails {
  /** CONFLICT: the key's revision at `seq`; 0 where it was absent. */
  readonly revision?: number;
  /**
   * CONFLICT, CLIENT_FORGOTTEN: the seq of the range at which this was decided. Whoever has the error has seen the range's
   * state there, so no later answer to the same client may be older.
   */
  readonly seq?: number;
  /** NOT_OWNER, STALE_EPOCH, WRONG_RANGE: the newest descriptor known to the answering node, encoded, with its version. */
  readonly descriptor?: { readonly data: Uint8Array; readonly version: number };
}

/**
 * What went wrong, as a value that parts of a program pass to each other. It captures no stack: in an overloaded cluster refusals
 * are frequent, and a stack costs more than the rest of a call. Whoever calls the public API gets a RangekeeperError instead.
 */
export class Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    this.code = code;
    this.message = message;
    this.details = details;
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

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }

  static from({ code, message, details }: Failure): RangekeeperError {
    return new RangekeeperError(code, message, details);
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

/** The code with this wire number; INTERNAL for one that this version does not know, so that it is never retried. */
export function errorCodeFromWire(wire: number): ErrorCode {
  return byWire.get(wire) ?? 'INTERNAL';
}
