// `npm run bench -- micro`: single parts of a node in this process, each compared with its raw limit in alternating rounds. A part
// that is far from its limit can become faster.

import { delay, realEnv } from '../../common/base/env.ts';
import type { Calibrator } from '../machine.ts';
import { type Outcome, rowOf } from '../report/results.ts';
import { ratioOf } from '../stats/summary.ts';
import { channelParts } from './channel.ts';
import { codecParts } from './codec.ts';
import { corePart } from './core.ts';
import { logPart } from './log.ts';
import type { Part, Side } from './part.ts';
import { stateParts } from './state.ts';

const QUICK = { rounds: 3, ms: 200 };
const FULL = { rounds: 7, ms: 1_000 };

/** Rejects when `stopped` rejects, after the present part. */
export async function runMicro(
  quick: boolean,
  directory: string,
  calibrator: Calibrator,
  report: (outcome: Outcome) => void,
  stopped: Promise<never>,
): Promise<void> {
  const { rounds, ms } = quick ? QUICK : FULL;
  for (const open of [logPart, stateParts, codecParts, channelParts, corePart]) {
    const { parts, close } = await open(directory);
    for (const part of parts) {
      const before = calibrator.measure();
      report({ ...(await measurePart(part, rounds, ms)), calm: [before, calibrator.measure()] });
      await Promise.race([stopped, delay(realEnv, 0)]);
    }
    await close();
  }
}

async function measurePart(
  { name, subject, variant, unit, own, raw }: Part,
  rounds: number,
  ms: number,
): Promise<Omit<Outcome, 'calm'>> {
  const [ownValues, rawValues]: [number[], number[]] = [[], []];
  await rateOf(own, ms / 4);
  await rateOf(raw, ms / 4);
  for (let round = 0; round < rounds; round++) {
    ownValues.push(await rateOf(own, ms));
    rawValues.push(await rateOf(raw, ms));
  }
  const note = `${ratioOf(ownValues, rawValues).median.toFixed(2)} of the raw limit`;
  const known = { work: name, variant, unit };
  const rows = [
    rowOf({ ...known, contender: subject, client: own.how, values: ownValues, note }),
    rowOf({ ...known, contender: 'raw limit', client: raw.how, values: rawValues }),
  ];
  return { rows, verdicts: [] };
}

/** Units per second, over as many runs as fit into the time. */
async function rateOf(side: Side, ms: number): Promise<number> {
  const begin = realEnv.now();
  let done = 0;
  do done += await side.run();
  while (realEnv.now() - begin < ms);
  return (done / (realEnv.now() - begin)) * 1_000;
}
