// The storage against an oracle: random operations, restarts and power cuts, compared with a plain array. What was
// synced must be there. What was not synced may be there. Nothing else may be.

import test from 'ava';
import fc from 'fast-check';
import { toBytes } from '../../../../common/base/bytes.ts';
import { origin } from '../../../../common/model/ids.ts';
import type { RecoveredReplica, RowChange, Storage } from '../../../../kvnode/storage/storage.ts';
import {
  at,
  EVERYTHING,
  entry,
  meta,
  put,
  remove,
  synced,
  textOf,
  textOfRow,
  turn,
} from '../../../suites/storage/shorthand.ts';
import { SMALL_LIMITS, TwinWorld } from '../../../suites/storage/world.ts';

type Step =
  | { readonly kind: 'append'; readonly count: number; readonly bytes: number; readonly newEpoch: boolean }
  | { readonly kind: 'truncate'; readonly drop: number }
  | { readonly kind: 'apply'; readonly count: number; readonly keys: readonly number[] }
  | { readonly kind: 'epoch' }
  | { readonly kind: 'others'; readonly count: number }
  | { readonly kind: 'sync' }
  | { readonly kind: 'check' }
  | { readonly kind: 'reopen' }
  | { readonly kind: 'cut' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 8 }),
      bytes: fc.constantFrom(0, 5, 300, 3000),
      newEpoch: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('apply' as const),
      count: fc.integer({ min: 1, max: 8 }),
      keys: fc.array(fc.nat(30), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate' as const), drop: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'epoch' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('others' as const), count: fc.integer({ min: 1, max: 20 }) }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'sync' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'check' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'cut' as const }) },
);

interface LogState {
  readonly epochSeen: number;
  /** Texts of the entries, from seq 1 on. */
  readonly log: readonly string[];
}

/** The oracle: every state of the log since the last sync, and the rows by applied seq. */
class Oracle {
  epoch = 1;
  state: LogState = { epochSeen: 0, log: [] };
  /** States that a power cut may lead to. */
  possible: LogState[] = [this.state];
  readonly changes: RowChange[][] = [];
  applied = 0;

  set(state: LogState): void {
    this.state = state;
    this.possible.push(state);
  }

  synced(): void {
    this.possible = [this.state];
  }

  rows(applied: number): string[] {
    const rows = new Map<string, string>();
    this.changes.slice(0, applied).forEach((changes, i) => {
      for (const { key, value } of changes) {
        const text = Buffer.from(key).toString();
        if (value === null) rows.delete(text);
        else rows.set(text, `${text}=${Buffer.from(value).toString()}@${i + 1}`);
      }
    });
    return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  }
}

/** With these limits a few unapplied entries are carried soon, while another range goes on. */
const LIMITS = { ...SMALL_LIMITS, segmentBytes: 4 * 1024, keepBytes: 8 * 1024, retainBytes: 16 * 1024 };

class Run {
  world = new TwinWorld(LIMITS);
  carried = 0;
  readonly oracle = new Oracle();
  readonly #coins: () => boolean;
  #storage: Storage | null = null;
  /** The last seq of the other range, of which the oracle knows nothing. All of its entries are applied. */
  #others = 0;
  /** Known to be committed at the start: a power cut may have taken the state back behind it, the log never is. */
  #committed = 0;

  constructor(coins: () => boolean) {
    this.#coins = coins;
  }

  async start(): Promise<Storage> {
    const storage = await this.world.open();
    this.#storage = storage;
    if (storage.recovered.length === 0) {
      storage.createReplica(meta(1, '', 'x'), origin, 0);
      storage.createReplica(meta(2, 'x', null), origin, 0);
      await synced(storage);
    }
    this.#committed = found(storage, 1)?.committed ?? 0;
    this.#others = found(storage, 2)?.lastSeq ?? 0;
    for (let seq = (found(storage, 2)?.applied.seq ?? 0) + 1; seq <= this.#others; seq++) {
      storage.apply(2, at(1, seq), []);
    }
    return storage;
  }

  async take(step: Step): Promise<void> {
    const storage = this.#storage ?? (await this.start());
    const { oracle } = this;
    switch (step.kind) {
      case 'append':
        return this.#append(storage, step.count, step.bytes, step.newEpoch);
      case 'truncate': {
        const last = Math.max(oracle.applied, this.#committed, oracle.state.log.length - step.drop);
        storage.logOf(1).truncate(last);
        return oracle.set({ ...oracle.state, log: oracle.state.log.slice(0, last) });
      }
      case 'apply':
        return this.#apply(storage, step.count, step.keys);
      case 'epoch':
        oracle.epoch++;
        storage.logOf(1).setEpochSeen(oracle.epoch);
        return oracle.set({ ...oracle.state, epochSeen: oracle.epoch });
      case 'others':
        for (let i = 0; i < step.count; i++) {
          storage.logOf(2).append([entry(1, ++this.#others, 'y'.repeat(1000))]);
          storage.apply(2, at(1, this.#others), []);
        }
        return this.#written(storage);
      case 'sync':
        storage.logOf(1).setEpochSeen(++oracle.epoch);
        oracle.set({ ...oracle.state, epochSeen: oracle.epoch });
        await synced(storage);
        return oracle.synced();
      case 'check':
        return this.#check(storage);
      case 'reopen':
        await storage.close();
        this.carried += storage.stats.carriedBytes;
        oracle.synced();
        return this.#restarted(await this.start());
      case 'cut':
        this.carried += storage.stats.carriedBytes;
        this.world = this.world.afterPowerCut(this.#coins);
        return this.#restarted(await this.start());
    }
  }

  /** Waits until both ranges have nothing in the overlay, so that only the entries of the first range are unapplied. */
  async #written(storage: Storage): Promise<void> {
    while (storage.stats.overlayBytes > 0) await turn();
  }

  #append(storage: Storage, count: number, bytes: number, newEpoch: boolean): void {
    const { oracle } = this;
    if (newEpoch) oracle.epoch++;
    for (let i = 0; i < count; i++) {
      const { log, epochSeen } = oracle.state;
      const one = entry(oracle.epoch, log.length + 1, `${oracle.epoch}.${log.length}${'x'.repeat(bytes)}`);
      storage.logOf(1).append([one]);
      oracle.set({ epochSeen, log: [...log, textOf(one)] });
    }
  }

  #apply(storage: Storage, count: number, keys: readonly number[]): void {
    const { oracle } = this;
    for (let i = 0; i < count && oracle.applied < oracle.state.log.length; i++) {
      const seq = oracle.applied + 1;
      const changes = keys.map((key) =>
        (key + seq) % 5 === 0 ? remove(`k${key}`) : put(`k${key}`, `v${seq}`),
      );
      const epoch = Number(oracle.state.log[seq - 1]?.split('/')[0]);
      storage.apply(1, at(epoch, seq), changes);
      oracle.changes[seq - 1] = changes;
      oracle.applied = seq;
    }
  }

  /** After a start: the log must be a possible one, and the state must be that of the applied position. */
  async #restarted(storage: Storage): Promise<void> {
    const { oracle } = this;
    const replica = found(storage, 1);
    if (replica === undefined) throw new Error('the replica is gone');
    const texts =
      storage
        .logOf(1)
        .read(replica.base.seq + 1, Number.MAX_SAFE_INTEGER)
        ?.map(textOf) ?? [];
    const state = oracle.possible.findLast(
      ({ log, epochSeen }) =>
        epochSeen === replica.epochSeen &&
        log.length === replica.lastSeq &&
        JSON.stringify(log.slice(replica.base.seq)) === JSON.stringify(texts),
    );
    if (state === undefined)
      throw new Error(`no such log was ever there: ${texts.length} from ${replica.base.seq}`);
    oracle.set(state);
    oracle.synced();
    if (replica.applied.seq > oracle.applied) throw new Error('more is applied than was');
    oracle.applied = replica.applied.seq;
    // Later epochs are above those of lost records.
    oracle.epoch++;
    await this.#check(storage);
  }

  async #check(storage: Storage): Promise<void> {
    const { oracle } = this;
    const page = await storage.scan(1, { start: toBytes(''), end: null }, EVERYTHING);
    equal(page.rows.decode().map(textOfRow), oracle.rows(page.applied), 'rows');
    const { base } = storage.logOf(1);
    const log =
      storage
        .logOf(1)
        .read(base.seq + 1, Number.MAX_SAFE_INTEGER)
        ?.map(textOf) ?? [];
    equal(log, oracle.state.log.slice(base.seq), 'log');
    for (const row of oracle.rows(oracle.applied)) {
      const found = storage.get(1, toBytes(row.split('=')[0] ?? ''));
      equal(found === undefined ? '' : textOfRow(found), row, 'row');
    }
  }
}

function found(storage: Storage, range: number): RecoveredReplica | undefined {
  return storage.recovered.find((replica) => replica.range === range);
}

function equal(found: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: found ${a.slice(0, 300)}, expected ${b.slice(0, 300)}`);
}

/** One range waits while the other one goes on. Random steps alone may never carry anything. */
const waiting: readonly Step[] = [
  { kind: 'append', count: 2, bytes: 300, newEpoch: false },
  ...Array.from({ length: 4 }, (): readonly Step[] => [
    { kind: 'others', count: 20 },
    { kind: 'sync' },
  ]).flat(),
  { kind: 'cut' },
  { kind: 'check' },
];

function* always(): Generator<boolean> {
  for (;;) yield true;
}

test('random operations, starts and power cuts agree with an oracle', async (t) => {
  let carried = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 80 }),
      fc.infiniteStream(fc.boolean()),
      async (steps, coins) => {
        const run = new Run(() => coins.next().value ?? false);
        for (const step of steps) await run.take(step);
        await run.take({ kind: 'reopen' });
        carried += run.carried;
      },
    ),
    { numRuns: 60, examples: [[[...waiting], fc.stream(always())]], endOnFailure: true },
  );
  t.true(carried > 0, 'some of it was carried');
});
