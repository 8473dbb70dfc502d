// One comparison: every contender runs the same slot, in alternating rounds. Each round is measured with its CPU time and with the
// speed of the machine. At the end acknowledged writes are read back.

import { realEnv } from '../common/base/env.ts';
import { leftOver, untilIdle, warmUp } from './before-slot.ts';
import type { Contender } from './contenders/contender.ts';
import type { Verified } from './load/ledger.ts';
import { type Mix, SLOT, type SlotResult, type SlotSpec } from './load/slot.ts';
import { cpuSecondsOf, cpuSecondsOfEnded, memoryOf } from './processes.ts';
import { type CpuPerOperation, type Outcome, type Row, rowOf, type Verdict } from './report/results.ts';
import type { Rig } from './rig.ts';
import { spreadOf } from './stats/summary.ts';

/** Maximum wait until the other contenders are idle, as a multiple of a slot's length. */
const IDLE_SLOTS_MAX = 3;
/** A shorter slot would give a profile few samples. */
const PROFILE_MS_MIN = 1_500;

export interface Comparison {
  readonly work: string;
  readonly variant: string;
  /** The first one is ours. Null: a peer that is not installed. */
  readonly contenders: readonly (Contender | null)[];
  readonly spec: SlotSpec;
  readonly unit: string;
  /** Default: those of the scale. */
  readonly rounds?: number;
  /** The value of a round. */
  readonly value: (result: SlotResult) => number;
  readonly goals: (rows: readonly Row[]) => readonly Verdict[];
}

export function slotOf({ scale: { warmUpMs, ms, keys } }: Rig, change: Partial<SlotSpec>): SlotSpec {
  return { ...SLOT, warmUpMs, ms, keys, ...change };
}

/** For the usual comparison: operations a second. */
export const IN_OPERATIONS = { unit: 'ops/s', value: perSecond } as const;

export function perSecond({ done, seconds }: SlotResult): number {
  return done / seconds;
}

interface Round {
  /** With the time that is charged for what the servers did after the last answer. */
  readonly result: SlotResult;
  readonly cpu: CpuPerOperation | null;
  readonly clientCores: number | null;
  readonly serverCores: number | null;
  /** Whether a range had too few in-sync replicas, or its owner or its replicas changed. */
  readonly disturbed: boolean;
}

export async function compare(rig: Rig, comparison: Comparison): Promise<Outcome> {
  const contenders = comparison.contenders.filter((contender) => contender !== null);
  const { spec } = comparison;
  const rounds = new Map<Contender, Round[]>();
  for (const contender of contenders) {
    await warmUp(rig, contender, spec);
    rounds.set(contender, []);
  }
  const calm = [rig.calibrator.measure()];
  for (let round = 0; round < (comparison.rounds ?? rig.scale.rounds); round++) {
    // All contenders run in each round, so that none of them alone runs while the machine is idle.
    for (const contender of contenders) {
      await untilOthersIdle(rig, contenders, contender);
      const slot = { ...spec, seed: spec.seed + round * 1_000 };
      rounds.get(contender)?.push(await measure(contender, slot));
    }
    calm.push(rig.calibrator.measure());
  }
  const rows: Row[] = [];
  for (const contender of contenders) {
    if (rig.profiler !== null) await untilOthersIdle(rig, contenders, contender);
    const profile = await profileOf(rig, comparison, contender);
    const serverMemory = memoryOf(contender.serverPids());
    const verified = await contender.verify(rig.scale.verified);
    rows.push(
      rowOfRounds(comparison, contender, rounds.get(contender) ?? [], { serverMemory, verified, profile }),
    );
  }
  return { rows, verdicts: comparison.goals(rows), calm };
}

async function untilOthersIdle(rig: Rig, all: readonly Contender[], contender: Contender): Promise<void> {
  const others = all
    .filter((other) => other !== contender)
    .flatMap((other) => [...other.serverPids(), ...other.clientPids()]);
  if (others.length > 0) await untilIdle(realEnv, () => cpuSecondsOf(others), IDLE_SLOTS_MAX * rig.scale.ms);
}

async function measure(contender: Contender, spec: SlotSpec): Promise<Round> {
  const inSync = await contender.inSync?.();
  const before = costs(contender);
  const begin = realEnv.now();
  const result = await contender.run(spec);
  const seconds = (realEnv.now() - begin) / 1_000;
  const after = costs(contender);
  const inSyncAfter = await contender.inSync?.();
  const left = writes(spec.mix) ? await leftOverOf(contender) : 0;
  const [client, servers] = [used(after.client, before.client), used(after.server, before.server)];
  const isKnown = client !== null && servers !== null && left !== null;
  return {
    result: isKnown && spec.arrivals === null ? charged(result, client + servers, left) : result,
    cpu: isKnown ? cpuOf(result, seconds, { client, servers, after: left }) : null,
    clientCores: client === null ? null : client / seconds,
    serverCores: servers === null ? null : servers / seconds,
    disturbed:
      inSyncAfter !== undefined && (inSyncAfter.short > 0 || inSyncAfter.changes !== inSync?.changes),
  };
}

function writes({ update = 0, insert = 0, modify = 0 }: Mix): boolean {
  return update + insert + modify > 0;
}

function leftOverOf(contender: Contender): Promise<number | null> {
  const settled = async (): Promise<void> => contender.settled?.();
  return leftOver(realEnv, () => cpuSecondsOf(contender.serverPids()), settled);
}

function used(now: number | null, then: number | null): number | null {
  return now === null || then === null ? null : now - then;
}

/**
 * The slot takes longer by the time that the machine would need for the left over work at the rate at which it worked. So a rate is the one
 * that a load can go on with, if processors are what it lacks.
 */
function charged(result: SlotResult, cpuSeconds: number, left: number): SlotResult {
  return cpuSeconds === 0 ? result : { ...result, seconds: result.seconds * (1 + left / cpuSeconds) };
}

/** The CPU time was taken over the warm-up, too, so operations are those of the whole time at the measured rate. */
function cpuOf({ done, seconds }: SlotResult, all: number, cpu: CpuPerOperation): CpuPerOperation {
  const operations = Math.max(1, (done * all) / seconds);
  const micros = (of: number): number => (of * 1e6) / operations;
  return { client: micros(cpu.client), servers: micros(cpu.servers), after: micros(cpu.after) };
}

/** CPU seconds so far. A client without lasting processes counts as an ended child of this process. */
function costs(contender: Contender): { readonly client: number | null; readonly server: number | null } {
  const pids = contender.clientPids();
  return {
    client: pids.length === 0 ? cpuSecondsOfEnded() : cpuSecondsOf(pids),
    server: cpuSecondsOf(contender.serverPids()),
  };
}

async function profileOf(
  rig: Rig,
  { work, variant, spec }: Comparison,
  contender: Contender,
): Promise<string | null> {
  if (!contender.canBeProfiled) return null;
  const slot = { ...spec, warmUpMs: 0, ms: Math.max(spec.ms, PROFILE_MS_MIN) };
  const pids = [...contender.serverPids(), ...contender.clientPids()];
  return rig.profile(`${work} ${variant} ${contender.name}`, pids, () => contender.run(slot));
}

function rowOfRounds(
  { work, variant, unit, value }: Comparison,
  { name: contender, client }: Contender,
  rounds: readonly Round[],
  after: { serverMemory: Row['serverMemory']; verified: Verified; profile: string | null },
): Row {
  const results = rounds.map(({ result }) => result);
  const median = (values: readonly (number | null)[]): number | null =>
    values.includes(null) ? null : spreadOf(values.filter((one) => one !== null)).median;
  const errors: Record<string, number> = {};
  for (const result of results)
    for (const [code, count] of Object.entries(result.errors)) errors[code] = (errors[code] ?? 0) + count;
  const disturbed = rounds.filter((round) => round.disturbed).length;
  return rowOf({
    ...{ work, variant, contender, client, unit, errors },
    ...after,
    values: results.map(value),
    quantiles: (results[0]?.quantiles ?? []).map(
      (_, at) => spreadOf(results.map(({ quantiles }) => quantiles[at] ?? 0)).median,
    ),
    cpu: medianCpu(rounds.map(({ cpu }) => cpu)),
    clientCores: median(rounds.map(({ clientCores }) => clientCores)),
    serverCores: median(rounds.map(({ serverCores }) => serverCores)),
    note:
      disturbed === 0 ? '' : `in-sync replicas missing or changed in ${disturbed} of ${rounds.length} rounds`,
  });
}

function medianCpu(rounds: readonly (CpuPerOperation | null)[]): CpuPerOperation | null {
  const known = rounds.filter((cpu) => cpu !== null);
  if (known.length < rounds.length) return null;
  const median = (of: (cpu: CpuPerOperation) => number): number => spreadOf(known.map(of)).median;
  return {
    client: median(({ client }) => client),
    servers: median(({ servers }) => servers),
    after: median(({ after }) => after),
  };
}
