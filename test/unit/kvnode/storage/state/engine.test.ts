// Runs the tests of the state engine on LevelDB and on its twin.

import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { toBytes } from '../../../../../common/base/bytes.ts';
import type { StateEngine } from '../../../../../kvnode/storage/state/engine.ts';
import { openLevel } from '../../../../../kvnode/storage/state/level-engine.ts';
import { engineSuite } from '../../../../suites/storage/engine-suite.ts';
import { openMemoryState, StateImage } from '../../../../suites/storage/memory-state.ts';

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

test('a flush moves everything into the tables of LevelDB, out of a log that is not synced', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'rangekeeper-engine-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const put = async (engine: StateEngine, key: string) => {
    const batch = engine.batch();
    batch.put(toBytes(key), toBytes(key));
    await batch.writeUnsynced();
  };
  const engine = await openLevel(directory);
  await put(engine, 'flushed');
  await engine.flush();
  await put(engine, 'not flushed');
  await engine.close();
  const logs = (await readdir(directory)).filter((name) => name.endsWith('.log'));
  t.true(logs.length > 0);
  for (const log of logs) await truncate(join(directory, log));
  const again = await openLevel(directory);
  t.not(again.get(toBytes('flushed')), undefined);
  t.is(again.get(toBytes('not flushed')), undefined);
  await again.close();
});

test('a power cut may lose unsynced batches of the twin until a flush', async (t) => {
  const image = new StateImage();
  const engine = await openMemoryState(image, 'twin');
  const put = async (key: string, synced: boolean) => {
    const batch = engine.batch();
    batch.put(toBytes(key), toBytes(key));
    await (synced ? batch.write() : batch.writeUnsynced());
  };
  const left = (survives: boolean) =>
    image.afterPowerCut(() => survives).pairs.map(([key]) => Buffer.from(key).toString());
  await put('a', true);
  await put('b', false);
  await put('c', true);
  t.deepEqual(left(false), ['a', 'c']);
  t.deepEqual(left(true), ['a', 'b', 'c']);
  await engine.flush();
  await put('d', true);
  t.deepEqual(left(false), ['a', 'b', 'c', 'd']);
});
