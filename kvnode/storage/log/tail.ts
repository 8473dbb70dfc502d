// The end of the log in memory, byte for byte as it is or will be on the disk. Records are encoded here first, and
// payloads are copied nowhere else. Groups are written from here, and followers that keep up are fed from here. Old
// chunks are dropped once they are written and the bound is exceeded. A subarray of a chunk keeps its memory alive.

import { assert } from '../../../common/base/assert.ts';
import { viewOf } from '../../../common/base/integers.ts';
import type { RecordBuffer } from './record.ts';

const CHUNK_BYTES = 1024 * 1024;

export interface Chunk extends RecordBuffer {
  /** Chunks are numbered upwards by one. */
  readonly number: number;
  /** Bytes in use, from the start. */
  used: number;
}

export class LogTail {
  readonly #bytesMax: number;
  readonly #chunks: Chunk[] = [];
  #bytes = 0;
  #current: Chunk;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#current = this.#add(0, CHUNK_BYTES);
  }

  /** The chunk to write to. It has `bytes` free bytes in one piece. */
  reserve(bytes: number): Chunk {
    const current = this.#current;
    if (current.used + bytes <= current.bytes.length) return current;
    this.#current = this.#add(current.number + 1, Math.max(bytes, CHUNK_BYTES));
    return this.#current;
  }

  /** The chunk with this number. Undefined if it was dropped. */
  get(number: number): Chunk | undefined {
    const first = this.#chunks[0];
    return first === undefined ? undefined : this.#chunks[number - first.number];
  }

  /**
   * Drops the oldest chunks while the bound is exceeded. Only chunks with numbers below `written` are on the disk and
   * may be dropped.
   */
  trim(written: number): void {
    while (this.#bytes > this.#bytesMax) {
      const first = this.#chunks[0];
      if (first === undefined || first.number >= written) return;
      this.#chunks.shift();
      this.#bytes -= first.bytes.length;
    }
  }

  #add(number: number, bytes: number): Chunk {
    assert(bytes < 2 ** 31, 'a chunk fits a buffer');
    const buffer = Buffer.allocUnsafeSlow(bytes);
    const chunk = { number, bytes: buffer, view: viewOf(buffer), used: 0 };
    this.#chunks.push(chunk);
    this.#bytes += bytes;
    return chunk;
  }
}
