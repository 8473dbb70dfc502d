// Runs one seed, from an empty world to the results of the checkers.

import { describe } from './checkers/effects.ts';
import { FaultPlan } from './faults.ts';
import { checkHealed } from './heal.ts';
import { judge } from './judge.ts';
import type { RuleCounters } from './rule-counters.ts';
import { drawSettings, type RunOptions } from './settings.ts';
import { Cluster } from './sim-cluster.ts';
import { World } from './world/world.ts';

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly string[];
  /** Equal for two runs of one seed. */
  readonly trace: string;
  readonly virtualMs: number;
  readonly events: number;
  readonly operations: number;
  readonly counters: ReadonlyMap<string, number>;
  /** The numbers of the faults that struck. */
  readonly faults: readonly number[];
  /** The newest `lines` lines of what happened, and all faults and violations. */
  story(lines: number): string;
  /** One line for each operation on this key. */
  ofKey(key: string): readonly string[];
}

/** Virtual time after which all faults are undone even if too few occurred, ms. */
const RUN_MS_MAX = 400_000;

export interface Tools {
  /** Counts how often the run takes each branch of the rules. */
  readonly rules?: RuleCounters;
  /** Called with the cluster before it starts. */
  readonly prepare?: (cluster: Cluster) => void;
}

export async function runSeed(options: RunOptions, { rules, prepare }: Tools = {}): Promise<RunResult> {
  const world = new World(options.seed);
  const cluster = new Cluster(world, drawSettings(world));
  const faults = new FaultPlan(cluster, options.only);
  prepare?.(cluster);
  const rejected = (error: unknown) => {
    if (world.running === null) throw error;
    world.running.crash(error);
  };
  process.on('unhandledRejection', rejected);
  try {
    await play(cluster, faults, options);
  } finally {
    process.off('unhandledRejection', rejected);
  }
  for (const [branch, count] of (await rules?.take()) ?? []) world.story.count(`rule ${branch}`, count);
  return {
    seed: options.seed,
    violations: world.violations,
    trace: world.clock.trace,
    virtualMs: world.clock.now,
    events: world.clock.events,
    operations: cluster.history.operations.length,
    counters: world.story.counters,
    faults: faults.begun,
    story: (lines) => world.story.text(lines),
    ofKey: (key) =>
      cluster.history.operations
        .filter(({ action }) =>
          action.kind === 'read' ? action.key === key : action.mutations.some((one) => one.key === key),
        )
        .map(describe),
  };
}

async function play(cluster: Cluster, faults: FaultPlan, options: RunOptions): Promise<void> {
  const { world, history } = cluster;
  world.story.record('RUN', JSON.stringify({ ...options, ...cluster.settings }), true);
  cluster.start();
  const broken = () => world.violations.length > 0;
  await world.clock.run(() => broken() || cluster.ranges.size > 0 || world.clock.now > 60_000);
  if (options.faults > 0) faults.begin();
  const { only } = options;
  const enoughFaults = () =>
    only === null ? faults.begun.length >= options.faults : faults.next > Math.max(-1, ...only);
  const enough = () => history.operations.length >= options.operations && enoughFaults();
  await world.clock.run(() => broken() || enough() || world.clock.now > RUN_MS_MAX);
  world.story.record(
    'RUN',
    `${faults.begun.length} faults, ${history.operations.length} operations: all faults are undone`,
    true,
  );
  faults.heal();
  cluster.working = false;
  const rows = broken() ? null : await checkHealed(cluster);
  for (const node of cluster.nodes) node.countChecks();
  judge(cluster, rows);
}
