// When a disk is unhealthy, and when it is healthy again. The clock is virtual, and the storage is a stub.

import test from 'ava';
import { silentLogger } from '../../../../common/base/log.ts';
import { DEFAULT_REPLICATION } from '../../../../common/model/config.ts';
import { DiskWatch } from '../../../../kvnode/health/disk-watch.ts';
import { VirtualEnv } from '../../../support/virtual-env.ts';

const { diskStallMs, diskRecoveryMs } = DEFAULT_REPLICATION;
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

  /** Lets time pass, with a check at each tick. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      this.env.stall(TICK_MS);
      this.watch.check();
    }
  }

  sync(ms: number): void {
    this.storage.waitingSince = this.env.now();
    this.pass(ms);
    this.storage.waitingSince = null;
    this.pass(TICK_MS);
  }
}

test('several syncs that are each shorter than a stall are no stall', (t) => {
  const scene = new Scene();
  for (let i = 0; i < 5; i++) scene.sync(diskStallMs - TICK_MS);
  t.true(scene.watch.isHealthy);
});

test('a longer sync makes the disk unhealthy while it lasts and for the recovery time after it', (t) => {
  const scene = new Scene();
  scene.storage.waitingSince = scene.env.now();
  scene.pass(diskStallMs);
  t.true(scene.watch.isHealthy);
  scene.pass(TICK_MS);
  t.false(scene.watch.isHealthy);
  scene.pass(2 * diskRecoveryMs);
  t.false(scene.watch.isHealthy, 'it has not answered yet');
  scene.storage.waitingSince = null;
  scene.pass(diskRecoveryMs - TICK_MS);
  t.false(scene.watch.isHealthy);
  scene.pass(2 * TICK_MS);
  t.true(scene.watch.isHealthy);
});

test('the recovery time starts again with each stall', (t) => {
  const scene = new Scene();
  scene.sync(diskStallMs + TICK_MS);
  scene.pass(diskRecoveryMs / 2);
  scene.sync(diskStallMs + TICK_MS);
  scene.pass(diskRecoveryMs / 2 + 2 * TICK_MS);
  t.false(scene.watch.isHealthy);
});

test('a full disk is unhealthy at once', (t) => {
  const scene = new Scene();
  scene.storage.full = true;
  scene.pass(TICK_MS);
  t.false(scene.watch.isHealthy);
});

test('after a pause of the process the disk is not blamed', (t) => {
  const scene = new Scene();
  scene.storage.waitingSince = scene.env.now();
  scene.env.stall(10 * diskStallMs);
  scene.watch.check();
  t.true(scene.watch.isHealthy, 'the answer may have come and not been read yet');
  scene.pass(TICK_MS);
  t.false(scene.watch.isHealthy, 'it was not');
});
