// What a run says of itself, as lines and as a page: every row, every goal, every loss, and nothing from elsewhere.

import test from 'ava';
import { atLeast, type Row } from '../../../bench/compare.ts';
import { pageOf } from '../../../bench/report/page.ts';
import { bars, lines } from '../../../bench/report/plot.ts';
import type { Report } from '../../../bench/report/results.ts';
import { closingLines, comparisonLines, figure, machineLines } from '../../../bench/report/table.ts';
import { spreadOf } from '../../../bench/stats/summary.ts';
import { worksNamed } from '../../../bench/workloads/all.ts';
import { processProfile, slotProfile } from '../../support/profiles.ts';

function row(contender: string, values: readonly number[], change: Partial<Row> = {}): Row {
  return {
    ...{
      work: 'PUT',
      variant: '64 callers',
      contender,
      client: 'c',
      unit: 'ops/s',
      values,
      spread: spreadOf(values),
    },
    ...{
      quantiles: [1, 2, 3, 4, 5, 6, 7],
      clientCores: 0.5,
      serverCores: 1.25,
      serverBytes: 2 ** 20,
      errors: {},
    },
    ...{ verified: { checked: 10, lost: 0, unknown: 0 }, note: '', profile: null },
    ...change,
  };
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

test('of several clients of a peer the best is what counts; an absent peer is no goal', (t) => {
  const rows = [row('Rangekeeper', [300]), row('Redis', [100]), row('Redis', [200])];
  t.is(atLeast(rows, 1, 'Redis')[0]?.measured.median, 1.5);
  t.deepEqual(atLeast(rows, 1, 'etcd'), []);
});

test('the lines of a comparison hold each contender, its spread, its errors and what was looked for', (t) => {
  const [head, own, peer, verdict] = comparisonLines(ROWS, atLeast(ROWS, 4, 'Redis'));
  t.is(head, 'PUT, 64 callers');
  t.regex(
    own ?? '',
    /Rangekeeper \(c\) +300 ops\/s \[200 \.\. 400\]; p50 1 ms, p99 5 ms; cores: client 0\.50, servers 1\.25/,
  );
  t.regex(own ?? '', /10 acknowledged looked for, 0 lost/);
  t.regex(peer ?? '', /DISCONNECTED 3/);
  t.regex(verdict ?? '', /missed at least 4 × Redis <1>/);
});

test('rows of several comparisons stand under their own titles', (t) => {
  const rows = [row('a', [1]), row('b', [1], { work: 'GET' }), row('c', [1])];
  const titles = comparisonLines(rows, []).map((line) => line.slice(0, 3));
  t.deepEqual(titles, ['PUT', '  a', '  c', 'GET', '  b']);
});

test('the end says how many goals were met and what was lost', (t) => {
  const rows = [row('Rangekeeper', [1], { verified: { checked: 7, lost: 2, unknown: 0 } })];
  const text = closingLines(report({ rows })).join('\n');
  t.regex(text, /1 of 1 goals met; 7 acknowledged writes looked for, 2 lost; 1\.5 min/);
  t.regex(text, /fdatasync of 4 KiB 0\.2/);
});

test('data in memory is warned of', (t) => {
  t.notRegex(machineLines(MACHINE).join('\n'), /WARNING/);
  t.regex(
    machineLines({ ...MACHINE, filesystem: 'tmpfs', isMemory: true }).join('\n'),
    /WARNING: tmpfs is memory/,
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

test('the page is whole, needs nothing else, and lets no text become markup', (t) => {
  const more = [
    row('Rangekeeper', [500], { variant: '256 callers' }),
    row('Redis <1>', [300], { variant: '256 callers' }),
  ];
  const page = pageOf(report({ rows: [...ROWS, ...more] }));
  t.true(page.startsWith('<!doctype html>') && page.endsWith('</html>\n'));
  t.notRegex(page, /<script|https?:|src=|href=|@import/);
  t.true(page.includes('Redis &lt;1&gt;') && !page.includes('Redis <1>'));
  t.true(page.includes('A &amp; B'));
  t.regex(page, /throughput by callers/);
  t.regex(page, /class="met">met/);
  for (const tag of ['table', 'svg', 'div', 'tr', 'h2']) {
    t.is(page.split(`<${tag}`).length, page.split(`</${tag}>`).length, tag);
  }
});

test('a profile that several rows share is told once, and is on the page', (t) => {
  const profile = slotProfile({ processes: [processProfile({ running: 0.5, waiting: 0 })], idle: 1 });
  const rows = [row('Rangekeeper', [1], { profile }), row('Rangekeeper', [1], { profile, variant: 'again' })];
  const told = comparisonLines(rows, []).filter((line) => line.includes('where the time went'));
  t.is(told.length, 2);
  t.regex(told[1] ?? '', /as under PUT, 64 callers/);
  t.regex(
    pageOf(report({ rows })),
    /<details><summary>where the time went.*<\/summary><pre>.*limit: waiting/s,
  );
});

test('a bar is as long as its value, and a curve is inside its frame', (t) => {
  const drawn = bars(
    [
      { label: 'a', value: 50, min: 40, max: 100 },
      { label: 'b', value: 100, min: 100, max: 100 },
    ],
    'x',
  );
  const [half = 0, full = 0] = [...drawn.matchAll(/<rect[^>]* width="([\d.]+)"/g)].map(([, width]) =>
    Number(width),
  );
  t.true(full > 100 && Math.abs(half * 2 - full) < 1);
  const curve = lines(
    [
      {
        label: 'l',
        points: [
          [1, 0.5],
          [10, 5],
          [100, 70],
        ],
      },
    ],
    [
      [1, '1'],
      [100, '100'],
    ],
    'ms',
  );
  const path = /<path d="M([^"]*L[^"]*)"/.exec(curve)?.[1] ?? '';
  const points = path.split('L').map((point) => point.split(' ').map(Number));
  t.is(points.length, 3);
  for (const [x = -1, y = -1] of points) t.true(x >= 56 && x <= 526.1 && y >= 26 && y <= 246.1, `${x} ${y}`);
  t.false(curve.includes('NaN'));
  t.is(lines([], [], 'ms'), '');
});

test('works are chosen by name or group, in the order of a whole run', (t) => {
  t.deepEqual(
    worksNamed('put3-256,get-64').map(({ name }) => name),
    ['put3-256', 'get-64'],
  );
  t.deepEqual(
    worksNamed('scan').map(({ name }) => name),
    ['scan-100', 'scan-1000'],
  );
  t.throws(() => worksNamed('nothing'), { message: /there is no nothing; there are: put3-64/ });
});
