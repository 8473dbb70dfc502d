// When a disk is unfit to own ranges on, and when it is fit again: a virtual clock, and a storage that says what it is told.

import test from 'ava';
import { silentLogger } from '../../../../common/base/log.ts';
import { DEFAULT_REPLICATION } from '../../../../common/model/config.ts';
import { DiskWatch } from '../../../../kvnode/health/disk-watch.ts';
import { VirtualEnv } from '../../../support/virtual-env.ts';

const { diskStallMs, diskQuietMs } = DEFAULT_REPLICATION;
const TICK_MS = 25;

class Scene {
  readonly env = new VirtualEnv();
  readonly storage: { waitingSince: number | null; full: boolean } = { waitingSince: null, full: false };
  readonly watch = new DiskWatch({
    env: this.env,
    logger: silentLogger,
    storage: this.storage,
    config: DEFAULT_REPLICATION,
  });

  /** Time passes, watched. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      this.env.stall(TICK_MS);
      this.watch.look();
    }
  }

  sync(ms: number): void {
    this.storage.waitingSince = this.env.now();
    this.pass(ms);
    this.storage.waitingSince = null;
    this.pass(TICK_MS);
  }
}

test('syncs shorter than a stall, one after the other, are none', (t) => {
  const scene = new Scene();
  for (let i = 0; i < 5; i++) scene.sync(diskStallMs - TICK_MS);
  t.true(scene.watch.fit);
});

test('a sync that takes longer makes it unfit, while it lasts and a quiet time after', (t) => {
  const scene = new Scene();
  scene.storage.waitingSince = scene.env.now();
  scene.pass(diskStallMs);
  t.true(scene.watch.fit);
  scene.pass(TICK_MS);
  t.false(scene.watch.fit);
  scene.pass(2 * diskQuietMs);
  t.false(scene.watch.fit, 'it has not answered yet');
  scene.storage.waitingSince = null;
  scene.pass(diskQuietMs - TICK_MS);
  t.false(scene.watch.fit);
  scene.pass(2 * TICK_MS);
  t.true(scene.watch.fit);
});

test('the quiet time begins anew with each stall', (t) => {
  const scene = new Scene();
  scene.sync(diskStallMs + TICK_MS);
  scene.pass(diskQuietMs / 2);
  scene.sync(diskStallMs + TICK_MS);
  scene.pass(diskQuietMs / 2 + 2 * TICK_MS);
  t.false(scene.watch.fit);
});

test('a full disk is unfit at once', (t) => {
  const scene = new Scene();
  scene.storage.full = true;
  scene.pass(TICK_MS);
  t.false(scene.watch.fit);
});

test('after a pause of the process the disk is not blamed', (t) => {
  const scene = new Scene();
  scene.storage.waitingSince = scene.env.now();
  scene.env.stall(10 * diskStallMs);
  scene.watch.look();
  t.true(scene.watch.fit, 'the answer may be here and not read yet');
  scene.pass(TICK_MS);
  t.false(scene.watch.fit, 'it was not');
});
