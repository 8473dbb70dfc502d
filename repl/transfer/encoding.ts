// The first bytes of a text file say how it is encoded. Text is read as UTF-8. The byte order mark that spreadsheets and editors
// write before UTF-8 is not part of the text, and is left out. UTF-16 and UTF-32 are refused, because their bytes, read as UTF-8,
// would be other text.

import type { Bytes } from '../../common/base/bytes.ts';

/** The bytes are not UTF-8 text, as their first bytes show. */
export class EncodingError extends Error {
  override readonly name = 'EncodingError';
  constructor() {
    super('UTF-16 or UTF-32 text: save the file as UTF-8');
  }
}

const MARK = [0xef, 0xbb, 0xbf];

/** The bytes without a mark at their start. @throws EncodingError */
export async function* utf8Chunks(chunks: AsyncIterable<Bytes>): AsyncGenerator<Bytes, void> {
  let head: Bytes | null = new Uint8Array(0);
  for await (const chunk of chunks) {
    if (head === null) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (!isDecisive(head)) continue;
    yield withoutMark(head);
    head = null;
  }
  if (head !== null) yield withoutMark(head);
}

/** Two bytes tell, unless they may be the beginning of a mark. */
function isDecisive(head: Bytes): boolean {
  return head.length > 2 || (head.length === 2 && !(head[0] === MARK[0] && head[1] === MARK[1]));
}

function withoutMark(head: Bytes): Bytes {
  if (isWide(head)) throw new EncodingError();
  return MARK.every((byte, i) => head[i] === byte) ? head.subarray(MARK.length) : head;
}

/** Whether it begins with a mark of UTF-16 or UTF-32, or with a character that has zeros beside it. */
function isWide([first, second]: Bytes): boolean {
  if (first === 0 || second === 0) return true;
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
}
