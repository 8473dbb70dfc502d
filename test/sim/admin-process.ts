// An administrator: asks the leader for things by tasks in ZooKeeper, one after the other, each until it is done or refused.

import type { NodeReport, TaskRecord, TaskRequest } from '../../common/model/records.ts';
import { leaderAmong } from '../../common/zk/election-queue.ts';
import { type Zk, ZkError, type ZkSession } from '../../common/zk/store.ts';
import { connectZk } from '../../common/zk/zk.ts';
import { paths, taskCodec } from '../../common/zk/znodes.ts';
import type { NodeDeps } from './node-process.ts';
import type { Host, Process } from './world/host.ts';
import { linksOf } from './world/zk-link.ts';

/** `unseat-leader`: its place in the queue is deleted, so that another one leads while it still believes that it does. */
type Wish = TaskRequest | { readonly kind: 'unseat-leader' } | RaiseWish;

/** ZooKeeper was restored: what the nodes say is asked for and reported until no range is behind them any more. */
interface RaiseWish {
  readonly kind: 'raise-all-epochs';
  /** Null while the administrator waits: for a node, or to be told that something is wrong. */
  readonly reports: () => readonly NodeReport[] | null;
}

const LOOK_MS = 200;
const READY_MS = 5_000;

export class AdminProcess {
  readonly host: Host;
  readonly #deps: Omit<NodeDeps, 'applied'>;
  readonly #wishes: Wish[] = [];
  #count = 0;
  #wake: () => void = () => {};

  constructor(deps: Omit<NodeDeps, 'applied'>, host: Host) {
    this.#deps = deps;
    this.host = host;
  }

  start(): void {
    const process = this.host.boot();
    process.onCrash = (error) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#deps.world.violation('process', `${this.host.name} crashed: ${text}`);
    };
    process.gate(() => void this.#main(process).catch((error) => process.crash(error)))();
  }

  /** Whether anything is asked for and not answered yet. */
  get busy(): boolean {
    return this.#wishes.length > 0;
  }

  /** Whether it asks for higher epochs, or is going to. */
  get isRaising(): boolean {
    return this.#wishes.some(({ kind }) => kind === 'raise-all-epochs');
  }

  ask(wish: Wish): void {
    this.#wishes.push(wish);
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
    for (;;) {
      const [wish] = this.#wishes;
      if (wish === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      await this.#fulfil(process, zk, wish);
      this.#wishes.shift();
    }
  }

  async #fulfil(process: Process, zk: Zk, wish: Wish): Promise<void> {
    switch (wish.kind) {
      case 'unseat-leader':
        await this.#patiently(process, zk, unseatLeader);
        return;
      case 'raise-all-epochs':
        return this.#raise(process, zk, wish);
      default:
        await this.#ask(process, zk, wish);
    }
  }

  /** Nodes that ZooKeeper names and that no longer are cannot report; every one that there is has. */
  async #raise(process: Process, zk: Zk, wish: RaiseWish): Promise<void> {
    for (let force = false; ; ) {
      const reports = wish.reports();
      if (reports === null) {
        await process.wait(LOOK_MS);
        continue;
      }
      const { state, progress } = await this.#ask(process, zk, { kind: 'raise-epochs', reports, force });
      if (state === 'done') return;
      force = progress.includes('no report of');
    }
  }

  /** What became of the task, done or failed. */
  #ask(process: Process, zk: Zk, request: TaskRequest): Promise<TaskRecord> {
    const path = paths.task(`sim-${++this.#count}`);
    return this.#patiently(process, zk, (session) => this.#answer(session, path, request));
  }

  /** Tries until there is an answer. */
  async #patiently<T>(
    process: Process,
    zk: Zk,
    attempt: (session: ZkSession) => Promise<T | null>,
  ): Promise<T> {
    for (;;) {
      try {
        const answer = await attempt(await zk.ready(READY_MS));
        if (answer !== null) return answer;
      } catch (error) {
        if (!(error instanceof ZkError)) throw error;
      }
      await process.wait(LOOK_MS);
    }
  }

  /** Makes the task where it is not there; null until the leader is done with it. */
  async #answer(session: ZkSession, path: string, request: TaskRequest): Promise<TaskRecord | null> {
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
    // What was done in a cluster that stood in for this one is gone with it.
    if (ensemble.isEmptied) return null;
    world.story.tell(this.host.name, `${request.kind} ${state}: ${progress}`);
    world.story.count(`task ${request.kind} ${state}`);
    return task;
  }
}

async function unseatLeader(session: ZkSession): Promise<true> {
  const leader = leaderAmong((await session.children(paths.coordinators)) ?? []);
  if (leader !== undefined) await session.delete(paths.coordinator(leader), 0);
  return true;
}
