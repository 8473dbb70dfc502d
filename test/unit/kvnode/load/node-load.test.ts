// The load of a node: of the ranges that it owns, from when it owns them.

import test from 'ava';
import { toBytes } from '../../../../common/base/bytes.ts';
import { silentLogger } from '../../../../common/base/log.ts';
import { NodeLoad } from '../../../../kvnode/load/node-load.ts';
import { RangeLoad } from '../../../../kvnode/load/range-load.ts';
import { VirtualEnv } from '../../../support/virtual-env.ts';

class Scene {
  readonly env = new VirtualEnv();
  readonly hosts = [1, 2].map((range) => ({ range, isOwner: range === 1, load: new RangeLoad(this.env) }));
  cpuMs = 0;
  measureError: Error | null = null;
  readonly load = new NodeLoad({
    env: this.env,
    logger: silentLogger,
    storage: {
      syncTimes: { meanMs: 1, p99Ms: 4 },
      appliedBytes: () => 0,
      measure: async (ranges) => {
        if (this.measureError !== null) throw this.measureError;
        return new Map(
          ranges.map((range) => [range, { bytes: 10 * range, middleKey: toBytes('m'), appliedBytes: 0 }]),
        );
      },
    },
    hosts: () => this.hosts,
    cpuMs: () => this.cpuMs,
  });

  /** So many seconds with 100 reads of each range in each. */
  async run(seconds: number): Promise<void> {
    for (let second = 0; second < seconds * 10; second++) {
      for (const { load } of this.hosts) for (let at = 0; at < 10; at++) load.countRead(toBytes('k'), 50);
      this.cpuMs += 25;
      await this.env.run(100);
    }
  }

  get reads(): Readonly<Record<number, number>> {
    return Object.fromEntries(this.load.record().ranges.map(({ range, reads }) => [range, reads]));
  }
}

const isNear = (actual: number | undefined, expected: number) =>
  actual !== undefined && Math.abs(actual - expected) <= 0.05 * expected;

test('owned ranges are reported with their rates and bytes, and the node with its CPU', async (t) => {
  const scene = new Scene();
  await scene.run(2);
  t.deepEqual(scene.reads, {}, 'too early');
  await scene.run(8);
  const { ranges, cpu, syncP99Ms } = scene.load.record();
  t.deepEqual(
    ranges.map(({ range, bytes, middleKey }) => [range, bytes, middleKey]),
    [[1, 10, toBytes('m')]],
  );
  t.true(isNear(ranges[0]?.reads, 100), String(ranges[0]?.reads));
  t.true(isNear(cpu ?? 0, 0.25));
  t.is(syncP99Ms, 4);
  scene.load.close();
});

test('a range that the node takes over is reported with its true rates from the first report on', async (t) => {
  const scene = new Scene();
  const [first, second] = scene.hosts;
  if (first === undefined || second === undefined) return t.fail();
  await scene.run(10);
  for (let quiet = 0; quiet < 60; quiet++) await scene.env.run(1_000);
  first.isOwner = false;
  second.isOwner = true;
  await scene.run(1);
  t.deepEqual(scene.reads, {}, 'too early');
  await scene.run(4);
  t.true(isNear(scene.reads[2], 100), JSON.stringify(scene.reads));
  t.is(scene.reads[1], undefined);
  scene.load.close();
});

test('a measurement that fails is tried again', async (t) => {
  const scene = new Scene();
  scene.measureError = new Error('the disk is busy');
  await scene.run(12);
  t.is(scene.load.record().ranges[0]?.bytes, null);
  scene.measureError = null;
  await scene.run(6);
  t.is(scene.load.record().ranges[0]?.bytes, 10);
  scene.load.close();
});
