// The report of a run, as lines and as a page: it has every row, every goal and every loss, and the page loads nothing.

import test from 'ava';
import type { Plot } from '../../../bench/report/draw.ts';
import { pageOf } from '../../../bench/report/page.ts';
import { atLeast, type Report, type Row, rowOf } from '../../../bench/report/results.ts';
import { closingLines, comparisonLines, figure, machineLines } from '../../../bench/report/table.ts';
import { workloadsNamed } from '../../../bench/workloads/all.ts';

function row(contender: string, values: readonly number[], change: Partial<Row> = {}): Row {
  return rowOf({
    ...{ work: 'PUT', variant: '64 callers', contender, client: 'c', unit: 'ops/s', values },
    ...{ quantiles: [1, 2, 3, 4, 5, 6, 7], clientCores: 0.5, serverCores: 1.25 },
    serverMemory: { resident: 2 ** 20, anonymous: 2 ** 19 },
    cpu: { client: 5, servers: 30, after: 10 },
    verified: { checked: 10, lost: 0, unknown: 0 },
    ...change,
  });
}

const ROWS = [
  row('Rangekeeper', [200, 300, 400]),
  row('Redis <1>', [100, 100, 100], { errors: { DISCONNECTED: 3 } }),
];

const MACHINE = {
  ...{
    cpu: 'A & B',
    cores: 2,
    memoryGib: 4,
    kernel: 'Linux 6',
    filesystem: 'ext4',
    isMemory: false,
    node: 'v20',
  },
  peers: { Redis: '7' },
};

function report(change: Partial<Report> = {}): Report {
  return {
    ...{ scale: 'quick', startedAt: '2026-11-21', minutes: 1.5, machine: MACHINE, rows: ROWS },
    verdicts: atLeast(ROWS, 2, 'Redis'),
    calm: [{ loop: 900, syncMs: 0.2, load: 1, steal: 0 }],
    ...change,
  };
}

const goal = test.macro({
  exec(t, times: number, met: boolean) {
    const [verdict] = atLeast(ROWS, times, 'Redis');
    t.is(verdict?.met, met);
    t.is(verdict?.measured.median, 3);
  },
  title: (_, times) => `three times as much against a goal of ${times}`,
});

test(goal, 2, true);
test(goal, 3, true);
test(goal, 3.01, false);

test('the best of several clients of a peer counts; without the peer there is no goal', (t) => {
  const rows = [row('Rangekeeper', [300]), row('Redis', [100]), row('Redis', [200])];
  t.is(atLeast(rows, 1, 'Redis')[0]?.measured.median, 1.5);
  t.deepEqual(atLeast(rows, 1, 'etcd'), []);
});

test('the lines of a comparison hold each contender, its spread, its errors and what was read back', (t) => {
  const [head, own, peer, verdict] = comparisonLines(ROWS, atLeast(ROWS, 4, 'Redis'));
  t.is(head, 'PUT, 64 callers');
  t.regex(
    own ?? '',
    /Rangekeeper \(c\) +300 ops\/s \[200 \.\. 400\]; p50 1 ms, p99 5 ms; cores: client 0\.50, servers 1\.25/,
  );
  t.regex(own ?? '', /read back: 10, 0 lost/);
  t.regex(peer ?? '', /DISCONNECTED 3/);
  t.regex(verdict ?? '', /missed at least 4 × Redis <1>/);
});

test('rows of several comparisons are listed under their own titles', (t) => {
  const rows = [row('a', [1]), row('b', [1], { work: 'GET' }), row('c', [1])];
  const titles = comparisonLines(rows, []).map((line) => line.slice(0, 3));
  t.deepEqual(titles, ['PUT', '  a', '  c', 'GET', '  b']);
});

test('the end says how many goals were met and what was lost', (t) => {
  const rows = [row('Rangekeeper', [1], { verified: { checked: 7, lost: 2, unknown: 0 } })];
  const text = closingLines(report({ rows })).join('\n');
  t.regex(text, /1 of 1 goals met; 7 acknowledged writes read back, 2 lost; 1\.5 min/);
  t.regex(text, /fdatasync of 4 KiB 0\.2/);
});

test('a file system in memory gives a warning', (t) => {
  t.notRegex(machineLines(MACHINE).join('\n'), /WARNING/);
  t.regex(
    machineLines({ ...MACHINE, filesystem: 'tmpfs', isMemory: true }).join('\n'),
    /WARNING: tmpfs is in memory/,
  );
});

const shown = test.macro({
  exec: (t, value: number, text: string) => t.is(figure(value), text),
  title: (_, value, text) => `${value} is shown as ${text}`,
});

test(shown, 0, '0');
test(shown, 0.012_345, '0.0123');
test(shown, 9.999, '10');
test(shown, 123_456.7, '123457');

/** The plots that the page gives to its script. */
function plotsIn(page: string): readonly Plot[] {
  return JSON.parse(/<script>const PLOTS = (.*)<\/script>/.exec(page)?.[1] ?? 'null');
}

test('the page is complete, loads nothing, and escapes all texts', (t) => {
  const more = [
    row('Rangekeeper', [500], { variant: '256 callers' }),
    row('Redis <1>', [300], { variant: '256 callers' }),
  ];
  const page = pageOf(report({ rows: [...ROWS, ...more] }));
  t.true(page.startsWith('<!doctype html>') && page.endsWith('</html>\n'));
  t.notRegex(page, /<script[^>]*src|<link|<img|@import|\burl\(/);
  t.true(page.includes('Redis &lt;1&gt;') && !page.includes('Redis <1>'));
  t.true(page.includes('A &amp; B'));
  t.regex(page, /PUT, 64 callers: met +at least 2 × Redis &lt;1&gt;/);
  for (const tag of ['table', 'div', 'tr', 'h2', 'script']) {
    t.is(page.split(`<${tag}`).length, page.split(`</${tag}>`).length, tag);
  }
});

test('the page plots throughput by callers, rounds and latencies', (t) => {
  const rows = [
    ...ROWS,
    row('Redis <1>', [120, 130, 140], { client: 'another' }),
    row('Rangekeeper', [500], { variant: '256 callers', quantiles: [] }),
    row('raw', [9], { variant: '256 callers', quantiles: [0, 2, 3, 4, 5, 6, 7] }),
  ];
  const page = pageOf(report({ rows }));
  const plots = plotsIn(page);
  for (const number of plots.keys()) t.true(page.includes(`<div id="plot-${number}"></div>`));
  t.deepEqual(
    plots.map(({ title }) => title),
    ['PUT: ops/s by callers', ...Array(2).fill(['ops/s by round', 'latency by percentile, ms']).flat()],
  );
  const [byCallers, byRound, , , byPercentile] = plots;
  t.deepEqual(byCallers?.places, ['64', '256']);
  t.deepEqual(byCallers?.lines, [
    { label: 'Rangekeeper', values: [300, 500] },
    { label: 'Redis <1>', values: [130, null] },
    { label: 'raw', values: [null, 9] },
  ]);
  t.deepEqual(byRound?.places, ['1', '2', '3']);
  t.deepEqual(byRound?.lines[0], { label: 'Rangekeeper (c)', values: [200, 300, 400] });
  // A logarithmic axis cannot show 0, and a row without latencies has no line.
  t.deepEqual(byPercentile?.lines, [{ label: 'raw (c)', values: [null, 2, 3, 4, 5, 6, 7] }]);
});

test('the page plots throughput over time by second', (t) => {
  const rows = [row('with changes', [3, 1, 2], { each: 'second', quantiles: [] })];
  const [plot] = plotsIn(pageOf(report({ rows })));
  t.is(plot?.title, 'ops/s by second');
  t.deepEqual(plot?.places, ['1', '2', '3']);
});

test('the lines and the page name the CPU profiles, and the end what opens them', (t) => {
  const profile = 'r-profiles/put';
  const rows = [row('Rangekeeper', [1], { profile }), row('Redis', [1])];
  t.deepEqual(
    comparisonLines(rows, []).filter((line) => line.includes('profile')),
    ['  CPU profiles: r-profiles/put'],
  );
  t.regex(pageOf(report({ rows })), /<td>r-profiles\/put<\/td>/);
  t.regex(closingLines(report({ rows })).at(-1) ?? '', /^CPU profiles open in Chrome DevTools/);
  t.notRegex(closingLines(report()).join(), /CPU profiles/);
});

test('workloads are chosen by name or group, in the order of a full run', (t) => {
  t.deepEqual(
    workloadsNamed('put3-256,get-64').map(({ name }) => name),
    ['put3-256', 'get-64'],
  );
  t.deepEqual(
    workloadsNamed('scan').map(({ name }) => name),
    ['scan-100', 'scan-1000'],
  );
  t.throws(() => workloadsNamed('nothing'), { message: /there is no nothing; there are: put3-64/ });
});
