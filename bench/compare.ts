// One comparison: the same slot for every contender, interleaved in rounds, with what each round cost and how calm the
// machine was; and what a comparison gives: rows, and verdicts on goals.

import { realEnv } from '../common/base/env.ts';
import { warmUp } from './before-slot.ts';
import type { Contender } from './contenders/contender.ts';
import type { Verified } from './load/ledger.ts';
import type { SlotResult, SlotSpec } from './load/slot.ts';
import type { Calm } from './machine.ts';
import { cpuSecondsOf, cpuSecondsOfEnded, residentBytesOf } from './processes.ts';
import type { Profile } from './profile/profile.ts';
import { untilQuiet } from './quiet.ts';
import type { Rig } from './rig.ts';
import { QUANTILES } from './stats/histogram.ts';
import { interleaved, ratioOf, type Spread, spreadOf } from './stats/summary.ts';

/** The others' rest is waited for as long as so many slots last, at most. */
const REST_SLOTS_MAX = 3;

export interface Row {
  readonly work: string;
  /** What of the work: `64 in flight`. */
  readonly variant: string;
  readonly contender: string;
  readonly client: string;
  /** `ops/s`, `rows/s`, `MB/s`, `ms`, ... */
  readonly unit: string;
  /** One value a round. */
  readonly values: readonly number[];
  readonly spread: Spread;
  /** Medians over rounds of the latency quantiles (stats/histogram.ts), ms; empty where latency was not taken. */
  readonly quantiles: readonly number[];
  /** CPU cores busy with the load generator, and with the servers; null where not known. */
  readonly clientCores: number | null;
  readonly serverCores: number | null;
  readonly serverBytes: number | null;
  readonly errors: Readonly<Record<string, number>>;
  readonly verified: Verified | null;
  readonly note: string;
  /** Of one more slot; null where none was asked for, and for peers. */
  readonly profile: Profile | null;
}

export interface Verdict {
  readonly work: string;
  readonly variant: string;
  readonly goal: string;
  readonly measured: Spread;
  readonly unit: string;
  readonly met: boolean;
}

export interface Found {
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
  readonly calm: readonly Calm[];
}

export interface Comparison {
  readonly work: string;
  readonly variant: string;
  readonly contenders: readonly (Contender | null)[];
  readonly spec: SlotSpec;
  readonly unit: string;
  /** The value of a round. */
  readonly value: (result: SlotResult) => number;
}

export function perSecond({ done, seconds }: SlotResult): number {
  return done / seconds;
}

export function rowsPerSecond({ rows, seconds }: SlotResult): number {
  return rows / seconds;
}

interface Taken {
  readonly results: SlotResult[];
  readonly clientCores: number[];
  readonly serverCores: number[];
  /** Rounds in which a range had too few in-sync replicas, or changed its owner or its replicas. */
  disturbed: number;
}

export async function compare(rig: Rig, comparison: Comparison): Promise<Omit<Found, 'verdicts'>> {
  const contenders = comparison.contenders.filter((contender) => contender !== null);
  const { spec } = comparison;
  for (const contender of contenders) await warmUp(rig, contender, spec);
  const taken = new Map<Contender, Taken>(
    contenders.map((contender) => [
      contender,
      { results: [], clientCores: [], serverCores: [], disturbed: 0 },
    ]),
  );
  const calm = [rig.calm.look()];
  for (const { round, contender } of interleaved(contenders, rig.scale.rounds)) {
    await othersAtRest(rig, contenders, contender);
    await measure(contender, { ...spec, seed: spec.seed + round * 1_000 }, taken.get(contender));
    if (contender === contenders.at(-1)) calm.push(rig.calm.look());
  }
  const rows: Row[] = [];
  for (const contender of contenders) {
    if (rig.profiler !== null) await othersAtRest(rig, contenders, contender);
    const profile = await profileOf(rig, contender, spec);
    const memory = residentBytesOf(contender.serverPids());
    const verified = await contender.verify(rig.scale.verified);
    rows.push({ ...rowOf(comparison, contender, taken.get(contender), memory, verified), profile });
  }
  return { rows, calm };
}

async function othersAtRest(rig: Rig, all: readonly Contender[], contender: Contender): Promise<void> {
  const others = all.filter((other) => other !== contender).flatMap(pidsOf);
  if (others.length > 0) await untilQuiet(realEnv, () => cpuSecondsOf(others), REST_SLOTS_MAX * rig.scale.ms);
}

async function measure(contender: Contender, spec: SlotSpec, taken: Taken | undefined): Promise<void> {
  if (taken === undefined) return;
  const inSync = await contender.inSync?.();
  const cost = costs(contender);
  const begin = realEnv.now();
  const result = await contender.run(spec);
  const seconds = (realEnv.now() - begin) / 1_000;
  const after = costs(contender);
  const inSyncAfter = await contender.inSync?.();
  taken.results.push(result);
  if (inSyncAfter !== undefined && (inSyncAfter.short > 0 || inSyncAfter.changes !== inSync?.changes))
    taken.disturbed++;
  if (cost === null || after === null) return;
  taken.clientCores.push((after.client - cost.client) / seconds);
  taken.serverCores.push((after.server - cost.server) / seconds);
}

/** Short slots would give few samples. */
const PROFILE_MS_MIN = 1_500;

async function profileOf(rig: Rig, contender: Contender, spec: SlotSpec): Promise<Profile | null> {
  if (contender.subject === undefined) return null;
  const slot = { ...spec, warmUpMs: 0, ms: Math.max(spec.ms, PROFILE_MS_MIN) };
  return rig.profile(contender.subject, async () => {
    const { done, quantiles } = await contender.run(slot);
    return { operations: done, median: quantiles[QUANTILES.indexOf(0.5)] ?? null };
  });
}

function pidsOf(contender: Contender): readonly number[] {
  return [...contender.serverPids(), ...contender.clientPids()];
}

function costs(contender: Contender): { readonly client: number; readonly server: number } | null {
  const pids = contender.clientPids();
  const client = pids.length === 0 ? cpuSecondsOfEnded() : cpuSecondsOf(pids);
  const server = cpuSecondsOf(contender.serverPids());
  return client === null || server === null ? null : { client, server };
}

function rowOf(
  { work, variant, unit, value }: Comparison,
  { name, client }: Contender,
  taken: Taken | undefined,
  serverBytes: number | null,
  verified: Verified,
): Omit<Row, 'profile'> {
  const { results = [], clientCores = [], serverCores = [], disturbed = 0 } = taken ?? {};
  const values = results.map(value);
  const errors: Record<string, number> = {};
  for (const result of results) {
    for (const [code, count] of Object.entries(result.errors)) errors[code] = (errors[code] ?? 0) + count;
  }
  const quantiles = (results[0]?.quantiles ?? []).map(
    (_, at) => spreadOf(results.map((result) => result.quantiles[at] ?? 0)).median,
  );
  return {
    ...{ work, variant, contender: name, client, unit, values, spread: spreadOf(values), quantiles },
    clientCores: clientCores.length === 0 ? null : spreadOf(clientCores).median,
    serverCores: serverCores.length === 0 ? null : spreadOf(serverCores).median,
    ...{ serverBytes, errors, verified },
    note:
      disturbed === 0 ? '' : `in-sync replicas missing or changed in ${disturbed} of ${values.length} rounds`,
  };
}

/** The first row at so many times each other whose name begins so, or more; nothing where there is no such row. */
export function atLeast(rows: readonly Row[], times: number, peer: string): readonly Verdict[] {
  const [own] = rows;
  const others = rows.filter((row) => row !== own && row.contender.startsWith(peer));
  const best = others.sort((a, b) => b.spread.median - a.spread.median)[0];
  if (own === undefined || best === undefined) return [];
  const measured = ratioOf(own.values, best.values);
  const goal = `at least ${times} × ${best.contender} (${best.client})`;
  return [{ work: own.work, variant: own.variant, goal, measured, unit: '×', met: measured.median >= times }];
}

export function together(found: readonly Found[]): Found {
  return {
    rows: found.flatMap(({ rows }) => rows),
    verdicts: found.flatMap(({ verdicts }) => verdicts),
    calm: found.flatMap(({ calm }) => calm),
  };
}
