// Waits until every range of a cluster takes writes. It proves that with a write that changes nothing: a batch of one check passes
// through the owner's log and the in-sync set, and is answered only once it has committed, whether the check holds or not.

import type { Client } from '../../client/api.ts';
import { emptyBytes, equalBytes } from '../../common/base/bytes.ts';
import { delay, type Env } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { DescriptorImage } from '../../common/model/descriptor.ts';
import type { RangeId } from '../../common/model/ids.ts';

const POLL_MS = 50;
const PROBE_MS = 2_000;

/**
 * Resolves with the ranges of the client's namespace that took no write before the deadline; empty if all did.
 * @param deadline an instant of Env.now()
 */
export async function waitUntilWritable(
  env: Env,
  client: Client,
  deadline: number,
): Promise<readonly RangeId[]> {
  while (!coverKeySpace(client.ranges())) {
    if (env.now() > deadline) return client.ranges().map(({ descriptor }) => descriptor.id);
    await delay(env, POLL_MS);
  }
  const stuck = await Promise.all(
    client.ranges().map(async ({ descriptor }) => {
      while (!(await takesWrites(client, descriptor.start))) {
        if (env.now() > deadline) return descriptor.id;
        await delay(env, POLL_MS);
      }
      return null;
    }),
  );
  return stuck.filter((id) => id !== null);
}

/** Whether the ranges, which are in key order, cover the key space. */
function coverKeySpace(ranges: readonly DescriptorImage[]): boolean {
  if (ranges.length === 0 || ranges.at(-1)?.descriptor.end !== null) return false;
  return ranges.every(({ descriptor }, index) => {
    const before = index === 0 ? emptyBytes : ranges[index - 1]?.descriptor.end;
    return before !== null && before !== undefined && equalBytes(before, descriptor.start);
  });
}

async function takesWrites(client: Client, start: Uint8Array): Promise<boolean> {
  // The empty key is not allowed. The next key is in the same range.
  const key = start.length === 0 ? Uint8Array.of(0) : start;
  try {
    await client.batch([{ check: { key, revision: 0 } }], { deadlineMs: PROBE_MS });
    return true;
  } catch (error) {
    return error instanceof RangekeeperError && error.code === 'CONFLICT';
  }
}
