// One experiment with a cluster under load: what is done to it, and how the results are shown.

import type { Client } from '../../client/index.ts';
import type { BenchCluster } from '../bench-cluster.ts';
import { spreadOf } from '../stats/summary.ts';

export const NODES = 3;

export interface Experiment<Run> {
  readonly title: string;
  /** The namespace of the load. If it is not `default`, it is created with ranges divided at `splitAt`. */
  readonly namespace: string;
  readonly splitAt: readonly string[];
  /** Makes one run with each of its faults. Before and after each run every replica is in-sync. */
  run(cluster: BenchCluster, client: Client, round: number): AsyncGenerator<Run>;
  /** One line of text for a run. */
  describe(run: Run): string;
  summarize(runs: readonly Run[]): readonly string[];
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** `median 80 ms, worst 95 ms` */
export function spreadText(values: readonly number[]): string {
  const { median, max } = spreadOf(values);
  return `median ${Math.round(median)} ms, worst ${Math.round(max)} ms`;
}
