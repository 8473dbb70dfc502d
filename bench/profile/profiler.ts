// Takes the profile of something that a cluster and its load program do: the kernel's counts before and after, and
// samples of each Node process in between.

import type { Env } from '../../common/base/env.ts';
import type { BenchCluster } from '../cluster.ts';
import type { LoadProgram } from '../load-program.ts';
import { accountOf, machineOf, type Roles, type SeenProcess } from './accounts.ts';
import { attribute } from './attribution.ts';
import { Inspector } from './inspector.ts';
import { lookAtMachine, lookAtMemory, lookAtThreads, type MachineLook, type ThreadLooks } from './kernel.ts';
import { metricsAt, type Numbers, riseOf } from './metrics-page.ts';
import { locator, mappedLines } from './places.ts';
import { POOL_THREADS, WATCH, WATCHED, type Watched } from './probe.ts';
import type { Profile } from './profile.ts';

/** Whose processes a profile looks into. */
export interface Subject {
  readonly name: string;
  readonly cluster: BenchCluster;
  /** Null where what is done needs none. */
  readonly program: LoadProgram | null;
}

/** What was done, where operations are counted. */
export type Done = Pick<Profile, 'operations' | 'median'>;

interface Target {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
}

/** One process while its profile is taken. */
interface Opened extends Target {
  readonly inspector: Inspector;
  /** Threads before anything was opened, and those of libuv's pool. */
  readonly threads: ReadonlySet<number>;
  readonly pool: ReadonlySet<number>;
}

/** All that is counted outside of the processes, at one moment. */
interface Look {
  readonly now: number;
  readonly machine: MachineLook;
  readonly threads: readonly ThreadLooks[];
  readonly pages: readonly Numbers[];
}

const ROOT = new URL('../../../', import.meta.url).href;
const MS = 1_000;

export class Profiler {
  readonly #env: Env;
  readonly #locate = locator(ROOT, mappedLines());
  /** Threads that are there for profiles, by pid: an inspector stays open. */
  readonly #instruments = new Map<number, ReadonlySet<number>>();

  constructor(env: Env) {
    this.#env = env;
  }

  async profile(subject: Subject, action: () => Promise<Done>): Promise<Profile> {
    await subject.cluster.started();
    const opened: Opened[] = [];
    try {
      for (const target of targetsOf(subject)) opened.push(await this.#open(target));
      await Promise.all(opened.map(({ inspector }) => inspector.startProfile()));
      return await this.#measure(subject, opened, action);
    } finally {
      for (const { inspector } of opened) inspector.close();
    }
  }

  async #open(target: Target): Promise<Opened> {
    const threads = new Set(lookAtThreads(target.pid).keys());
    const inspector = await Inspector.open(this.#env, target.pid, target.port);
    const pool = new Set((await inspector.evaluate(POOL_THREADS)) as number[]);
    await inspector.evaluate(WATCH);
    return { ...target, inspector, threads, pool };
  }

  async #measure(
    { name, cluster, program }: Subject,
    opened: readonly Opened[],
    action: () => Promise<Done>,
  ): Promise<Profile> {
    const before = await this.#look(cluster, opened);
    const done = await action();
    const after = await this.#look(cluster, opened);
    const seconds = (after.now - before.now) / MS;
    const processes = await Promise.all(
      opened.map(async (one, at) => accountOf(await this.#seen(one, at, before, after), seconds)),
    );
    const machine = machineOf(before.machine, after.machine, rolesOf(cluster, program), seconds);
    return { subject: name, seconds, ...done, processes, machine };
  }

  async #look(cluster: BenchCluster, opened: readonly Opened[]): Promise<Look> {
    const addresses = await cluster.addresses();
    const pages = await Promise.all(opened.map(({ name }) => metricsAt(addresses.get(name) ?? null)));
    const threads = opened.map(({ pid }) => lookAtThreads(pid));
    return { now: this.#env.now(), machine: lookAtMachine(), threads, pages };
  }

  async #seen(one: Opened, at: number, before: Look, after: Look): Promise<SeenProcess> {
    const { name, pid, inspector, pool } = one;
    const samples = attribute(await inspector.stopProfile(), this.#locate);
    const watched = (await inspector.evaluate(WATCHED)) as Watched;
    const { heap, buffers, ...counts } = watched;
    const begin: ThreadLooks = before.threads[at] ?? new Map();
    const page = after.pages[at] ?? {};
    return {
      ...{ name, pid, pool, samples, instruments: this.#instrumentsOf(one, begin) },
      ...{ before: begin, after: after.threads[at] ?? new Map() },
      owned: page.owned_ranges ?? null,
      memory: { ...lookAtMemory(pid), heap, buffers },
      counts: { ...counts, counters: riseOf(before.pages[at] ?? {}, page) },
    };
  }

  /** What has appeared since nothing was open yet, libuv's pool apart, which may begin as late. */
  #instrumentsOf({ pid, threads, pool }: Opened, begin: ThreadLooks): ReadonlySet<number> {
    const known = this.#instruments.get(pid) ?? new Set();
    const appeared = [...begin.keys()].filter((tid) => !threads.has(tid) && !pool.has(tid));
    const instruments = new Set([...known, ...appeared]);
    this.#instruments.set(pid, instruments);
    return instruments;
  }
}

function targetsOf({ cluster, program }: Subject): Target[] {
  const nodes = cluster.processes.filter(({ role }) => role === 'node');
  const load =
    program?.pids.map((pid) => ({ name: 'load program', pid, inspectPort: program.inspectPort })) ?? [];
  return [...nodes, ...load].map(({ name, pid, inspectPort: port }) => {
    if (port === null) throw new Error(`${name} was started without a port for its inspector`);
    return { name, pid, port };
  });
}

function rolesOf(cluster: BenchCluster, program: LoadProgram | null): Roles {
  const profiled = program?.pids.map((pid) => [pid, null] as const) ?? [];
  const helpers = cluster.processes.map(({ role, pid }) => [pid, role === 'node' ? null : role] as const);
  return new Map([...profiled, ...helpers, [process.pid, 'this benchmark']]);
}
