// What requests cost their owner, so that ranges can be compared: by a model, since to measure each of them would cost more than it tells.
// The numbers are estimates. Only their proportions matter to the leader.

import type { LoadRates } from './range-load.ts';

/** ms of CPU. */
const WRITE_MS = 0.03;
const READ_MS = 0.012;
const MEGABYTE_MS = 2;

/** The part of one core that the range takes from its owner, about. */
export function cpuShareOf({ reads, writes, bytesIn, bytesOut }: LoadRates): number {
  const ms = writes * WRITE_MS + reads * READ_MS + ((bytesIn + bytesOut) / 1_000_000) * MEGABYTE_MS;
  return ms / 1_000;
}
