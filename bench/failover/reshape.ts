// What clients see while the range that they use is split and merged again. The same without either shows how long a caller waits on
// this machine anyway.

import { present } from '../../common/base/assert.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import type { TaskRequest } from '../../common/model/records.ts';
import { Callers } from './callers.ts';
import { type Experiment, spreadText, textOf } from './experiment.ts';

const WRITERS = 8;
const READERS = 4;
const BEFORE_MS = 300;
const AFTER_MS = 300;
/** About as long as a split takes until its task is done. */
const NOTHING_MS = 100;

const KINDS = ['nothing', 'split', 'merge'] as const;

export interface ReshapeRun {
  readonly kind: (typeof KINDS)[number];
  /** The longest time of one caller between two successes, ms. */
  readonly writeGapMs: number;
  readonly readGapMs: number;
  /** From the request until the leader says that it is done, ms. */
  readonly tookMs: number;
  readonly failed: number;
  readonly lost: number;
}

export const reshape: Experiment<ReshapeRun> = {
  title: `${WRITERS} writers and ${READERS} fallback readers on a range that is split and merged again:`,
  namespace: 'default',
  splitAt: [],
  async *run(cluster, client, round) {
    const { descriptor } = present(client.ranges()[0], 'a range');
    const prefix = `${textOf(descriptor.start)}!reshape/${round}/`;
    // Half of the keys are on each side of it.
    const middle = `${prefix}${WRITERS / 2}`;
    const requests: Readonly<Record<ReshapeRun['kind'], TaskRequest | null>> = {
      nothing: null,
      split: { kind: 'split', namespace: 'default', keys: [middle] },
      merge: { kind: 'merge', namespace: 'default', key: prefix },
    };
    for (const kind of KINDS) {
      const callers = new Callers(client);
      await client.put(`${prefix}read`, '0');
      const writes = Array.from({ length: WRITERS }, (_, i) =>
        callers.write((n) => `${prefix}${i}/${kind}/${n % 1000}`),
      );
      const reads = Array.from({ length: READERS }, () => callers.read(`${prefix}read`));
      await delay(realEnv, BEFORE_MS);
      const begin = realEnv.now();
      const request = requests[kind];
      await (request === null ? delay(realEnv, NOTHING_MS) : cluster.done(request));
      const tookMs = realEnv.now() - begin;
      await delay(realEnv, AFTER_MS);
      await callers.stop();
      const [writeGapMs = 0, readGapMs = 0] = [writes, reads].map((all) =>
        Math.max(...all.map(({ longestMs }) => longestMs)),
      );
      const failed = callers.failedWrites + callers.failedReads;
      yield { kind, writeGapMs, readGapMs, tookMs, failed, lost: await callers.countLost(prefix) };
    }
  },
  describe({ kind, writeGapMs, readGapMs, tookMs, failed, lost }) {
    const gaps = `write gap ${writeGapMs.toFixed(1)} ms, read gap ${readGapMs.toFixed(1)} ms`;
    return `${kind}: ${gaps}, done after ${Math.round(tookMs)} ms, ${failed} calls failed, ${lost} lost`;
  },
  summarize: (all) =>
    KINDS.flatMap((kind) => {
      const runs = all.filter((run) => run.kind === kind);
      const sum = (of: (run: ReshapeRun) => number): number =>
        runs.reduce((total, run) => total + of(run), 0);
      return [
        `${kind}, ${runs.length} runs:`,
        `  writes: ${spreadText(runs.map(({ writeGapMs }) => writeGapMs))}`,
        `  fallback reads: ${spreadText(runs.map(({ readGapMs }) => readGapMs))}`,
        `  done: ${spreadText(runs.map(({ tookMs }) => tookMs))}`,
        `  ${sum((run) => run.lost)} acknowledged writes lost, ${sum((run) => run.failed)} calls failed`,
      ];
    }),
};
