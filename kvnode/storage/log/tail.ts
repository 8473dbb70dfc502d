// The newest bytes of the log in memory, as they are (or will be) on disk: records are encoded here first, payloads are
// copied nowhere else, groups are written from here, and followers that keep up are fed from here. Old chunks are
// let go of once they are written and the bound is exceeded; whoever still holds a subarray of one keeps it alive.

import { assert } from '../../../common/base/assert.ts';
import type { Bytes } from '../../../common/base/bytes.ts';
import { viewOf } from '../../../common/base/integers.ts';

const CHUNK_BYTES = 1024 * 1024;

export interface Chunk {
  /** Rises by one from chunk to chunk. */
  readonly number: number;
  readonly bytes: Bytes;
  readonly view: DataView;
  /** Bytes taken from the start. */
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

  /** The chunk to write to, with room for `bytes` in one piece. */
  reserve(bytes: number): Chunk {
    const current = this.#current;
    if (current.used + bytes <= current.bytes.length) return current;
    this.#current = this.#add(current.number + 1, Math.max(bytes, CHUNK_BYTES));
    return this.#current;
  }

  /** The chunk with this number; undefined once it was let go of. */
  get(number: number): Chunk | undefined {
    const first = this.#chunks[0];
    return first === undefined ? undefined : this.#chunks[number - first.number];
  }

  /** Lets go of what is beyond the bound; all chunks below `written` are on disk. */
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
