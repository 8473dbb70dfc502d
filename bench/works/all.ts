// Every work that the benchmark knows, in the order in which a whole run does them.

import type { Found } from '../compare.ts';
import type { Rig } from '../rig.ts';
import { get, getConnections } from './get.ts';
import { put2, put3, putConnections, putOne } from './put.ts';
import { scan } from './scan.ts';

export interface Work {
  /** For `--only`. */
  readonly name: string;
  readonly summary: string;
  /** Also part of a quick run. */
  readonly quick: boolean;
  readonly run: (rig: Rig) => Promise<Found>;
}

export const WORKS: readonly Work[] = [
  work('put3-64', 'PUT, 3 replicas, 64 in flight', true, (rig) => put3(rig, 64)),
  work('put3-256', 'PUT, 3 replicas, 256 in flight', true, (rig) => put3(rig, 256)),
  work('put-one', 'PUT, one in flight', true, putOne),
  work('get-64', 'GET, 64 callers', true, (rig) => get(rig, 64)),
  work('get-256', 'GET, 256 callers', true, (rig) => get(rig, 256)),
  work('get-connections', 'GET, 64 separate connections', true, (rig) => getConnections(rig, 64)),
  work('scan-100', 'scan, pages of 100 rows', true, (rig) => scan(rig, 100)),
  work('scan-1000', 'scan, pages of 1,000 rows', true, (rig) => scan(rig, 1_000)),
  work('put2-16', 'PUT, 2 replicas, 16 callers', true, (rig) => put2(rig, 16, 1.5)),
  work('put2-64', 'PUT, 2 replicas, 64 callers', true, (rig) => put2(rig, 64, 2)),
  work('put2-256', 'PUT, 2 replicas, 256 callers', true, (rig) => put2(rig, 256, 2)),
  work('put-connections', 'PUT, 64 separate connections', true, (rig) => putConnections(rig, 64)),
];

function work(name: string, summary: string, quick: boolean, run: (rig: Rig) => Promise<Found>): Work {
  return { name, summary, quick, run };
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
