// Writes and reads of larger values, in bytes per second, compared with every peer that accepts values of that size.

import { compare, slotOf } from '../compare.ts';
import type { Contender } from '../contenders/contender.ts';
import { etcd } from '../contenders/etcd.ts';
import { rangekeeper } from '../contenders/rangekeeper.ts';
import { bestRedisWriter, redis } from '../contenders/redis.ts';
import { zookeeper } from '../contenders/zookeeper.ts';
import { GETS, type Mix, PUTS } from '../load/slot.ts';
import { atLeast, type Outcome, together } from '../report/results.ts';
import type { Rig } from '../rig.ts';

interface Size {
  readonly text: string;
  readonly bytes: number;
  readonly prefix: string;
  readonly keys: number;
  readonly callers: number;
}

const MB = 1_000_000;
/** ZooKeeper's own maximum size of a znode, without its name. */
const ZNODE_BYTES_MAX = 1_000_000;

export const SIZES: readonly Size[] = [
  { text: '1 KB', bytes: 1_000, prefix: 'vk01', keys: 4_096, callers: 64 },
  { text: '16 KB', bytes: 16_000, prefix: 'vk16', keys: 1_024, callers: 32 },
  { text: '1 MB', bytes: 1_000_000, prefix: 'vm01', keys: 32, callers: 8 },
];

export async function values(rig: Rig, { text, bytes, prefix, keys, callers }: Size): Promise<Outcome> {
  const slot = slotOf(rig, { callers, prefix, keys, valueBytes: bytes });
  const inBytes = (work: string, mix: Mix, contenders: readonly (Contender | null)[]): Promise<Outcome> =>
    compare(rig, {
      ...{ work, variant: `values of ${text}, ${callers} in flight`, contenders, unit: 'MB/s' },
      spec: { ...slot, mix },
      value: ({ done, seconds }) => (done * bytes) / seconds / MB,
      goals: (rows) => atLeast(rows, 1),
    });
  const takesZnodes = bytes < ZNODE_BYTES_MAX;
  const three = [await rangekeeper(rig, 3), await etcd(rig), takesZnodes ? await zookeeper(rig) : null];
  for (const contender of three) await contender?.fill(prefix, keys, bytes);
  const put3 = await inBytes('PUT, 3 replicas', PUTS, three);
  const two = [await rangekeeper(rig, 2), await bestRedisWriter(rig, { ...slot, mix: PUTS })];
  const put2 = await inBytes('PUT, 2 replicas', PUTS, two);
  const reader = await redis(rig);
  await reader?.fill(prefix, keys, bytes);
  return together([put3, put2, await inBytes('GET', GETS, [...three, reader])]);
}
