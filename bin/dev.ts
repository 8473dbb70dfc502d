// `rangekeeper dev`: runs a complete cluster on this machine, to try things out and to kill processes. It prints where
// everything is and what to try, then reports processes that die and restart, until it is asked to stop.

import { relative } from 'node:path';
import type { Client } from '../client/api.ts';
import { delay, type Env, realEnv } from '../common/base/env.ts';
import { EXIT, ProcessExit } from '../common/process/exit.ts';
import {
  type Command,
  integer,
  type LogLevel,
  logLevelFlag,
  readFlags,
  text,
  toggle,
} from '../common/process/flags.ts';
import type { ProcessLife } from '../common/process/main.ts';
import { DevCluster } from './dev/dev-cluster.ts';
import { DevDirectory } from './dev/directory.ts';

const COMMAND = {
  name: 'rangekeeper dev',
  summary: [
    'Runs a cluster on this machine, on 127.0.0.1 only: ZooKeeper, a coordinator, nodes and the web page, each a process',
    'of its own. Its data is kept in --data. Ctrl-C or SIGTERM stops everything, ZooKeeper last.',
  ].join('\n'),
  flags: {
    nodes: integer({
      help: 'number of nodes; default: as many as have data here, or 3',
      min: 1,
      max: 32,
      fallback: null,
    }),
    data: text({ value: 'DIR', help: 'data directory of the cluster', fallback: '.rangekeeper' }),
    zkPort: integer({
      value: 'P',
      help: "ZooKeeper's port; 0: any free one",
      min: 0,
      max: 65_535,
      fallback: 2181,
    }),
    webPort: integer({
      value: 'P',
      help: "the web page's port; 0: any free one",
      min: 0,
      max: 65_535,
      fallback: 8080,
    }),
    fresh: toggle({ help: 'first remove the data of earlier runs' }),
    noRestart: toggle({
      help: 'do not restart a process that dies; without this flag it is restarted after 3 s',
    }),
    logLevel: logLevelFlag('info'),
  },
} as const satisfies Command;

const NODES_DEFAULT = 3;
/** Longer than the others take to notice the death and to take over, even if the guardian died, too (T = 2 s). */
const RESTART_MS = 3_000;
/** Longer than an orphaned process lives (common/process/main.ts), also a node under an orphaned guardian. */
const ORPHANS_MS_MAX = 12_000;
const POLL_MS = 50;

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { values } = readFlags(COMMAND, argv);
  const directory = await DevDirectory.open(values.data);
  try {
    await waitForOrphans(directory, realEnv);
    if (values.fresh) directory.clear();
    return await runCluster(directory, values, life, realEnv);
  } finally {
    directory.close();
  }
}

/** If the last run was killed with SIGKILL, its child processes notice a moment later. They hold data and ports until then. */
async function waitForOrphans(directory: DevDirectory, env: Env): Promise<void> {
  const deadline = env.now() + ORPHANS_MS_MAX;
  const pids = directory.killedRun?.processes.map(({ pid }) => pid) ?? [];
  while (pids.some((pid) => pid !== null && isAlive(pid)) && env.now() < deadline) await delay(env, POLL_MS);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

interface Settings {
  readonly nodes: number | null;
  readonly zkPort: number;
  readonly webPort: number;
  readonly noRestart: boolean;
  readonly logLevel: LogLevel;
}

async function runCluster(
  directory: DevDirectory,
  settings: Settings,
  life: ProcessLife,
  env: Env,
): Promise<number> {
  const started = env.now();
  const cluster = await DevCluster.prepare({
    env,
    directory,
    nodes: nodeNames(directory, settings.nodes),
    zkPort: settings.zkPort,
    webPort: settings.webPort,
    restartMs: settings.noRestart ? null : RESTART_MS,
    logLevel: settings.logLevel,
    say,
  });
  try {
    const client = await Promise.race([cluster.start(), life.stopRequested.then(() => null)]);
    if (client !== null) {
      say(report(cluster, directory, client, (env.now() - started) / 1000));
      await client.close();
      say(`${await life.stopRequested}: stopping`);
    }
    return EXIT.ok;
  } catch (error) {
    throw new ProcessExit(EXIT.failed, `rangekeeper dev: ${error instanceof Error ? error.message : error}`);
  } finally {
    await cluster.stop();
  }
}

/** By default as many nodes as in the last run: with fewer, ranges would have no owner. */
function nodeNames(directory: DevDirectory, wanted: number | null): string[] {
  const known = directory.nodeNumbers().length;
  return Array.from({ length: wanted ?? (known || NODES_DEFAULT) }, (_, index) => `n${index + 1}`);
}

const SAMPLE_KEY = 'user/1';

function report(cluster: DevCluster, directory: DevDirectory, client: Client, seconds: number): string {
  const views = new Map(client.nodes().map((view) => [view.record?.name, view]));
  const rows = cluster.members.map(({ name, pid }) => {
    const view = views.get(name);
    const node = view === undefined ? ['', ''] : [view.live?.address ?? '', `node ${view.id}`];
    return [name, ...(name === 'webserver' ? [cluster.web, ''] : node), `pid ${pid}`];
  });
  const owner = client.locate(SAMPLE_KEY)?.descriptor.owner.node;
  const ownerName = [...views].find(([, view]) => view.id === owner)?.[0];
  const ownerPid = cluster.members.find(({ name }) => name === ownerName)?.pid;
  const repl = `npx rangekeeper repl${cluster.zk === '127.0.0.1:2181/rangekeeper' ? '' : ` --zk ${cluster.zk}`}`;
  return [
    `Rangekeeper is up: ${client.ranges().length} ranges take writes, after ${seconds.toFixed(1)} s.`,
    '',
    ...columns([['zookeeper', cluster.zk, '', `pid ${cluster.zookeeperPid}`], ...rows]),
    '',
    `Logs are in ${relative('.', directory.logs)}. Three things to try, in another terminal:`,
    '',
    `  ${repl} -e 'put ${SAMPLE_KEY} ada'`,
    `  kill -9 ${ownerPid}     the owner of ${SAMPLE_KEY}: watch another take over at ${cluster.web}`,
    `  ${repl} -e 'get ${SAMPLE_KEY}'`,
    '',
    'Ctrl-C stops everything; the data stays.',
  ].join('\n');
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map(
    (row) =>
      `  ${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}`,
  );
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
