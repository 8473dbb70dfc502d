// The checksum that runs over a snapshot's rows, chunk after chunk: CRC-32C of each key, value and revision.

import { crc32c } from './storage/crc32c.ts';
import type { Row } from './storage/storage.ts';

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
