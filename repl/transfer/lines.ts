// Divides a stream of bytes into lines. It never holds more than one line, whose length is bounded. A line that is not UTF-8 is
// reported as such: node:readline would silently replace wrong bytes with U+FFFD, and an import would store that.

import { utf8OrNull } from '../../common/base/bytes.ts';
import { utf8Chunks } from './encoding.ts';

export type LineProblem = 'not UTF-8' | 'line too long';

/** `number` counts from 1. */
export type Line =
  | { readonly number: number; readonly text: string; readonly problem: null }
  | { readonly number: number; readonly problem: LineProblem };

/** What ends a line: LF alone; or LF, CR LF or CR, also mixed, as a file has them that several programs have written. */
export type LineEnds = 'lf' | 'any';

const LF = 0x0a;
const CR = 0x0d;

/** @throws EncodingError if the text is UTF-16 or UTF-32 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
  ends: LineEnds,
): AsyncIterableIterator<Line> {
  const line = new LineBuffer(lineBytesMax);
  let number = 0;
  let afterCr = false;
  for await (const chunk of utf8Chunks(chunks)) {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      const endsBefore = afterCr && byte === LF;
      afterCr = byte === CR && ends === 'any';
      if (endsBefore) from = at + 1;
      if (endsBefore || !(byte === LF || afterCr)) continue;
      line.add(chunk.subarray(from, at));
      yield line.take(++number);
      from = at + 1;
    }
    line.add(chunk.subarray(from));
  }
  if (!line.isEmpty) yield line.take(number + 1);
}

class LineBuffer {
  readonly #bytesMax: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  add(part: Uint8Array): void {
    this.#bytes += part.length;
    if (this.#bytes > this.#bytesMax) this.#parts = [];
    else if (part.length > 0) this.#parts.push(part);
  }

  take(number: number): Line {
    const [parts, bytes] = [this.#parts, this.#bytes];
    this.#parts = [];
    this.#bytes = 0;
    if (bytes > this.#bytesMax) return { number, problem: 'line too long' };
    const text = utf8OrNull(Buffer.concat(parts));
    if (text === null) return { number, problem: 'not UTF-8' };
    return { number, text, problem: null };
  }
}
