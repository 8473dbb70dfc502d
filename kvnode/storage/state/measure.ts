// How many bytes of keys and values a span of the state store has, and at which key they are halved, without reading all of them. A small span
// is counted. For a large one the store says how many bytes its tables have for it; but these are packed, and some are old versions
// of rows. So some rows in the span are read, and compared with what the tables have for just these. The overlay does not count.

import { present } from '../../../common/base/assert.ts';
import { type Bytes, compareBytes } from '../../../common/base/bytes.ts';
import type { KeyRange } from '../../../common/model/key-range.ts';
import type { MeasuredSpan } from '../storage.ts';
import type { StateEngine } from './engine.ts';
import { REVISION_BYTES, ROW_PREFIX_BYTES, rowBounds } from './stored-keys.ts';

/** A span with less is counted. */
const COUNTED_BYTES_MAX = 1024 * 1024;
/** Bytes of rows that are read in each piece of a larger one: enough blocks for the edges of tables not to matter. */
const SAMPLE_BYTES = 128 * 1024;
const CURSOR_ROWS = 1_000;
const CURSOR_BYTES = 128 * 1024;
/** A span is halved so many times: the pieces are samples of their own, and one of their bounds is the middle. */
const HALVINGS = 3;
/** Steps of the search for a middle. Each halves the interval of keys, not that of bytes. */
const STEPS_MAX = 48;
/** A middle may be off by this part of the bytes. */
const MIDDLE_TOLERANCE = 0.1;
/** Bytes of keys that are compared as numbers. */
const DIGITS = 6;
/** A longer key is cut off: what is left is a bound at nearly the same place. */
const BOUND_BYTES_MAX = 256;

/** Stored keys, [start, end). */
interface Span {
  readonly start: Bytes;
  readonly end: Bytes;
}

interface Sample {
  /** The rows from the start of the sample on: their stored keys, and the bytes through each. */
  readonly keys: readonly Bytes[];
  readonly through: readonly number[];
  /** They are all that there is. */
  readonly isWhole: boolean;
}

/** @param flushed resolves when what was written before is in tables */
export async function measureSpan(
  engine: StateEngine,
  namespaceId: number,
  range: KeyRange,
  flushed: () => Promise<void>,
): Promise<MeasuredSpan> {
  const span = rowBounds(namespaceId, range);
  const all = await readSample(engine, span, COUNTED_BYTES_MAX);
  if (all.isWhole) return counted(all);
  await flushed();
  const pieces: { readonly start: Bytes; readonly bytes: number }[] = [];
  for (const piece of await piecesOf(engine, span, HALVINGS))
    pieces.push({ start: piece.start, bytes: await estimate(engine, piece) });
  const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
  let before = 0;
  const bounds = pieces.map((piece) => {
    const off = Math.abs(before - bytes / 2);
    before += piece.bytes;
    return { key: piece.start, off };
  });
  const [middle] = bounds.slice(1).sort((a, b) => a.off - b.off);
  return { bytes: Math.round(bytes), middleKey: middle === undefined ? null : asBound(middle.key) };
}

/** A user's key, of a length that can be reported. */
function asBound(storedKey: Bytes): Bytes {
  return Uint8Array.from(storedKey.subarray(ROW_PREFIX_BYTES, ROW_PREFIX_BYTES + BOUND_BYTES_MAX));
}

function counted({ keys, through }: Sample): MeasuredSpan {
  const bytes = through.at(-1) ?? 0;
  // The row after which at least half of the bytes have come. The first row cannot be a bound.
  const at = through.findIndex((sum) => sum >= bytes / 2) + 1;
  const middle = keys[Math.min(at, keys.length - 1)];
  return { bytes, middleKey: middle === undefined || keys.length < 2 ? null : asBound(middle) };
}

async function readSample(engine: StateEngine, { start, end }: Span, bytesMax: number): Promise<Sample> {
  const keys: Bytes[] = [];
  const through: number[] = [];
  let bytes = 0;
  const cursor = engine.open({ start, end, reverse: false, values: true, bytesMax: CURSOR_BYTES });
  try {
    while (bytes < bytesMax) {
      const pairs = await cursor.next(CURSOR_ROWS);
      if (pairs.length === 0) return { keys, through, isWhole: true };
      for (const [key, value] of pairs) {
        bytes += rowBytes(key, present(value, 'the cursor reads values'));
        keys.push(key);
        through.push(bytes);
      }
    }
    return { keys, through, isWhole: false };
  } finally {
    cursor.close();
  }
}

function rowBytes(storedKey: Bytes, storedValue: Bytes): number {
  return storedKey.length - ROW_PREFIX_BYTES + storedValue.length - REVISION_BYTES;
}

/** The bytes of rows in a piece. */
async function estimate(engine: StateEngine, piece: Span): Promise<number> {
  const { keys, through, isWhole } = await readSample(engine, piece, SAMPLE_BYTES);
  const last = keys.at(-1);
  const sampled = through.at(-1) ?? 0;
  if (last === undefined || isWhole) return sampled;
  const ofSample = await engine.approximateBytes(present(keys[0], 'a row'), last);
  const all = await engine.approximateBytes(piece.start, piece.end);
  return ofSample === 0 ? sampled : Math.max(sampled, (all * sampled) / ofSample);
}

/** Pieces of the span with about the same bytes in tables each, in order. */
async function piecesOf(engine: StateEngine, span: Span, halvings: number): Promise<readonly Span[]> {
  const middle = halvings === 0 ? null : await findMiddle(engine, span);
  if (middle === null) return [span];
  const left = await piecesOf(engine, { start: span.start, end: middle }, halvings - 1);
  return [...left, ...(await piecesOf(engine, { start: middle, end: span.end }, halvings - 1))];
}

/** A key that halves the bytes in tables; null: there is none after the first. */
async function findMiddle(engine: StateEngine, span: Span): Promise<Bytes | null> {
  let low = await nextKey(engine, span, false);
  let high = await nextKey(engine, span, true);
  if (low === null || high === null) return null;
  const half = (await engine.approximateBytes(span.start, span.end)) / 2;
  let best: { readonly key: Bytes; readonly off: number } | null = null;
  for (let step = 0; step < STEPS_MAX; step++) {
    const between = midpoint(low, high);
    if (between === null) break;
    const key: Bytes = (await nextKey(engine, { start: between, end: span.end }, false)) ?? high;
    const below = await engine.approximateBytes(span.start, key);
    const off = Math.abs(below - half);
    if (best === null || off < best.off) best = { key, off };
    if (off <= 2 * half * MIDDLE_TOLERANCE) break;
    if (below < half) low = key;
    else high = between;
  }
  return best?.key ?? null;
}

async function nextKey(engine: StateEngine, { start, end }: Span, reverse: boolean): Promise<Bytes | null> {
  const cursor = engine.open({ start, end, reverse, values: false, bytesMax: 1 });
  try {
    return (await cursor.next(1))[0]?.[0] ?? null;
  } finally {
    cursor.close();
  }
}

/** A key between the two, about in the middle; null: they are too close. */
export function midpoint(low: Bytes, high: Bytes): Bytes | null {
  if (compareBytes(low, high) >= 0) return null;
  let shared = 0;
  while (shared < low.length && low[shared] === high[shared]) shared++;
  const number = (numberAt(low, shared) + numberAt(high, shared)) / 2;
  const key = new Uint8Array(shared + DIGITS);
  key.set(high.subarray(0, shared));
  let rest = Math.floor(number);
  for (let at = DIGITS - 1; at >= 0; at--) {
    key[shared + at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return compareBytes(low, key) < 0 && compareBytes(key, high) < 0 ? key : null;
}

function numberAt(key: Bytes, at: number): number {
  let number = 0;
  for (let digit = 0; digit < DIGITS; digit++) number = number * 256 + (key[at + digit] ?? 0);
  return number;
}
