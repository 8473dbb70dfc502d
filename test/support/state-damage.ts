// Damages the state store of a node that is down, as a bad disk does.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { STATE_DIRECTORY } from '../../kvnode/storage/files.ts';
import { openLevel } from '../../kvnode/storage/state/level-engine.ts';
import type { Rng } from './rng.ts';

/** Flips one bit in LevelDB's log. Returns where. */
export async function flipBatchBit(dataDirectory: string, rng: Rng): Promise<string> {
  const state = join(dataDirectory, STATE_DIRECTORY);
  for (const name of await readdir(state)) {
    if (!name.endsWith('.log')) continue;
    const path = join(state, name);
    const bytes = await readFile(path);
    if (bytes.length === 0) continue;
    const bit = rng.below(8 * bytes.length);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    await writeFile(path, bytes);
    return `bit ${bit} of ${path}`;
  }
  throw new Error(`LevelDB has no log in ${state}`);
}

/** Changes the last byte of every stored value that contains `text`; the files are sound. Returns how many. */
export async function changeRows(dataDirectory: string, text: string): Promise<number> {
  const engine = await openLevel(join(dataDirectory, STATE_DIRECTORY));
  const everything = { start: new Uint8Array(0), end: new Uint8Array(8).fill(0xff) };
  const cursor = engine.open({ ...everything, reverse: false, values: true, bytesMax: 1 << 20 });
  const batch = engine.batch();
  let changed = 0;
  for (let pairs = await cursor.next(1000); pairs.length > 0; pairs = await cursor.next(1000)) {
    for (const [key, value] of pairs) {
      if (value === undefined || !Buffer.from(value).includes(text)) continue;
      const other = Uint8Array.from(value);
      other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
      batch.put(key, other);
      changed++;
    }
  }
  cursor.close();
  await batch.write();
  await engine.close();
  return changed;
}
