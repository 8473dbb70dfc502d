// Makes a report as lines of text.

import type { Calibration, Machine } from '../machine.ts';
import { OPENED_BY } from '../profile/profiler.ts';
import { latencyAt, type Spread, spreadOf } from '../stats/summary.ts';
import { type CpuPerOperation, type Report, type Row, type Verdict, verifiedIn } from './results.ts';

/** The lines for each title: its rows, then its verdicts, then the folders of its profiles. */
export function comparisonLines(rows: readonly Row[], verdicts: readonly Verdict[]): string[] {
  const lines = [
    ...rows.map((row) => {
      const { contender, measured, latency, cores, cpu, errors, verified, note } = cellsOf(row);
      const cells = [
        measured,
        latency,
        cores && `cores: ${cores}`,
        cpu && `CPU: ${cpu}`,
        errors,
        verified && `read back: ${verified}`,
      ];
      const line = `${contender.padEnd(62)} ${[...cells, note].filter((cell) => cell !== '').join('; ')}`;
      return { title: titleOf(row), line };
    }),
    ...verdicts.map((verdict) => ({ title: titleOf(verdict), line: verdictLine(verdict) })),
    ...rows.flatMap((row) =>
      row.profile === null ? [] : [{ title: titleOf(row), line: `CPU profiles: ${row.profile}` }],
    ),
  ];
  const titles = [...new Set(lines.map(({ title }) => title))];
  return titles.flatMap((title) => [
    title,
    ...lines.filter((one) => one.title === title).map(({ line }) => `  ${line}`),
  ]);
}

export function titleOf({ work, variant }: Row | Verdict): string {
  return `${work}, ${variant}`;
}

/** The texts that the lines and the page show for a row; empty: there is nothing to show. */
export function cellsOf(row: Row): Readonly<Record<string, string>> & Record<'contender', string> {
  const { contender, client, spread, unit, quantiles, clientCores, serverCores, verified } = row;
  const [p50, p99] = [latencyAt(quantiles, 0.5), latencyAt(quantiles, 0.99)];
  const hasCores = clientCores !== null && serverCores !== null;
  return {
    contender: `${contender} (${client})`,
    measured: spreadText(spread, unit),
    latency: p50 === null || p99 === null ? '' : `p50 ${figure(p50)} ms, p99 ${figure(p99)} ms`,
    cpu: cpuText(row.cpu),
    cores: hasCores ? `client ${clientCores.toFixed(2)}, servers ${serverCores.toFixed(2)}` : '',
    errors: Object.entries(row.errors)
      .map(([code, count]) => `${code} ${count}`)
      .join(', '),
    verified: verified === null || verified.checked === 0 ? '' : `${verified.checked}, ${verified.lost} lost`,
    note: row.note,
  };
}

function cpuText(cpu: CpuPerOperation | null): string {
  if (cpu === null) return '';
  const { client, servers, after } = cpu;
  const share = servers + after === 0 ? 0 : (100 * after) / (servers + after);
  return `client ${figure(client)}, servers ${figure(servers + after)} µs, ${Math.round(share)} % of it after the answers`;
}

export function verdictLine({ goal, measured, unit, met }: Verdict): string {
  return `${met ? 'met   ' : 'missed'} ${goal}: ${spreadText(measured, unit)}`;
}

export function machineLines(machine: Machine): string[] {
  const { cpu, cores, memoryGib, kernel, filesystem, isMemory, node, peers } = machine;
  const versions = [`Node ${node}`, ...Object.entries(peers).map(([name, version]) => `${name}: ${version}`)];
  const described = `${cpu}, ${cores} cores for servers and load together, ${memoryGib} GiB, ${kernel}, data on ${filesystem}`;
  return [
    `${described}; ${versions.join('; ')}`,
    ...(isMemory
      ? [`WARNING: ${filesystem} is in memory: syncs cost nothing there, so results of writes mean nothing`]
      : []),
  ];
}

/** The lines at the end of a run. */
export function closingLines(report: Report): string[] {
  const { rows, verdicts, calm, minutes } = report;
  const { checked, lost } = verifiedIn(rows);
  const met = verdicts.filter((verdict) => verdict.met).length;
  return [
    '',
    ...verdicts.map((verdict) => `${titleOf(verdict)}: ${verdictLine(verdict)}`),
    '',
    `${met} of ${verdicts.length} goals met; ${checked} acknowledged writes read back, ${lost} lost; ${minutes.toFixed(1)} min`,
    calmLine(calm),
    ...(rows.some(({ profile }) => profile !== null) ? [OPENED_BY] : []),
  ];
}

function calmLine(calm: readonly Calibration[]): string {
  const of = (value: (look: Calibration) => number): Spread => spreadOf(calm.map(value));
  const loop = of((look) => look.loop);
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  return [
    `between rounds: fixed loop ${spreadText(loop, 'million/s')} (slowest ${percent(1 - loop.min / loop.max)} below fastest)`,
    `fdatasync of 4 KiB ${spreadText(
      of((look) => look.syncMs),
      'ms',
    )}`,
    `load average ${spreadText(
      of((look) => look.load),
      '',
    )}`,
    `stolen CPU time at most ${percent(of((look) => look.steal ?? 0).max)}`,
  ].join('; ');
}

/** `300 ops/s [200 .. 400]`: the median, the lowest and the highest. */
export function spreadText({ median, min, max }: Spread, unit: string): string {
  return `${`${figure(median)} ${unit}`.trim()} [${figure(min)} .. ${figure(max)}]`;
}

/** Three significant digits; numbers from 100 on are rounded to integers. */
export function figure(value: number): string {
  return value >= 100 ? String(Math.round(value)) : Number(value.toPrecision(3)).toString();
}
