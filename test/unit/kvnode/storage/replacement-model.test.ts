// Splits and merges against an oracle: random writes, replacements, restarts and power cuts. After each start rows, revisions, sessions and
// tombstones must be those of one moment: nothing that was synced is missing, and nothing else is there.

import test from 'ava';
import fc from 'fast-check';
import { present } from '../../../../common/base/assert.ts';
import { type Bytes, equalBytes, toBytes } from '../../../../common/base/bytes.ts';
import type { ReplicaMeta } from '../../../../kvnode/storage/storage.ts';
import { describedBy, type Event, eventsIn, ReplacingNode } from '../../../suites/storage/replacing-node.ts';
import { meta, synced, turn } from '../../../suites/storage/shorthand.ts';
import { SMALL_LIMITS, TwinWorld } from '../../../suites/storage/world.ts';

type Step =
  | { readonly kind: 'write'; readonly keys: readonly number[]; readonly bytes: number }
  | { readonly kind: 'split'; readonly key: number }
  | { readonly kind: 'merge'; readonly key: number }
  | { readonly kind: 'settle' | 'sync' | 'hold' | 'check' | 'reopen' | 'cut' }
  | { readonly kind: 'turns'; readonly count: number };

const KEYS = 20;
const keys = fc.nat(KEYS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      keys: fc.array(keys, { minLength: 1, maxLength: 6 }),
      bytes: fc.constantFrom(0, 5, 600, 2000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('split' as const), key: keys }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('merge' as const), key: keys }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('turns' as const), count: fc.nat(20) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        ...(['settle', 'settle', 'sync', 'hold', 'check', 'reopen', 'cut', 'cut'] as const),
      ),
    }),
  },
);

/** Little data makes several segments. The state is written behind at once, or almost never. */
const LIMITS = { ...SMALL_LIMITS, segmentBytes: 4 * 1024, keepBytes: 4 * 1024, retainBytes: 8 * 1024 };

function keyOf(number: number): string {
  return `k${String(number).padStart(2, '0')}`;
}

class Run {
  readonly #coins: () => boolean;
  world: TwinWorld;
  events: Event[] = [];
  /** So many of the events are synced. */
  #synced = 0;
  #node: ReplacingNode | null = null;
  #newest = 1;
  #values = 0;
  /** What the starts found. */
  readonly found = { unsettled: 0, withoutState: 0, lost: 0 };

  constructor(flushMs: number, coins: () => boolean) {
    this.#coins = coins;
    this.world = new TwinWorld({ ...LIMITS, flushMs });
  }

  async #open(): Promise<ReplacingNode> {
    const { image } = this.world;
    image.beforeRead = async () => {
      while (this.#coins()) await turn();
    };
    const storage = await this.world.open();
    const { unsettled } = storage;
    this.found.unsettled += unsettled.length;
    this.found.withoutState += unsettled.filter(({ children }) => children.length > 0).length;
    const node = new ReplacingNode(storage);
    this.#node = node;
    return node;
  }

  #do(node: ReplacingNode, event: Event): void {
    node.do(event);
    this.events.push(event);
  }

  async take(step: Step): Promise<void> {
    const node = this.#node ?? (await this.#open());
    if (node.metas.size === 0) this.#do(node, { kind: 'create', meta: meta(1) });
    const { storage } = node;
    switch (step.kind) {
      case 'write':
        for (const key of step.keys) this.#write(node, keyOf(key), step.bytes);
        return;
      case 'split':
        return this.#split(node, toBytes(keyOf(step.key)));
      case 'merge':
        return this.#merge(node, toBytes(keyOf(step.key)));
      case 'settle':
        storage.settle().catch(() => {});
        return;
      case 'hold':
        return this.world.disk.hold();
      case 'turns':
        for (let i = 0; i < step.count; i++) await turn();
        return;
      case 'sync':
        return this.#sync(node);
      case 'check':
        return this.#check(node);
      case 'reopen':
        this.world.disk.release();
        await storage.close();
        this.#synced = this.events.length;
        return this.#restart();
      case 'cut':
        this.world = this.world.afterPowerCut(this.#coins);
        return this.#restart();
    }
  }

  #write(node: ReplacingNode, key: string, bytes: number): void {
    const value = ++this.#values % 5 === 0 ? '' : `${this.#values}${'x'.repeat(bytes)}`;
    const client = `c${this.#values % 3}`;
    this.#do(node, { kind: 'write', range: node.rangeOf(toBytes(key)), key, value, client });
  }

  async #sync(node: ReplacingNode): Promise<void> {
    this.#write(node, keyOf(0), 5);
    const count = this.events.length;
    this.world.disk.release();
    await synced(node.storage);
    this.#synced = count;
  }

  async #split(node: ReplacingNode, cut: Bytes): Promise<void> {
    const parent = present(node.metas.get(node.rangeOf(cut)), 'a range');
    if (equalBytes(parent.start, cut)) return;
    await this.#replace(
      node,
      [parent],
      [
        { ...this.#next(parent), end: cut },
        { ...this.#next(parent), start: cut },
      ],
    );
  }

  async #merge(node: ReplacingNode, key: Bytes): Promise<void> {
    const left = present(node.metas.get(node.rangeOf(key)), 'a range');
    if (left.end === null) return;
    const right = present(node.metas.get(node.rangeOf(left.end)), 'a range');
    await this.#replace(node, [left, right], [{ ...this.#next(left), end: right.end }]);
  }

  #next(parent: ReplicaMeta): ReplicaMeta {
    return { ...parent, range: ++this.#newest, inc: 1 };
  }

  async #replace(
    node: ReplacingNode,
    parents: readonly ReplicaMeta[],
    children: readonly ReplicaMeta[],
  ): Promise<void> {
    const ranges = parents.map(({ range }) => range);
    if (!ranges.every((range) => node.storage.isSettled(range))) {
      this.world.disk.release();
      await node.storage.settle();
    }
    this.#do(node, { kind: 'replace', parents: ranges, children });
  }

  async #restart(): Promise<void> {
    const node = await this.#open();
    const count = eventsIn(await node.describe(), this.events);
    if (count < this.#synced) throw new Error(`${count} events are there, but ${this.#synced} were synced`);
    this.found.lost += this.events.length - count;
    this.events = this.events.slice(0, count);
    this.#synced = count;
    await this.#check(node);
  }

  async #check(node: ReplacingNode): Promise<void> {
    const found = JSON.stringify(await node.describe());
    const expected = JSON.stringify(describedBy(this.events));
    if (found !== expected) throw new Error(`found ${found}, expected ${expected}`);
  }
}

test('random splits and merges, starts and power cuts agree with an oracle', async (t) => {
  const found = { unsettled: 0, withoutState: 0, lost: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 80 }),
      fc.constantFrom(1, 300),
      fc.infiniteStream(fc.boolean()),
      async (steps, flushMs, coins) => {
        const run = new Run(flushMs, () => coins.next().value ?? false);
        for (const step of steps) await run.take(step);
        await run.take({ kind: 'reopen' });
        await run.take({ kind: 'cut' });
        found.unsettled += run.found.unsettled;
        found.withoutState += run.found.withoutState;
        found.lost += run.found.lost;
      },
    ),
    { numRuns: 100, endOnFailure: true },
  );
  t.true(found.unsettled > found.withoutState && found.withoutState > 0, JSON.stringify(found));
  t.true(found.lost > 0);
});
