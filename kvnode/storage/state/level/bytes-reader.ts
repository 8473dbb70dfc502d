// Reads the integers and byte strings of LevelDB's files. The bytes come from the disk: if they end too early, that is
// damage and no assertion.

import type { Bytes } from '../../../../common/base/bytes.ts';
import { readVarint, type VarintSource } from '../../../../common/base/integers.ts';
import { crc32c } from '../../crc32c.ts';
import { CorruptDataError } from '../../data-errors.ts';

/** LevelDB rotates its checksums and adds this constant before it stores them. */
const MASK_DELTA = 0xa282ead8;

/** The checksum of `bytes` in the form in which LevelDB stores it. */
export function maskedChecksum(bytes: Bytes): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

export class BytesReader {
  readonly #name: string;
  readonly #source: VarintSource;

  /** @param name of the file, for errors */
  constructor(name: string, bytes: Bytes, at = 0, end = bytes.length) {
    this.#name = name;
    this.#source = { buf: bytes, pos: at, len: end };
  }

  get hasMore(): boolean {
    return this.#source.pos < this.#source.len;
  }

  /** An integer of up to 53 bits. */
  varint(): number {
    try {
      return readVarint(this.#source);
    } catch (error) {
      throw this.damaged(error instanceof Error ? error.message : String(error));
    }
  }

  /** A byte string that follows its length. */
  slice(): Bytes {
    return this.take(this.varint());
  }

  take(length: number): Bytes {
    const { buf, pos, len } = this.#source;
    if (pos + length > len) throw this.damaged('a string runs past the end');
    this.#source.pos = pos + length;
    return buf.subarray(pos, pos + length);
  }

  damaged(why: string): CorruptDataError {
    return new CorruptDataError(`${this.#name} is damaged at ${this.#source.pos}: ${why}`);
  }
}
