// LevelDB and its twin keep the same promises.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openLevel } from '../../kvnode/storage/level-engine.ts';
import { engineSuite } from '../suites/storage/engine-suite.ts';
import { openMemoryState, StateImage } from '../suites/storage/memory-state.ts';

engineSuite(test, 'LevelDB', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rangekeeper-engine-'));
  return {
    open: () => openLevel(join(directory, 'state')),
    remove: () => rm(directory, { recursive: true }),
    until: (promise) => promise,
  };
});

engineSuite(test, 'twin', async () => {
  const image = new StateImage();
  return {
    open: () => openMemoryState(image, 'twin'),
    remove: async () => {},
    until: (promise) => promise,
  };
});
