// Takes the profile of something that a cluster and its load program do: the kernel's counts before and after, and
// samples of each Node process in between.

import type { Env } from '../../common/base/env.ts';
import type { BenchCluster } from '../bench-cluster.ts';
import type { LoadProgram } from '../load/load-program.ts';
import { accountOf, machineOf, type Roles, type SeenProcess } from './accounts.ts';
import { attribute } from './attribution.ts';
import { Inspector } from './inspector.ts';
import { lookAtMachine, lookAtMemory, lookAtThreads, type MachineLook, type ThreadLooks } from './kernel.ts';
import { cachesOf, metricsAt, type Numbers, riseOf } from './metrics-page.ts';
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
  /** Threads that were not there before it was opened. */
  readonly appeared: readonly number[];
}

/** All that is counted outside of the processes, at one moment. */
interface Look {
  readonly now: number;
  readonly machine: MachineLook;
  /** By pid. */
  readonly threads: ReadonlyMap<number, ThreadLooks>;
  /** Of nodes by name. */
  readonly pages: ReadonlyMap<string, Numbers>;
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

  /**
   * What `action` costs. Where processes begin by `begin`, all counts from there; their samples come a moment later, once a
   * process can be looked into.
   */
  async profile(
    subject: Subject,
    action: () => Promise<Done>,
    begin: (() => Promise<void>) | null = null,
  ): Promise<Profile> {
    const opened: Opened[] = [];
    const open = async (): Promise<void> => {
      await subject.cluster.started();
      const opening = targetsOf(subject).map(async (target) => {
        opened.push(await this.#open(target));
      });
      // All of them, so that what did open is closed again.
      const failed = (await Promise.allSettled(opening)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    };
    try {
      if (begin === null) await open();
      await begin?.();
      const before = await this.#look(subject);
      if (begin !== null) await open();
      const done = await action();
      const after = await this.#look(subject);
      return await this.#tell(subject, opened, done, before, after);
    } finally {
      for (const { inspector } of opened) inspector.close();
    }
  }

  async #open(target: Target): Promise<Opened> {
    const threads = lookAtThreads(target.pid);
    const inspector = await Inspector.open(this.#env, target.pid, target.port);
    await Promise.all([inspector.startProfile(), inspector.evaluate(WATCH)]);
    const appeared = [...lookAtThreads(target.pid).keys()].filter((tid) => !threads.has(tid));
    return { ...target, inspector, appeared };
  }

  async #look(subject: Subject): Promise<Look> {
    const { cluster } = subject;
    await cluster.started();
    const addresses = await cluster.addresses();
    const pages = await Promise.all(
      [...addresses].map(async ([name, address]) => [name, await metricsAt(address)] as const),
    );
    const threads = targetsOf(subject).map(({ pid }) => [pid, lookAtThreads(pid)] as const);
    return {
      ...{ now: this.#env.now(), machine: lookAtMachine() },
      ...{ threads: new Map(threads), pages: new Map(pages) },
    };
  }

  async #tell(
    { name, cluster, program }: Subject,
    opened: readonly Opened[],
    done: Done,
    before: Look,
    after: Look,
  ): Promise<Profile> {
    const seconds = (after.now - before.now) / MS;
    const seen = await Promise.all(opened.map((one) => this.#seen(one, before, after)));
    const processes = seen.map((one) => accountOf(one, seconds)).sort((a, b) => b.cores - a.cores);
    const machine = machineOf(before.machine, after.machine, rolesOf(cluster, program), seconds);
    return { subject: name, seconds, ...done, processes, machine };
  }

  async #seen({ name, pid, inspector, appeared }: Opened, before: Look, after: Look): Promise<SeenProcess> {
    const samples = attribute(await inspector.stopProfile(), this.#locate);
    const resident = lookAtMemory(pid);
    const { heap, buffers, ...counts } = (await inspector.evaluate(WATCHED)) as Watched;
    const pool = new Set((await inspector.evaluate(POOL_THREADS)) as number[]);
    const page = after.pages.get(name) ?? {};
    return {
      ...{ name, pid, pool, samples, instruments: this.#instrumentsOf(pid, appeared, pool) },
      before: before.threads.get(pid) ?? new Map(),
      after: after.threads.get(pid) ?? new Map(),
      owned: page.owned_ranges ?? null,
      memory: { ...resident, heap, buffers, caches: cachesOf(page) },
      counts: { ...counts, counters: riseOf(before.pages.get(name) ?? {}, page) },
    };
  }

  /** libuv's pool may begin as late. */
  #instrumentsOf(pid: number, appeared: readonly number[], pool: ReadonlySet<number>): ReadonlySet<number> {
    const known = this.#instruments.get(pid) ?? new Set();
    const instruments = new Set([...known, ...appeared.filter((tid) => !pool.has(tid))]);
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
