// Mutants of how load is measured, and of what the leader decides by it.

import type { Mutant } from './mutant.ts';

const RULES = {
  rest: 'balance: nothing changes while the load stays the same',
  hot: 'balance: a hot range is spread within a minute',
  merge: 'merge: only small neighbours that were cold for long, and no bounds made by hand',
  sizes: 'sizes: right within a fifth',
} as const;

export const LOAD_MUTANTS: readonly Mutant[] = [
  {
    name: 'hand over for any gain in load',
    rule: RULES.rest,
    file: 'coordinator/plan/load-decisions/spread-load.ts',
    text: 'weights.cpu.level(intendedOwner(image.descriptor)) <= LEVEL_MAX',
    replacement: 'weights.cpu.level(intendedOwner(image.descriptor)) <= 1',
  },
  {
    name: 'split for load although hand-overs may help',
    rule: RULES.rest,
    file: 'coordinator/plan/load-decisions/split-ranges.ts',
    text: 'weights.cpu.level(owner.node) <= LEVEL_MAX',
    replacement: 'weights.cpu.level(owner.node) <= 1.1',
  },
  {
    name: 'split for load as often although it was in vain',
    rule: RULES.rest,
    file: 'coordinator/load-history.ts',
    text: 'inVain ? parent.splitsInVain + 1 : 0',
    replacement: 'inVain ? parent.splitsInVain : 0',
  },
  {
    name: 'isolate no hot key',
    rule: RULES.hot,
    file: 'coordinator/plan/load-decisions/cuts.ts',
    text: 'return isolation(range, inside, unitOf);',
    replacement: 'return half;',
  },
  {
    name: 'cut inside a unit',
    rule: 'split: never inside a unit',
    file: 'coordinator/plan/load-decisions/cuts.ts',
    text: 'const { start, end } = unitOf(key);',
    replacement: 'const { start, end } = EACH_KEY(key);',
  },
  {
    name: 'merge ranges as soon as they are cold',
    rule: RULES.merge,
    file: 'coordinator/plan/load-decisions/merge-ranges.ts',
    text: 'load.coldForMs >= config.mergeAfterMs',
    replacement: 'load.coldForMs >= 0',
  },
  {
    name: 'merge over a bound that was made by hand',
    rule: RULES.merge,
    file: 'coordinator/plan/load-decisions/merge-ranges.ts',
    text: ' && !right.placement.startByHand',
    replacement: '',
  },
  {
    name: 'move pinned ranges',
    rule: 'placement: a pinned range stays as it is',
    file: 'coordinator/plan/load-decisions/movable.ts',
    text: 'if (placement.pinned || ',
    replacement: 'if (',
  },
  {
    name: 'give a strained node its share back at once',
    rule: RULES.rest,
    file: 'coordinator/strains.ts',
    text: 'forMs < endsAfterMs(watched.times)',
    replacement: 'forMs < 0',
  },
  {
    name: 'trust the report of a former owner',
    rule: "loads: only the owner's report counts",
    file: 'coordinator/load-history.ts',
    text: 'byNode.get(descriptor.owner.node)?.get(descriptor.id)',
    replacement: '[...byNode.values()].find((ranges) => ranges.has(descriptor.id))?.get(descriptor.id)',
  },
  {
    name: 'count a load report of a former session',
    rule: 'loads: a report ends with the session of its node',
    file: 'coordinator/cluster-watcher.ts',
    text: 'live.get(node)?.session === session)',
    replacement: 'live.has(node) && session !== null)',
  },
  {
    name: 'trust the bytes in tables',
    rule: RULES.sizes,
    file: 'kvnode/storage/state/measure.ts',
    text: 'Math.max(sampled, (all * sampled) / ofSample)',
    replacement: 'Math.max(sampled, all)',
  },
  {
    name: 'count rows that are written again as new ones',
    rule: RULES.sizes,
    file: 'kvnode/load/range-sizes.ts',
    text: 'known.bytes + known.growth * this.#newsOf(range, known)',
    replacement: 'known.bytes + this.#newsOf(range, known)',
  },
  {
    name: 'count on from before a range was taken over',
    rule: 'loads: rates are true from the first report on',
    file: 'kvnode/load/node-load.ts',
    text: 'if (isOwner && !this.#owned.has(range)) load.restart();\n      else load.fold(now);',
    replacement: 'load.fold(now);',
  },
];
