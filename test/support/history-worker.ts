// Makes every kind of operation on a few keys, one after the other, for a history. Several of them conflict with each other.

import { delay, realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { RecordingClient } from './recording-client.ts';
import type { Rng } from './rng.ts';

export interface WorkerKeys {
  /** Few, so that workers conflict. */
  readonly all: readonly string[];
  /** Those that batches write together. */
  readonly pair: readonly string[];
}

export class HistoryWorker {
  readonly #client: RecordingClient;
  readonly #keys: WorkerKeys;
  readonly #rng: Rng;
  readonly #pauseMs: number;
  readonly #known = new Map<string, number>();
  /** Messages of all failures but conflicts. */
  readonly failures: string[] = [];
  #numbers = 0;
  #stopped = false;
  /** Resolves when it has stopped. */
  readonly done: Promise<void>;

  /** @param pauseMs between two operations */
  constructor(client: RecordingClient, keys: WorkerKeys, rng: Rng, pauseMs: number) {
    this.#client = client;
    this.#keys = keys;
    this.#rng = rng;
    this.#pauseMs = pauseMs;
    this.done = this.#work();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#step(this.#rng.pick(this.#keys.all));
      } catch (error) {
        // The history has them: conflicts, and failures because of what the test does to the cluster.
        if (!(error instanceof RangekeeperError)) throw error;
        if (error.code !== 'CONFLICT') this.failures.push(`${error.code}: ${error.message}`);
      }
      await delay(realEnv, this.#pauseMs);
    }
  }

  async #step(key: string): Promise<void> {
    const client = this.#client;
    const value = `${client.name}-${++this.#numbers}`;
    switch (this.#rng.below(8)) {
      case 0:
        this.#known.set(key, (await client.put(key, value)).revision);
        return;
      case 1:
      case 2:
        await client.put(key, value, { ifRevision: this.#known.get(key) ?? 0 });
        return;
      case 3:
        await client.delete(key);
        return;
      case 4:
        await client.batch(this.#keys.pair.map((each) => ({ put: { key: each, value } })));
        return;
      default: {
        const read = this.#rng.pick(['linearizable', 'linearizable', 'fallback', 'stale'] as const);
        this.#known.set(key, (await client.get(key, { read }))?.revision ?? 0);
      }
    }
  }
}
