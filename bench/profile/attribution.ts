// A CPU profile's samples by what the thread was doing, by where the code comes from, and by function: self time, for time
// spent in callees is theirs. Pure.

import type { Profiler } from 'node:inspector';

/** Of one function, by its script and where it begins there. */
export interface Place {
  /** What it is counted with. */
  readonly group: string;
  /** For people: `file:line`. */
  readonly where: string;
}

export type Locate = (frame: Profiler.ProfileNode['callFrame']) => Place;

export interface Counted {
  readonly name: string;
  readonly where: string;
  readonly samples: number;
}

/** Samples of each kind. */
export interface Attribution {
  /** That samples were taken for. */
  readonly seconds: number;
  readonly all: number;
  readonly javascript: number;
  readonly garbage: number;
  /** Of `javascript`, those that groups and functions are told by. */
  readonly told: number;
  readonly groups: readonly Omit<Counted, 'where'>[];
  readonly functions: readonly Counted[];
}

const MICROS = 1e6;
/**
 * A sample so long after the one before was due while the thread had no core, and is taken where it lost it: most often in a
 * system call that woke another thread. It says that code ran, and little of which.
 */
const LATE_MICROS = 2_000;
const COLLECTOR = '(garbage collector)';
/** Neither is JavaScript; what is native is told better by the kernel: a sleeping thread's reads count as idle here. */
const OUTSIDE = ['(program)', '(idle)', '(root)'];

export function attribute(profile: Profiler.Profile, locate: Locate): Attribution {
  const { samples = [], timeDeltas = [] } = profile;
  const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const groups = new Map<string, number>();
  const functions = new Map<string, Counted>();
  const sums = { javascript: 0, garbage: 0, told: 0 };
  samples.forEach((id, at) => {
    const frame = nodes.get(id);
    const name = frame?.functionName || (frame?.url === '' ? '(unnamed native)' : '(anonymous)');
    if (frame === undefined || OUTSIDE.includes(name)) return;
    if (name === COLLECTOR) {
      sums.garbage++;
      return;
    }
    sums.javascript++;
    if ((timeDeltas[at] ?? 0) > LATE_MICROS) return;
    sums.told++;
    const { group, where } = locate(frame);
    groups.set(group, (groups.get(group) ?? 0) + 1);
    const known = `${name} ${where}`;
    functions.set(known, { name, where, samples: 1 + (functions.get(known)?.samples ?? 0) });
  });
  return {
    seconds: (profile.endTime - profile.startTime) / MICROS,
    all: samples.length,
    ...sums,
    groups: largestFirst([...groups].map(([name, count]) => ({ name, samples: count }))),
    functions: largestFirst([...functions.values()]),
  };
}

function largestFirst<T extends { readonly samples: number }>(counted: readonly T[]): T[] {
  return [...counted].sort((a, b) => b.samples - a.samples);
}
