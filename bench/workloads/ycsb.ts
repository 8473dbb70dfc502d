// The six mixes of YCSB (Cooper et al., SoCC 2010) on the smart client, with its draws of keys; values of 100 bytes in
// place of ten fields of 100.

import { compare, type Found, perSecond } from '../compare.ts';
import { rangekeeper } from '../contenders/contender.ts';
import type { Mix, SlotSpec } from '../load/slot.ts';
import type { Rig } from '../rig.ts';
import { slotOf } from './put.ts';

interface Letter {
  readonly letter: string;
  readonly text: string;
  readonly mix: Mix;
  readonly draw: SlotSpec['draw'];
}

export const LETTERS: readonly Letter[] = [
  { letter: 'a', text: 'half reads, half updates', mix: { read: 0.5, update: 0.5 }, draw: 'zipfian' },
  { letter: 'b', text: '95 % reads, 5 % updates', mix: { read: 0.95, update: 0.05 }, draw: 'zipfian' },
  { letter: 'c', text: 'reads', mix: { read: 1 }, draw: 'zipfian' },
  {
    letter: 'd',
    text: '95 % reads of the latest, 5 % inserts',
    mix: { read: 0.95, insert: 0.05 },
    draw: 'latest',
  },
  {
    letter: 'e',
    text: '95 % pages of up to 100 rows, 5 % inserts',
    mix: { scan: 0.95, insert: 0.05 },
    draw: 'zipfian',
  },
  {
    letter: 'f',
    text: 'half reads, half read-modify-writes',
    mix: { read: 0.5, modify: 0.5 },
    draw: 'zipfian',
  },
];

const CALLERS = 64;

export async function ycsb(rig: Rig, { letter, text, mix, draw }: Letter): Promise<Found> {
  await rig.leaveOnly(await rig.rangekeeper(3));
  const { rows, calm } = await compare(rig, {
    work: `YCSB ${letter.toUpperCase()}`,
    variant: `${text}, ${CALLERS} callers`,
    contenders: [await rangekeeper(rig, 3)],
    spec: slotOf(rig, { mix, draw, callers: CALLERS, pageRows: 100, pageUpTo: true }),
    unit: 'ops/s',
    value: perSecond,
  });
  return { rows, calm, verdicts: [] };
}
