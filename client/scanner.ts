// Scans read pieces of ranges, one after the other. Each reply says up to which key it is complete, and the next piece begins
// there. It never begins at a range's bound as this client knows it, because a split would then skip keys. A piece is one
// snapshot of its range; a page of several pieces is not.

import { type Bytes, compareBytes } from '../common/base/bytes.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import { LIMITS } from '../common/model/config.ts';
import { compareEnds, intersect, isEmpty, type KeyRange } from '../common/model/key-range.ts';
import type { ScanReply, ScanRequest } from '../common/wire/messages.ts';
import type { Freshness, ReadMode } from './api.ts';
import type { CallContext } from './call.ts';
import { read } from './read.ts';
import type { PlainRow } from './values.ts';

export interface ScanPlan {
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** Values are cut to this many bytes; null: they are complete. */
  readonly valueBytesMax: number | null;
  readonly mode: ReadMode;
  readonly fallbackMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface Limits {
  readonly rows: number;
  readonly bytes: number;
  /** An instant of Env.now(). */
  readonly deadline: number;
}

export interface Piece {
  readonly rows: readonly PlainRow[];
  readonly count: number;
  readonly freshness: Freshness;
  /** The keys that remain to be scanned; null: none. */
  readonly rest: KeyRange | null;
}

/** Reads from the start of `keys` (reverse: from the end), within one range. */
export function readPiece(
  context: CallContext,
  plan: ScanPlan,
  keys: KeyRange,
  limits: Limits,
): Promise<Piece> {
  const { reverse, keysOnly, countOnly, valueBytesMax, mode, fallbackMs, signal } = plan;
  const limitRows = Math.min(limits.rows, LIMITS.pageRowsMax);
  const limitBytes = Math.min(limits.bytes, LIMITS.pageBytesMax);
  const how = { reverse, keysOnly, countOnly, valueBytesMax };
  const what = { limitRows, limitBytes, ...how };
  return read(context, {
    mode,
    fallbackMs,
    limits: { deadlineMs: limits.deadline - context.env.now(), signal },
    route: (directory, use) =>
      reverse ? directory.locateBelow(keys.end, use) : directory.locate(keys.start, use),
    // Not beyond what is left to the range: a replica may know nothing of the ranges that hold the keys behind that now.
    body: (descriptor, mode, minSeq): ScanRequest => ({
      ...{ kind: 'scan', range: descriptor.id, epoch: descriptor.epoch, ...what, mode, minSeq },
      ...intersect(keys, descriptor),
    }),
    result(reply, _descriptor, node, freshness) {
      if (reply.kind !== 'scan-reply')
        throw new RangekeeperError('MALFORMED', `node ${node} answered a scan with ${reply.kind}`);
      return {
        rows: cutRows(reply.rows.decode(), valueBytesMax),
        count: reply.count,
        freshness,
        rest: restOf(keys, reverse, reply),
      };
    },
  });
}

/** Reads pieces until a limit is reached or nothing remains. */
export async function readPage(
  context: CallContext,
  plan: ScanPlan,
  keys: KeyRange,
  limits: Limits,
): Promise<Piece> {
  let rest: KeyRange | null = isEmpty(keys) ? null : keys;
  let rowsLeft = limits.rows;
  let bytesLeft = limits.bytes;
  const age = new PageAge();
  const rows: PlainRow[] = [];
  while (rest !== null && rowsLeft > 0 && bytesLeft > 0) {
    const askedAt = context.env.now();
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
    age.add(piece.freshness, askedAt, context.env.now());
    rest = piece.rest;
  }
  return { rows, count: rows.length, freshness: age.at(context.env.now()), rest };
}

/**
 * R11 for a page of several pieces. A page with a stale piece is as old as its oldest piece, counted when the page is complete. An
 * owner's piece shows every write acknowledged before it was requested, and ages from that moment.
 */
class PageAge {
  #stale = false;
  /** The page shows every write acknowledged before this instant of Env.now(); null: not known. */
  #asOf: number | null = Number.POSITIVE_INFINITY;

  add({ stale, staleMs }: Freshness, askedAt: number, now: number): void {
    this.#stale ||= stale;
    const age = stale ? staleMs : now - askedAt;
    this.#asOf = this.#asOf === null || age === null ? null : Math.min(this.#asOf, now - age);
  }

  at(now: number): Freshness {
    if (!this.#stale) return { stale: false, staleMs: 0 };
    return { stale: true, staleMs: this.#asOf === null ? null : now - this.#asOf };
  }
}

/** Cuts the values of a node that does not know of cuts, and answers complete ones. */
function cutRows(rows: readonly PlainRow[], max: number | null): readonly PlainRow[] {
  if (max === null) return rows;
  return rows.map((row) => {
    const { value } = row;
    return value.length <= max ? row : { ...row, value: value.subarray(0, max), valueLength: value.length };
  });
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
    throw new RangekeeperError(
      'INTERNAL',
      `a scan makes no progress at ${Buffer.from(bound).toString('hex')}`,
    );
}
