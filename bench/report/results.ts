// What a run has measured: plain data, as it is written to JSON; the lines (table.ts) and the page (page.ts) are made of it.

import type { Verified } from '../load/ledger.ts';
import type { Calibration, Machine } from '../machine.ts';
import { ratioOf, type Spread, spreadOf } from '../stats/summary.ts';

export interface Report {
  readonly scale: string;
  readonly startedAt: string;
  readonly minutes: number;
  readonly machine: Machine;
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
  /** How fast the machine was between the rounds. */
  readonly calm: readonly Calibration[];
}

/** What one workload gives. */
export type Outcome = Pick<Report, 'rows' | 'verdicts' | 'calm'>;

/** One contender of a comparison. */
export interface Row {
  /** `PUT, 3 replicas` */
  readonly work: string;
  /** `64 in flight` */
  readonly variant: string;
  readonly contender: string;
  readonly client: string;
  /** `ops/s`, `rows/s`, `MB/s`, `ms`, ... */
  readonly unit: string;
  /** One value a round. */
  readonly values: readonly number[];
  readonly spread: Spread;
  /** For each of QUANTILES the median over the rounds, ms; empty where latency was not taken. */
  readonly quantiles: readonly number[];
  /** CPU cores busy with the load generator, and with the servers; null where not known. */
  readonly clientCores: number | null;
  readonly serverCores: number | null;
  /** Resident memory of the servers after the last round. */
  readonly serverBytes: number | null;
  /** How often each error code came. */
  readonly errors: Readonly<Record<string, number>>;
  readonly verified: Verified | null;
  readonly note: string;
  /** The folder with CPU profiles of one more slot; null where none was asked for, and for peers. */
  readonly profile: string | null;
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

/** A row with all that is not known left empty. */
export function rowOf(
  known: Pick<Row, 'work' | 'variant' | 'contender' | 'client' | 'unit' | 'values'> & Partial<Row>,
): Row {
  return {
    spread: spreadOf(known.values),
    ...{ quantiles: [], clientCores: null, serverCores: null, serverBytes: null, errors: {} },
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
 * Compares the first row, round by round, with the best of the rows whose contender's name begins with `peer`. The goal is met
 * where the ratio is `times` or more. Gives nothing where there is no such row.
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

/** Acknowledged writes that were looked for again, and how many of them were not there. */
export function verifiedIn(rows: readonly Row[]): { readonly checked: number; readonly lost: number } {
  const sum = (of: (verified: Verified) => number): number =>
    rows.reduce((total, { verified }) => total + (verified === null ? 0 : of(verified)), 0);
  return { checked: sum(({ checked }) => checked), lost: sum(({ lost }) => lost) };
}
