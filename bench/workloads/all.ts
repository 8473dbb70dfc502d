// All workloads of the benchmark, in the order of a full run.

import type { Outcome } from '../report/results.ts';
import type { Rig } from '../rig.ts';
import { changes, growth, hotRange, inserts } from './living.ts';
import { overload, tail } from './pressure.ts';
import { put2, put3, putConnections, putOne, putSustained, spread } from './put.ts';
import { get, getConnections, scan } from './read.ts';
import { recovery, scaleKeys, scaleRanges } from './scale.ts';
import { SIZES, values } from './values.ts';
import { LETTERS, ycsb } from './ycsb.ts';

export interface Workload {
  /** The name for `--only`. */
  readonly name: string;
  /** The shortest run that includes it; `large`: it runs only if `--only` names it. */
  readonly part: 'quick' | 'full' | 'large';
  readonly run: (rig: Rig) => Promise<Outcome>;
}

export const WORKLOADS: readonly Workload[] = [
  quick('put3-64', (rig) => put3(rig, 64)),
  quick('put3-256', (rig) => put3(rig, 256)),
  quick('put-one', putOne),
  quick('get-64', (rig) => get(rig, 64)),
  quick('get-256', (rig) => get(rig, 256)),
  quick('get-connections', (rig) => getConnections(rig, 64)),
  quick('scan-100', (rig) => scan(rig, 100)),
  quick('scan-1000', (rig) => scan(rig, 1_000)),
  quick('put2-16', (rig) => put2(rig, 16, 1.5)),
  quick('put2-64', (rig) => put2(rig, 64, 2)),
  quick('put2-256', (rig) => put2(rig, 256, 2)),
  quick('put-connections', (rig) => putConnections(rig, 64)),
  full('sustained-3-64', (rig) => putSustained(rig, 3, 64, 4)),
  full('sustained-3-256', (rig) => putSustained(rig, 3, 256, 4)),
  full('sustained-2-64', (rig) => putSustained(rig, 2, 64, 1.2)),
  full('spread-put', (rig) => spread(rig, 'PUT', 64)),
  full('spread-get', (rig) => spread(rig, 'GET', 64)),
  ...SIZES.map((size) =>
    full(`values-${size.text.replace(' ', '').toLowerCase()}`, (rig) => values(rig, size)),
  ),
  quick('tail-put', (rig) => tail(rig, 'PUT')),
  quick('tail-get', (rig) => tail(rig, 'GET')),
  ...Object.entries(LETTERS).map(([letter, [text, draws]]) => {
    const part = 'ae'.includes(letter) ? quick : full;
    return part(`ycsb-${letter}`, (rig) => ycsb(rig, letter, text, draws));
  }),
  full('overload', overload),
  full('scale-keys', (rig) => scaleKeys(rig, 1_000_000)),
  full('scale-ranges', scaleRanges),
  full('recovery', recovery),
  full('changes', changes),
  full('growth', growth),
  full('inserts', inserts),
  full('hot-range', hotRange),
  { name: 'large', part: 'large', run: (rig) => scaleKeys(rig, 10_000_000) },
];

function quick(name: string, run: Workload['run']): Workload {
  return { name, part: 'quick', run };
}

function full(name: string, run: Workload['run']): Workload {
  return { name, part: 'full', run };
}

/** The workloads with these names, or of these groups (`put3`), in the order of WORKLOADS. Throws on unknown names. */
export function workloadsNamed(names: string): readonly Workload[] {
  const wanted = names.split(',').filter((name) => name !== '');
  const isNamed = (known: Workload, name: string): boolean => `${known.name}-`.startsWith(`${name}-`);
  for (const name of wanted) {
    if (!WORKLOADS.some((known) => isNamed(known, name)))
      throw new Error(`there is no ${name}; there are: ${WORKLOADS.map((known) => known.name).join(', ')}`);
  }
  return WORKLOADS.filter((known) => wanted.some((name) => isNamed(known, name)));
}
