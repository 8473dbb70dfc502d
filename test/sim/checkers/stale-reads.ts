// Checker 4: what replicas answer. A client never goes back behind what it was told before; an answer that says how far
// it may be behind tells the truth; and it shows nothing that was never committed.

import type { Operation, Outcome, Text, Violation } from '../history.ts';
import { describe } from './effects.ts';
import { groupBy } from './grouping.ts';
import { type CommitTimes, KeyWrites, writesByKey } from './writes.ts';

const CHECKER = 'stale reads';

export interface StaleReadOptions {
  /** True times of commits, where they are known; else when writes were acknowledged. */
  readonly commitTimes?: CommitTimes;
  /** How much faster or slower than the history's a clock may run. Default 0. */
  readonly clockDrift?: number;
  /** How late the history may have noted an answer, ms. Default 0. */
  readonly slackMs?: number;
}

type Read = Outcome & { readonly kind: 'read' };

const NO_WRITES = new KeyWrites([], []);

export function checkStaleReads(
  operations: readonly Operation[],
  options: StaleReadOptions = {},
): readonly Violation[] {
  const writes = writesByKey(operations, options.commitTimes);
  const ranges = rangesOf(operations);
  const violations: Violation[] = [];
  for (const [, own] of groupBy(operations, ({ client }) => client)) {
    for (const { read, outcome, key, floor } of staleReadsOf(own, ranges)) {
      const keyWrites = writes.get(key) ?? NO_WRITES;
      const why =
        checkMonotonic(read, outcome, keyWrites, floor) ??
        checkBound(read, outcome, keyWrites, options) ??
        checkCommitted(read, outcome, keyWrites);
      if (why !== null) violations.push(why);
    }
  }
  return violations;
}

/** What a client had been told when it asked. */
interface Floor {
  /** The highest revision of the key's range. */
  readonly range: number;
  /** The highest one of the key. */
  readonly key: number;
}

interface StaleRead {
  readonly read: Operation;
  readonly outcome: Read;
  readonly key: Text;
  readonly floor: Floor;
}

function* staleReadsOf(
  operations: readonly Operation[],
  rangeOf: ReadonlyMap<Text, number>,
): Generator<StaleRead> {
  const byCall = [...operations].sort((a, b) => a.invoked - b.invoked);
  const byReturn = [...operations].sort((a, b) => a.returned - b.returned);
  const ranges = new Map<number, number>();
  const keys = new Map<Text, number>();
  let next = 0;
  for (const read of byCall) {
    for (; (byReturn[next]?.returned ?? Infinity) < read.invoked; next++) {
      note(byReturn[next] as Operation, ranges, keys);
    }
    const { action, outcome } = read;
    if (action.kind !== 'read' || outcome.kind !== 'read' || !outcome.stale) continue;
    const range = rangeOf.get(action.key);
    const floor = { range: (range && ranges.get(range)) || 0, key: keys.get(action.key) ?? 0 };
    yield { read, outcome, key: action.key, floor };
  }
}

function note({ action, outcome }: Operation, ranges: Map<number, number>, keys: Map<Text, number>): void {
  if ((outcome.kind !== 'read' && outcome.kind !== 'written') || outcome.range === null) return;
  const { range, revision } = outcome;
  ranges.set(range, Math.max(ranges.get(range) ?? 0, revision));
  const told = action.kind === 'read' ? [action.key] : action.mutations.map(({ key }) => key);
  for (const key of told) keys.set(key, Math.max(keys.get(key) ?? 0, revision));
}

/** An answer that there is no such key does not name its range: others about the key do. */
function rangesOf(operations: readonly Operation[]): ReadonlyMap<Text, number> {
  const ranges = new Map<Text, number>();
  for (const { action, outcome } of operations) {
    if ((outcome.kind !== 'read' && outcome.kind !== 'written') || outcome.range === null) continue;
    const keys = action.kind === 'read' ? [action.key] : action.mutations.map(({ key }) => key);
    for (const key of keys) ranges.set(key, outcome.range);
  }
  return ranges;
}

function checkMonotonic(read: Operation, outcome: Read, writes: KeyWrites, floor: Floor): Violation | null {
  const known = writes.newestThrough(floor.range)?.revision ?? 0;
  const needed = Math.max(floor.key, known);
  if (reaches(read, outcome, writes, needed)) return null;
  const shown = writes.at(needed)?.operation;
  return violation(`a client went back in time: it had been told of revision ${needed}`, read, shown);
}

function checkBound(
  read: Operation,
  outcome: Read,
  writes: KeyWrites,
  { clockDrift = 0, slackMs = 0 }: StaleReadOptions,
): Violation | null {
  if (outcome.staleMs === null) return null;
  const asOf = read.returnedAt - outcome.staleMs * (1 + clockDrift) - slackMs;
  const needed = writes.newestCommittedBefore(asOf);
  if (needed === undefined || reaches(read, outcome, writes, needed.revision)) return null;
  const late = (read.returnedAt - needed.committedAt).toFixed(1);
  const text = `an answer said to be ${outcome.staleMs} ms behind lacks a write committed ${late} ms before`;
  return violation(text, read, needed.operation);
}

/** Whether the answer shows the key at `needed` or later. */
function reaches(read: Operation, outcome: Read, writes: KeyWrites, needed: number): boolean {
  if (outcome.revision > 0) return outcome.revision >= needed;
  return needed === 0 || writes.mayBeDeletedFrom(needed, read.returned);
}

function checkCommitted(read: Operation, outcome: Read, writes: KeyWrites): Violation | null {
  const { value, revision } = outcome;
  if (value === null) return null;
  const writer = writes.at(revision);
  if (writer !== undefined) {
    return writer.value === value
      ? null
      : violation('a replica showed something else than was written there', read, writer.operation);
  }
  const loose = writes.loose.some(
    (write) => write.value === value && write.operation.invoked < read.returned,
  );
  return loose ? null : violation('a replica showed what nobody can have written', read, undefined);
}

function violation(text: string, read: Operation, other: Operation | undefined): Violation {
  const shown = other === undefined ? [read] : [other, read];
  return {
    checker: CHECKER,
    text: `${text}:\n${shown.map((operation) => `  ${describe(operation)}`).join('\n')}`,
    operations: shown.map(({ id }) => id),
  };
}
