// Gathers many independent changes into few multis. When a machine fails, hundreds of ranges change at the same moment, and with
// one write for each the last range would wait for all others. ZooKeeper refuses a multi as a whole because of one operation. Then
// the part with that operation is refused, and the other parts, which have not taken effect either, are sent again in halves. So
// even many refused parts cost few round trips. If an answer is lost, the outcome of all its parts is unknown (R10).

import { assert } from '../base/assert.ts';
import { totalBytes } from './op-checks.ts';
import { ZkError, type ZkOp, type ZkOpResult, type ZkSession } from './store.ts';

/** Operations that take effect together or not at all. */
export type Part = readonly ZkOp[];

export type PartOutcome =
  | { readonly kind: 'done'; readonly results: readonly ZkOpResult[] }
  /** ZooKeeper refused an operation of this part: it did not take effect. */
  | { readonly kind: 'refused'; readonly error: ZkError }
  /** The whole multi failed. `error` says whether it may have taken effect. If it has an `opIndex`, the fence was refused. */
  | { readonly kind: 'failed'; readonly error: ZkError };

/** Bounds of one multi, unless a single part is larger. ZooKeeper's own limit is about 1 MB for a request. */
const OPS_MAX = 128;
const BYTES_MAX = 128 * 1024;

/** How many of `parts`, counted from the first, go into one multi: at least one. */
export function gatheredCount(parts: readonly Part[]): number {
  let ops = 0;
  let bytes = 0;
  for (const [index, part] of parts.entries()) {
    ops += part.length;
    bytes += totalBytes(part);
    if (index > 0 && (ops > OPS_MAX || bytes > BYTES_MAX)) return index;
  }
  return parts.length;
}

/**
 * Sends `fence` and `parts` as one multi. Parts are sent again if the multi was refused because of another part. Resolves with
 * one outcome for each part, in order.
 */
export async function commitParts(
  session: ZkSession,
  parts: readonly Part[],
  fence: readonly ZkOp[] = [],
): Promise<readonly PartOutcome[]> {
  try {
    const results = await session.multi([...fence, ...parts.flat()]);
    return doneParts(parts, results.slice(fence.length));
  } catch (error) {
    if (!(error instanceof ZkError)) throw error;
    const guilty = guiltyPart(parts, fence, error);
    if (guilty === null) return parts.map(() => ({ kind: 'failed', error }));
    const others = await commitHalves(session, parts.toSpliced(guilty, 1), fence);
    return others.toSpliced(guilty, 0, { kind: 'refused', error });
  }
}

async function commitHalves(
  session: ZkSession,
  parts: readonly Part[],
  fence: readonly ZkOp[],
): Promise<readonly PartOutcome[]> {
  const middle = Math.ceil(parts.length / 2);
  const halves = [parts.slice(0, middle), parts.slice(middle)].filter((half) => half.length > 0);
  const outcomes = await Promise.all(halves.map((half) => commitParts(session, half, fence)));
  return outcomes.flat();
}

/** The index of the part because of which the multi was refused; null: it was the fence, or the multi may have taken effect. */
function guiltyPart(parts: readonly Part[], fence: readonly ZkOp[], error: ZkError): number | null {
  if (error.opIndex === undefined || error.maybeApplied) return null;
  let end = fence.length;
  if (error.opIndex < end) return null;
  return parts.findIndex((part) => {
    end += part.length;
    return (error.opIndex ?? 0) < end;
  });
}

function doneParts(parts: readonly Part[], results: readonly ZkOpResult[]): readonly PartOutcome[] {
  let start = 0;
  const outcomes = parts.map((part): PartOutcome => {
    const end = start + part.length;
    const own = results.slice(start, end);
    start = end;
    return { kind: 'done', results: own };
  });
  assert(start === results.length, 'a multi has a result for each operation');
  return outcomes;
}
