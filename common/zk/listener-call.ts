// Calls listeners, so that an error of theirs does not disturb the state of the ZooKeeper layer. An ordinary error is logged. A
// broken invariant still ends the process, one turn of the event loop later, where nothing catches it.

import { AssertionError } from '../base/assert.ts';
import type { Env } from '../base/env.ts';
import type { Logger } from '../base/log.ts';

export function callListener(env: Env, logger: Logger, fields: object, task: () => void): void {
  try {
    task();
  } catch (error) {
    logger.error({ ...fields, error: String(error) }, 'a listener failed');
    if (!(error instanceof AssertionError)) return;
    env.soon(() => {
      throw error;
    });
  }
}
