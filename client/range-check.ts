// Asks the owner of a range to compare its replicas, and waits for the result. That takes as long as reading all rows of the
// range, so the client polls the node that has begun. If that node is gone, a new check begins.

import { backoffMs } from '../common/base/backoff.ts';
import { type Bytes, emptyBytes } from '../common/base/bytes.ts';
import { delay, type Env } from '../common/base/env.ts';
import { Failure, RangekeeperError } from '../common/base/errors.ts';
import type { Descriptor } from '../common/model/descriptor.ts';
import { BadDataError } from '../common/model/fields.ts';
import type { RangeId, Seq } from '../common/model/ids.ts';
import { decodeRangeCheck, type RangeCheck } from '../common/model/range-check.ts';
import type { Peers } from '../common/net/peers.ts';
import { throwIfAborted } from './aborts.ts';
import type { CallLimits } from './call.ts';
import type { Directory } from './directory.ts';
import { rejection } from './rejection.ts';

const PAUSES = { minMs: 20, maxMs: 500 };

export interface CheckContext {
  readonly env: Env;
  readonly peers: Peers;
  readonly directory: Directory;
  readonly closed: boolean;
}

/** Rejects with the last error: at once if a retry cannot help, else once no owner has answered for `deadlineMs`. */
export async function checkRange(
  context: CheckContext,
  range: RangeId,
  { deadlineMs, signal }: CallLimits,
): Promise<RangeCheck> {
  const { env } = context;
  let deadline = env.now() + deadlineMs;
  let begun: { readonly at: Descriptor; readonly seq: Seq } | null = null;
  for (let pauses = 0; ; pauses++) {
    const pauseMs = backoffMs(PAUSES, pauses);
    throwIfAborted(signal);
    if (context.closed) throw new RangekeeperError('CLOSED', 'the client is closed');
    try {
      const at: Descriptor = begun?.at ?? descriptorOf(context, range);
      const check = await ask(context, at, begun?.seq ?? 0, deadline);
      if (check.verdict !== null) return check;
      begun = { at, seq: check.seq };
      deadline = env.now() + deadlineMs;
    } catch (error) {
      if (!(error instanceof RangekeeperError) || error.retry === 'never') throw error;
      if (env.now() + pauseMs >= deadline) throw error;
      learn(context, range, error);
      // The owner of the check is gone, or has given it up.
      begun = null;
    }
    await delay(env, pauseMs);
  }
}

function descriptorOf({ directory }: CheckContext, range: RangeId): Descriptor {
  const image = directory.images().find(({ descriptor }) => descriptor.id === range);
  if (image === undefined) throw new RangekeeperError('INVALID_ARGUMENT', `there is no range ${range}`);
  return image.descriptor;
}

function learn({ directory }: CheckContext, range: RangeId, { details }: RangekeeperError): void {
  if (details.descriptor !== undefined) directory.learnHint(details.descriptor);
  else directory.refresh(range);
}

async function ask(
  { peers }: CheckContext,
  { id: range, epoch, owner }: Descriptor,
  seq: Seq,
  deadline: number,
): Promise<RangeCheck> {
  const json = await new Promise<Bytes>((resolve) => {
    peers.request(owner.node, { kind: 'check', range, epoch, seq }, deadline, {
      replied: (body) => resolve(body.kind === 'check-reply' ? new Uint8Array(body.json) : emptyBytes),
      failed: (failure) => {
        const isUnknown = failure.code === 'OUTCOME_UNKNOWN';
        resolve(rejection(isUnknown ? unanswered(owner.node) : failure));
      },
    });
  });
  try {
    return decodeRangeCheck(json);
  } catch (error) {
    if (!(error instanceof BadDataError)) throw error;
    throw new RangekeeperError(
      'MALFORMED',
      `the answer of node ${owner.node} to a check cannot be decoded: ${error.message}`,
    );
  }
}

/** A check changes nothing, so it may be retried even if its outcome is unknown. */
function unanswered(node: string): Failure {
  return new Failure('UNREACHABLE', `node ${node} did not answer`);
}
