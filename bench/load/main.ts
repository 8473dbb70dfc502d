// A load program: a process of its own for each contender, so that neither heap nor compiled code of one client is in
// another's way and the cost of its client can be told. It does what the benchmark tells it over IPC.

import { never } from '../../common/base/assert.ts';
import { realEnv } from '../../common/base/env.ts';
import { EXIT } from '../../common/process/exit.ts';
import type { ProcessLife } from '../../common/process/main.ts';
import { type Driver, type DriverSpec, valueIn } from './driver.ts';
import { EchoDriver, serveEcho } from './echo.ts';
import { keyOf, valuePool } from './keys.ts';
import { Ledger, type Verified } from './ledger.ts';
import { runSlot } from './loops.ts';
import type { LoadCommand, LoadReply } from './messages.ts';
import { Workload } from './operations.ts';
import { RangekeeperDriver } from './rangekeeper-driver.ts';
import { RedisDriver } from './redis-driver.ts';
import type { SlotResult, SlotSpec } from './slot.ts';
import { ZookeeperDriver } from './zookeeper-driver.ts';

/** Keys of which one `fill` may hold text at once. */
const FILL_KEYS = 16_384;
const FILL_BYTES = 16 * 1024 * 1024;
/** Keys that one slot may insert beyond those loaded. */
const INSERTS_MAX = 4_000_000;

export async function main(_argv: readonly string[], life: ProcessLife): Promise<number> {
  const program = new Program();
  process.on('message', (command) => {
    void program
      .carryOut(command as LoadCommand)
      .catch(
        (error): LoadReply => ({
          kind: 'failed',
          reason: error instanceof Error ? String(error.stack) : String(error),
        }),
      )
      .then((reply) => process.send?.(reply, undefined, undefined, () => {}));
  });
  await life.stopRequested;
  return EXIT.ok;
}

class Program {
  #driver: Driver | null = null;
  /** Of each prefix and value size. */
  readonly #ledgers = new Map<string, { readonly ledger: Ledger; readonly spec: SlotSpec }>();

  async carryOut(command: LoadCommand): Promise<LoadReply> {
    switch (command.kind) {
      case 'serve-echo':
        return { kind: 'port', port: await serveEcho(command.valueBytes) };
      case 'open':
        this.#driver = await openDriver(command.driver);
        return { kind: 'done' };
      case 'fill':
        await this.#fill(command);
        return { kind: 'done' };
      case 'slot':
        return { kind: 'result', result: await this.#slot(command.spec) };
      case 'verify':
        return { kind: 'verified', verified: await this.#verify(command.max) };
      default:
        return never(command);
    }
  }

  async #fill({ prefix, from, to, valueBytes }: Extract<LoadCommand, { kind: 'fill' }>): Promise<void> {
    const pool = valuePool(valueBytes);
    const step = Math.max(1, Math.min(FILL_KEYS, Math.floor(FILL_BYTES / valueBytes)));
    for (let begin = from; begin < to; begin += step) {
      const count = Math.min(step, to - begin);
      const keys = Array.from({ length: count }, (_, i) => keyOf(prefix, begin + i));
      const values = Array.from({ length: count }, (_, i) => pool[(begin + i) % pool.length] ?? '');
      await this.#opened().fill(keys, values);
    }
  }

  async #slot(spec: SlotSpec): Promise<SlotResult> {
    const name = `${spec.prefix} ${spec.valueBytes}`;
    const known = this.#ledgers.get(name);
    const inserts = (spec.mix.insert ?? 0) > 0 ? INSERTS_MAX : 0;
    const ledger = known?.ledger ?? new Ledger(spec.keys + inserts);
    this.#ledgers.set(name, { ledger, spec });
    return runSlot(realEnv, spec, new Workload(spec, this.#opened(), ledger));
  }

  async #verify(max: number): Promise<Verified> {
    const sum = { checked: 0, lost: 0, unknown: 0 };
    const ledgers = [...this.#ledgers.values()];
    // Another program may write these keys from here on.
    this.#ledgers.clear();
    for (const { ledger, spec } of ledgers) {
      const numbers = new Map(valuePool(spec.valueBytes).map((value, number) => [value, number]));
      const found = await ledger.verify(max, async (key) => {
        const got = await this.#opened().get(key, keyOf(spec.prefix, key));
        const value = got === null ? null : valueIn(got);
        const text = value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
        return text === null ? null : (numbers.get(text) ?? null);
      });
      sum.checked += found.checked;
      sum.lost += found.lost;
      sum.unknown += found.unknown;
    }
    return sum;
  }

  #opened(): Driver {
    if (this.#driver === null) throw new Error('this program has no driver yet');
    return this.#driver;
  }
}

function openDriver(spec: DriverSpec): Promise<Driver> {
  switch (spec.kind) {
    case 'rangekeeper':
      return RangekeeperDriver.open(spec);
    case 'redis':
      return RedisDriver.open(spec);
    case 'zookeeper':
      return ZookeeperDriver.open(spec);
    case 'echo':
      return EchoDriver.open(spec);
    default:
      return never(spec);
  }
}
