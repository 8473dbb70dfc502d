// The generation of a data directory, and which process raised it. Each process that serves the directory raises the
// generation at its start, every few seconds, and at its end: always here first and then in ZooKeeper
// (kvnode/zk/generation.ts). If ZooKeeper knows a generation that is not in the history of the directory, the directory
// is an older copy, or another copy was used meanwhile. Then it lacks what was acknowledged since (R12).
//
// A number alone does not distinguish two copies if both were raised once. So each process draws a random name, its
// `writer`, and the history says which writer raised which generations. R3 asks the same question of a log: does it
// contain this position?

import type { GenerationRecord } from '../../common/model/records.ts';

/** One process raised the generations from `from` up to the start of the next run. */
export interface GenerationRun {
  readonly from: number;
  readonly writer: string;
}

export interface Lineage {
  /** 0 if no process has served the directory yet. */
  readonly generation: number;
  /** Oldest first. Only the newest ones are kept. */
  readonly runs: readonly GenerationRun[];
}

export const NEW_LINEAGE: Lineage = { generation: 0, runs: [] };

/**
 * How many runs are kept. A write to ZooKeeper of one process may take effect after the next process has read, so the
 * directory must recognize the writers of several earlier processes.
 */
const RUNS_MAX = 16;

/** The lineage after `writer` has raised the generation by one. */
export function withNextGeneration(lineage: Lineage, writer: string): Lineage {
  const generation = lineage.generation + 1;
  if (lineage.runs.at(-1)?.writer === writer) return { generation, runs: lineage.runs };
  return { generation, runs: [...lineage.runs, { from: generation, writer }].slice(-RUNS_MAX) };
}

/** The newest generation. Null if no process has served the directory yet. */
export function newestGeneration({ generation, runs }: Lineage): GenerationRecord | null {
  const writer = runs.at(-1)?.writer;
  return writer === undefined ? null : { generation, writer };
}

/**
 * Whether the directory has been in the generation `other`. A generation from before the kept history counts as its
 * own: ZooKeeper was restored to an older state.
 */
export function hasGeneration({ generation, runs }: Lineage, other: GenerationRecord): boolean {
  if (other.generation > generation) return false;
  const run = runs.findLast(({ from }) => from <= other.generation);
  return run === undefined || run.writer === other.writer;
}

/** The lineage in `value`, which was read from a disk. Null if it is not valid. */
export function parseLineage(value: unknown): Lineage | null {
  const { generation, runs } = Object(value);
  if (!isCounter(generation) || !Array.isArray(runs) || runs.length > RUNS_MAX) return null;
  const parsed: GenerationRun[] = [];
  for (const run of runs) {
    const { from, writer } = Object(run);
    const after = parsed.at(-1)?.from ?? 0;
    if (!isCounter(from) || from <= after || from > generation || typeof writer !== 'string') return null;
    parsed.push({ from, writer });
  }
  return generation > 0 === parsed.length > 0 ? { generation, runs: parsed } : null;
}

function isCounter(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
