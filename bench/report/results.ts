// The results of a run: plain data that are written to JSON, and from which the text (table.ts) and the page (page.ts) are made.

import type { Verified } from '../load/ledger.ts';
import type { Calibration, Machine } from '../machine.ts';
import type { Memory } from '../processes.ts';
import { ratioOf, type Spread, spreadOf } from '../stats/summary.ts';

export interface Report {
  readonly scale: string;
  readonly startedAt: string;
  readonly minutes: number;
  readonly machine: Machine;
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
  /** The speed of the machine between the rounds. */
  readonly calm: readonly Calibration[];
}

/** The results of one workload. */
export type Outcome = Pick<Report, 'rows' | 'verdicts' | 'calm'>;

/** The results of one contender of a comparison. */
export interface Row {
  /** `PUT, 3 replicas` */
  readonly work: string;
  /** `64 in flight` */
  readonly variant: string;
  readonly contender: string;
  readonly client: string;
  /** `ops/s`, `rows/s`, `MB/s`, `ms`, ... */
  readonly unit: string;
  /** What each value is of: rounds of a comparison, or the seconds of a run. */
  readonly each: 'round' | 'second';
  readonly values: readonly number[];
  readonly spread: Spread;
  /** The median over the rounds for each of QUANTILES, ms; empty: latency was not measured. */
  readonly quantiles: readonly number[];
  /** Number of CPU cores used by the load generator, and by the servers; null: unknown. */
  readonly clientCores: number | null;
  readonly serverCores: number | null;
  /** What the servers hold in memory after the last round; null: unknown. */
  readonly serverMemory: Memory | null;
  /** CPU time of one operation, µs; null: unknown. */
  readonly cpu: CpuPerOperation | null;
  /** How often each error code occurred. */
  readonly errors: Readonly<Record<string, number>>;
  readonly verified: Verified | null;
  readonly note: string;
  /** The folder with CPU profiles of an additional slot; null: none was requested, or the contender is a peer. */
  readonly profile: string | null;
}

/** CPU time by who uses it and when, µs for each operation. */
export interface CpuPerOperation {
  readonly client: number;
  /** While operations were under way. */
  readonly servers: number;
  /** After the last answer: what the servers had put off. */
  readonly after: number;
}

/** Whether a goal was met. */
export interface Verdict {
  readonly work: string;
  readonly variant: string;
  readonly goal: string;
  readonly measured: Spread;
  readonly unit: string;
  readonly met: boolean;
}

/** A row in which all unknown fields are empty. */
export function rowOf(
  known: Pick<Row, 'work' | 'variant' | 'contender' | 'client' | 'unit' | 'values'> & Partial<Row>,
): Row {
  return {
    spread: spreadOf(known.values),
    each: 'round',
    ...{ quantiles: [], clientCores: null, serverCores: null, serverMemory: null },
    ...{ cpu: null, errors: {} },
    ...{ verified: null, note: '', profile: null },
    ...known,
  };
}

export function verdictOn(
  { work, variant, unit }: Row,
  verdict: Pick<Verdict, 'goal' | 'met' | 'measured'> & Partial<Verdict>,
): Verdict {
  return { work, variant, unit, ...verdict };
}

/**
 * Compares the first row, round by round, with the best of the rows whose contender's name begins with `peer`. The goal is met if the
 * ratio is `times` or more. Returns nothing if there is no such row.
 */
export function atLeast(rows: readonly Row[], times: number, peer = ''): Verdict[] {
  const [own, ...others] = rows;
  const best = others
    .filter(({ contender }) => contender.startsWith(peer))
    .sort((a, b) => b.spread.median - a.spread.median)[0];
  if (own === undefined || best === undefined) return [];
  const measured = ratioOf(own.values, best.values);
  const goal = `at least ${times} × ${best.contender} (${best.client})`;
  return [verdictOn(own, { goal, measured, unit: '×', met: measured.median >= times })];
}

export function together(outcomes: readonly Outcome[]): Outcome {
  return {
    rows: outcomes.flatMap(({ rows }) => rows),
    verdicts: outcomes.flatMap(({ verdicts }) => verdicts),
    calm: outcomes.flatMap(({ calm }) => calm),
  };
}

/** The number of acknowledged writes that were read back, and how many of them were lost. */
export function verifiedIn(rows: readonly Row[]): { readonly checked: number; readonly lost: number } {
  const sum = (of: (verified: Verified) => number): number =>
    rows.reduce((total, { verified }) => total + (verified === null ? 0 : of(verified)), 0);
  return { checked: sum(({ checked }) => checked), lost: sum(({ lost }) => lost) };
}
