// The model of the hex editor for long values: which rows are on the screen, and the row that is being edited. A row is sixteen bytes.
// Only the rows on the screen exist as elements, because a megabyte has 65,536 of them.

import type { Bytes } from '../../common/base/bytes.ts';
import { hexLine } from './bytes-text.ts';
import { readHex } from './value-text.ts';

export const ROW_BYTES = 16;
/** Rows above and below the visible ones. */
const MARGIN_ROWS = 8;

/** The row that is being edited. Its new bytes may be more or fewer; the rows below move once it is done. */
export interface RowEdit {
  readonly row: number;
  readonly text: string;
}

export function rowCount(bytes: Bytes): number {
  return Math.ceil(bytes.length / ROW_BYTES);
}

/** The rows from `first` to `end` (exclusive) are drawn if the view is scrolled like this. All lengths are pixels. */
export function windowOf(rows: number, rowHeight: number, viewHeight: number, scrollTop: number) {
  const top = Math.floor(scrollTop / rowHeight);
  const shown = Math.ceil(viewHeight / rowHeight) + 1;
  return { first: Math.max(0, top - MARGIN_ROWS), end: Math.min(rows, top + shown + MARGIN_ROWS) };
}

export function rowText(bytes: Bytes, row: number): string {
  return hexLine(bytes.subarray(row * ROW_BYTES, (row + 1) * ROW_BYTES));
}

/** The offset of a row's first byte, in hexadecimal. */
export function offsetOf(row: number): string {
  return (row * ROW_BYTES).toString(16).padStart(6, '0');
}

/** The bytes with the edited row. Throws RangeError with a sentence if that is not hexadecimal. */
export function withEdit(bytes: Bytes, { row, text }: RowEdit): Bytes {
  const place = readRow(row, text);
  const start = row * ROW_BYTES;
  const rest = bytes.subarray(start + ROW_BYTES);
  const edited = new Uint8Array(start + place.length + rest.length);
  edited.set(bytes.subarray(0, start));
  edited.set(place, start);
  edited.set(rest, start + place.length);
  return edited;
}

function readRow(row: number, text: string): Bytes {
  try {
    return readHex(text);
  } catch (error) {
    throw new RangeError(`${error instanceof Error ? error.message : String(error)} (at ${offsetOf(row)})`);
  }
}
