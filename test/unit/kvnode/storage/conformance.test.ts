// Runs the tests of the storage on a real disk with LevelDB and on the twins.

import test from 'ava';
import { storageSuite } from '../../../suites/storage/storage-suite.ts';
import { realWorld, TwinWorld } from '../../../suites/storage/world.ts';

storageSuite(test, 'real', () => realWorld());
storageSuite(test, 'twin', async () => new TwinWorld());
