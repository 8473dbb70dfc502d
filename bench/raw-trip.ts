// What one durable write cannot be faster than: one fdatasync of a log's block, and a request to the owner and one to a
// replica and back, measured on this machine. The three are done one after the other, over and over, as one operation: each
// alone in a loop of its own finds processes and caches that no single write finds.

import { closeSync, fdatasync, openSync, write, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { realEnv } from '../common/base/env.ts';
import { EchoDriver } from './load/echo.ts';
import { keyOf } from './load/keys.ts';
import { PREFIX, type Rig, VALUE_BYTES } from './rig.ts';
import { spreadOf } from './stats/summary.ts';

const ENTRY_BYTES = 256;
/** Written over and over: preallocated blocks, as a log's. */
const FILE_BYTES = 1024 * 1024;

/** One value a round, ms. */
export async function rawTrip(rig: Rig): Promise<number[]> {
  const { port } = await rig.echo();
  const echo = await EchoDriver.open({
    kind: 'echo',
    port,
    connections: 2,
    gathered: false,
    valueBytes: VALUE_BYTES,
  });
  const file = openSync(join(rig.directory, 'raw-log'), 'w');
  try {
    writeSync(file, Buffer.alloc(FILE_BYTES));
    await promisify(fdatasync)(file);
    const values: number[] = [];
    await tripMs(echo, file, rig.scale.warmUpMs);
    for (let round = 0; round < rig.scale.rounds; round++)
      values.push(await tripMs(echo, file, rig.scale.ms));
    return values;
  } finally {
    closeSync(file);
    await echo.close();
  }
}

/** Median over so long. */
async function tripMs(echo: EchoDriver, file: number, ms: number): Promise<number> {
  const key = keyOf(PREFIX, 0);
  const entry = Buffer.alloc(ENTRY_BYTES, 7);
  const times: number[] = [];
  const end = realEnv.now() + ms;
  for (let begin = realEnv.now(); begin < end; ) {
    await promisify(write)(file, entry, 0, ENTRY_BYTES, (times.length * ENTRY_BYTES) % FILE_BYTES);
    await promisify(fdatasync)(file);
    await echo.get(0, key);
    await echo.get(1, key);
    const now = realEnv.now();
    times.push(now - begin);
    begin = now;
  }
  return spreadOf(times).median;
}
