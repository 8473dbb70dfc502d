// An administrator: asks the leader for things by tasks in ZooKeeper, one after the other, each until it is done or refused.

import type { TaskRequest } from '../../common/model/records.ts';
import { leaderAmong } from '../../common/zk/election-queue.ts';
import { type Zk, ZkError, type ZkSession } from '../../common/zk/store.ts';
import { connectZk } from '../../common/zk/zk.ts';
import { paths, taskCodec } from '../../common/zk/znodes.ts';
import type { NodeDeps } from './node-process.ts';
import type { Host, Process } from './world/host.ts';
import { linksOf } from './world/zk-link.ts';

/** `unseat-leader`: its place in the queue is deleted, so that another one leads while it still believes that it does. */
type Wish = TaskRequest | { readonly kind: 'unseat-leader' };

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
    const { process } = this.host;
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
      const path = paths.task(`sim-${++this.#count}`);
      while (!(await this.#isDone(zk, path, wish))) await process.wait(LOOK_MS);
      this.#wishes.shift();
    }
  }

  async #isDone(zk: Zk, path: string, wish: Wish): Promise<boolean> {
    try {
      const session = await zk.ready(READY_MS);
      if (wish.kind !== 'unseat-leader') return await this.#isAnswered(session, path, wish);
      const leader = leaderAmong((await session.children(paths.coordinators)) ?? []);
      if (leader !== undefined) await session.delete(paths.coordinator(leader), 0);
      return true;
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      return false;
    }
  }

  /** Makes the task where it is not there; whether the leader is done with it. */
  async #isAnswered(session: ZkSession, path: string, request: TaskRequest): Promise<boolean> {
    const { world, ensemble } = this.#deps;
    const found = await session.get(path);
    if (found === null) {
      const createdAt = this.host.process.env.wallNow();
      const record = { request, state: 'pending', progress: '', createdAt } as const;
      await session.create(path, taskCodec.encode(record), 'persistent');
      return false;
    }
    const { state, progress } = taskCodec.decode(found.data);
    if (state !== 'done' && state !== 'failed') return false;
    // What was done in a cluster that stood in for this one is gone with it.
    if (ensemble.isEmptied) return false;
    world.story.tell(this.host.name, `${state}: ${progress}`);
    world.story.count(`task ${request.kind} ${state}`);
    return true;
  }
}
