// A run of works on one rig: each told when it is done, all of it in one report.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realEnv } from '../common/base/env.ts';
import type { Row, Verdict } from './compare.ts';
import { type Calm, CalmMeter, describeMachine } from './machine.ts';
import { Profiler } from './profile/profiler.ts';
import type { Report } from './report/results.ts';
import { comparisonLines, machineLines } from './report/table.ts';
import { findPrograms, type Programs, Rig, type Scale } from './rig.ts';
import type { Work } from './workloads/all.ts';

const MINUTE_MS = 60_000;

/** Data lies below TMPDIR while it runs. Rejects as `stopped` does, everything stopped and removed. */
export async function runWorks(
  works: readonly Work[],
  scale: Scale,
  profiled: boolean,
  say: (line: string) => void,
  stopped: Promise<never>,
): Promise<Report> {
  const directory = mkdtempSync(join(tmpdir(), 'rangekeeper-bench-'));
  const programs = findPrograms();
  const machine = describeMachine(directory, peersOf(programs));
  for (const line of machineLines(machine)) say(line);
  const profiler = profiled ? new Profiler(realEnv) : null;
  const calm = new CalmMeter(realEnv, directory);
  const rig = new Rig({ scale, directory, programs, calm, profiler, say });
  const begin = realEnv.now();
  const startedAt = new Date(realEnv.wallNow()).toISOString();
  const rows: Row[] = [];
  const verdicts: Verdict[] = [];
  const looks: Calm[] = [];
  try {
    for (const work of works) {
      const found = await Promise.race([work.run(rig), stopped]);
      rows.push(...found.rows);
      verdicts.push(...found.verdicts);
      looks.push(...found.calm);
      for (const line of comparisonLines(found.rows, found.verdicts)) say(line);
    }
  } finally {
    await rig.stop();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
  const minutes = (realEnv.now() - begin) / MINUTE_MS;
  return { scale: scale.name, startedAt, minutes, machine, rows, verdicts, calm: looks };
}

function peersOf({ etcd, h2load, redis, java }: Programs) {
  return [
    { name: 'etcd', program: etcd, args: ['--version'] },
    { name: 'h2load', program: h2load, args: ['--version'] },
    { name: 'Redis', program: redis, args: ['--version'] },
    { name: `ZooKeeper of ${java.source}, Java`, program: java.java, args: ['--version'] },
  ];
}
