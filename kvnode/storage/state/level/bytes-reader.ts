// Reads the integers and byte strings of LevelDB's files. What it reads comes from the disk: running past the end is damage,
// not a defect.

import type { Bytes } from '../../../../common/base/bytes.ts';
import { crc32c } from '../../crc32c.ts';
import { CorruptDataError } from '../../errors.ts';

/** LevelDB stores its checksums rotated and offset by this constant. */
const MASK_DELTA = 0xa282ead8;

/** The checksum of `bytes` in the form in which LevelDB stores it. */
export function maskedChecksum(bytes: Bytes): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

export class BytesReader {
  readonly #bytes: Bytes;
  readonly #name: string;
  at: number;
  readonly #end: number;

  /** @param name of the file, for errors */
  constructor(name: string, bytes: Bytes, at = 0, end = bytes.length) {
    this.#name = name;
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  get hasMore(): boolean {
    return this.at < this.#end;
  }

  /** An integer of up to 53 bits, seven bits a byte, lowest first. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw this.damaged('a number is too long');
  }

  /** A byte string after its length. */
  slice(): Bytes {
    return this.take(this.varint());
  }

  take(length: number): Bytes {
    if (this.at + length > this.#end) throw this.damaged('a string runs past the end');
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  damaged(why: string): CorruptDataError {
    return new CorruptDataError(`${this.#name} is damaged at ${this.at}: ${why}`);
  }

  #byte(): number {
    const byte = this.at < this.#end ? this.#bytes[this.at] : undefined;
    if (byte === undefined) throw this.damaged('a number runs past the end');
    this.at++;
    return byte;
  }
}

export function u32(bytes: Bytes, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, true);
}
