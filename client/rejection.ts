// How calls reject. V8 appends the frames of the callers that await a promise to the stack of an error, if the error is made where the
// promise is rejected and the callers wait by then. So the error is made late, and a call that succeeds pays nothing for it.

import { type Failure, RangekeeperError } from '../common/base/errors.ts';

/**
 * Rejects with the error of `failure`. To be passed to the `resolve` of the promise that the caller has. After two turns of the
 * microtask queue that promise waits for this one, and V8 finds the caller's frames through both.
 */
export async function rejection(failure: Failure): Promise<never> {
  await null;
  await null;
  throw RangekeeperError.from(failure);
}
