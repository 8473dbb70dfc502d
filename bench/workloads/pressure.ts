// Rangekeeper under a load that does not wait for it (open loop): the tail of its latencies at 70 % of the highest load, and
// what becomes of throughput and memory at twice that.

import { realEnv } from '../../common/base/env.ts';
import { warmUp } from '../before-slot.ts';
import { compare, type Found, perSecond, type Row, type Verdict } from '../compare.ts';
import { type Contender, rangekeeper, rangekeeperOn } from '../contenders/contender.ts';
import { GETS, type Mix, PUTS, type SlotSpec } from '../load/slot.ts';
import { residentBytesOf } from '../processes.ts';
import type { Rig } from '../rig.ts';
import { type Spread, spreadOf } from '../stats/summary.ts';
import { slotOf } from './put.ts';

const CALLERS = 256;
/** Callers that find the highest throughput where latency does not matter. */
const CALLERS_MAX = 4_096;
const LOAD = 0.7;
const TAIL_MAX = 3;
/** More than may be under way below the bounds of an owner's queues. */
const SENDERS = 60_000;
const OVERLOAD = 2;
const OVERLOAD_MS = 5_000;
const DEADLINE_MS = 1_000;
const KEPT = 0.9;
const MEMORY_GROWTH_MAX = 1.25;
const SAMPLE_MS = 250;
const MIB = 2 ** 20;

export async function tail(rig: Rig, kind: 'PUT' | 'GET'): Promise<Found> {
  const mix = kind === 'PUT' ? PUTS : GETS;
  const contender = await rangekeeper(rig, 3);
  await rig.leaveOnly(await rig.rangekeeper(3));
  const highest = await highestOf(rig, contender, mix, CALLERS);
  const arrivals = Math.round(highest * LOAD);
  const { rows, calm } = await compare(rig, {
    work: `${kind} latency under load`,
    variant: `open loop, ${arrivals}/s (${LOAD * 100} % of ${Math.round(highest)}/s)`,
    contenders: [contender],
    spec: slotOf(rig, { mix, callers: 4_096, arrivals }),
    unit: 'p99 / p50',
    value: ({ quantiles }) => (quantiles[4] ?? 0) / (quantiles[0] || 1),
  });
  const [own] = rows;
  if (own === undefined) return { rows, calm, verdicts: [] };
  // Where the load was more than the machine had left, both percentiles are those of a queue that only grows.
  const sustained = own.errors.NOT_SENT === undefined;
  const note = sustained ? '' : 'the load was not sustained: the ratio says nothing';
  const met = sustained && own.spread.median <= TAIL_MAX;
  return {
    rows: [{ ...own, note }],
    calm,
    verdicts: [verdictOn(own, `p99 at most ${TAIL_MAX} × p50, the load sustained`, own.spread, met)],
  };
}

export async function overload(rig: Rig): Promise<Found> {
  const cluster = await rig.rangekeeper(3);
  await rig.leaveOnly(cluster);
  const name = 'Rangekeeper, 3 replicas';
  const contender = await rangekeeperOn(rig, cluster, name, ['default'], 1, DEADLINE_MS);
  const highest = await highestOf(rig, contender, PUTS, CALLERS_MAX);
  const before = residentBytesOf(cluster.nodePids) ?? 0;
  const arrivals = Math.round(highest * OVERLOAD);
  const memory: number[] = [];
  const sampling = { on: true };
  const sampler = sample(sampling, () => memory.push(residentBytesOf(cluster.nodePids) ?? 0));
  const { rows, calm } = await compare(rig, {
    work: 'overload',
    variant: `open loop, ${arrivals}/s offered (${OVERLOAD} × ${Math.round(highest)}/s)`,
    contenders: [contender],
    spec: slotOf(rig, { mix: PUTS, callers: SENDERS, arrivals, ms: OVERLOAD_MS }),
    unit: 'ops/s',
    value: perSecond,
  });
  sampling.on = false;
  await sampler;
  const [own] = rows;
  if (own === undefined) return { rows, calm, verdicts: [] };
  const kept = scaled(own.spread, highest);
  const growth = scaled(spreadOf(memory), Math.max(before, 1));
  const note = `memory of the three nodes ${Math.round(before / MIB)} MiB before, at most ${Math.round(Math.max(...memory) / MIB)} MiB`;
  return {
    rows: [{ ...own, note }],
    calm,
    verdicts: [
      verdictOn(own, `throughput at least ${KEPT} × the highest`, kept, kept.median >= KEPT),
      verdictOn(
        own,
        `memory at most ${MEMORY_GROWTH_MAX} × that before`,
        growth,
        growth.max <= MEMORY_GROWTH_MAX,
      ),
    ],
  };
}

/** Operations a second that callers who wait for their answers can get. */
async function highestOf(rig: Rig, contender: Contender, mix: Mix, callers: number): Promise<number> {
  const spec: SlotSpec = slotOf(rig, { mix, callers });
  await warmUp(rig, contender, spec);
  const rates: number[] = [];
  for (let round = 0; round < rig.scale.rounds; round++) rates.push(perSecond(await contender.run(spec)));
  return spreadOf(rates).median;
}

function scaled({ median, min, max }: Spread, by: number): Spread {
  return { median: median / by, min: min / by, max: max / by };
}

function verdictOn({ work, variant }: Row, goal: string, measured: Spread, met: boolean): Verdict {
  return { work, variant, goal, measured, unit: '×', met };
}

/** Until `sampling.on` is false. */
async function sample(sampling: { readonly on: boolean }, take: () => void): Promise<void> {
  while (sampling.on) {
    take();
    await new Promise<void>((resolve) => {
      realEnv.after(SAMPLE_MS, resolve);
    });
  }
}
