// Properties of checkers 1 to 4 over generated histories. They accept all answers of a correct register, however calls overlap
// and whatever answers were lost. If one answer is wrong, the checker for it refuses the history.

import test from 'ava';
import fc from 'fast-check';
import { checkDurability, type FinalRow } from '../../../sim/checkers/durability.ts';
import { checkLinearizability } from '../../../sim/checkers/linearizability.ts';
import { checkStaleReads } from '../../../sim/checkers/stale-reads.ts';
import { checkVersions } from '../../../sim/checkers/versions.ts';
import type { Operation, Outcome } from '../../../sim/history.ts';
import { batch, get, history, put, type Row, remove, stale } from '../../../support/history-rows.ts';

const KEYS = ['x', 'y', 'z'] as const;

/** One generated operation; `early` and `late`: the time from its call to its moment, and from there to its return. */
const drawn = fc.record({
  kind: fc.constantFrom('put', 'put', 'cas', 'get', 'get', 'delete', 'batch', 'stale'),
  key: fc.constantFrom(...KEYS),
  early: fc.nat(35),
  late: fc.nat(35),
  lost: fc.integer({ min: 0, max: 9 }),
});
type Drawn = typeof drawn extends fc.Arbitrary<infer T> ? T : never;

interface Cell {
  readonly value: string;
  readonly revision: number;
}

interface Made {
  readonly operations: readonly Operation[];
  readonly rows: readonly FinalRow[];
}

/** Executes the operations one after the other, each at its moment, with its call before and its return after that. */
function execute(steps: readonly Drawn[]): Made {
  const cells = new Map<string, Cell>();
  let revision = 0;
  const rows = steps.map((step, at): Row => {
    const moment = 10 * (at + 5);
    // No two events have the same place in the order.
    const span = [moment - step.early - at / 1_000, moment + step.late + 0.5 + at / 1_000] as const;
    const client = `c${at}`;
    const { key } = step;
    const value = `v${at}`;
    const cell = cells.get(key);
    const answer = () => (step.lost === 0 ? 'unknown' : ++revision);
    const setTo = (name: string, to: string, given: number | 'unknown') => {
      if (given === 'unknown') revision++;
      cells.set(name, { value: to, revision });
    };
    switch (step.kind) {
      case 'put': {
        const given = answer();
        setTo(key, value, given);
        return put(client, span, key, value, given);
      }
      case 'cas': {
        const ifRevision = cell?.revision ?? 0;
        const given = answer();
        setTo(key, value, given);
        return put(client, span, key, value, given, { ifRevision });
      }
      case 'delete': {
        const given = answer();
        if (given === 'unknown') revision++;
        cells.delete(key);
        return remove(client, span, key, given, { existed: cell !== undefined });
      }
      case 'batch': {
        const given = answer();
        setTo('x', `x${at}`, given);
        cells.set('y', { value: `y${at}`, revision });
        const mutations = [
          { kind: 'put', key: 'x', value: `x${at}`, ifRevision: null },
          { kind: 'put', key: 'y', value: `y${at}`, ifRevision: null },
        ] as const;
        return batch(client, span, mutations, given);
      }
      case 'get':
        return get(client, span, key, cell?.value ?? null, cell?.revision ?? 0);
      default:
        return stale(client, span, key, cell?.value ?? null, cell?.revision ?? 0, 75);
    }
  });
  return {
    operations: history(...rows),
    rows: [...cells].map(([key, { value, revision: at }]) => ({ key, value, revision: at })),
  };
}

const histories = fc.array(drawn, { maxLength: 40 }).map(execute);

test('the answers of a correct register are accepted', (t) => {
  fc.assert(
    fc.property(histories, ({ operations, rows }) => {
      t.deepEqual(checkVersions(operations), []);
      t.deepEqual(checkLinearizability(operations), []);
      t.deepEqual(checkDurability(operations, rows), []);
      t.deepEqual(checkStaleReads(operations), []);
    }),
    { numRuns: 500 },
  );
});

function changed(operations: readonly Operation[], id: number, outcome: Outcome): readonly Operation[] {
  return operations.map((operation) => (operation.id === id ? { ...operation, outcome } : operation));
}

const isFresh = ({ outcome }: Operation) =>
  outcome.kind === 'read' && !outcome.stale && outcome.value !== null;

test('a read that shows a value that nobody wrote is refused', (t) => {
  fc.assert(
    fc.property(histories, fc.nat(), ({ operations }, pick) => {
      const reads = operations.filter(isFresh);
      const read = reads[pick % Math.max(1, reads.length)];
      fc.pre(read !== undefined && read.outcome.kind === 'read');
      const broken = changed(operations, read.id, { ...read.outcome, value: 'never' } as Outcome);
      t.not(checkVersions(broken).length, 0);
      t.not(checkLinearizability(broken).length, 0);
    }),
  );
});

test('a read of the first value after the second one was read is refused', (t) => {
  fc.assert(
    fc.property(histories, ({ operations }) => {
      const end = 10_000;
      const more = history(
        ...operations,
        put('w', [end, end + 1], 'x', 'old', end),
        put('w', [end + 2, end + 3], 'x', 'new', end + 1),
        get('r', [end + 4, end + 5], 'x', 'old', end),
      );
      t.not(checkVersions(more).length, 0);
      t.not(checkLinearizability(more).length, 0);
    }),
  );
});

test('an acknowledged row that is gone, or older, is refused', (t) => {
  fc.assert(
    fc.property(histories, fc.nat(), fc.boolean(), ({ operations, rows }, pick, older) => {
      const acked = rows.filter(({ key, revision }) =>
        operations.some(
          ({ action, outcome }) =>
            action.kind === 'write' &&
            outcome.kind === 'written' &&
            outcome.revision === revision &&
            action.mutations.some((mutation) => mutation.key === key),
        ),
      );
      const lost = acked[pick % Math.max(1, acked.length)];
      const deletes = operations.some(
        ({ action, outcome }) =>
          outcome.kind === 'unknown' &&
          action.kind === 'write' &&
          action.mutations.some(({ kind, key }) => kind === 'delete' && key === lost?.key),
      );
      fc.pre(lost !== undefined && !(deletes && !older));
      const others = rows.filter((row) => row !== lost);
      const broken = older ? [...others, { ...lost, revision: lost.revision - 1 }] : others;
      t.not(checkDurability(operations, broken).length, 0);
    }),
  );
});

test('an answer of a replica that is older than it says is refused', (t) => {
  fc.assert(
    fc.property(histories, fc.integer({ min: 0, max: 9 }), ({ operations }, staleMs) => {
      const end = 10_000;
      const more = history(
        ...operations,
        put('w', [end, end + 1], 'x', 'old', end),
        put('w', [end + 2, end + 3], 'x', 'new', end + 1),
        stale('r', [end + 12, end + 13], 'x', 'old', end, staleMs),
      );
      t.not(checkStaleReads(more).length, 0);
    }),
  );
});
