// The checksum that runs over a snapshot, chunk after chunk: CRC-32C of each row's key, value and revision, then of the
// client sessions.

import { crc32c } from './storage/crc32c.ts';
import type { Row, SessionRow } from './storage/storage.ts';

/** Goes on from `checksum`, 0 at the start. */
export function rowsChecksum(rows: readonly Row[], checksum: number): number {
  const revision = new Uint8Array(8);
  const view = new DataView(revision.buffer);
  let running = checksum;
  for (const row of rows) {
    view.setFloat64(0, row.revision);
    running = crc32c(row.key, 0, row.key.length, running);
    running = crc32c(row.value, 0, row.value.length, running);
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
