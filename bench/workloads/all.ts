// Every work that the benchmark knows, in the order in which a whole run does them.

import type { Found } from '../compare.ts';
import type { Rig } from '../rig.ts';
import { get, getConnections } from './get.ts';
import { overload, tail } from './pressure.ts';
import { put2, put3, putConnections, putOne } from './put.ts';
import { recovery, scaleKeys, scaleRanges } from './scale.ts';
import { scan } from './scan.ts';
import { SIZES, values } from './values.ts';
import { LETTERS, ycsb } from './ycsb.ts';

export interface Work {
  /** For `--only`. */
  readonly name: string;
  readonly summary: string;
  /** The shortest run that it is a part of; `large`: only where asked for by name. */
  readonly part: 'quick' | 'full' | 'large';
  readonly run: (rig: Rig) => Promise<Found>;
}

export const WORKS: readonly Work[] = [
  work('put3-64', 'PUT, 3 replicas, 64 in flight', 'quick', (rig) => put3(rig, 64)),
  work('put3-256', 'PUT, 3 replicas, 256 in flight', 'quick', (rig) => put3(rig, 256)),
  work('put-one', 'PUT, one in flight', 'quick', putOne),
  work('get-64', 'GET, 64 callers', 'quick', (rig) => get(rig, 64)),
  work('get-256', 'GET, 256 callers', 'quick', (rig) => get(rig, 256)),
  work('get-connections', 'GET, 64 separate connections', 'quick', (rig) => getConnections(rig, 64)),
  work('scan-100', 'scan, pages of 100 rows', 'quick', (rig) => scan(rig, 100)),
  work('scan-1000', 'scan, pages of 1,000 rows', 'quick', (rig) => scan(rig, 1_000)),
  work('put2-16', 'PUT, 2 replicas, 16 callers', 'quick', (rig) => put2(rig, 16, 1.5)),
  work('put2-64', 'PUT, 2 replicas, 64 callers', 'quick', (rig) => put2(rig, 64, 2)),
  work('put2-256', 'PUT, 2 replicas, 256 callers', 'quick', (rig) => put2(rig, 256, 2)),
  work('put-connections', 'PUT, 64 separate connections', 'quick', (rig) => putConnections(rig, 64)),
  ...SIZES.map((size) =>
    work(`values-${size.text.replace(' ', '').toLowerCase()}`, `values of ${size.text}`, 'full', (rig) =>
      values(rig, size),
    ),
  ),
  work('tail-put', 'p99 of PUT at 70 % of the highest load', 'quick', (rig) => tail(rig, 'PUT')),
  work('tail-get', 'p99 of GET at 70 % of the highest load', 'quick', (rig) => tail(rig, 'GET')),
  ...LETTERS.map((letter) =>
    work(
      `ycsb-${letter.letter}`,
      `YCSB ${letter.letter.toUpperCase()}: ${letter.text}`,
      'ae'.includes(letter.letter) ? 'quick' : 'full',
      (rig) => ycsb(rig, letter),
    ),
  ),
  work('overload', 'twice the highest load', 'full', overload),
  work('scale-keys', 'from 10,000 to 1,000,000 keys', 'full', (rig) => scaleKeys(rig, 1_000_000)),
  work('scale-ranges', 'from 1 to 1,000 ranges', 'full', scaleRanges),
  work('recovery', 'a node lost with 1 GB', 'full', recovery),
  work('large', 'from 10,000 to 10,000,000 keys', 'large', (rig) => scaleKeys(rig, 10_000_000)),
];

function work(name: string, summary: string, part: Work['part'], run: (rig: Rig) => Promise<Found>): Work {
  return { name, summary, part, run };
}

/** In the order of WORKS. Throws where a name is none of theirs. */
export function worksNamed(names: string): readonly Work[] {
  const wanted = names.split(',').filter((name) => name !== '');
  for (const name of wanted) {
    if (!WORKS.some((known) => known.name === name || known.name.startsWith(`${name}-`))) {
      throw new Error(`there is no ${name}; there are: ${WORKS.map((known) => known.name).join(', ')}`);
    }
  }
  return WORKS.filter((known) =>
    wanted.some((name) => known.name === name || known.name.startsWith(`${name}-`)),
  );
}
