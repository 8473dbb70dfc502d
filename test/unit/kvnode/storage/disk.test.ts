// Runs the tests of the disk on the file system and on its twin.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { realDisk } from '../../../../kvnode/storage/disk.ts';
import { diskSuite } from '../../../suites/storage/disk-suite.ts';
import { MemoryDisk } from '../../../suites/storage/memory-disk.ts';

diskSuite(test, 'file system', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rangekeeper-disk-'));
  return {
    disk: realDisk,
    directory,
    remove: () => rm(directory, { recursive: true }),
    until: (promise) => promise,
  };
});

diskSuite(test, 'twin', async () => ({
  disk: new MemoryDisk(),
  directory: '/data',
  remove: async () => {},
  until: (promise) => promise,
}));
