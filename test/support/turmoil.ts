// Changes the ranges and the processes of a cluster at random, until stop(). Four hands work at once: one splits, one merges, one moves
// replicas, owners and whole nodes, and one kills. What the leader refuses is counted, and is no failure.

import type { Task, TaskOptions } from '../../client/admin-api.ts';
import type { Client } from '../../client/index.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import type { Rng } from './rng.ts';
import type { TestCluster } from './test-cluster.ts';

/** How the tasks of one kind ended. */
export interface Tally {
  done: number;
  refused: number;
}

interface Change {
  readonly kind: string;
  readonly run: (options: TaskOptions) => Promise<Task>;
}

export interface TurmoilOptions {
  readonly cluster: TestCluster;
  readonly client: Client;
  readonly rng: Rng;
  /** Where ranges may be split. */
  readonly cuts: readonly string[];
}

/** No split is asked for if there are more ranges. */
const RANGES_MAX = 12;
const PAUSE_MS_MAX = 300;
/** One task in so many is canceled. */
const CANCELED = 5;
/** A canceled task has been under way for at most so long, ms. */
const CANCEL_MS_MAX = 200;
const DOWN_MS_MAX = 2_000;

export class Turmoil {
  readonly tallies = new Map<string, Tally>();
  readonly #options: TurmoilOptions;
  readonly #hands: Promise<unknown>;
  #stopped = false;

  constructor(options: TurmoilOptions) {
    this.#options = options;
    this.#hands = Promise.all([
      this.#repeat(() => this.#ask(this.#split())),
      this.#repeat(() => this.#ask(this.#merge())),
      this.#repeat(() => this.#move()),
      this.#repeat(() => this.#kill()),
    ]);
    // stop() rejects with it.
    this.#hands.catch(() => this.#end());
  }

  /** Resolves when every hand has brought its last change to its end, and all processes run. Rejects if a change failed otherwise than it may. */
  async stop(): Promise<void> {
    this.#end();
    await this.#hands;
  }

  get isOver(): boolean {
    return this.#stopped;
  }

  #end(): void {
    this.#stopped = true;
  }

  async #repeat(change: () => Promise<void>): Promise<void> {
    const { rng } = this.#options;
    while (!this.#stopped) {
      await change();
      await delay(realEnv, rng.below(PAUSE_MS_MAX));
    }
  }

  // ---- tasks -------------------------------------------------------------------------------------------------------

  /** Waits until the task has ended, or cancels it under way. */
  async #ask(change: Change | null): Promise<void> {
    if (change === null) return;
    const { client, rng } = this.#options;
    let canceled: Promise<unknown> = Promise.resolve();
    let seen = rng.below(CANCELED) > 0;
    const onProgress = ({ id }: Task): void => {
      if (seen) return;
      seen = true;
      canceled = delay(realEnv, rng.below(CANCEL_MS_MAX)).then(() =>
        this.#count('cancel', () => client.cancelTask(id, { wait: true })),
      );
    };
    await this.#count(change.kind, () => change.run({ wait: true, onProgress }));
    await canceled;
  }

  async #count(kind: string, run: () => Promise<unknown>): Promise<void> {
    const tally = this.tallies.get(kind) ?? { done: 0, refused: 0 };
    this.tallies.set(kind, tally);
    try {
      await run();
      tally.done++;
    } catch (error) {
      if (!(error instanceof RangekeeperError) || error.code !== 'REFUSED') throw error;
      tally.refused++;
    }
  }

  get #ranges(): readonly Descriptor[] {
    return this.#options.client.ranges().map(({ descriptor }) => descriptor);
  }

  #split(): Change | null {
    const { client, rng, cuts } = this.#options;
    const key = rng.pick(cuts);
    if (this.#ranges.length >= RANGES_MAX) return null;
    return { kind: 'split', run: (options) => client.split(key, options) };
  }

  #merge(): Change {
    const { client, rng, cuts } = this.#options;
    const key = rng.pick(cuts);
    return { kind: 'merge', run: (options) => client.merge(key, options) };
  }

  async #move(): Promise<void> {
    const { cluster, client, rng } = this.#options;
    const { id, owner, replicas } = rng.pick(this.#ranges);
    const members = replicas.map(({ node }) => node);
    const others = cluster.nodes.map((node) => node.id).filter((node) => !members.includes(node));
    const from = rng.pick(members);
    const to = rng.pick(others);
    const heir = rng.pick(members.filter((node) => node !== owner.node));
    switch (rng.below(8)) {
      case 0:
        await this.#ask({ kind: 'drain', run: (options) => client.drain(from, options) });
        return this.#count('undrain', () => client.undrain(from, { wait: true }));
      case 1:
        await this.#ask({ kind: 'isolate', run: (options) => client.isolate(id, null, options) });
        return this.#releaseAll();
      case 2:
        return this.#ask({ kind: 'rebalance', run: (options) => client.rebalance(options) });
      case 3:
      case 4:
        return this.#ask({ kind: 'transfer', run: (options) => client.transfer(id, heir, options) });
      default:
        return this.#ask({ kind: 'move', run: (options) => client.move(id, from, to, options) });
    }
  }

  /** Ends every isolation: the isolated range may have been split meanwhile. */
  async #releaseAll(): Promise<void> {
    const { client } = this.#options;
    await client.refresh();
    for (const { id, placement } of this.#ranges)
      if (placement.isolated) await this.#count('unpin', () => client.unpin(id, { wait: true }));
  }

  // ---- processes ---------------------------------------------------------------------------------------------------

  /** One process at a time, so that every range can take writes again. */
  async #kill(): Promise<void> {
    const { cluster, rng } = this.#options;
    const killed = this.tallies.get('kill') ?? { done: 0, refused: 0 };
    this.tallies.set('kill', killed);
    if (rng.below(4) === 0) {
      const leader = await cluster.leadingCoordinator();
      await leader.end('SIGKILL');
      cluster.startCoordinator();
      await cluster.leadingCoordinator(leader);
    } else {
      const node = rng.pick(cluster.nodes);
      await node.process.end('SIGKILL');
      await delay(realEnv, rng.below(DOWN_MS_MAX));
      await cluster.restart(node);
      await cluster.until(`${node.name} is in-sync everywhere`, (images) =>
        images.every(
          ({ descriptor: { state, inSync, replicas } }) =>
            state !== 'serving' ||
            inSync.includes(node.id) ||
            !replicas.some((replica) => replica.node === node.id),
        ),
      );
    }
    killed.done++;
  }
}
