// `npm run bench -- failover`: how long clients wait when a process dies. `-- reshape`: when a range is split or merged.

import { cpus, totalmem } from 'node:os';
import { connect } from '../../client/index.ts';
import { BenchCluster, untilAllInSync } from '../bench-cluster.ts';
import { type Experiment, NODES } from './experiment.ts';
import { type ManyRangesRun, manyRanges, type OneRangeRun, oneRange } from './experiments.ts';
import { type ReshapeRun, reshape } from './reshape.ts';

export interface FailoverReport {
  readonly machine: string;
  readonly runs: readonly OneRangeRun[];
  readonly many: readonly ManyRangesRun[];
}

/** Rejects when `stopped` rejects, after everything is stopped and removed. */
export async function runFailover(
  rounds: number,
  say: (line: string) => void,
  stopped: Promise<never>,
): Promise<FailoverReport> {
  const machine = describeRun('failover', say);
  const runs = await repeat(oneRange, rounds, say, stopped);
  return { machine, runs, many: await repeat(manyRanges, rounds, say, stopped) };
}

/** Whether no acknowledged write was lost and every fallback read was answered. */
export function isSound({ runs, many }: FailoverReport): boolean {
  return (
    [...runs, ...many].every(({ lost }) => lost === 0) && runs.every(({ failedReads }) => failedReads === 0)
  );
}

export interface ReshapeReport {
  readonly machine: string;
  readonly runs: readonly ReshapeRun[];
}

/** Rejects when `stopped` rejects, after everything is stopped and removed. */
export async function runReshape(
  rounds: number,
  say: (line: string) => void,
  stopped: Promise<never>,
): Promise<ReshapeReport> {
  const machine = describeRun('reshape', say);
  return { machine, runs: await repeat(reshape, rounds, say, stopped) };
}

function describeRun(what: string, say: (line: string) => void): string {
  const machine = `Node ${process.version}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  say(`${what}: ${NODES} nodes, T = 2 s; ${machine}`);
  return machine;
}

/** Repeats an experiment on a cluster of its own. */
async function repeat<Run>(
  { title, namespace, splitAt, run, describe, summarize }: Experiment<Run>,
  rounds: number,
  say: (line: string) => void,
  stopped: Promise<never>,
): Promise<readonly Run[]> {
  say(title);
  const cluster = await BenchCluster.start('failover', NODES);
  const results: Run[] = [];
  const measure = async (): Promise<void> => {
    if (namespace !== 'default') await cluster.makeNamespace(namespace, splitAt);
    const client = await connect({ zk: cluster.zk, namespace, connectMs: 30_000 });
    await untilAllInSync(client, NODES);
    for (let round = 0; round < rounds; round++) {
      for await (const result of run(cluster, client, round)) {
        results.push(result);
        say(`  ${describe(result)}`);
      }
    }
    await client.close();
  };
  try {
    await Promise.race([measure(), stopped]);
  } finally {
    await cluster.stop();
  }
  for (const line of summarize(results)) say(line);
  return results;
}
