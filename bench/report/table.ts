// A report as lines for a terminal.

import type { Row, Verdict } from '../compare.ts';
import type { Calm, Machine } from '../machine.ts';
import type { Profile } from '../profile/profile.ts';
import { QUANTILES } from '../stats/histogram.ts';
import { type Spread, spreadOf } from '../stats/summary.ts';
import { profileLines } from './profile-lines.ts';
import { type Report, verifiedIn } from './results.ts';

/** By title, each with its rows and then its verdicts. */
export function comparisonLines(rows: readonly Row[], verdicts: readonly Verdict[]): string[] {
  const sections = new Map<string, string[]>();
  const add = (title: string, line: string): void => {
    const section = sections.get(title) ?? [title];
    section.push(`  ${line}`);
    sections.set(title, section);
  };
  for (const row of rows) add(`${row.work}, ${row.variant}`, rowLine(row));
  for (const verdict of verdicts) add(`${verdict.work}, ${verdict.variant}`, verdictLine(verdict));
  // Rows of one work may share a profile.
  const told = new Map<Profile, string>();
  for (const { work, variant, profile } of rows) {
    if (profile === null) continue;
    const title = `${work}, ${variant}`;
    const known = told.get(profile);
    if (known === undefined) for (const line of profileLines(profile)) add(title, line);
    else add(title, `where the time went: as under ${known}`);
    told.set(profile, known ?? title);
  }
  return [...sections.values()].flat();
}

function rowLine(row: Row): string {
  const { spread, unit, quantiles, errors, verified } = row;
  const parts = [`${figure(spread.median)} ${unit} [${figure(spread.min)} .. ${figure(spread.max)}]`];
  const shown = ([0.5, 0.99] as const).map((share) => quantiles[QUANTILES.indexOf(share)]);
  const [median, tail] = shown;
  if (median !== undefined && tail !== undefined)
    parts.push(`p50 ${figure(median)} ms, p99 ${figure(tail)} ms`);
  if (row.clientCores !== null && row.serverCores !== null)
    parts.push(`cores: client ${row.clientCores.toFixed(2)}, servers ${row.serverCores.toFixed(2)}`);
  for (const [code, count] of Object.entries(errors)) parts.push(`${code} ${count}`);
  if (verified !== null && verified.checked > 0)
    parts.push(`${verified.checked} acknowledged looked for, ${verified.lost} lost`);
  if (row.note !== '') parts.push(row.note);
  return `${`${row.contender} (${row.client})`.padEnd(62)} ${parts.join('; ')}`;
}

export function verdictLine({ goal, measured, unit, met }: Verdict): string {
  return `${met ? 'met   ' : 'missed'} ${goal}: ${spreadText(measured)} ${unit}`;
}

export function machineLines(machine: Machine): string[] {
  const { cpu, cores, memoryGib, kernel, filesystem, node, peers } = machine;
  const lines = [
    `${cpu}, ${cores} cores for servers and load together, ${memoryGib} GiB, ${kernel}, data on ${filesystem}, Node ${node}`,
    ...Object.entries(peers).map(([name, version]) => `${name}: ${version}`),
  ];
  if (machine.isMemory)
    lines.push(
      `WARNING: ${filesystem} is memory: syncs cost nothing there, and figures of writes are worth nothing`,
    );
  return lines;
}

export function calmLine(calm: readonly Calm[]): string {
  const of = (value: (look: Calm) => number): Spread => spreadOf(calm.map(value));
  const loop = of((look) => look.loop);
  const steal = Math.max(0, ...calm.map((look) => look.steal ?? 0));
  return [
    `calibration between rounds: fixed loop ${spreadText(loop)} million/s (slowest ${percent(1 - loop.min / loop.max)} below fastest)`,
    `fdatasync of 4 KiB ${spreadText(of((look) => look.syncMs))} ms`,
    `load average ${spreadText(of((look) => look.load))}`,
    `stolen CPU time at most ${percent(steal)}`,
  ].join('; ');
}

/** What stands at the end of a run. */
export function closingLines({ rows, verdicts, calm, minutes }: Report): string[] {
  const { checked, lost } = verifiedIn(rows);
  const met = verdicts.filter((verdict) => verdict.met).length;
  return [
    '',
    ...verdicts.map((verdict) => `${verdict.work}, ${verdict.variant}: ${verdictLine(verdict)}`),
    '',
    `${met} of ${verdicts.length} goals met; ${checked} acknowledged writes looked for, ${lost} lost; ${minutes.toFixed(1)} min`,
    calmLine(calm),
  ];
}

function spreadText({ median, min, max }: Spread): string {
  return `${figure(median)} [${figure(min)} .. ${figure(max)}]`;
}

/** Three digits that count, thousands in one piece. */
export function figure(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return Number(value.toPrecision(3)).toString();
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
