// `npm run bench -- micro`: single parts of a node in this very process, each beside its raw limit, in rounds that take
// turns. A part far from its limit is where work can be removed.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { delay, type Env, realEnv } from '../../common/base/env.ts';
import type { Row } from '../compare.ts';
import { type Calm, CalmMeter, describeMachine } from '../machine.ts';
import type { Report } from '../report/results.ts';
import { comparisonLines, machineLines } from '../report/table.ts';
import { interleaved, ratioOf, spreadOf } from '../stats/summary.ts';
import { channelParts } from './channel.ts';
import { codecParts } from './codec.ts';
import { corePart } from './core.ts';
import { logPart } from './log.ts';
import type { Part, Side } from './part.ts';
import { stateParts } from './state.ts';

const QUICK = { rounds: 3, ms: 200 };
const FULL = { rounds: 7, ms: 1_000 };
const MINUTE_MS = 60_000;

/** Rejects as `stopped` does, after the part that was under way. */
export async function runMicro(
  quick: boolean,
  say: (line: string) => void,
  stopped: Promise<never>,
): Promise<Report> {
  const { rounds, ms } = quick ? QUICK : FULL;
  const directory = mkdtempSync(join(tmpdir(), 'rangekeeper-micro-'));
  const machine = describeMachine(directory, []);
  for (const line of machineLines(machine)) say(line);
  const meter = new CalmMeter(realEnv, directory);
  const begin = realEnv.now();
  const startedAt = new Date(realEnv.wallNow()).toISOString();
  const rows: Row[] = [];
  const calm: Calm[] = [meter.look()];
  try {
    for (const open of [logPart, stateParts, codecParts, channelParts, corePart]) {
      const { parts, close } = await open(directory);
      for (const part of parts) {
        const found = await measurePart(part, rounds, ms);
        rows.push(...found);
        calm.push(meter.look());
        for (const line of comparisonLines(found, [])) say(line);
        await Promise.race([stopped, delay(realEnv, 0)]);
      }
      await close();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
  const minutes = (realEnv.now() - begin) / MINUTE_MS;
  return {
    scale: quick ? 'quick micro' : 'full micro',
    startedAt,
    minutes,
    machine,
    rows,
    verdicts: [],
    calm,
  };
}

async function measurePart(part: Part, rounds: number, ms: number): Promise<readonly Row[]> {
  const values = new Map<Side, number[]>(part.sides.map((side) => [side, []]));
  for (const side of part.sides) await rateOf(realEnv, side, ms / 4);
  for (const { contender } of interleaved(part.sides, rounds)) {
    values.get(contender)?.push(await rateOf(realEnv, contender, ms));
  }
  const rows = part.sides.map((side) => rowOf(part, side, values.get(side) ?? []));
  const [own, raw] = rows;
  if (own === undefined || raw === undefined) return rows;
  const share = ratioOf(own.values, raw.values).median;
  return [{ ...own, note: `${share.toFixed(2)} of the raw limit` }, raw];
}

/** Units done each second, in so many turns of the side's `run` as fit into the time. */
async function rateOf(env: Env, side: Side, ms: number): Promise<number> {
  const begin = env.now();
  let done = 0;
  do done += await side.run();
  while (env.now() - begin < ms);
  return (done / (env.now() - begin)) * 1_000;
}

function rowOf(part: Part, side: Side, values: readonly number[]): Row {
  return {
    ...{ work: part.name, variant: part.variant, contender: side.name, client: side.how, unit: part.unit },
    ...{
      values,
      spread: spreadOf(values),
      quantiles: [],
      clientCores: null,
      serverCores: null,
      serverBytes: null,
    },
    ...{ errors: {}, verified: null, note: '', profile: null },
  };
}
