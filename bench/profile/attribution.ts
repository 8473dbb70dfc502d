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
  readonly groups: readonly Omit<Counted, 'where'>[];
  readonly functions: readonly Counted[];
}

const MICROS = 1e6;
const COLLECTOR = '(garbage collector)';
/** Neither is JavaScript; what is native is told better by the kernel: a sleeping thread's reads count as idle here. */
const OUTSIDE = ['(program)', '(idle)', '(root)'];

export function attribute(profile: Profiler.Profile, locate: Locate): Attribution {
  const groups = new Map<string, number>();
  const functions = new Map<string, Counted>();
  let all = 0;
  let garbage = 0;
  let javascript = 0;
  for (const { callFrame, hitCount: samples = 0 } of profile.nodes) {
    const name = callFrame.functionName || '(anonymous)';
    all += samples;
    if (samples === 0 || OUTSIDE.includes(name)) continue;
    if (name === COLLECTOR) {
      garbage += samples;
      continue;
    }
    const { group, where } = locate(callFrame);
    javascript += samples;
    groups.set(group, (groups.get(group) ?? 0) + samples);
    const id = `${name} ${where}`;
    functions.set(id, { name, where, samples: samples + (functions.get(id)?.samples ?? 0) });
  }
  return {
    seconds: (profile.endTime - profile.startTime) / MICROS,
    ...{ all, javascript, garbage },
    groups: largestFirst([...groups].map(([name, samples]) => ({ name, samples }))),
    functions: largestFirst([...functions.values()]),
  };
}

function largestFirst<T extends { readonly samples: number }>(counted: readonly T[]): T[] {
  return [...counted].sort((a, b) => b.samples - a.samples);
}
