// Checker 3: after the faults are over, every key shows its last acknowledged write or something newer. And no write took effect
// twice: a value that was written once is never seen at two revisions.

import type { Operation, Text, Violation } from '../history.ts';
import { describe } from './effects.ts';
import { KeyWrites, writesByKey } from './writes.ts';

const CHECKER = 'durability';

/** A row that was read after all faults were undone. */
export interface FinalRow {
  readonly key: Text;
  readonly value: Text;
  readonly revision: number;
}

const NO_WRITES = new KeyWrites([], []);

/** @param rows all rows that the operations may have written, read after the last of them returned */
export function checkDurability(
  operations: readonly Operation[],
  rows: readonly FinalRow[],
): readonly Violation[] {
  const byKey = writesByKey(operations);
  const finals = new Map(rows.map((row) => [row.key, row]));
  const twice = rows.filter((row) => finals.get(row.key) !== row);
  return [
    ...twice.map(({ key }) => violation(`${key} is there twice`, [])),
    ...[...new Set([...byKey.keys(), ...finals.keys()])].flatMap((key) =>
      checkKey(key, byKey.get(key) ?? NO_WRITES, finals.get(key)),
    ),
    ...checkOnce(operations, byKey, rows),
  ];
}

function checkKey(key: Text, writes: KeyWrites, row: FinalRow | undefined): readonly Violation[] {
  const newest = writes.acked.at(-1);
  const shown = newest === undefined ? [] : [newest.operation];
  if (row === undefined) {
    const gone = newest === undefined || writes.mayBeDeletedFrom(newest.revision, Number.POSITIVE_INFINITY);
    return gone ? [] : [violation(`${key} is lost`, shown)];
  }
  const { revision, value } = row;
  if (newest !== undefined && revision < newest.revision) {
    return [violation(`${key} is back at revision ${revision}, ${newest.revision} is lost`, shown)];
  }
  if (newest !== undefined && revision === newest.revision) {
    return value === newest.value
      ? []
      : [violation(`${key} is ${value} at revision ${revision}, not what was written there`, shown)];
  }
  const made = writes.unknown.some((write) => write.value === value);
  return made ? [] : [violation(`${key} is ${value} at revision ${revision}: nobody wrote that`, shown)];
}

/** Checks that no write took effect twice. Values that several operations wrote prove nothing here. */
function checkOnce(
  operations: readonly Operation[],
  byKey: ReadonlyMap<Text, KeyWrites>,
  rows: readonly FinalRow[],
): readonly Violation[] {
  const places = new Map<Text, Map<Text, Set<number>>>();
  const seen = (key: Text, value: Text, revision: number): void => {
    const values = places.get(key) ?? new Map<Text, Set<number>>();
    places.set(key, values);
    values.set(value, (values.get(value) ?? new Set()).add(revision));
  };
  for (const { action, outcome } of operations) {
    if (action.kind === 'read' && outcome.kind === 'read' && outcome.value !== null) {
      seen(action.key, outcome.value, outcome.revision);
    }
  }
  for (const { key, value, revision } of rows) seen(key, value, revision);
  const violations: Violation[] = [];
  for (const [key, { acked, unknown }] of byKey) {
    for (const { value, revision } of acked) if (value !== null) seen(key, value, revision);
    for (const [value, revisions] of places.get(key) ?? []) {
      const writers = [...acked, ...unknown].filter((write) => write.value === value);
      if (revisions.size < 2 || writers.length !== 1) continue;
      const at = [...revisions].sort((a, b) => a - b).join(' and ');
      const text = `${key} = ${value} was written once and took effect at ${at}`;
      violations.push(
        violation(
          text,
          writers.map(({ operation }) => operation),
        ),
      );
    }
  }
  return violations;
}

function violation(text: string, operations: readonly Operation[]): Violation {
  const lines = operations.map((operation) => `\n  ${describe(operation)}`);
  return { checker: CHECKER, text: text + lines.join(''), operations: operations.map(({ id }) => id) };
}
