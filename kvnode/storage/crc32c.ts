// CRC-32C (Castagnoli): the checksum of stored rows, of snapshots and of LevelDB's files. It is computed in hardware.
// zlib.crc32 of Node has another polynomial.

import { crc32c as compute } from '@node-rs/crc32';
import type { Bytes } from '../../common/base/bytes.ts';

/** The checksum of `bytes`, continued from `crc` (0 at the start). Unsigned, 32 bits. */
export function crc32c(bytes: Bytes, crc = 0): number {
  return compute(bytes, crc);
}
