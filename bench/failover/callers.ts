// The callers of one run, the writes that were acknowledged to them, and how long each caller waited for a success at most.

import type { Client } from '../../client/index.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';

const VALUE_BYTES = 100;

export interface Waits {
  /** From a caller's success, or from its next call after a pause, until its next success. */
  longestMs: number;
  successes: number;
}

export class Callers {
  failedWrites = 0;
  /** Failed writes that may have been applied. */
  unknownWrites = 0;
  failedReads = 0;
  readonly #client: Client;
  /** The highest acknowledged number of each key. */
  readonly #acknowledged = new Map<string, number>();
  readonly #running: Promise<void>[] = [];
  #stopped = false;

  constructor(client: Client) {
    this.#client = client;
  }

  /** The number of keys with an acknowledged write. */
  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Starts a caller that writes one number after the other, to the key that `keyOf` returns, with a pause after each. */
  write(keyOf: (number: number) => string, pauseMs = 0): Waits {
    return this.#call(pauseMs, async (number) => {
      const key = keyOf(number);
      try {
        await this.#client.put(key, String(number).padEnd(VALUE_BYTES));
        this.#acknowledged.set(key, number);
        return true;
      } catch (error) {
        if (!(error instanceof RangekeeperError)) throw error;
        this.failedWrites++;
        if (error.applied === 'unknown') this.unknownWrites++;
        return false;
      }
    });
  }

  /** Starts a caller that reads an existing key from its owner, or otherwise from a replica, with a pause after each read. */
  read(key: string, pauseMs = 0): Waits {
    return this.#call(pauseMs, async () => {
      try {
        if ((await this.#client.get(key, { read: 'fallback' })) !== null) return true;
      } catch (error) {
        if (!(error instanceof RangekeeperError)) throw error;
      }
      this.failedReads++;
      return false;
    });
  }

  /** Resolves when every caller has its last answer. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  /** Counts acknowledged writes that are lost. All written keys must have the prefix. */
  async countLost(prefix: string): Promise<number> {
    const present = new Map<string, number>();
    const text = new TextDecoder();
    for await (const { key, value } of this.#client.scan({ prefix }))
      present.set(text.decode(key), Number(text.decode(value)));
    // A later write of unknown outcome may have been applied, so the number may be higher.
    return [...this.#acknowledged].filter(([key, number]) => !((present.get(key) ?? -1) >= number)).length;
  }

  #call(pauseMs: number, operation: (number: number) => Promise<boolean>): Waits {
    const waits = { longestMs: 0, successes: 0 };
    const run = async (): Promise<void> => {
      let last = realEnv.now();
      for (let number = 0; !this.#stopped; number++) {
        const succeeded = await operation(number);
        if (succeeded) {
          const now = realEnv.now();
          waits.longestMs = Math.max(waits.longestMs, now - last);
          waits.successes++;
          last = now;
        }
        if (pauseMs === 0) continue;
        await delay(realEnv, pauseMs);
        if (succeeded) last = realEnv.now();
      }
    };
    this.#running.push(run());
    return waits;
  }
}
