// A load report is bounded, reads back as it was written, and is written only if it says something new.

import test from 'ava';
import { type Bytes, toBytes } from '../../../../common/base/bytes.ts';
import { silentLogger } from '../../../../common/base/log.ts';
import { LOAD_LIMITS, type LoadRecord } from '../../../../common/model/load.ts';
import { loadCodec, paths } from '../../../../common/zk/znodes.ts';
import { isNewLoad, loadRecord, type OwnedLoad } from '../../../../kvnode/load/load-record.ts';
import { loadReport } from '../../../../kvnode/zk/load-report.ts';
import { MemoryZk } from '../../../support/memory-zk.ts';
import { VirtualEnv } from '../../../support/virtual-env.ts';

function owned(range: number, reads: number, samples: readonly Bytes[] = []): OwnedLoad {
  const rates = { reads, writes: 0, bytesIn: 0, bytesOut: 0 };
  return { range, rates, bytes: 1_000_000, middleKey: null, samples };
}

function recordOf(ranges: readonly OwnedLoad[]): LoadRecord {
  return loadRecord({ cpu: 0.5, syncTimes: { meanMs: 1, p99Ms: 3 }, ranges });
}

test('with 1,000 ranges the 64 busiest have their samples, and the report is small', (t) => {
  const samples = Array.from({ length: 32 }, (_, at) => toBytes(`user/${String(31 - at).padStart(9, '0')}`));
  const record = recordOf(Array.from({ length: 1_000 }, (_, at) => owned(at + 1, at * 1.234567, samples)));
  const sampled = record.ranges.filter((range) => range.samples !== undefined);
  t.deepEqual(
    sampled.map(({ range }) => range),
    Array.from({ length: LOAD_LIMITS.sampledRangesMax }, (_, at) => 937 + at),
  );
  t.deepEqual(sampled[0]?.samples, samples.toReversed(), 'in order');
  const data = loadCodec.encode(record);
  t.true(data.length < 180_000, `${data.length} bytes`);
  t.deepEqual(loadCodec.decode(data), record);
});

test('long keys and very many ranges stay below what a znode may have', (t) => {
  const ugly = Array.from({ length: 32 }, () => new Uint8Array(LOAD_LIMITS.sampleBytesMax));
  const record = recordOf(Array.from({ length: 20_000 }, (_, at) => owned(1e9 + at, at + 0.123, ugly)));
  const data = loadCodec.encode(record);
  t.true(data.length < 800_000, `${data.length} bytes`);
  t.is(record.ranges.length, LOAD_LIMITS.rangesMax);
  t.is(record.ranges.at(-1)?.range, 1e9 + 19_999, 'the idlest are left out');
});

test('a tenth is news, less is not, and neither is what hardly counts', (t) => {
  const base = recordOf([owned(1, 1_000), owned(2, 1)]);
  const isNews = (ranges: readonly OwnedLoad[]) => isNewLoad(base, recordOf(ranges));
  t.false(isNews([owned(1, 1_090), owned(2, 1)]));
  t.true(isNews([owned(1, 1_110), owned(2, 1)]));
  t.true(isNews([owned(1, 800), owned(2, 1)]));
  t.false(isNews([owned(1, 1_000), owned(2, 4)]));
  t.true(isNews([owned(1, 1_000)]));
  t.true(isNews([owned(1, 1_000), owned(3, 1)]));
  t.true(isNews([owned(1, 1_000), { ...owned(2, 1), bytes: 1_200_000 }]));
  t.true(isNews([owned(1, 1_000), { ...owned(2, 1), bytes: null }]));
  t.true(isNewLoad(base, { ...base, syncP99Ms: 40 }));
  t.true(isNewLoad(base, { ...base, cpu: 0.9 }));
});

test('a report that changes all the time is written every five seconds at most, a steady one four times a minute or never', async (t) => {
  const env = new VirtualEnv();
  const zk = new MemoryZk(env);
  const written: number[] = [];
  let record = recordOf([]);
  const session = {
    ...zk.session,
    get: async () => null,
    create: async (path: string, data: Uint8Array) => {
      t.is(path, paths.load('n-1'));
      written.push(env.now());
      t.deepEqual(loadCodec.decode(data), record);
      return path;
    },
  };
  const report = loadReport({ self: 'n-1', env, logger: silentLogger, record: () => record });
  const writesIn = async (seconds: number, change: (second: number) => LoadRecord): Promise<number> => {
    const before = written.length;
    for (let second = 0; second < seconds; second++) {
      record = change(second);
      await env.run(1_000);
    }
    return written.length - before;
  };
  t.is(await writesIn(20, (second) => recordOf([owned(1, 100 * second)])), 0, 'there is no session');
  report.useSession(session);
  const often = await writesIn(120, (second) => recordOf([owned(1, 100 * 1.5 ** (second % 10))]));
  t.true(often >= 15 && often <= 24, `${often} writes in two minutes`);
  for (const [at, time] of written.entries()) t.true(time - (written[at - 1] ?? 0) >= 5_000);
  await writesIn(60, () => recordOf([owned(1, 100, [toBytes('a')])]));
  const busy = await writesIn(120, () => recordOf([owned(1, 100, [toBytes('a')])]));
  t.true(busy >= 6 && busy <= 9, `${busy} writes in two minutes`);
  await writesIn(60, () => recordOf([owned(1, 0)]));
  t.is(await writesIn(120, () => recordOf([owned(1, 0)])), 0);
  report.close();
});
