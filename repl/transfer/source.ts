// A file that `import` reads. It is opened when its first row is wanted, so that all its errors belong to that import and end no
// other command. A named pipe that nobody writes to yet is waited for in the event loop, so that Ctrl-C ends the wait.

import { constants, createReadStream, open, ReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { readCsv } from './csv.ts';
import { EncodingError } from './encoding.ts';
import { fileError, namingFile, shownPath } from './file-error.ts';
import type { Item } from './item.ts';
import { readNdjson } from './ndjson.ts';
import { refuseOwn } from './own-descriptor.ts';

export const FORMATS = ['ndjson', 'csv'] as const;
export type FileFormat = (typeof FORMATS)[number];

/** Rows from some input, and how much of it has been read. */
export interface Source {
  readonly items: AsyncIterable<Item>;
  /** From 0 to 1; null: its size is not known. */
  portion(): number | null;
}

const openDescriptor = promisify(open);

/** Looks at the file, and does not open it yet. @throws Error if it is not there, or is a directory */
export async function fileSource(path: string, format: FileFormat): Promise<Source> {
  const name = shownPath(path);
  const about = await namingFile(name, () => stat(path));
  if (about.isDirectory()) throw new Error(`${name} is a directory: import --tree reads it`);
  await refuseOwn(name, about);
  let input: Readable | null = null;
  async function* items(): AsyncIterableIterator<Item> {
    input = await namingFile(name, () => openInput(path, about));
    yield* readItems(input, name, format);
  }
  const portion = () => (about.isFile() && input instanceof ReadStream ? input.bytesRead / about.size : null);
  return { items: items(), portion };
}

/** The rows of a text. @param name names the input in messages. @throws Error that begins with the name */
export async function* readItems(
  input: Readable,
  name: string,
  format: FileFormat,
): AsyncIterableIterator<Item> {
  try {
    yield* format === 'csv' ? readCsv(input, name) : readNdjson(input, name);
  } catch (error) {
    throw error instanceof EncodingError ? new Error(`${name}:1: ${error.message}`) : fileError(name, error);
  }
}

async function openInput(path: string, about: Stats): Promise<Readable> {
  if (!about.isFIFO()) return createReadStream(path, { fd: await openDescriptor(path, 'r') });
  const fd = await openDescriptor(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return new Socket({ fd, readable: true, writable: false });
}
