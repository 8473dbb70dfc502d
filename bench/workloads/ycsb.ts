// The six mixes of YCSB (Cooper et al., SoCC 2010) with its draws of keys, through client libraries. A value has 100 bytes instead
// of ten fields of 100 bytes. Peers without ordered keys have no E.

import { compare, IN_OPERATIONS, slotOf } from '../compare.ts';
import { clusterName, rangekeeper } from '../contenders/rangekeeper.ts';
import { redis } from '../contenders/redis.ts';
import { zookeeper } from '../contenders/zookeeper.ts';
import type { SlotSpec } from '../load/slot.ts';
import type { Outcome } from '../report/results.ts';
import type { Rig } from '../rig.ts';

type Draws = Pick<SlotSpec, 'mix' | 'draw'>;

/** The mixes by letter, each with a description. */
export const LETTERS: Readonly<Record<string, readonly [text: string, draws: Draws]>> = {
  a: ['half reads, half updates', { mix: { read: 0.5, update: 0.5 }, draw: 'zipfian' }],
  b: ['95 % reads, 5 % updates', { mix: { read: 0.95, update: 0.05 }, draw: 'zipfian' }],
  c: ['reads', { mix: { read: 1 }, draw: 'zipfian' }],
  d: ['95 % reads of the latest, 5 % inserts', { mix: { read: 0.95, insert: 0.05 }, draw: 'latest' }],
  e: ['95 % pages of up to 100 rows, 5 % inserts', { mix: { scan: 0.95, insert: 0.05 }, draw: 'zipfian' }],
  f: ['half reads, half read-modify-writes', { mix: { read: 0.5, modify: 0.5 }, draw: 'zipfian' }],
};

const CALLERS = 64;
const REDIS_CONNECTIONS = 2;

export async function ycsb(rig: Rig, letter: string, text: string, draws: Draws): Promise<Outcome> {
  const hasPeers = draws.mix.scan === undefined;
  const contenders = [
    await rangekeeper(rig, 3),
    hasPeers ? await redis(rig, { connections: REDIS_CONNECTIONS, gathered: true }) : null,
    // Our client of it writes znodes that are there.
    hasPeers && draws.mix.insert === undefined ? await zookeeper(rig) : null,
  ];
  if (!hasPeers) await rig.keepOnly(clusterName(3));
  return compare(rig, {
    ...{ work: `YCSB ${letter.toUpperCase()}`, variant: `${text}, ${CALLERS} callers`, ...IN_OPERATIONS },
    contenders,
    spec: slotOf(rig, { ...draws, callers: CALLERS, pageRows: 100, pageUpTo: true }),
    goals: () => [],
  });
}
