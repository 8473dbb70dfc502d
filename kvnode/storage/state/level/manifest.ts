// LevelDB's MANIFEST: which tables there are, and which log file has the entries that are in no table yet. It is a
// sequence of edits, each a record in LevelDB's log format. LevelDB verifies the records itself, and drops a record
// that runs past the end of the file as an unfinished write. This reader takes the same edits, so its result is what
// LevelDB will open.
//
//   block  := record* zeros            32 KiB each; a record never crosses a block
//   record := crc:u32 length:u16 type:u8 data       type: 1 all of an edit; 2 first, 3 middle, 4 last part of one
//   edit   := (tag:varint fields)*

import type { Bytes } from '../../../../common/base/bytes.ts';
import { getU32le, viewOf } from '../../../../common/base/integers.ts';
import { CorruptDataError } from '../../data-errors.ts';
import { BytesReader, maskedChecksum } from './bytes-reader.ts';

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const PARTS = { all: 1, first: 2, middle: 3, last: 4 } as const;

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
  /** The size in bytes of each table, by file number. */
  readonly tables: ReadonlyMap<number, number>;
  /** The oldest log file that LevelDB still needs; 0: none. */
  readonly logNumber: number;
}

/** Throws CorruptDataError. */
export function readManifest(name: string, bytes: Bytes): Manifest {
  const manifest = { tables: new Map<number, number>(), logNumber: 0 };
  for (const edit of editsOf(name, bytes)) {
    const reader = new BytesReader(name, edit);
    while (reader.hasMore) applyField(manifest, reader);
  }
  return manifest;
}

/** Reads one field of an edit and applies it. */
function applyField(manifest: { tables: Map<number, number>; logNumber: number }, reader: BytesReader): void {
  const tag = reader.varint();
  switch (tag) {
    case TAGS.comparator:
      reader.slice();
      break;
    case TAGS.logNumber:
      manifest.logNumber = reader.varint();
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
      manifest.tables.delete(reader.varint());
      break;
    case TAGS.newFile:
      addTable(manifest.tables, reader);
      break;
    default:
      throw reader.damaged(`unknown tag ${tag}`);
  }
}

function addTable(tables: Map<number, number>, reader: BytesReader): void {
  reader.varint(); // level
  const number = reader.varint();
  tables.set(number, reader.varint());
  reader.slice(); // smallest key
  reader.slice(); // largest key
}

function* editsOf(name: string, bytes: Bytes): Generator<Bytes> {
  let parts: Bytes[] = [];
  for (const { type, data } of recordsOf(name, bytes)) {
    if (type === PARTS.all || type === PARTS.first) parts = [];
    parts.push(data);
    if (type === PARTS.all || type === PARTS.last) yield Buffer.concat(parts);
  }
}

function* recordsOf(name: string, bytes: Bytes): Generator<{ readonly type: number; readonly data: Bytes }> {
  const view = viewOf(bytes);
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const blockEnd = Math.min((Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES, bytes.length);
    if (at + HEADER_BYTES > blockEnd) {
      at = blockEnd;
      continue;
    }
    const length = view.getUint16(at + 4, true);
    const type = view.getUint8(at + 6);
    if (type === 0 && length === 0) {
      // Zeros: the file grew, but a power cut lost what was written there. LevelDB skips them too.
      at = blockEnd;
      continue;
    }
    const end = at + HEADER_BYTES + length;
    if (end > blockEnd && blockEnd === bytes.length) return;
    const isRecord = end <= blockEnd && type >= PARTS.all && type <= PARTS.last;
    if (!isRecord || getU32le(bytes, at) !== maskedChecksum(bytes.subarray(at + 6, end))) {
      throw new CorruptDataError(`${name} is damaged at ${at}`);
    }
    yield { type, data: bytes.subarray(at + HEADER_BYTES, end) };
    at = end;
  }
}
