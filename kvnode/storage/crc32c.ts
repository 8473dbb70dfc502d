// CRC-32C (Castagnoli), the checksum of stored rows, of snapshots and of LevelDB's files. The processor computes it in
// hardware; Node's own zlib.crc32 is of another polynomial.

import { crc32c as compute } from '@node-rs/crc32';
import type { Bytes } from '../../common/base/bytes.ts';

/** Continues `crc` (0 to start) over `bytes`. Unsigned 32 bits. */
export function crc32c(bytes: Bytes, crc = 0): number {
  return compute(bytes, crc);
}
