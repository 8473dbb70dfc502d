// An administrator. It sends requests to the leader as tasks in ZooKeeper, and waits until each is done or has failed.

import type { NodeReport, TaskRecord, TaskRequest } from '../../common/model/records.ts';
import { leaderAmong } from '../../common/zk/election-queue.ts';
import { type Zk, ZkError, type ZkSession } from '../../common/zk/store.ts';
import { connectZk } from '../../common/zk/zk.ts';
import { paths, taskCodec } from '../../common/zk/znodes.ts';
import type { NodeDeps } from './node-process.ts';
import type { Host, Process } from './world/host.ts';
import { linksOf } from './world/zk-link.ts';

/**
 * `depose-leader` deletes the leader's place in the election queue, so that another coordinator leads while the old one still
 * believes that it does.
 */
type AdminRequest = TaskRequest | { readonly kind: 'depose-leader' } | RaiseRequest;

/** After a restore of ZooKeeper: collects the reports of all nodes and requests higher epochs, until no range is behind a report. */
interface RaiseRequest {
  readonly kind: 'raise-all-epochs';
  /** Null while the administrator waits for a node, or for an event that says that ZooKeeper is behind. */
  readonly reports: () => readonly NodeReport[] | null;
}

const RETRY_MS = 200;
const READY_MS = 5_000;

export class AdminProcess {
  readonly host: Host;
  readonly #deps: Omit<NodeDeps, 'applied'>;
  /** Those that have not ended, in order. */
  readonly #requests: AdminRequest[] = [];
  /** How many are under way at once. */
  readonly #atOnce: number;
  #count = 0;
  #wake: () => void = () => {};

  constructor(deps: Omit<NodeDeps, 'applied'>, host: Host, atOnce: number) {
    this.#deps = deps;
    this.host = host;
    this.#atOnce = atOnce;
  }

  start(): void {
    const process = this.host.boot();
    process.onCrash = (error) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#deps.world.violation('process', `${this.host.name} crashed: ${text}`);
    };
    process.gate(() => void this.#main(process).catch((error) => process.crash(error)))();
  }

  /** Whether a request is not finished yet. */
  get busy(): boolean {
    return this.#requests.length > 0;
  }

  /** Whether a request for higher epochs is not finished yet. */
  get isRaising(): boolean {
    return this.#requests.some(({ kind }) => kind === 'raise-all-epochs');
  }

  ask(request: AdminRequest): void {
    this.#requests.push(request);
    this.host.process.gate(() => this.#wake())();
  }

  async #main(process: Process): Promise<void> {
    const { ensemble, settings } = this.#deps;
    const zk = connectZk({
      connect: ensemble.connectString,
      config: settings.session,
      env: process.env,
      logger: this.host.logger,
      openLink: linksOf(ensemble, process),
    });
    const underWay = new Set<AdminRequest>();
    const execute = async (request: AdminRequest): Promise<void> => {
      await this.#execute(process, zk, request);
      underWay.delete(request);
      this.#requests.splice(this.#requests.indexOf(request), 1);
      this.#wake();
    };
    for (;;) {
      for (const request of this.#requests) {
        if (underWay.size >= this.#atOnce || underWay.has(request)) continue;
        underWay.add(request);
        void execute(request).catch((error) => process.crash(error));
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async #execute(process: Process, zk: Zk, request: AdminRequest): Promise<void> {
    switch (request.kind) {
      case 'depose-leader':
        await this.#retry(process, zk, deposeLeader);
        return;
      case 'raise-all-epochs':
        return this.#raise(process, zk, request);
      default:
        await this.#runTask(process, zk, request);
    }
  }

  /** Forces the task if ZooKeeper names nodes that no longer exist: those cannot report, and all existing nodes have. */
  async #raise(process: Process, zk: Zk, request: RaiseRequest): Promise<void> {
    for (let force = false; ; ) {
      const reports = request.reports();
      if (reports === null) {
        await process.wait(RETRY_MS);
        continue;
      }
      const { state, progress } = await this.#runTask(process, zk, { kind: 'raise-epochs', reports, force });
      if (state === 'done') return;
      force = progress.includes('no report of');
    }
  }

  /** Resolves to the task when it is done or has failed. */
  #runTask(process: Process, zk: Zk, request: TaskRequest): Promise<TaskRecord> {
    const path = paths.task(`${this.host.name}-${++this.#count}`);
    return this.#retry(process, zk, (session) => this.#finished(session, path, request));
  }

  /** Repeats the attempt until it returns an answer. */
  async #retry<T>(process: Process, zk: Zk, attempt: (session: ZkSession) => Promise<T | null>): Promise<T> {
    for (;;) {
      try {
        const answer = await attempt(await zk.ready(READY_MS));
        if (answer !== null) return answer;
      } catch (error) {
        if (!(error instanceof ZkError)) throw error;
      }
      await process.wait(RETRY_MS);
    }
  }

  /** Creates the task if it is not there; null until the leader has executed or refused it. */
  async #finished(session: ZkSession, path: string, request: TaskRequest): Promise<TaskRecord | null> {
    const { world, ensemble } = this.#deps;
    const found = await session.get(path);
    if (found === null) {
      const createdAt = this.host.process.env.wallNow();
      const record = { request, state: 'pending', progress: '', createdAt } as const;
      await session.create(path, taskCodec.encode(record), 'persistent');
      return null;
    }
    const task = taskCodec.decode(found.data);
    const { state, progress } = task;
    if (state !== 'done' && state !== 'failed') return null;
    // It was done in the cluster that temporarily replaces this one, and will be lost with it.
    if (ensemble.isEmptied) return null;
    world.story.record(this.host.name, `${request.kind} ${state}: ${progress}`);
    world.story.count(`task ${request.kind} ${state}`);
    return task;
  }
}

async function deposeLeader(session: ZkSession): Promise<true> {
  const leader = leaderAmong((await session.children(paths.coordinators)) ?? []);
  if (leader !== undefined) await session.delete(paths.coordinator(leader), 0);
  return true;
}
