// Scans: pieces of ranges, one after the other. Each reply says through which key it is complete and the next piece
// begins there, never at the bounds of a range as they were known (a split would skip keys). A piece is one snapshot of
// its range; what is made of several pieces is not.

import { type Bytes, compareBytes } from '../base/bytes.ts';
import { RangekeeperError } from '../base/errors.ts';
import { LIMITS } from '../model/config.ts';
import { compareEnds, isEmpty, type KeyRange } from '../model/key-range.ts';
import type { ScanReply, ScanRequest } from '../wire/messages.ts';
import type { Freshness, KeyRow, ReadMode } from './api.ts';
import type { CallContext } from './call.ts';
import { ReadCall } from './read-call.ts';

export interface ScanPlan {
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  readonly mode: ReadMode;
  readonly fallbackMs: number;
}

export interface Limits {
  readonly rows: number;
  readonly bytes: number;
  /** An instant of Env.now(). */
  readonly deadline: number;
}

export interface Piece {
  readonly rows: readonly KeyRow[];
  readonly count: number;
  readonly freshness: Freshness;
  /** What is left to scan; null: nothing. */
  readonly rest: KeyRange | null;
}

/** Reads on from the beginning (reverse: the end) of `keys`, within one range. */
export function readPiece(
  context: CallContext,
  plan: ScanPlan,
  keys: KeyRange,
  limits: Limits,
): Promise<Piece> {
  const { reverse, keysOnly, countOnly, mode, fallbackMs } = plan;
  const limitRows = Math.min(limits.rows, LIMITS.pageRowsMax);
  const limitBytes = Math.min(limits.bytes, LIMITS.pageBytesMax);
  const what = { start: keys.start, end: keys.end, limitRows, limitBytes, reverse, keysOnly, countOnly };
  return ReadCall.run(context, {
    mode,
    fallbackMs,
    deadlineMs: limits.deadline - context.env.now(),
    route: (directory, use) =>
      reverse ? directory.locateBelow(keys.end, use) : directory.locate(keys.start, use),
    body: ({ id: range, epoch }, mode, minSeq): ScanRequest => ({
      ...{ kind: 'scan', range, epoch, ...what, mode, minSeq },
    }),
    result({ reply, node, freshness }) {
      if (reply.kind !== 'scan-reply')
        throw new RangekeeperError('MALFORMED', `node ${node} answered a scan with ${reply.kind}`);
      return {
        rows: reply.rows.map(ownRow),
        count: reply.count,
        freshness,
        rest: restOf(keys, reverse, reply),
      };
    },
  });
}

/** Rows from several pieces, until a limit is reached or nothing is left. At least one piece is read. */
export async function readPage(
  context: CallContext,
  plan: ScanPlan,
  keys: KeyRange,
  limits: Limits,
): Promise<Piece> {
  let rest: KeyRange | null = isEmpty(keys) ? null : keys;
  let rowsLeft = limits.rows;
  let bytesLeft = limits.bytes;
  let freshness: Freshness = { stale: false, staleMs: 0 };
  const rows: KeyRow[] = [];
  let readAt = context.env.now();
  while (rest !== null && rowsLeft > 0 && bytesLeft > 0) {
    const piece: Piece = await readPiece(context, plan, rest, {
      rows: rowsLeft,
      bytes: bytesLeft,
      deadline: limits.deadline,
    });
    for (const row of piece.rows) {
      rows.push(row);
      bytesLeft -= row.key.length + row.value.length;
    }
    rowsLeft -= piece.rows.length;
    // What was read before has grown older while this piece was asked for.
    const now = context.env.now();
    freshness = leastFresh(aged(freshness, now - readAt), piece.freshness);
    readAt = now;
    rest = piece.rest;
  }
  return { rows, count: rows.length, freshness, rest };
}

function restOf(keys: KeyRange, reverse: boolean, { bound }: ScanReply): KeyRange | null {
  if (bound === null) return null;
  if (reverse) {
    if (compareBytes(bound, keys.start) <= 0) return null;
    checkProgress(compareEnds(bound, keys.end) < 0, bound);
    return { start: keys.start, end: new Uint8Array(bound) };
  }
  if (compareEnds(bound, keys.end) >= 0) return null;
  checkProgress(compareBytes(bound, keys.start) > 0, bound);
  return { start: new Uint8Array(bound), end: keys.end };
}

function checkProgress(progress: boolean, bound: Bytes): void {
  if (!progress)
    throw new RangekeeperError('INTERNAL', `a scan stands still at ${Buffer.from(bound).toString('hex')}`);
}

/** A row of its own memory: a view would pin the whole message. */
function ownRow({ key, value, revision }: KeyRow): KeyRow {
  return { key: new Uint8Array(key), value: new Uint8Array(value), revision };
}

function aged(freshness: Freshness, ms: number): Freshness {
  const { stale, staleMs } = freshness;
  return stale && staleMs !== null ? { stale, staleMs: staleMs + ms } : freshness;
}

function leastFresh(a: Freshness, b: Freshness): Freshness {
  if (!a.stale) return b;
  if (!b.stale) return a;
  return {
    stale: true,
    staleMs: a.staleMs === null || b.staleMs === null ? null : Math.max(a.staleMs, b.staleMs),
  };
}
