// A view has the rows of one replica exactly as of the seq at which it was opened, whatever is applied, written behind
// and scanned meanwhile. Random steps against a plain map, on the twins and on LevelDB.

import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { toBytes } from '../../../../../common/base/bytes.ts';
import { origin } from '../../../../../common/model/ids.ts';
import type { ReplicaView, SessionTable, Storage } from '../../../../../kvnode/storage/storage.ts';
import { at, entry, meta, put, remove, textOfRow, turn } from '../../../../suites/storage/shorthand.ts';
import { realWorld, SMALL_LIMITS, TwinWorld, type World } from '../../../../suites/storage/world.ts';

type Step =
  | { readonly kind: 'write'; readonly keys: readonly number[]; readonly deletes: boolean }
  /** A write to another range of the namespace. */
  | { readonly kind: 'other'; readonly key: number }
  | { readonly kind: 'open' }
  | { readonly kind: 'read'; readonly bytes: number }
  | { readonly kind: 'turns'; readonly count: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      keys: fc.array(fc.nat(40), { minLength: 1, maxLength: 6 }),
      deletes: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('other' as const), key: fc.nat(40) }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'open' as const }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('read' as const), bytes: fc.constantFrom(1, 40, 400) }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('turns' as const), count: fc.nat(12) }) },
);

/** Overlays are written often, so that views are opened at every stage of that. */
const LIMITS = { ...SMALL_LIMITS, flushMs: 1, flushRows: 12 };

interface OpenView {
  readonly view: ReplicaView;
  readonly expected: readonly string[];
  readonly sessions: string;
  readonly seq: number;
  readonly read: string[];
  ended: boolean;
}

class Run {
  readonly #storage: Storage;
  readonly #rows = new Map<string, string>();
  readonly #views: OpenView[] = [];
  #seq = 0;
  #otherSeq = 0;
  compared = 0;

  constructor(storage: Storage) {
    this.#storage = storage;
    storage.createReplica(meta(1, 'k', 'm'), origin, 0);
    storage.createReplica(meta(2, 'm', null), origin, 0);
    const table: SessionTable = {
      takeChanges: () => [{ clientId: toBytes('client'), record: toBytes(String(this.#seq)) }],
      rows: () => [{ clientId: toBytes('client'), record: toBytes(String(this.#seq)) }],
    };
    storage.attachSessions(1, table);
  }

  async take(step: Step): Promise<void> {
    const storage = this.#storage;
    switch (step.kind) {
      case 'write': {
        const seq = ++this.#seq;
        const changes = step.keys.map((key) => {
          const name = `k${String(key).padStart(2, '0')}`;
          const deleted = step.deletes && key % 2 === 0;
          if (deleted) this.#rows.delete(name);
          else this.#rows.set(name, `${name}=v${seq}@${seq}`);
          return deleted ? remove(name) : put(name, `v${seq}`);
        });
        storage.logOf(1).append([entry(1, seq)]);
        return storage.apply(1, at(1, seq), changes);
      }
      case 'other':
        storage.logOf(2).append([entry(1, ++this.#otherSeq)]);
        return storage.apply(2, at(1, this.#otherSeq), [put(`m${step.key}`, 'other')]);
      case 'open': {
        const expected = [...this.#rows.values()].sort();
        const view = storage.openView(1);
        this.#views.push({
          ...{ view, expected, sessions: `client=${this.#seq}`, seq: this.#seq, read: [], ended: false },
        });
        return;
      }
      case 'read':
        for (const view of this.#views) await this.#read(view, step.bytes);
        return;
      case 'turns':
        for (let i = 0; i < step.count; i++) await turn();
    }
  }

  async end(): Promise<void> {
    for (const view of this.#views) while (!view.ended) await this.#read(view, 100);
  }

  async #read(open: OpenView, bytes: number): Promise<void> {
    if (open.ended) return;
    const rows = await open.view.next(bytes);
    if (rows !== null) {
      open.read.push(...rows.map(textOfRow));
      return;
    }
    open.ended = true;
    open.view.close();
    this.compared++;
    const sessions = open.view.sessions.map(
      ({ clientId, record }) => `${Buffer.from(clientId)}=${Buffer.from(record)}`,
    );
    equal(open.view.position.seq, open.seq);
    equal(open.read, open.expected);
    equal(sessions, [open.sessions]);
  }
}

function equal(found: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`found ${a}, expected ${b}`);
}

async function isExact(t: ExecutionContext, makeWorld: () => Promise<World>, numRuns: number): Promise<void> {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      const world = await makeWorld();
      const storage = await world.open();
      try {
        const run = new Run(storage);
        for (const one of steps) await run.take(one);
        await run.end();
        compared += run.compared;
      } finally {
        await storage.close();
        await world.remove();
      }
    }),
    { numRuns, endOnFailure: true },
  );
  t.true(compared > numRuns);
}

test('on the twins', (t) => isExact(t, async () => new TwinWorld(LIMITS), 80));
test('on LevelDB', (t) => isExact(t, () => realWorld(LIMITS), 25));

test('a view does not change while an overlay of many rows is written behind', async (t) => {
  const world = await realWorld({ flushMs: 1_000_000, flushRows: 1_000_000 });
  const storage = await world.open();
  t.teardown(async () => {
    await storage.close();
    await world.remove();
  });
  storage.createReplica(meta(1), origin, 0);
  const write = (seq: number, value: string) => {
    storage.logOf(1).append([entry(1, seq)]);
    const changes = Array.from({ length: 5_000 }, (_, i) => put(`key ${(i * 7_919) % 5_000}`, value));
    storage.apply(1, at(1, seq), changes);
  };
  write(1, 'old');
  const view = storage.openView(1);
  write(2, 'new');
  const rows: string[] = [];
  for (let piece = await view.next(1 << 16); piece !== null; piece = await view.next(1 << 16)) {
    rows.push(...piece.map(textOfRow));
  }
  view.close();
  t.is(rows.length, 5_000);
  t.true(rows.every((row) => row.endsWith('=old@1')));
  t.deepEqual(
    rows,
    [...rows].sort((a, b) => ((a.split('=')[0] as string) < (b.split('=')[0] as string) ? -1 : 1)),
  );
});
