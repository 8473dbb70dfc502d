// Types that all calls of the client share.

import type { Bytes } from '../common/base/bytes.ts';

export type Key = string | Bytes;

export interface AbortOptions {
  /** Ends the call: it rejects with ABORTED, or with OUTCOME_UNKNOWN if it is a write that was sent. `cause` is the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface CallOptions extends AbortOptions {
  /** Overrides ConnectOptions.deadlineMs. */
  readonly deadlineMs?: number;
}
