// Makes a report as one HTML file that needs no other files: its text, throughput by concurrency, and each comparison with its rounds,
// its latencies and its figures. The file contains uPlot and the code that draws with it (draw.ts).

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { QUANTILES } from '../stats/summary.ts';
import type { Plot } from './draw.ts';
import type { Report, Row } from './results.ts';
import { cellsOf, closingLines, machineLines, titleOf } from './table.ts';

const DRAW = fileURLToPath(new URL('./draw.js', import.meta.url));
const MIB = 2 ** 20;

const STYLE = [
  'body{font:14px/1.45 system-ui,sans-serif;max-width:1180px;margin:2em auto;padding:0 1em;color:#222}',
  'h2{margin-top:2em;border-bottom:1px solid #ccc}table{border-collapse:collapse;font-size:12px;margin:.6em 0}',
  'td,th{padding:2px 8px;text-align:left;border-bottom:1px solid #eee}.plots{display:flex;flex-wrap:wrap;gap:1em}',
  '.u-title{font-size:13px}.u-legend{font-size:11px;text-align:left}pre{white-space:pre-wrap;font-size:12px}',
].join('');

export function pageOf(report: Report): string {
  const titles = [...new Set(report.rows.map(titleOf))];
  const sections = titles.map((title) => ({
    title,
    rows: report.rows.filter((row) => titleOf(row) === title),
  }));
  const plots: Plot[] = [];
  /** Elements for plots, into which the script at the end draws. */
  const placesFor = (more: readonly Plot[]): string => {
    const places = more.map((plot) => `<div id="plot-${plots.push(plot) - 1}"></div>`);
    return `<div class="plots">${places.join('')}</div>`;
  };
  const lines = [
    `${report.startedAt}, ${report.scale} run`,
    ...machineLines(report.machine),
    ...closingLines(report),
  ];
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Rangekeeper benchmark</title>',
    `<style>${packaged('uPlot.min.css')}${STYLE}</style></head><body><h1>Rangekeeper benchmark</h1>`,
    `<pre>${escapeHtml(lines.join('\n'))}</pre>`,
    placesFor(concurrencyPlots(report.rows)),
    ...sections.map(
      ({ title, rows }) => `<h2>${escapeHtml(title)}</h2>${placesFor(plotsOf(rows))}${rowTable(rows)}`,
    ),
    `<script>${packaged('uPlot.iife.min.js')}</script>`,
    `<script>const PLOTS = ${JSON.stringify(plots).replaceAll('<', '\\u003c')}</script>`,
    `<script type="module">${readFileSync(DRAW, 'utf8')}</script></body></html>\n`,
  ].join('\n');
}

/** A plot of the rounds or seconds, and a plot of latencies by percentile. */
function plotsOf(rows: readonly Row[]): readonly Plot[] {
  const label = ({ contender, client }: Row): string => `${contender} (${client})`;
  const each = rows[0]?.each ?? 'round';
  const rounds = Math.max(...rows.map(({ values }) => values.length));
  const timed = rows.filter(({ quantiles }) => quantiles.length > 0);
  const byRound: Plot = {
    ...{ title: `${rows[0]?.unit} by ${each}`, axis: each },
    places: Array.from({ length: rounds }, (_, round) => String(round + 1)),
    logarithmic: false,
    lines: rows.map((row) => ({ label: label(row), values: row.values })),
  };
  const byPercentile: Plot = {
    ...{ title: 'latency by percentile, ms', axis: 'percentile' },
    places: QUANTILES.map((share) => `p${share * 100}`),
    logarithmic: true,
    // A logarithmic axis cannot show 0.
    lines: timed.map((row) => ({ label: label(row), values: row.quantiles.map((ms) => ms || null) })),
  };
  return timed.length === 0 ? [byRound] : [byRound, byPercentile];
}

/** Plots of throughput by number of callers, for each work that was measured with several numbers. */
function concurrencyPlots(rows: readonly Row[]): readonly Plot[] {
  const points = rows.flatMap(({ work, variant, contender, unit, spread }) => {
    const callers = Number(/^(\d+) (?:callers|in flight)$/.exec(variant)?.[1]);
    return unit === 'ops/s' && callers > 0 ? [{ work, callers, contender, value: spread.median }] : [];
  });
  return [...new Set(points.map(({ work }) => work))].flatMap((work) => {
    const own = points.filter((point) => point.work === work);
    const places = [...new Set(own.map(({ callers }) => callers))].sort((a, b) => a - b);
    // The best client of a peer counts.
    const best = (contender: string, callers: number): number | null =>
      own
        .filter((point) => point.contender === contender && point.callers === callers)
        .reduce<number | null>((most, { value }) => Math.max(most ?? 0, value), null);
    const lines = [...new Set(own.map(({ contender }) => contender))].map((contender) => ({
      label: contender,
      values: places.map((callers) => best(contender, callers)),
    }));
    const title = `${work}: ops/s by callers`;
    return places.length < 2
      ? []
      : [{ title, axis: 'callers', places: places.map(String), logarithmic: false, lines }];
  });
}

function rowTable(rows: readonly Row[]): string {
  return tableOf(
    rows.map((row) => ({
      ...cellsOf(row),
      'server MiB, resident (without files)':
        row.serverMemory === null
          ? ''
          : `${mib(row.serverMemory.resident)} (${mib(row.serverMemory.anonymous)})`,
      'CPU profiles': row.profile ?? '',
    })),
  );
}

function mib(bytes: number): number {
  return Math.round(bytes / MIB);
}

/** An HTML table. Columns that are empty in every row are left out. */
function tableOf(rows: readonly Readonly<Record<string, string>>[]): string {
  const names = Object.keys(rows[0] ?? {}).filter((name) => rows.some((row) => row[name] !== ''));
  const line = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((row) =>
    line(
      'td',
      names.map((name) => row[name] ?? ''),
    ),
  );
  return `<table>${line('th', names)}${body.join('')}</table>`;
}

/** The text of a file of uPlot. */
function packaged(name: string): string {
  return readFileSync(createRequire(import.meta.url).resolve(`uplot/dist/${name}`), 'utf8');
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
