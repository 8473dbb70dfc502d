// A report as one HTML file that needs nothing else: goals, then each comparison with its bars, its latencies and its
// figures, and throughput by concurrency.

import type { Row, Verdict } from '../compare.ts';
import { QUANTILES } from '../stats/histogram.ts';
import { bars, escapeHtml, type Line, lines } from './plot.ts';
import { profileLines } from './profile-lines.ts';
import { type Report, verifiedIn } from './results.ts';
import { calmLine, figure, machineLines } from './table.ts';

const STYLE = [
  'body{font:14px/1.45 system-ui,sans-serif;max-width:1180px;margin:2em auto;padding:0 1em;color:#222}',
  'h2{margin-top:2em;border-bottom:1px solid #ccc}svg{font:11px system-ui,sans-serif;max-width:100%;height:auto}',
  'table{border-collapse:collapse;font-size:12px;margin:.6em 0}td,th{padding:2px 8px;text-align:right;border-bottom:1px solid #eee}',
  'td:first-child,th:first-child{text-align:left}.met{color:#22702f}.missed{color:#a8323a}.plots{display:flex;flex-wrap:wrap;gap:1em}',
  'pre{white-space:pre-wrap;font-size:12px}summary{cursor:pointer}',
].join('');

export function pageOf(report: Report): string {
  const { checked, lost } = verifiedIn(report.rows);
  const groups = grouped(report.rows);
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Rangekeeper benchmark</title>',
    `<style>${STYLE}</style></head><body><h1>Rangekeeper benchmark</h1>`,
    `<p>${escapeHtml(report.startedAt)}, ${escapeHtml(report.scale)} run, ${report.minutes.toFixed(1)} min</p>`,
    ...[...machineLines(report.machine), calmLine(report.calm)].map((line) => `<p>${escapeHtml(line)}</p>`),
    `<p>${checked} acknowledged writes looked for afterwards, ${lost} lost.</p>`,
    goalsOf(report.verdicts),
    concurrencyOf(report.rows),
    ...[...groups].map(([title, rows]) => comparisonOf(title, rows)),
    '</body></html>\n',
  ].join('\n');
}

/** By title, in order of the run. */
function grouped(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const title = `${row.work}, ${row.variant}`;
    const group = groups.get(title);
    if (group === undefined) groups.set(title, [row]);
    else group.push(row);
  }
  return groups;
}

function goalsOf(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return '';
  const rows = verdicts.map(({ work, variant, goal, measured, unit, met }) => {
    const result = `${figure(measured.median)} [${figure(measured.min)} .. ${figure(measured.max)}] ${unit}`;
    const word = met ? 'met' : 'missed';
    return `<tr><td>${escapeHtml(`${work}, ${variant}: ${goal}`)}</td><td>${escapeHtml(result)}</td><td class="${word}">${word}</td></tr>`;
  });
  return `<h2>Goals</h2><table><tr><th>goal</th><th>measured</th><th></th></tr>${rows.join('')}</table>`;
}

/** Throughput by number of callers, for each work that was done with several. */
function concurrencyOf(rows: readonly Row[]): string {
  const works = new Map<string, Map<string, [number, number][]>>();
  for (const { work, variant, contender, spread, unit } of rows) {
    const callers = Number(/^(\d+) (?:callers|in flight)$/.exec(variant)?.[1]);
    if (unit !== 'ops/s' || Number.isNaN(callers)) continue;
    const contenders = works.get(work) ?? new Map<string, [number, number][]>();
    const points = contenders.get(contender) ?? [];
    // Of several clients of one peer the best counts.
    const known = points.find(([x]) => x === callers);
    if (known === undefined) points.push([callers, spread.median]);
    else known[1] = Math.max(known[1], spread.median);
    works.set(work, contenders.set(contender, points));
  }
  const plots = [...works].flatMap(([work, contenders]) => {
    const all: Line[] = [...contenders].map(([label, points]) => ({
      label,
      points: points.sort(([a], [b]) => a - b),
    }));
    const ticks = [...new Set(all.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b);
    if (ticks.length < 2) return [];
    const named = ticks.map((x) => [x, String(x)] as const);
    return [`<div><h3>${escapeHtml(work)}: throughput by callers</h3>${lines(all, named, 'ops/s')}</div>`];
  });
  return plots.length === 0
    ? ''
    : `<h2>Throughput by concurrency</h2><div class="plots">${plots.join('')}</div>`;
}

function comparisonOf(title: string, rows: readonly Row[]): string {
  const unit = rows[0]?.unit ?? '';
  const throughput = rows.map(({ contender, spread }) => ({
    label: contender,
    value: spread.median,
    min: spread.min,
    max: spread.max,
  }));
  const latencies = rows
    .filter(({ quantiles }) => quantiles.length > 0)
    .map(
      ({ contender, client, quantiles }): Line => ({
        label: `${contender} (${client})`,
        points: quantiles.map((ms, i) => [rarity(QUANTILES[i] ?? 0), ms]),
      }),
    );
  const ticks = QUANTILES.map((share) => [rarity(share), `p${share * 100}`] as const);
  const plots = [bars(throughput, unit), lines(latencies, ticks, 'latency, ms')];
  return `<h2>${escapeHtml(title)}</h2><div class="plots">${plots.map((plot) => `<div>${plot}</div>`).join('')}</div>${tableOf(rows)}${profilesOf(rows)}`;
}

function profilesOf(rows: readonly Row[]): string {
  return rows
    .flatMap(({ profile }) => (profile === null ? [] : [profileLines(profile)]))
    .map(([head = '', ...lines]) => {
      const text = lines.map(escapeHtml).join('\n');
      return `<details><summary>${escapeHtml(head)}</summary><pre>${text}</pre></details>`;
    })
    .join('');
}

/** How many operations there are for each one beyond the percentile. */
function rarity(share: number): number {
  return 1 / (1 - share);
}

function tableOf(rows: readonly Row[]): string {
  const heads = [
    'contender (client)',
    'median',
    'rounds',
    'p50 ms',
    'p99 ms',
    'p99.9 ms',
    'client cores',
    'server cores',
    'server MiB',
    'errors',
    'verified',
    '',
  ];
  const body = rows.map((row) => {
    const quantile = (share: (typeof QUANTILES)[number]): string =>
      optional(row.quantiles[QUANTILES.indexOf(share)] ?? null);
    const errors = Object.entries(row.errors).map(([code, count]) => `${code} ${count}`);
    const { verified } = row;
    return [
      `${row.contender} (${row.client})`,
      `${figure(row.spread.median)} ${row.unit}`,
      row.values.map(figure).join(' '),
      ...[quantile(0.5), quantile(0.99), quantile(0.999)],
      ...[optional(row.clientCores), optional(row.serverCores)],
      optional(row.serverBytes === null ? null : row.serverBytes / 2 ** 20),
      errors.join(', '),
      verified === null || verified.checked === 0 ? '' : `${verified.checked}, lost ${verified.lost}`,
      row.note,
    ];
  });
  const cells = (tag: string, values: readonly string[]): string =>
    `<tr>${values.map((value) => `<${tag}>${escapeHtml(value)}</${tag}>`).join('')}</tr>`;
  return `<table>${cells('th', heads)}${body.map((values) => cells('td', values)).join('')}</table>`;
}

function optional(value: number | null): string {
  return value === null ? '' : figure(value);
}
