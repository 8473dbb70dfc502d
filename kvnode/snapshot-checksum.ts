// The checksum that runs over a snapshot, chunk after chunk: of each row's key, value and revision, then of the client
// sessions. CRC-32C; of a long value zlib's CRC-32, which goes on from it, as it takes a fifth of the time there.

import { crc32 } from 'node:zlib';
import { crc32c } from './storage/crc32c.ts';
import type { Row, SessionRow } from './storage/storage.ts';

/** Below, a call of zlib costs more than it saves. */
const LONG_BYTES = 512;

/** Goes on from `checksum`, 0 at the start. */
export function rowsChecksum(rows: readonly Row[], checksum: number): number {
  const revision = new Uint8Array(8);
  const view = new DataView(revision.buffer);
  let running = checksum;
  for (const row of rows) {
    view.setFloat64(0, row.revision);
    running = crc32c(row.key, 0, row.key.length, running);
    running =
      row.value.length < LONG_BYTES
        ? crc32c(row.value, 0, row.value.length, running)
        : crc32(row.value, running);
    running = crc32c(revision, 0, 8, running);
  }
  return running;
}

export function sessionsChecksum(rows: readonly SessionRow[], checksum: number): number {
  let running = checksum;
  for (const { clientId, record } of rows) {
    running = crc32c(clientId, 0, clientId.length, running);
    running = crc32c(record, 0, record.length, running);
  }
  return running;
}
