// A load program: each contender has a process of its own, so that heaps and compiled code of clients do not affect each other, and
// the cost of each client can be measured. The benchmark calls the methods of `Program` over IPC (load-program.ts), one call at a
// time.

import { never } from '../../common/base/assert.ts';
import { realEnv } from '../../common/base/env.ts';
import { EXIT } from '../../common/process/exit.ts';
import type { ProcessLife } from '../../common/process/main.ts';
import { type Driver, type DriverSpec, valueIn } from './driver.ts';
import { openEcho, serveEcho } from './echo.ts';
import { insertedKey, keyOf, valuePool } from './keys.ts';
import { Ledger, type Verified } from './ledger.ts';
import { runSlot } from './loops.ts';
import { Operations } from './operations.ts';
import { openRangekeeper } from './rangekeeper-driver.ts';
import { openRedis } from './redis-driver.ts';
import type { SlotResult, SlotSpec } from './slot.ts';
import { openZookeeper } from './zookeeper-driver.ts';

/** Maximum number of keys, and of bytes of values, that the driver gets in one call when filling. */
const FILL_KEYS = 16_384;
const FILL_BYTES = 16 * 1024 * 1024;
/** Maximum number of keys that one slot inserts after the loaded ones. */
const INSERTS_MAX = 4_000_000;

export interface Call {
  readonly method: keyof Program;
  readonly args: readonly unknown[];
}

export type Reply =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly failure: string };

export async function main(_argv: readonly string[], life: ProcessLife): Promise<number> {
  const program = new Program();
  process.on('message', (call) => {
    void answer(program, call as Call).then((reply) => process.send?.(reply, undefined, undefined, () => {}));
  });
  await life.stopRequested;
  return EXIT.ok;
}

async function answer(program: Program, { method, args }: Call): Promise<Reply> {
  const run: (...args: never[]) => Promise<unknown> = program[method];
  try {
    return { kind: 'done', value: await run.apply(program, args as never[]) };
  } catch (error) {
    return { kind: 'failed', failure: error instanceof Error ? String(error.stack) : String(error) };
  }
}

export class Program {
  #driver: Driver | null = null;
  /** One ledger for each prefix and size of values. */
  readonly #ledgers = new Map<string, { readonly ledger: Ledger; readonly spec: SlotSpec }>();

  /** Serves the echo from now on. Returns the port. */
  serveEcho(valueBytes: number): Promise<number> {
    return serveEcho(valueBytes);
  }

  async open(spec: DriverSpec): Promise<void> {
    this.#driver = await openDriver(spec);
  }

  /** Sets the keys from 0 to `keys` - 1 under the prefix. */
  async fill(prefix: string, keys: number, valueBytes: number): Promise<void> {
    const pool = valuePool(valueBytes);
    const step = Math.max(1, Math.min(FILL_KEYS, Math.floor(FILL_BYTES / valueBytes)));
    for (let first = 0; first < keys; first += step) {
      const indexes = Array.from({ length: Math.min(step, keys - first) }, (_, i) => first + i);
      const values = indexes.map((index) => pool[index % pool.length] ?? '');
      await this.#opened().fill(
        indexes.map((index) => keyOf(prefix, index)),
        values,
      );
    }
  }

  slot(spec: SlotSpec): Promise<SlotResult> {
    const name = `${spec.prefix} ${spec.valueBytes}`;
    const inserts = (spec.mix.insert ?? 0) > 0 ? INSERTS_MAX : 0;
    const ledger = this.#ledgers.get(name)?.ledger ?? new Ledger(spec.keys + inserts);
    this.#ledgers.set(name, { ledger, spec });
    return runSlot(realEnv, spec, new Operations(spec, this.#opened(), ledger));
  }

  /** Reads back writes that were acknowledged since the last call, at most `max` keys of each ledger. */
  async verify(max: number): Promise<Verified> {
    const sum = { checked: 0, lost: 0, unknown: 0 };
    const ledgers = [...this.#ledgers.values()];
    // Another program may write these keys from here on.
    this.#ledgers.clear();
    for (const { ledger, spec } of ledgers) {
      const numbers = new Map(valuePool(spec.valueBytes).map((value, number) => [value, number]));
      const { checked, lost, unknown } = await ledger.verify(max, async (key) => {
        const got = await this.#opened().get(key, insertedKey(spec.prefix, key, spec.scattered));
        return got === null ? null : (numbers.get(textOf(valueIn(got))) ?? null);
      });
      sum.checked += checked;
      sum.lost += lost;
      sum.unknown += unknown;
    }
    return sum;
  }

  #opened(): Driver {
    if (this.#driver === null) throw new Error('this program has no driver yet');
    return this.#driver;
  }
}

function textOf(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('latin1');
}

function openDriver(spec: DriverSpec): Promise<Driver> {
  switch (spec.kind) {
    case 'rangekeeper':
      return openRangekeeper(spec);
    case 'redis':
      return openRedis(spec);
    case 'zookeeper':
      return openZookeeper(spec);
    case 'echo':
      return openEcho(spec);
    default:
      return never(spec);
  }
}
