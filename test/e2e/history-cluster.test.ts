// Several clients make every kind of operation on a real cluster. Meanwhile an owner is killed and started again. Checkers 1 to 4
// check the history. The seed of the operations is printed.

import test from 'ava';
import { delay, realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { History } from '../sim/history.ts';
import { checkHistory, finalRows, RecordingClient } from '../support/recording-client.ts';
import { type Rng, seededRng } from '../support/rng.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';

const CLIENTS = 4;
/** Few keys, so that clients conflict. Batches write the last two together. */
const KEYS = ['k/1', 'k/2', 'k/3', 'k/pair-a', 'k/pair-b'];
const PAUSE_MS = 2;
/** Number of acknowledged writes between two events of the test. */
const WRITES = 200;

class Worker {
  readonly #client: RecordingClient;
  readonly #rng: Rng;
  readonly #known = new Map<string, number>();
  #numbers = 0;
  #stopped = false;
  readonly done: Promise<void>;

  constructor(client: RecordingClient, rng: Rng) {
    this.#client = client;
    this.#rng = rng;
    this.done = this.#work();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#step(this.#rng.pick(KEYS));
      } catch (error) {
        // Conflicts, and failures because of the killed owner: the history has them.
        if (!(error instanceof RangekeeperError)) throw error;
      }
      await delay(realEnv, PAUSE_MS);
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
        await client.batch(['k/pair-a', 'k/pair-b'].map((each) => ({ put: { key: each, value } })));
        return;
      default: {
        const read = this.#rng.pick(['linearizable', 'linearizable', 'fallback', 'stale'] as const);
        this.#known.set(key, (await client.get(key, { read }))?.revision ?? 0);
      }
    }
  }
}

test.serial('the answers of clients keep every promise while an owner dies', async (t) => {
  const seed = Math.floor(realEnv.random() * 2 ** 31);
  t.log(`seed ${seed}`);
  const cluster = await TestCluster.start(t);
  const reader = await openClient(t, cluster);
  await reader.put('warm', 'up');
  await cluster.allInSync();
  const history = new History();
  const workers: Worker[] = [];
  for (let at = 0; at < CLIENTS; at++) {
    const client = new RecordingClient(`client ${at}`, await openClient(t, cluster), history, realEnv);
    workers.push(new Worker(client, seededRng(seed + at)));
  }
  const written = () => history.operations.filter(({ outcome }) => outcome.kind === 'written').length;
  const more = async () => {
    for (const from = written(); written() < from + WRITES; ) await delay(realEnv, 50);
  };
  await more();
  const owner = await cluster.ownerOf('k/1');
  await owner.process.end('SIGKILL');
  await cluster.untilGone(owner);
  await more();
  await cluster.restart(owner);
  await cluster.allInSync();
  await more();
  for (const worker of workers) worker.stop();
  for (const worker of workers) await worker.done;

  const rows = (await finalRows(reader)).filter(({ key }) => key !== 'warm');
  const { operations } = history;
  t.log(`${operations.length} operations, ${written()} acknowledged writes`);
  t.deepEqual(checkHistory(operations, rows), []);
  const epochs = operations.flatMap(({ outcome }) => (outcome.kind === 'written' ? [outcome.epoch] : []));
  t.true(Math.max(...epochs) > Math.min(...epochs), 'the owner has changed meanwhile');
});
