// The digest of a replica at one seq: its number of rows, and a checksum over everything that is replicated, which is its rows in key
// order and its client sessions in the order of their ids. All replicas have the same digest at a seq, unless one is damaged.
//
//   CRC-32C over    row*  session*
//   row     := keyLength:u32 valueLength:u32 revision:f64 key value
//   session := idLength:u32 recordLength:u32 0:f64 id record

import { type Bytes, compareBytes } from '../../common/base/bytes.ts';
import { crc32c } from '../storage/crc32c.ts';
import type { ReplicaView } from '../storage/storage.ts';
import type { Digest } from './verdict.ts';

/** Digests of different formats cannot be compared. */
export const DIGEST_FORMAT = 1;
/** Read in one piece, bytes: about a millisecond of work. */
const PIECE_BYTES = 64 * 1024;
/** Added to each row's bytes for the rate limit, because small rows cost CPU time rather than disk reads. */
const ROW_BYTES = 700;

const head = new Uint8Array(16);
const headView = new DataView(head.buffer);

/**
 * @param pieceRead awaited after each piece, with its bytes; resolves to false if the digest must be given up
 * @returns null if it was given up
 */
export async function digestOf(
  view: Pick<ReplicaView, 'next' | 'sessions'>,
  pieceRead: (bytes: number) => Promise<boolean>,
): Promise<Digest | null> {
  let rows = 0;
  let checksum = 0;
  for (;;) {
    const piece = await view.next(PIECE_BYTES);
    if (piece === null) break;
    let bytes = 0;
    for (const { key, value, revision } of piece) {
      checksum = add(key, value, revision, checksum);
      bytes += key.length + value.length + ROW_BYTES;
    }
    rows += piece.length;
    if (!(await pieceRead(bytes))) return null;
  }
  const sessions = [...view.sessions].sort((a, b) => compareBytes(a.clientId, b.clientId));
  for (const { clientId, record } of sessions) checksum = add(clientId, record, 0, checksum);
  return { rows, checksum };
}

function add(key: Bytes, value: Bytes, revision: number, checksum: number): number {
  headView.setUint32(0, key.length);
  headView.setUint32(4, value.length);
  headView.setFloat64(8, revision);
  return crc32c(value, crc32c(key, crc32c(head, checksum)));
}
