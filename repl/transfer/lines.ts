// Divides a stream of bytes into lines. It never holds more than one line, whose length is bounded. A line that is not UTF-8 is
// reported as such: node:readline would silently replace wrong bytes with U+FFFD, and an import would store that.

import { utf8OrNull } from '../../common/base/bytes.ts';

export type LineProblem = 'not UTF-8' | 'line too long';

/** `number` counts from 1. */
export type Line =
  | { readonly number: number; readonly text: string; readonly problem: null }
  | { readonly number: number; readonly problem: LineProblem };

const NEWLINE = 0x0a;

export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
): AsyncIterableIterator<Line> {
  const line = new LineBuffer(lineBytesMax);
  let number = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      line.add(chunk.subarray(from, end));
      yield line.take(++number);
      from = end + 1;
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
    // A byte order mark at the start of a file is not part of its text.
    return { number, text: number === 1 ? text.replace(/^\uFEFF/, '') : text, problem: null };
  }
}
