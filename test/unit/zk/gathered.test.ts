// Changes gathered into multis: each takes effect once or is refused alone, whatever else is in its multi.

import test, { type ExecutionContext } from 'ava';
import { commitParts, gatheredCount, type Part, type PartOutcome } from '../../../common/zk/gathered.ts';
import type { ZkOp } from '../../../common/zk/store.ts';
import { seededRng } from '../../support/rng.ts';
import { TreeSession } from '../../support/tree-session.ts';

const FENCE = '/fence';
const pathOf = (index: number): string => `/parts/${String(index).padStart(4, '0')}`;

/** Parts of one or two sets, all at version 0. Somebody else has changed those in `stale` meanwhile. */
function world(count: number, stale: readonly number[] = []) {
  const zk = new TreeSession();
  zk.put(FENCE);
  const parts = Array.from({ length: count }, (_, index): Part => {
    const paths = index % 2 === 0 ? [pathOf(index)] : [`${pathOf(index)}a`, pathOf(index)];
    for (const path of paths) zk.put(path);
    return paths.map((path): ZkOp => ({ kind: 'set', path, data: Uint8Array.of(1), version: 0 }));
  });
  for (const index of stale) zk.put(pathOf(index), Uint8Array.of(9));
  const fence: ZkOp = { kind: 'check', path: FENCE, version: 0 };
  const commit = (): Promise<readonly PartOutcome[]> => commitParts(zk.session, parts, [fence]);
  const versions = (): readonly (number | undefined)[] =>
    parts.map((_, index) => zk.node(pathOf(index))?.version);
  return { zk, parts, commit, versions };
}

const kinds = (outcomes: readonly PartOutcome[]): readonly string[] => outcomes.map(({ kind }) => kind);

const refused = test.macro({
  exec: async (t: ExecutionContext, count: number, stale: readonly number[], multisMax: number) => {
    const { zk, parts, commit, versions } = world(count, stale);
    const outcomes = await commit();
    t.deepEqual(
      kinds(outcomes),
      parts.map((_, index) => (stale.includes(index) ? 'refused' : 'done')),
    );
    t.true(versions().every((version) => version === 1));
    t.deepEqual(
      parts.filter((part) => part.length === 2).map(([first]) => zk.node(first?.path ?? '')?.version),
      parts.flatMap((part, index) => (part.length === 2 ? [stale.includes(index) ? 0 : 1] : [])),
      'of a refused part nothing took effect',
    );
    t.true(zk.multis.length <= multisMax, `${zk.multis.length} multis`);
    t.true(
      zk.multis.every(([first]) => first?.path === FENCE),
      'each multi is fenced',
    );
  },
  title: (_: string | undefined, count: number, stale: readonly number[]) =>
    `${count} parts, refused: ${stale.length === 0 ? 'none' : stale.join(' ')}`,
});

const all = Array.from({ length: 32 }, (_, index) => index);
test(refused, 1, [], 1);
test(refused, 64, [], 1);
test(refused, 1, [0], 1);
test(refused, 2, [1], 2);
test(refused, 64, [0], 3);
test(refused, 64, [63], 3);
test(refused, 64, [31], 3);
test(refused, 64, [7, 8, 50], 9);
test(refused, 32, all, 32);

test('in any mixture each part is done once, or refused', async (t) => {
  const rng = seededRng(7);
  for (let round = 0; round < 200; round++) {
    const count = 1 + rng.below(40);
    const share = rng.pick([0, 1, 5, 10]);
    const stale = Array.from({ length: count }, (_, index) => index).filter(() => rng.below(10) < share);
    const { zk, commit, versions } = world(count, stale);
    const outcomes = await commit();
    t.deepEqual(
      outcomes.flatMap(({ kind }, index) => (kind === 'refused' ? [index] : [])),
      stale,
    );
    t.true(versions().every((version) => version === 1));
    t.true(zk.multis.length <= 2 * stale.length + 1);
  }
});

test('if a multi is not answered, all its parts are unknown, and it is not sent again', async (t) => {
  for (const fate of ['lost', 'unsent'] as const) {
    const { zk, commit, versions } = world(20);
    zk.fate = () => fate;
    const outcomes = await commit();
    t.deepEqual(new Set(kinds(outcomes)), new Set(['failed']));
    t.true(
      outcomes.every(
        (outcome) => outcome.kind === 'failed' && outcome.error.maybeApplied === (fate === 'lost'),
      ),
    );
    t.is(zk.multis.length, 1);
    t.true(versions().every((version) => version === (fate === 'lost' ? 1 : 0)));
  }
});

test('if the answer to one half is lost, the outcome of the other half is still known', async (t) => {
  const { zk, commit } = world(9, [4]);
  zk.fate = (number) => (number === 2 ? 'lost' : 'answered');
  const outcomes = kinds(await commit());
  t.deepEqual(outcomes, ['done', 'done', 'done', 'done', 'refused', 'failed', 'failed', 'failed', 'failed']);
});

test('if the fence is refused, nothing takes effect, at first or when parts are sent again', async (t) => {
  const before = world(20, [3]);
  before.zk.put(FENCE, Uint8Array.of(2));
  const outcomes = await before.commit();
  t.true(outcomes.every((outcome) => outcome.kind === 'failed' && outcome.error.opIndex === 0));
  t.is(before.zk.multis.length, 1);

  const between = world(20, [3]);
  between.zk.fate = (number) => {
    if (number === 1) between.zk.put(FENCE, Uint8Array.of(2));
    return 'answered';
  };
  t.deepEqual(new Set(kinds(await between.commit())), new Set(['failed', 'refused']));
  t.is(between.versions().filter((version) => version === 1).length, 1, 'that of the other writer');
});

test('a multi is bounded in operations and bytes, and has at least one part', (t) => {
  const part = (ops: number, bytes: number): Part =>
    Array.from({ length: ops }, () => ({ kind: 'set', path: '/a', data: new Uint8Array(bytes), version: 0 }));
  const counts: readonly (readonly [parts: readonly Part[], count: number])[] = [
    [Array.from({ length: 200 }, () => part(1, 10)), 128],
    [Array.from({ length: 200 }, () => part(2, 10)), 64],
    [Array.from({ length: 200 }, () => part(1, 40_000)), 3],
    [[part(1, 400_000), part(1, 10)], 1],
    [[part(300, 10), part(1, 10)], 1],
    [[part(1, 10), part(1, 400_000)], 1],
    [[part(1, 10)], 1],
  ];
  for (const [parts, count] of counts) t.is(gatheredCount(parts), count);
});
