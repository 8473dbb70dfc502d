// A table file of LevelDB: sorted rows in blocks, then a filter, an index of the blocks, and a footer. Each block has a
// checksum, which LevelDB does not verify when it reads a row. A table never changes once it is written.
//
//   table  := data-block* filter-block? metaindex-block index-block footer
//   block  := contents type:u8 crc:u32          type: 0 plain, 1 compressed by snappy; crc over contents and type
//   footer := metaindex:handle index:handle padding magic:u64           48 bytes
//   handle := offset:varint size:varint          size of the contents

import { uncompress } from 'snappyjs';
import type { Bytes } from '../../../../common/base/bytes.ts';
import { getU32le } from '../../../../common/base/integers.ts';
import { CorruptDataError } from '../../data-errors.ts';
import { BytesReader, maskedChecksum } from './bytes-reader.ts';

const FOOTER_BYTES = 48;
const TRAILER_BYTES = 5;
const MAGIC = [0x8b80fb57, 0xdb477524] as const;
const TYPES = { plain: 0, snappy: 1 } as const;

interface Handle {
  readonly offset: number;
  readonly size: number;
}

/** Verifies every byte of the table that rows are read through. Throws CorruptDataError. */
export function verifyTable(name: string, bytes: Bytes): void {
  const footerAt = bytes.length - FOOTER_BYTES;
  const isTable =
    footerAt >= 0 &&
    getU32le(bytes, bytes.length - 8) === MAGIC[0] &&
    getU32le(bytes, bytes.length - 4) === MAGIC[1];
  if (!isTable) throw new CorruptDataError(`${name} does not end as a table of LevelDB`);
  const footer = new BytesReader(name, bytes, footerAt);
  const metaindex = readHandle(footer);
  const index = readHandle(footer);
  const blocks = [
    ...handlesIn(name, blockContents(name, bytes, index)),
    ...handlesIn(name, blockContents(name, bytes, metaindex)),
  ];
  for (const block of blocks) verifyBlock(name, bytes, block);
  checkTiling(name, [...blocks, metaindex, index], footerAt);
}

/** The blocks must be adjacent, so that every byte of the file is in a verified block. */
function checkTiling(name: string, blocks: readonly Handle[], footerAt: number): void {
  let at = 0;
  for (const { offset, size } of blocks) {
    if (offset !== at) throw new CorruptDataError(`${name} is damaged at ${at}: no block begins there`);
    at = offset + size + TRAILER_BYTES;
  }
  if (at !== footerAt) throw new CorruptDataError(`${name} is damaged at ${at}: no footer begins there`);
}

function verifyBlock(name: string, bytes: Bytes, { offset, size }: Handle): void {
  const end = offset + size + 1;
  const fits = end + 4 <= bytes.length;
  if (!fits || getU32le(bytes, end) !== maskedChecksum(bytes.subarray(offset, end))) {
    throw new CorruptDataError(`${name} is damaged in its block at ${offset}`);
  }
}

/** The contents of a block, verified and decompressed. */
function blockContents(name: string, bytes: Bytes, handle: Handle): Bytes {
  verifyBlock(name, bytes, handle);
  const { offset, size } = handle;
  const contents = bytes.subarray(offset, offset + size);
  const type = bytes[offset + size];
  if (type === TYPES.plain) return contents;
  if (type === TYPES.snappy) return uncompress(contents);
  throw new CorruptDataError(`${name} has a block of unknown type ${type} at ${offset}`);
}

/**
 * The handles that an index or metaindex block holds, in order.
 *
 *   contents := entry* restart:u32* restarts:u32       entry := shared:varint rest:varint length:varint key handle
 */
function handlesIn(name: string, contents: Bytes): Handle[] {
  if (contents.length < 4) throw new CorruptDataError(`${name} has an index without an end`);
  const end = contents.length - 4 - 4 * getU32le(contents, contents.length - 4);
  const reader = new BytesReader(name, contents, 0, end);
  const handles: Handle[] = [];
  while (reader.hasMore) {
    reader.varint();
    const keyLength = reader.varint();
    const valueLength = reader.varint();
    reader.take(keyLength);
    handles.push(readHandle(new BytesReader(name, reader.take(valueLength))));
  }
  return handles;
}

function readHandle(reader: BytesReader): Handle {
  return { offset: reader.varint(), size: reader.varint() };
}
