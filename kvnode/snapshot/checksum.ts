// The running checksum of a snapshot, over all of its chunks: key, value and revision of each row, then the client
// sessions. CRC-32C.

import { crc32c } from '../storage/crc32c.ts';
import type { Row, SessionRow } from '../storage/storage.ts';

/** The checksum of `rows`, continued from `checksum` (0 at the start). */
export function rowsChecksum(rows: readonly Row[], checksum: number): number {
  const revision = new Uint8Array(8);
  const view = new DataView(revision.buffer);
  let running = checksum;
  for (const row of rows) {
    view.setFloat64(0, row.revision);
    running = crc32c(row.key, running);
    running = crc32c(row.value, running);
    running = crc32c(revision, running);
  }
  return running;
}

export function sessionsChecksum(rows: readonly SessionRow[], checksum: number): number {
  let running = checksum;
  for (const { clientId, record } of rows) {
    running = crc32c(clientId, running);
    running = crc32c(record, running);
  }
  return running;
}
