// Checker 1: every answer names its epoch and its revision, and the order of calls and returns must agree with them. It goes
// through all calls and returns once, in O(n log n), for millions of operations:
//
//   epochs      a call after an answer of epoch E gets an answer of E or later, for each range
//   revisions   a write gets a revision that no other write has, higher than all that were answered for its range before its call
//   keys        a linearizable read, or a conflict, shows a key no older than the answers before its call did; it shows the key
//               as absent only if something may have deleted it since
//   values      a read shows at a revision what was written there, by an operation that had begun
//   conditions  no acknowledged write lies between the revision that a condition named and the write's own revision

import type { HistoryMutation, Operation, Outcome, Text, Violation } from '../history.ts';
import { describe, eachEffect, mayApply } from './effects.ts';

const CHECKER = 'versions';
/** A defect shows in many operations; the first ones are enough. */
const VIOLATIONS_MAX = 20;

interface RangeFloor {
  epoch: number;
  epochBy: number;
  revision: number;
  revisionBy: number;
  /** Acknowledged writes by revision. */
  readonly writers: Map<number, number>;
}

interface KeyFloor {
  revision: number;
  by: number;
  /** The highest revision of a delete that has begun; Infinity: one of them has an unknown outcome. */
  deletedAt: number;
  /** Values of writes of unknown outcome that have begun. */
  readonly unknownValues: Set<Text>;
  /** Acknowledged writes of the key by revision. They have one order even if the key changes its range. */
  readonly writers: Map<number, number>;
  /** Values that were read at revisions that no acknowledged write has. */
  readonly shown: Map<number, Text>;
}

type Written = Outcome & { readonly kind: 'written' };
type Read = Outcome & { readonly kind: 'read' };

class Sweep {
  readonly violations: Violation[] = [];
  readonly #operations: readonly Operation[];
  readonly #ranges = new Map<number, RangeFloor>();
  readonly #keys = new Map<Text, KeyFloor>();
  /** The highest epoch of its range, revision of its range and revision of its keys that were known when each operation began. */
  readonly #floors: { epoch: Float64Array; revision: Float64Array; key: Float64Array };

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
    const make = () => new Float64Array(operations.length);
    this.#floors = { epoch: make(), revision: make(), key: make() };
  }

  run(): void {
    this.#collectWriters();
    const byCall = order(this.#operations, ({ invoked }) => invoked);
    const byReturn = order(this.#operations, ({ returned }) => returned);
    let next = 0;
    for (const index of byReturn) {
      const operation = this.#operations[index] as Operation;
      while (next < byCall.length && this.#at(byCall, next).invoked < operation.returned) {
        this.#begin(byCall[next] as number);
        next++;
      }
      if (operation.returned === Number.POSITIVE_INFINITY) continue;
      this.#end(index, operation);
      if (this.violations.length >= VIOLATIONS_MAX) return;
    }
  }

  #at(indexes: Uint32Array, place: number): Operation {
    return this.#operations[indexes[place] as number] as Operation;
  }

  /** Two writes with one revision are a violation in any order. */
  #collectWriters(): void {
    this.#operations.forEach((operation, index) => {
      const { outcome } = operation;
      if (outcome.kind !== 'written') return;
      const { writers } = this.#range(outcome.range);
      const other = writers.get(outcome.revision);
      if (other !== undefined) this.#say('two writes have one revision', other, index);
      else writers.set(outcome.revision, index);
      if (operation.action.kind !== 'write') return;
      eachEffect(operation.action.mutations, (key) => this.#key(key).writers.set(outcome.revision, index));
    });
  }

  #begin(index: number): void {
    const operation = this.#operations[index] as Operation;
    const { action, outcome } = operation;
    if (outcome.kind === 'written' || (outcome.kind === 'read' && outcome.range !== null)) {
      const floor = this.#range(outcome.range as number);
      this.#floors.epoch[index] = floor.epoch;
      this.#floors.revision[index] = floor.revision;
    }
    if (action.kind === 'read') {
      this.#floors.key[index] = this.#key(action.key).revision;
      return;
    }
    let key = 0;
    for (const mutation of action.mutations) key = Math.max(key, this.#key(mutation.key).revision);
    this.#floors.key[index] = key;
    if (mayApply(operation)) this.#mayTakeEffect(action.mutations, outcome);
  }

  #mayTakeEffect(mutations: readonly HistoryMutation[], outcome: Outcome): void {
    const revision = outcome.kind === 'written' ? outcome.revision : Number.POSITIVE_INFINITY;
    eachEffect(mutations, (name, value) => {
      const key = this.#key(name);
      if (value === null) key.deletedAt = Math.max(key.deletedAt, revision);
      else if (outcome.kind === 'unknown') key.unknownValues.add(value);
    });
  }

  #end(index: number, operation: Operation): void {
    const { action, outcome } = operation;
    if (action.kind === 'write') {
      if (outcome.kind === 'written') this.#endWrite(index, action.mutations, outcome);
      const [only, ...others] = action.mutations;
      if (outcome.kind === 'conflict' && only !== undefined && others.length === 0) {
        if (outcome.revision === only.ifRevision) this.#say('a condition that held was refused', index);
        this.#endRead(index, only.key, outcome.revision);
      }
    } else if (outcome.kind === 'read' && !outcome.stale) {
      this.#endRead(index, action.key, outcome.revision);
      if (outcome.value !== null) this.#checkValue(index, action.key, outcome);
      if (outcome.range !== null && outcome.epoch !== null) {
        this.#answered(index, outcome.range, outcome.epoch, outcome.revision);
      }
    }
  }

  #endWrite(index: number, mutations: readonly HistoryMutation[], outcome: Written): void {
    const { range, epoch, revision } = outcome;
    const floor = this.#range(range);
    if (revision <= (this.#floors.revision[index] as number)) {
      this.#say(
        'a write got a revision that is not above one known before its call',
        floor.revisionBy,
        index,
      );
    }
    if (revision <= (this.#floors.key[index] as number)) {
      const by = mutations.map(({ key }) => this.#key(key).by);
      this.#say(
        'a write got a revision that is not above one that its keys had before its call',
        ...by,
        index,
      );
    }
    eachEffect(mutations, (name) => raise(this.#key(name), revision, index));
    this.#answered(index, range, epoch, revision);
  }

  /** The key was at `revision` (0: absent) at some moment between call and return. */
  #endRead(index: number, name: Text, revision: number): void {
    const key = this.#key(name);
    const floor = this.#floors.key[index] as number;
    if (revision > 0) {
      if (revision < floor) this.#say('a key was shown older than it was before the call', key.by, index);
      raise(key, revision, index);
    } else if (floor > 0 && key.deletedAt < floor) {
      this.#say('a key was said to be absent that nothing can have deleted', key.by, index);
    }
  }

  #checkValue(index: number, name: Text, outcome: Read): void {
    const { revision, value } = outcome;
    const key = this.#key(name);
    const writer = key.writers.get(revision);
    if (writer === undefined) return this.#checkUnknownValue(index, key, revision, value ?? '');
    const { action, invoked } = this.#operations[writer] as Operation;
    let written: Text | null = null;
    if (action.kind === 'write') {
      eachEffect(action.mutations, (changed, to) => {
        if (changed === name) written = to;
      });
    }
    if (written !== value) this.#say('a read shows something else than was written there', writer, index);
    else if (invoked > (this.#operations[index] as Operation).returned) {
      this.#say('a value was read before anybody wrote it', writer, index);
    }
  }

  #checkUnknownValue(index: number, key: KeyFloor, revision: number, value: Text): void {
    const before = key.shown.get(revision);
    if (before !== undefined && before !== value) this.#say('two values at one revision of a key', index);
    key.shown.set(revision, value);
    if (!key.unknownValues.has(value)) this.#say('a value was read that nobody can have written', index);
  }

  /** Raises the floors of the range, and checks the epoch against the one known when the operation began. */
  #answered(index: number, range: number, epoch: number, revision: number): void {
    const floor = this.#range(range);
    if (epoch < (this.#floors.epoch[index] as number)) {
      this.#say('an answer of an epoch that was over before the call', floor.epochBy, index);
    }
    if (epoch > floor.epoch) {
      floor.epoch = epoch;
      floor.epochBy = index;
    }
    if (revision > floor.revision) {
      floor.revision = revision;
      floor.revisionBy = index;
    }
  }

  #range(id: number): RangeFloor {
    let floor = this.#ranges.get(id);
    if (floor === undefined) {
      floor = { epoch: 0, epochBy: 0, revision: 0, revisionBy: 0, writers: new Map() };
      this.#ranges.set(id, floor);
    }
    return floor;
  }

  #key(name: Text): KeyFloor {
    let floor = this.#keys.get(name);
    if (floor === undefined) {
      floor = {
        revision: 0,
        by: 0,
        deletedAt: 0,
        unknownValues: new Set(),
        writers: new Map(),
        shown: new Map(),
      };
      this.#keys.set(name, floor);
    }
    return floor;
  }

  #say(what: string, ...indexes: number[]): void {
    this.violations.push(violation(what, indexes, this.#operations));
  }
}

export function checkVersions(operations: readonly Operation[]): readonly Violation[] {
  const sweep = new Sweep(operations);
  sweep.run();
  return [...sweep.violations, ...checkConditions(operations)];
}

interface AckedWrite {
  readonly index: number;
  readonly revision: number;
  readonly deletes: boolean;
}

/** A write whose condition named revision r got revision s: no acknowledged write of the key lies between r and s. */
function checkConditions(operations: readonly Operation[]): readonly Violation[] {
  const { writes, conditional } = ackedWrites(operations);
  const violations: Violation[] = [];
  for (const { index, key, named, revision } of conditional) {
    const before = newestBelow(writes.get(key) ?? [], revision);
    if (before === undefined) continue;
    // The condition named the key as absent: a delete, possibly one of unknown outcome, must have removed it before.
    const broken = named > 0 ? before.revision > named : !before.deletes && !mayBeDeleted(operations, key);
    if (!broken) continue;
    violations.push(
      violation('a condition held although the key had changed', [before.index, index], operations),
    );
    if (violations.length >= VIOLATIONS_MAX) break;
  }
  return violations;
}

function ackedWrites(operations: readonly Operation[]) {
  const writes = new Map<Text, AckedWrite[]>();
  const conditional: { index: number; key: Text; named: number; revision: number }[] = [];
  operations.forEach(({ action, outcome }, index) => {
    if (action.kind !== 'write' || outcome.kind !== 'written') return;
    const { revision } = outcome;
    for (const { key, ifRevision } of action.mutations) {
      if (ifRevision !== null) conditional.push({ index, key, named: ifRevision, revision });
    }
    eachEffect(action.mutations, (key, value) => {
      const write = { index, revision, deletes: value === null };
      const known = writes.get(key);
      if (known === undefined) writes.set(key, [write]);
      else known.push(write);
    });
  });
  for (const list of writes.values()) list.sort((a, b) => a.revision - b.revision);
  return { writes, conditional };
}

function newestBelow(writes: readonly AckedWrite[], revision: number): AckedWrite | undefined {
  let low = 0;
  let high = writes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((writes[middle] as AckedWrite).revision < revision) low = middle + 1;
    else high = middle;
  }
  return writes[low - 1];
}

function mayBeDeleted(operations: readonly Operation[], key: Text): boolean {
  return operations.some(
    ({ action, outcome }) =>
      outcome.kind === 'unknown' &&
      action.kind === 'write' &&
      action.mutations.some((mutation) => mutation.kind === 'delete' && mutation.key === key),
  );
}

function violation(what: string, indexes: readonly number[], operations: readonly Operation[]): Violation {
  const shown = [...new Set(indexes)].map((index) => operations[index] as Operation);
  return {
    checker: CHECKER,
    text: `${what}:\n${shown.map((operation) => `  ${describe(operation)}`).join('\n')}`,
    operations: shown.map(({ id }) => id),
  };
}

function raise(key: KeyFloor, revision: number, index: number): void {
  if (revision <= key.revision) return;
  key.revision = revision;
  key.by = index;
}

/** The indexes of operations, sorted by `place`; a stable sort. */
function order(operations: readonly Operation[], place: (operation: Operation) => number): Uint32Array {
  const places = Float64Array.from(operations, place);
  const indexes = Uint32Array.from(operations, (_, index) => index);
  return indexes.sort((a, b) => {
    const first = places[a] as number;
    const second = places[b] as number;
    // Infinity - Infinity is NaN.
    return first === second ? a - b : first - second;
  });
}
