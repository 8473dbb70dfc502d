// Rangekeeper under a load that does not wait for answers (open loop): the tail of its latencies at 70 % of the highest load, and its
// throughput and memory at twice the highest load.

import { every, realEnv } from '../../common/base/env.ts';
import { warmUp } from '../before-slot.ts';
import { compare, IN_OPERATIONS, perSecond, slotOf } from '../compare.ts';
import type { Contender } from '../contenders/contender.ts';
import { clusterName, rangekeeper, startCluster } from '../contenders/rangekeeper.ts';
import { GETS, type Mix, PUTS } from '../load/slot.ts';
import { memoryOf } from '../processes.ts';
import { type Outcome, verdictOn } from '../report/results.ts';
import type { Rig } from '../rig.ts';
import { latencyAt, type Spread, spreadOf } from '../stats/summary.ts';

const CALLERS = 256;
/** Number of callers that reach the highest throughput if latency does not matter. */
const CALLERS_MAX = 4_096;
const LOAD = 0.7;
const TAIL_MAX = 3;
/** More operations than the bounds of an owner's queues allow to be under way. */
const SENDERS = 60_000;
const OVERLOAD = 2;
const OVERLOAD_MS = 5_000;
const DEADLINE_MS = 1_000;
const KEPT = 0.9;
const MEMORY_GROWTH_MAX = 1.25;
const SAMPLE_MS = 250;
const MIB = 2 ** 20;

export async function tail(rig: Rig, kind: 'PUT' | 'GET'): Promise<Outcome> {
  const mix = kind === 'PUT' ? PUTS : GETS;
  const contender = await rangekeeper(rig, 3);
  await rig.keepOnly(clusterName(3));
  const highest = await highestRate(rig, contender, mix, CALLERS);
  const arrivals = Math.round(highest * LOAD);
  const outcome = await compare(rig, {
    work: `${kind} latency under load`,
    variant: `open loop, ${arrivals}/s (${LOAD * 100} % of ${Math.round(highest)}/s)`,
    contenders: [contender],
    spec: slotOf(rig, { mix, callers: 4_096, arrivals }),
    unit: 'p99 / p50',
    value: ({ quantiles }) => (latencyAt(quantiles, 0.99) ?? 0) / (latencyAt(quantiles, 0.5) || 1),
    goals: () => [],
  });
  const rows = outcome.rows.map((row) => ({ ...row, note: sustained(row) ? '' : NOT_SUSTAINED }));
  const verdicts = rows.map((row) => {
    const met = sustained(row) && row.spread.median <= TAIL_MAX;
    const goal = `p99 at most ${TAIL_MAX} × p50, the load sustained`;
    return verdictOn(row, { goal, measured: row.spread, unit: '×', met });
  });
  return { ...outcome, rows, verdicts };
}

/** If the load was too high for the machine, both percentiles are those of a growing queue. */
const NOT_SUSTAINED = 'the load was not sustained, so the ratio means nothing';

function sustained({ errors }: { readonly errors: Readonly<Record<string, number>> }): boolean {
  return errors.NOT_SENT === undefined;
}

export async function overload(rig: Rig): Promise<Outcome> {
  const contender = await rangekeeper(rig, 3, { deadlineMs: DEADLINE_MS });
  await rig.keepOnly(clusterName(3));
  const { nodePids } = await startCluster(rig, clusterName(3), rig.scale.keys);
  const memoryNow = (): number => memoryOf(nodePids)?.resident ?? 0;
  const highest = await highestRate(rig, contender, PUTS, CALLERS_MAX);
  const before = memoryNow();
  const arrivals = Math.round(highest * OVERLOAD);
  const memory: number[] = [];
  const sampling = every(realEnv, SAMPLE_MS, () => memory.push(memoryNow()));
  const outcome = await compare(rig, {
    ...{ work: 'overload', contenders: [contender], ...IN_OPERATIONS },
    variant: `open loop, ${arrivals}/s offered (${OVERLOAD} × ${Math.round(highest)}/s)`,
    spec: slotOf(rig, { mix: PUTS, callers: SENDERS, arrivals, ms: OVERLOAD_MS }),
    goals: () => [],
  });
  sampling.cancel();
  const [most, start] = [Math.max(...memory), before].map((bytes) => Math.round(bytes / MIB));
  const note = `memory of the three nodes ${start} MiB before, at most ${most} MiB`;
  const rows = outcome.rows.map((row) => ({ ...row, note }));
  const verdicts = rows.flatMap((row) => {
    const kept = divided(row.spread, highest);
    const growth = divided(spreadOf(memory), Math.max(before, 1));
    return [
      { goal: `throughput at least ${KEPT} × the highest`, measured: kept, met: kept.median >= KEPT },
      {
        goal: `memory at most ${MEMORY_GROWTH_MAX} × that before`,
        ...{ measured: growth, met: growth.max <= MEMORY_GROWTH_MAX },
      },
    ].map((verdict) => verdictOn(row, { ...verdict, unit: '×' }));
  });
  return { ...outcome, rows, verdicts };
}

/** Operations per second with callers that wait for their answers (closed loop). */
async function highestRate(rig: Rig, contender: Contender, mix: Mix, callers: number): Promise<number> {
  const spec = slotOf(rig, { mix, callers });
  await warmUp(rig, contender, spec);
  const rates: number[] = [];
  for (let round = 0; round < rig.scale.rounds; round++) rates.push(perSecond(await contender.run(spec)));
  return spreadOf(rates).median;
}

function divided({ median, min, max }: Spread, by: number): Spread {
  return { median: median / by, min: min / by, max: max / by };
}
