// Checker 4: stale reads. A client never sees a state older than an earlier answer to it; an answer is never older than it says;
// and it shows nothing that was never committed.

import type { Operation, Outcome, Text, Violation } from '../history.ts';
import { describe, eachEffect } from './effects.ts';
import { groupBy } from './grouping.ts';
import { type CommitTimes, type KeyWrite, KeyWrites, writesByKey } from './writes.ts';

const CHECKER = 'stale reads';

export interface StaleReadOptions {
  /** The times of commits, if they are known. Default: the times of acknowledgements. */
  readonly commitTimes?: CommitTimes;
  /** How much faster or slower than the history's clock a clock may run, as a fraction. Default 0. */
  readonly clockDrift?: number;
  /** How late the history may have recorded an answer, ms. Default 0. */
  readonly slackMs?: number;
}

type Read = Outcome & { readonly kind: 'read' };

const NO_WRITES = new KeyWrites([], []);

export function checkStaleReads(
  operations: readonly Operation[],
  options: StaleReadOptions = {},
): readonly Violation[] {
  const history = { writes: writesByKey(operations, options.commitTimes) };
  const violations: Violation[] = [];
  for (const [, own] of groupBy(operations, ({ client }) => client)) {
    for (const { read, outcome, key, floor } of staleReadsOf(own, history)) {
      const keyWrites = history.writes.get(key) ?? NO_WRITES;
      const why =
        checkMonotonic(read, outcome, keyWrites, floor) ??
        checkGone(read, outcome, keyWrites, floor) ??
        checkBound(read, outcome, keyWrites, options) ??
        checkCommitted(read, outcome, keyWrites);
      if (why !== null) violations.push(why);
    }
  }
  return violations;
}

interface Known {
  readonly writes: ReadonlyMap<Text, KeyWrites>;
}

/** What a client knew from answers when it made the call. */
interface Floor {
  /** By range: the highest revision. The ranges of a key change, and revisions of two of them say nothing of each other. */
  readonly ranges: ReadonlyMap<number, number>;
  /** The highest revision of the key. */
  readonly key: number;
  /** All revisions of the key up to this one were known to be deleted. */
  readonly gone: number;
}

interface StaleRead {
  readonly read: Operation;
  readonly outcome: Read;
  readonly key: Text;
  readonly floor: Floor;
}

function* staleReadsOf(operations: readonly Operation[], history: Known): Generator<StaleRead> {
  const byCall = [...operations].sort((a, b) => a.invoked - b.invoked);
  const byReturn = [...operations].sort((a, b) => a.returned - b.returned);
  const knowledge = new ClientKnowledge(history);
  let next = 0;
  for (const read of byCall) {
    for (; (byReturn[next]?.returned ?? Infinity) < read.invoked; next++) {
      knowledge.note(byReturn[next] as Operation);
    }
    knowledge.begins(read);
    const { action, outcome } = read;
    if (action.kind !== 'read' || outcome.kind !== 'read' || !outcome.stale) continue;
    yield { read, outcome, key: action.key, floor: knowledge.floorOf(action.key) };
  }
}

/** What one client knows from the answers so far. */
class ClientKnowledge {
  readonly #history: Known;
  readonly #ranges = new Map<number, number>();
  readonly #keys = new Map<Text, number>();
  readonly #gone = new Map<Text, number>();
  /** By operations under way: the highest revision of their key that was known when they began. */
  readonly #atCall = new Map<number, number>();

  constructor(history: Known) {
    this.#history = history;
  }

  floorOf(key: Text): Floor {
    return { ranges: this.#ranges, key: this.#keys.get(key) ?? 0, gone: this.#gone.get(key) ?? 0 };
  }

  begins({ id, action }: Operation): void {
    const [only, ...others] = keysOf(action);
    if (only !== undefined && others.length === 0) this.#atCall.set(id, this.#keys.get(only) ?? 0);
  }

  note(operation: Operation): void {
    const { action, outcome } = operation;
    if (outcome.kind === 'failed' || outcome.kind === 'unknown') return;
    const keys = keysOf(action);
    const [first, ...others] = keys;
    if (first === undefined) return;
    const { revision } = outcome;
    const range = outcome.kind === 'conflict' ? this.#rangeOfConflict(first, revision) : outcome.range;
    if (range !== null) raise(this.#ranges, range, revision);
    if (outcome.kind === 'written') return this.#noteWritten(action, revision);
    // A conflict does not say which one of several keys it is about.
    if (others.length > 0) return;
    if (revision === 0) this.#noteGone(first, operation);
    else raise(this.#keys, first, revision);
  }

  /** A conflict does not say which range answered, but it names the write that it met. */
  #rangeOfConflict(key: Text, revision: number): number | null {
    return this.#history.writes.get(key)?.at(revision)?.range ?? null;
  }

  #noteWritten(action: Operation['action'], revision: number): void {
    if (action.kind === 'write') eachEffect(action.mutations, (key) => raise(this.#keys, key, revision));
  }

  /**
   * The key was answered to be absent: all its revisions that the client knew when it asked are deleted. If the answer is
   * linearizable, so are all that were committed before the call.
   */
  #noteGone(key: Text, { id, outcome, invokedAt }: Operation): void {
    raise(this.#gone, key, this.#atCall.get(id) ?? 0);
    if (outcome.kind === 'read' && outcome.stale) return;
    const newest = this.#history.writes.get(key)?.newestCommittedBefore(invokedAt);
    raise(this.#gone, key, newest?.revision ?? 0);
  }
}

function keysOf(action: Operation['action']): readonly Text[] {
  return action.kind === 'read' ? [action.key] : action.mutations.map(({ key }) => key);
}

function raise<K>(floors: Map<K, number>, of: K, to: number): void {
  if (to > (floors.get(of) ?? 0)) floors.set(of, to);
}

function checkMonotonic(read: Operation, outcome: Read, writes: KeyWrites, floor: Floor): Violation | null {
  const isKnown = ({ range, revision }: KeyWrite) => revision <= (floor.ranges.get(range) ?? 0);
  const known = writes.acked.findLast(isKnown)?.revision ?? 0;
  const needed = Math.max(floor.key, known);
  if (reaches(read, outcome, writes, needed)) return null;
  const shown = writes.at(needed)?.operation;
  return violation(`a client went back in time: it already knew revision ${needed}`, read, shown);
}

function checkGone(read: Operation, outcome: Read, writes: KeyWrites, { gone }: Floor): Violation | null {
  if (outcome.revision === 0 || outcome.revision > gone) return null;
  const text = `a client went back in time: it already knew that the key was absent, after revision ${gone}`;
  return violation(text, read, writes.at(outcome.revision)?.operation);
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
  const unknown = writes.unknown.some(
    (write) => write.value === value && write.operation.invoked < read.returned,
  );
  return unknown ? null : violation('a replica showed what nobody can have written', read, undefined);
}

function violation(text: string, read: Operation, other: Operation | undefined): Violation {
  const shown = other === undefined ? [read] : [other, read];
  return {
    checker: CHECKER,
    text: `${text}:\n${shown.map((operation) => `  ${describe(operation)}`).join('\n')}`,
    operations: shown.map(({ id }) => id),
  };
}
