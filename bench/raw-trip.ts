// What one durable write cannot be faster than: one fdatasync of a log's block, and a request to the owner and one to a
// replica and back, measured on this machine.

import { closeSync, fdatasync, openSync, write, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { realEnv } from '../common/base/env.ts';
import { echo } from './contender.ts';
import { GETS, SLOT } from './load/slot.ts';
import type { Rig } from './rig.ts';
import { spreadOf } from './stats/summary.ts';

const SYNCS = 200;
const ENTRY_BYTES = 256;
const FILE_BYTES = SYNCS * ENTRY_BYTES;

/** One value a round, ms. */
export async function rawTrip(rig: Rig): Promise<number[]> {
  const raw = await echo(rig, 1, false);
  const values: number[] = [];
  for (let round = 0; round < rig.scale.rounds; round++) {
    const { quantiles } = await raw.run({
      ...SLOT,
      mix: GETS,
      callers: 1,
      warmUpMs: rig.scale.warmUpMs,
      ms: rig.scale.ms,
    });
    const trip = quantiles[0] ?? 0;
    values.push((await syncMs(join(rig.directory, 'raw-log'))) + 2 * trip);
  }
  return values;
}

/** Median of writing an entry into a preallocated file and syncing it off the event loop. */
async function syncMs(path: string): Promise<number> {
  const file = openSync(path, 'w');
  try {
    writeSync(file, Buffer.alloc(FILE_BYTES));
    await promisify(fdatasync)(file);
    const entry = Buffer.alloc(ENTRY_BYTES, 7);
    const times: number[] = [];
    for (let i = 0; i < SYNCS; i++) {
      const begin = realEnv.now();
      await promisify(write)(file, entry, 0, ENTRY_BYTES, i * ENTRY_BYTES);
      await promisify(fdatasync)(file);
      times.push(realEnv.now() - begin);
    }
    return spreadOf(times).median;
  } finally {
    closeSync(file);
  }
}
