// Larger values, in bytes a second: writes and reads beside every peer that takes values of that size.

import { type Comparison, compare, type Found, type Row, together, type Verdict } from '../compare.ts';
import {
  bestRedisWriter,
  type Contender,
  etcd,
  rangekeeper,
  redis,
  zookeeper,
} from '../contenders/contender.ts';
import { GETS, PUTS, type SlotResult, type SlotSpec } from '../load/slot.ts';
import type { Rig } from '../rig.ts';
import { ratioOf } from '../stats/summary.ts';
import { slotOf } from './put.ts';

interface Size {
  readonly text: string;
  readonly bytes: number;
  readonly prefix: string;
  readonly keys: number;
  readonly callers: number;
}

const MB = 1_000_000;
/** ZooKeeper's own bound of a znode, less its name. */
const ZNODE_BYTES_MAX = 1_000_000;

export const SIZES: readonly Size[] = [
  { text: '1 KB', bytes: 1_000, prefix: 'vk01', keys: 4_096, callers: 64 },
  { text: '16 KB', bytes: 16_000, prefix: 'vk16', keys: 1_024, callers: 32 },
  { text: '1 MB', bytes: 1_000_000, prefix: 'vm01', keys: 32, callers: 8 },
];

export async function values(rig: Rig, size: Size): Promise<Found> {
  const spec = slotOf(rig, {
    callers: size.callers,
    prefix: size.prefix,
    keys: size.keys,
    valueBytes: size.bytes,
  });
  const found: Found[] = [];
  const own3 = await rangekeeper(rig, 3);
  const large = size.bytes >= ZNODE_BYTES_MAX;
  const three = [own3, await etcd(rig), large ? null : await zookeeper(rig)];
  for (const contender of three) await contender?.fill(size.prefix, size.keys, size.bytes);
  found.push(await inBytes(rig, size, 'PUT, 3 replicas', three, { ...spec, mix: PUTS }));
  const own2 = await rangekeeper(rig, 2);
  const two = [own2, await bestRedisWriter(rig, { ...spec, mix: PUTS })];
  found.push(await inBytes(rig, size, 'PUT, 2 replicas', two, { ...spec, mix: PUTS }));
  const reader = await redis(rig, { connections: 1, gathered: false, pipelined: false });
  await reader?.fill(size.prefix, size.keys, size.bytes);
  found.push(await inBytes(rig, size, 'GET', [...three, reader], { ...spec, mix: GETS }));
  return together(found);
}

async function inBytes(
  rig: Rig,
  size: Size,
  work: string,
  contenders: readonly (Contender | null)[],
  spec: SlotSpec,
): Promise<Found> {
  const value = ({ done, seconds }: SlotResult): number => (done * size.bytes) / seconds / MB;
  const variant = `values of ${size.text}, ${size.callers} in flight`;
  const comparison: Comparison = { work, variant, contenders, spec, unit: 'MB/s', value };
  const { rows, calm } = await compare(rig, comparison);
  return { rows, calm, verdicts: aboveEvery(rows) };
}

function aboveEvery(rows: readonly Row[]): readonly Verdict[] {
  const [own, ...peers] = rows;
  const best = peers.sort((a, b) => b.spread.median - a.spread.median)[0];
  if (own === undefined || best === undefined) return [];
  const measured = ratioOf(own.values, best.values);
  const goal = `above every peer, the best of them ${best.contender}`;
  return [{ work: own.work, variant: own.variant, goal, measured, unit: '×', met: measured.median > 1 }];
}
