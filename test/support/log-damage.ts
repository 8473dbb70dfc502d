// Damages the log of a node that is down, as a bad disk or a power cut does. storage/log/record.ts has the format.

import { appendFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOG_DIRECTORY, parseSegmentName } from '../../kvnode/storage/files.ts';
import { HEADER_BYTES } from '../../kvnode/storage/log/record.ts';
import type { Rng } from './rng.ts';

interface RecordPlace {
  readonly at: number;
  readonly group: number;
}

/** Flips one bit of a record that a later group follows, so that it was synced for certain. Returns where. */
export async function flipSyncedBit(dataDirectory: string, rng: Rng): Promise<string> {
  const path = await lastSegment(dataDirectory);
  const bytes = await readFile(path);
  const records = recordsOf(bytes);
  const last = records.at(-1)?.group ?? 0;
  const { at } = rng.pick(records.filter(({ group }) => group < last));
  const bit = rng.below(8 * HEADER_BYTES);
  const byte = at + (bit >> 3);
  bytes[byte] = (bytes[byte] ?? 0) ^ (1 << (bit & 7));
  await writeFile(path, bytes);
  return `bit ${bit} of the record at ${at} in ${path}`;
}

/** Truncates the last segment at a random byte of its records. Returns where. */
export async function cutSegment(dataDirectory: string, rng: Rng): Promise<string> {
  const path = await lastSegment(dataDirectory);
  const end = recordsOf(await readFile(path)).at(-1)?.at ?? 0;
  const at = rng.below(end + HEADER_BYTES);
  await truncate(path, at);
  return `${path} cut at ${at}`;
}

/** Appends part of a group after the last one, as if the power had failed while it was written. Returns what and where. */
export async function tearNextGroup(dataDirectory: string, rng: Rng): Promise<string> {
  const path = await lastSegment(dataDirectory);
  const bytes = await readFile(path);
  const end = endOf(bytes);
  await truncate(path, end);
  const torn = Buffer.alloc(HEADER_BYTES, 1 + rng.below(255));
  await appendFile(path, torn);
  return `${torn.length} bytes of garbage at ${end} in ${path}`;
}

async function lastSegment(dataDirectory: string): Promise<string> {
  const folder = join(dataDirectory, LOG_DIRECTORY);
  const names = (await readdir(folder)).filter((name) => parseSegmentName(name) !== null).sort();
  // A segment that is only prepared holds no records yet.
  for (const name of names.toReversed()) {
    const path = join(folder, name);
    if ((await readFile(path)).readUInt32LE(0) > 0) return path;
  }
  throw new Error(`no log in ${folder}`);
}

function recordsOf(bytes: Buffer): readonly RecordPlace[] {
  const records: RecordPlace[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length === 0) break;
    records.push({ at, group: Number(bytes.readBigUInt64LE(at + 8)) });
    at += length;
  }
  return records;
}

function endOf(bytes: Buffer): number {
  const last = recordsOf(bytes).at(-1)?.at ?? 0;
  return last + bytes.readUInt32LE(last);
}
