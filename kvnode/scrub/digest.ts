// The digest of a replica: how many rows it has, and a checksum over all that is replicated, its rows in key order and its
// client sessions in the order of their ids. Equal on all replicas at one seq, unless one of them is damaged.
//
//   CRC-32C over    row*  session*
//   row     := keyLength:u32 valueLength:u32 revision:f64 key value
//   session := idLength:u32 recordLength:u32 0:f64 id record

import { type Bytes, compareBytes } from '../../common/base/bytes.ts';
import { crc32c } from '../storage/crc32c.ts';
import type { ReplicaView } from '../storage/storage.ts';
import type { Digest } from './verdict.ts';

/** Digests of another format cannot be compared with these. */
export const DIGEST_FORMAT = 1;
/** Read at once; about a millisecond of work. */
const PIECE_BYTES = 64 * 1024;
/** Small rows cost the processor, not the disk: each counts as so many bytes more. */
const ROW_BYTES = 700;

const head = new Uint8Array(16);
const headView = new DataView(head.buffer);

/**
 * @param turn awaited after each piece of so many bytes was read; false: give up
 * @returns null where it was given up
 */
export async function digestOf(
  view: Pick<ReplicaView, 'next' | 'sessions'>,
  turn: (bytes: number) => Promise<boolean>,
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
    if (!(await turn(bytes))) return null;
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
