// From samples and the kernel's counts to where the time went: small profiles made by hand, whose answers are plain.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { accountOf, machineOf, type SeenProcess } from '../../../bench/profile/accounts.ts';
import { type Attribution, attribute } from '../../../bench/profile/attribution.ts';
import type { MachineLook, ThreadLook } from '../../../bench/profile/kernel.ts';
import { limitOf } from '../../../bench/profile/limit.ts';
import { cachesOf, numbersIn, riseOf } from '../../../bench/profile/metrics-page.ts';
import { locator, mappedLines } from '../../../bench/profile/places.ts';
import { profileLines } from '../../../bench/report/profile-lines.ts';
import { processProfile, slotProfile } from '../../support/profiles.ts';

const ROOT = 'file:///app/';

function frame(functionName: string, url: string, lineNumber = 0): Profiler.ProfileNode['callFrame'] {
  return { functionName, scriptId: '1', url, lineNumber, columnNumber: 0 };
}

const located = test.macro({
  exec(t, url: string, group: string, where: string) {
    const locate = locator(ROOT, () => 40);
    t.deepEqual(locate(frame('f', url, 9)), { group, where });
  },
  title: (_, url) => `where ${url || 'nothing'} comes from`,
});

test(located, 'file:///app/dist/kvnode/storage/log.js', 'kvnode/storage', 'kvnode/storage/log.ts:40');
test(located, 'file:///app/dist/kvnode/node.js', 'kvnode', 'kvnode/node.ts:40');
test(located, 'file:///app/node_modules/ws/lib/sender.js', 'ws', 'ws/lib/sender.js:10');
test(located, 'file:///app/node_modules/@a/b/c.js', '@a/b', '@a/b/c.js:10');
test(located, 'node:internal/streams/writable', 'node', 'node:internal/streams/writable:10');
test(located, 'file:///app/bin/rangekeeper.js', 'else', 'rangekeeper.js:10');
test(located, '', 'native calls', '');

test('lines are those of the sources, by the maps beside compiled files', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'rangekeeper-test-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const map = { version: 3, file: 'a.js', sources: ['a.ts'], names: [], mappings: ';;AAKA' };
  writeFileSync(join(folder, 'a.js.map'), JSON.stringify(map));
  const lineOf = mappedLines();
  t.is(lineOf(pathToFileURL(join(folder, 'a.js')).href, 2, 0), 6);
  t.is(lineOf(pathToFileURL(join(folder, 'b.js')).href, 2, 0), null);
});

/** `count` samples of each function, so many microseconds apart. */
function sampled(
  ...functions: readonly (readonly [name: string, url: string, count: number, micros?: number])[]
) {
  const timeDeltas = functions.flatMap(([, , count, micros = 1_000]) => Array<number>(count).fill(micros));
  return {
    nodes: functions.map(([name, url], id) => ({ id, callFrame: frame(name, url) })),
    samples: functions.flatMap(([, , count], id) => Array<number>(count).fill(id)),
    timeDeltas,
    startTime: 5_000_000,
    endTime: 5_000_000 + timeDeltas.reduce((sum, micros) => sum + micros, 0),
  };
}

test('samples are counted by kind, by group and by function, wherever it was called from', (t) => {
  const profile = sampled(
    ['(root)', '', 0],
    ['append', `${ROOT}dist/kvnode/storage/log.js`, 30],
    ['(garbage collector)', '', 50],
    ['append', `${ROOT}dist/kvnode/storage/log.js`, 20],
    ['get', `${ROOT}dist/kvnode/storage/state.js`, 40],
    ['writev', '', 60],
    ['(program)', '', 100],
    ['(idle)', '', 700],
  );
  t.deepEqual(
    attribute(
      profile,
      locator(ROOT, () => null),
    ),
    {
      ...{ seconds: 1, all: 1_000, javascript: 150, garbage: 50, told: 150 },
      groups: [
        { name: 'kvnode/storage', samples: 90 },
        { name: 'native calls', samples: 60 },
      ],
      functions: [
        { name: 'writev', where: '', samples: 60 },
        { name: 'append', where: 'kvnode/storage/log.ts:1', samples: 50 },
        { name: 'get', where: 'kvnode/storage/state.ts:1', samples: 40 },
      ],
    },
  );
});

test('a sample from after a wait for a core says that code ran, not which', (t) => {
  const found = attribute(
    sampled(['writev', '', 5, 4_000], ['get', 'node:a', 20]),
    locator(ROOT, () => null),
  );
  t.is(found.javascript, 25);
  t.deepEqual(found.groups, [{ name: 'node', samples: 20 }]);
  t.is(found.told, 20);
});

function look(change: Partial<ThreadLook>): ThreadLook {
  const nothing = { ran: 0, waited: 0, user: 0, system: 0, sleeps: 0 };
  return { ...nothing, reads: 0, writes: 0, readBytes: 0, writtenBytes: 0, ...change };
}

const SAMPLES: Attribution = {
  ...{ seconds: 2, all: 2_000, javascript: 600, garbage: 100, told: 600 },
  groups: [
    { name: 'a', samples: 450 },
    { name: 'b', samples: 150 },
  ],
  functions: [{ name: 'f', where: 'a/f.ts:1', samples: 300 }],
};

function seen(change: Partial<SeenProcess> = {}): SeenProcess {
  return {
    ...{ name: 'n1', pid: 7, owned: 1, pool: new Set([8, 9]), instruments: new Set([10]) },
    ...{ before: new Map([[7, look({ ran: 100, waited: 50, sleeps: 5 })]]), samples: SAMPLES },
    after: new Map([[7, look({ ran: 101, waited: 50, user: 1, system: 3, sleeps: 25 })]]),
    memory: { files: 1, own: 2, heap: 1, buffers: 1, caches: {} },
    counts: { pauses: 1, longestPauseMs: 2, lateMs: 3, latestMs: 4, counters: {} },
    ...change,
  };
}

function near(t: { true(value: boolean, message: string): void }, value: number, wanted: number): void {
  t.true(Math.abs(value - wanted) < 1e-9, `${value}, not ${wanted}`);
}

test('samples divide what the kernel says that the main thread ran; the rest is native', (t) => {
  const { main, groups, hottest, work, cores } = accountOf(seen(), 2);
  near(t, main.javascript, 0.3);
  near(t, main.garbage, 0.05);
  near(t, main.native, 0.15);
  near(t, main.sleeping, 0.5);
  near(t, main.system, 0.375);
  near(t, groups[0]?.cores ?? 0, 0.225);
  near(t, hottest[0]?.cores ?? 0, 0.15);
  near(t, cores, 0.5);
  t.is(work.sleeps, 20);
});

test('samples come while a thread runs or sleeps, not while it waits for a core', (t) => {
  const after = new Map([[7, look({ ran: 101, waited: 51 })]]);
  const { main } = accountOf(seen({ after }), 2);
  near(t, main.waiting, 0.5);
  near(t, main.javascript, 0.15);
  near(t, main.sleeping, 0);
});

test('samples of a part of the time tell of that part', (t) => {
  const after = new Map([[7, look({ ran: 101, waited: 51 })]]);
  const samples = { ...SAMPLES, seconds: 0.5, all: 500, javascript: 200, garbage: 0 };
  const { main } = accountOf(seen({ after, samples }), 2);
  near(t, main.waiting, 0.5);
  near(t, main.javascript, 0.05);
});

test('JavaScript and the collector have no more than what the thread ran', (t) => {
  const after = new Map([[7, look({ ran: 100.07 })]]);
  const { main } = accountOf(seen({ after }), 2);
  near(t, main.javascript, 0.03);
  near(t, main.garbage, 0.005);
  near(t, main.native, 0);
});

test('threads are told by what is known of them and by what they have ever written', (t) => {
  const after = new Map([
    [7, look({ ran: 101 })],
    [8, look({ ran: 0.2, writes: 9, writtenBytes: 5_000 })],
    [9, look({ ran: 0.2 })],
    [10, look({ ran: 0.02, writtenBytes: 70_000 })],
    [11, look({ ran: 0.1, writes: 3, writtenBytes: 24 })],
    [12, look({ ran: 0.3, writes: 2, writtenBytes: 90_000 })],
  ]);
  const { threads, work } = accountOf(seen({ after }), 2);
  t.deepEqual(
    threads.map(({ name, cores }) => [name, Number(cores.toFixed(3))]),
    [
      ['libuv workers', 0.2],
      ['LevelDB in the background', 0.15],
      ['V8 workers', 0.05],
      ['the profile itself', 0.01],
    ],
  );
  t.is(work.fileBytes, 95_024);
});

test('the machine is divided among the contender, its helpers, kernel threads and others', (t) => {
  const machine = (seconds: readonly number[], idle: number, busy: number): MachineLook => ({
    ...{ now: 0, cores: 2, idle, busy, interrupts: 0, stolen: 0 },
    processes: new Map(
      (
        [
          ['node', false],
          ['java', false],
          ['kworker/0:1', true],
          ['kworker/1:2', true],
          ['redis', false],
        ] as const
      ).map(([name, isKernel], pid) => [pid, { name, isKernel, beganAt: 0, seconds: seconds[pid] ?? 0 }]),
    ),
  });
  const roles = new Map([
    [0, null],
    [1, 'ZooKeeper'],
  ]);
  const found = machineOf(machine([5, 5, 5, 5, 5], 1, 90), machine([9, 6, 6, 7, 5], 2, 100), roles, 2);
  t.deepEqual(found, {
    ...{ cores: 2, idle: 0.5, interrupts: 0, stolen: 0 },
    ...{
      helpers: [{ name: 'ZooKeeper', cores: 0.5 }],
      kernel: [{ name: 'kworker', cores: 1.5 }],
      others: [{ name: 'ended meanwhile', cores: 1 }],
    },
  });
});

test('a process that was overlooked at first is not taken for a new one', (t) => {
  const at = (now: number, processes: MachineLook['processes']): MachineLook => {
    return { ...{ now, cores: 2, busy: 0, idle: 0, interrupts: 0, stolen: 0 }, processes };
  };
  const process = { name: 'node', isKernel: false, seconds: 2 };
  const after = new Map([
    [1, { ...process, beganAt: 50 }],
    [2, { ...process, beganAt: 101 }],
  ]);
  const { others } = machineOf(at(100, new Map()), at(104, after), new Map(), 4);
  t.deepEqual(others, [{ name: 'node', cores: 0.5 }]);
});

test('a metrics page tells what is kept in memory', (t) => {
  const page = { row_cache_bytes: 7, overlay_bytes: 3, memory_bytes: 100, log_bytes: 50 };
  t.deepEqual(cachesOf(page), { 'row cache': 7, overlay: 3 });
});

test('what rises on a metrics page is told by how much', (t) => {
  const page = (syncs: number): string =>
    `# HELP rangekeeper_node_log_syncs_total Syncs\nrangekeeper_node_log_syncs_total ${syncs}\nrangekeeper_node_replicas 3\nx_total{kind="a"} 1\nx_total{kind="b"} 2\n`;
  t.deepEqual(numbersIn(page(4)), { log_syncs_total: 4, replicas: 3, x_total: 3 });
  t.deepEqual(riseOf(numbersIn(page(4)), numbersIn(page(9))), { log_syncs: 5, x: 0 });
});

const limited = test.macro({
  exec(t, running: number, waiting: number, idle: number, wanted: string) {
    const limit = limitOf(slotProfile({ processes: [processProfile({ running, waiting })], idle }));
    t.is(limit.kind === 'waiting' ? 'waiting' : [limit.kind, ...limit.names].join(' of '), wanted);
  },
  title: (_, running, waiting, idle, wanted) =>
    `running ${running}, waiting ${waiting}, ${idle} idle: the limit is ${wanted}`,
});

test(limited, 0.97, 0.01, 0.9, 'thread of n1');
test(limited, 0.7, 0.28, 0.05, 'cores of n1');
test(limited, 0.5, 0.1, 0.05, 'cores');
test(limited, 0.5, 0.1, 0.9, 'waiting');

test('the lines tell the limit, what an operation costs, and each process', (t) => {
  const busy = processProfile({ running: 0.8, waiting: 0 });
  const quiet = processProfile({ name: 'n2', running: 0.02, waiting: 0 });
  const text = profileLines(slotProfile({ processes: [busy, quiet], idle: 1 })).join('\n');
  t.regex(text, /1\.0 s under the profiler, 100000 operations\/s, p50 0\.5 ms/);
  t.regex(text, /limit: waiting: 1\.00 of 2 cores are idle; .* that of n1, sleeps 0\.20/);
  t.regex(text, /CPU of an operation: 8\.2 µs \(n1 8, n2 0\.2, else 0\)$/m);
  t.regex(text, /n1 \(owns 1 range\): 0\.80 cores; main thread runs 0\.80 .* sleeps 0\.20/);
  t.regex(text, /JavaScript 50 % \(kvnode 50 %\), garbage collector 0 %, else 50 %/);
  t.regex(text, /hottest: turn kvnode\/node\.ts:1 25 %/);
  t.regex(text, /1 logged, 50 a sync/);
  t.regex(text, /mapped files, row cache 5 MiB/);
  t.is(text.split('while it runs:').length, 2, 'a process that does next to nothing has one line');
});

test('where cores or a thread are the limit, the lines tell what the cores could do', (t) => {
  const processes = [processProfile({ running: 0.8, waiting: 0.2 })];
  const text = profileLines(slotProfile({ processes, idle: 0.05 })).join('\n');
  t.regex(text, /CPU of an operation: 8 µs \(n1 8, else 0\); 2 cores could do 250000\/s at that$/m);
});

test('a slot beside other programs is told as one', (t) => {
  const others = [{ name: 'cc1', cores: 0.7 }];
  const profile = slotProfile({
    processes: [processProfile({ running: 0.5, waiting: 0.4 })],
    idle: 0,
    others,
  });
  t.regex(profileLines(profile).join('\n'), /limit: the cores: none is idle; NOT QUIET: .* 0\.70/);
});
