// LevelDB's MANIFEST: which tables there are, and which log file holds what is in no table yet. A sequence of edits, each a
// record in LevelDB's log format. LevelDB itself verifies the records; it drops a record that runs past the end of the
// file as one whose write was cut short. This reader takes the same edits, so that its result is what LevelDB will open.
//
//   block  := record* zeros            32 KiB each; a record never crosses a block
//   record := crc:u32 length:u16 type:u8 data       type: 1 whole, 2 first, 3 middle, 4 last part of an edit
//   edit   := (tag:varint fields)*

import type { Bytes } from '../../../../common/base/bytes.ts';
import { getU32le } from '../../../../common/base/integers.ts';
import { CorruptDataError } from '../../data-errors.ts';
import { BytesReader, maskedChecksum } from './bytes-reader.ts';

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const PARTS = { whole: 1, first: 2, middle: 3, last: 4 } as const;

const TAGS = {
  comparator: 1,
  logNumber: 2,
  nextFileNumber: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLogNumber: 9,
} as const;

export interface Manifest {
  /** Table file number → size in bytes. */
  readonly tables: ReadonlyMap<number, number>;
  /** The oldest log file that LevelDB still needs; 0: none. */
  readonly logNumber: number;
}

/** Throws CorruptDataError. */
export function readManifest(name: string, bytes: Bytes): Manifest {
  const tables = new Map<number, number>();
  let logNumber = 0;
  for (const edit of editsOf(name, bytes)) {
    const reader = new BytesReader(name, edit);
    while (reader.hasMore) {
      const tag = reader.varint();
      switch (tag) {
        case TAGS.comparator:
          reader.slice();
          break;
        case TAGS.logNumber:
          logNumber = reader.varint();
          break;
        case TAGS.nextFileNumber:
        case TAGS.lastSequence:
        case TAGS.previousLogNumber:
          reader.varint();
          break;
        case TAGS.compactPointer:
          reader.varint();
          reader.slice();
          break;
        case TAGS.deletedFile:
          reader.varint();
          tables.delete(reader.varint());
          break;
        case TAGS.newFile: {
          reader.varint();
          const number = reader.varint();
          tables.set(number, reader.varint());
          reader.slice();
          reader.slice();
          break;
        }
        default:
          throw reader.damaged(`unknown tag ${tag}`);
      }
    }
  }
  return { tables, logNumber };
}

function* editsOf(name: string, bytes: Bytes): Generator<Bytes> {
  let parts: Bytes[] = [];
  for (const { type, data } of recordsOf(name, bytes)) {
    if (type === PARTS.whole || type === PARTS.first) parts = [];
    parts.push(data);
    if (type === PARTS.whole || type === PARTS.last) yield Buffer.concat(parts);
  }
}

function* recordsOf(name: string, bytes: Bytes): Generator<{ readonly type: number; readonly data: Bytes }> {
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const blockEnd = Math.min((Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES, bytes.length);
    if (at + HEADER_BYTES > blockEnd) {
      at = blockEnd;
      continue;
    }
    const length = (bytes[at + 4] as number) | ((bytes[at + 5] as number) << 8);
    const type = bytes[at + 6] as number;
    if (type === 0 && length === 0) {
      // Zeros: the file grew, but what was written there was lost with the power. LevelDB skips them too.
      at = blockEnd;
      continue;
    }
    const end = at + HEADER_BYTES + length;
    if (end > blockEnd && blockEnd === bytes.length) return;
    const whole = end <= blockEnd && type >= PARTS.whole && type <= PARTS.last;
    if (!whole || getU32le(bytes, at) !== maskedChecksum(bytes.subarray(at + 6, end))) {
      throw new CorruptDataError(`${name} is damaged at ${at}`);
    }
    yield { type, data: bytes.subarray(at + HEADER_BYTES, end) };
    at = end;
  }
}
