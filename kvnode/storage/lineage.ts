// The start counter of a data directory, and who raised it. Each process that serves the directory raises the counter at
// its start, every few seconds and at its end, always here first and then in ZooKeeper (kvnode/zk/generation.ts). So a
// directory that ZooKeeper knows in a generation that is not in its own history is an older copy, or a second copy of
// which the other one has gone on: it lacks what was acknowledged since (R12).
//
// A number alone would not tell two copies apart that were both raised once. Each process therefore draws a name, its
// `writer`, and the history says which writer raised which generations. It is the question that R3 asks of a log: is
// this position in there?

import type { GenerationRecord } from '../../common/model/records.ts';

/** The generations from `from` on, to the next run's, were raised by one process. */
export interface GenerationRun {
  readonly from: number;
  readonly writer: string;
}

export interface Lineage {
  /** 0: never served. */
  readonly generation: number;
  /** Oldest first; the oldest are forgotten. */
  readonly runs: readonly GenerationRun[];
}

export const NEW_LINEAGE: Lineage = { generation: 0, runs: [] };

/**
 * A write to ZooKeeper that one process sent may take effect after the next process has read: so many processes back
 * the history knows what is its own.
 */
const RUNS_MAX = 16;

/** The next generation, raised by the process `writer`. */
export function withNextGeneration(lineage: Lineage, writer: string): Lineage {
  const generation = lineage.generation + 1;
  if (lineage.runs.at(-1)?.writer === writer) return { generation, runs: lineage.runs };
  return { generation, runs: [...lineage.runs, { from: generation, writer }].slice(-RUNS_MAX) };
}

/** The newest generation; null for a directory that was never served. */
export function newestGeneration({ generation, runs }: Lineage): GenerationRecord | null {
  const writer = runs.at(-1)?.writer;
  return writer === undefined ? null : { generation, writer };
}

/**
 * Whether the directory has been in that generation. One that is older than the history reaches is taken for its own:
 * ZooKeeper was restored to an older state.
 */
export function hasGeneration({ generation, runs }: Lineage, other: GenerationRecord): boolean {
  if (other.generation > generation) return false;
  const run = runs.findLast(({ from }) => from <= other.generation);
  return run === undefined || run.writer === other.writer;
}

/** Null where `value`, which was read from a disk, is none. */
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
