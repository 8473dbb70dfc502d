// The model that linearizability is checked against: registers with conditions, deletes and batches, as steps from state to
// state. A state holds a small number for each value; 0: absent.

import { assert } from '../../../common/base/assert.ts';
import type { HistoryMutation, Operation, Text } from '../history.ts';
import { eachEffect } from './effects.ts';

/** One number for each key. */
export type RegisterState = readonly number[];

/** Returns the state after the operation; null: in this state it cannot have had its answer. */
export type Step = (state: RegisterState) => RegisterState | null;

/** The places in the state that an operation reads or writes, and those that it writes. */
export interface Footprint {
  readonly touched: readonly number[];
  readonly written: readonly number[];
}

export interface KeyGroup {
  readonly keys: readonly Text[];
  /** In the order of their calls. */
  readonly operations: readonly Operation[];
}

/**
 * Groups operations by their keys; a batch joins its keys into one group. Leaves out operations that prove nothing: stale reads,
 * failed operations, reads without an answer.
 */
export function keyGroups(operations: readonly Operation[]): readonly KeyGroup[] {
  const parent = new Map<Text, Text>();
  const find = (key: Text): Text => {
    let root = key;
    for (let up = parent.get(root); up !== undefined && up !== root; up = parent.get(root)) root = up;
    parent.set(key, root);
    return root;
  };
  const informative = operations.filter(isInformative);
  for (const operation of informative) {
    const [first, ...others] = keysOf(operation);
    if (first === undefined) continue;
    const root = find(first);
    for (const other of others) parent.set(find(other), root);
  }
  const groups = new Map<Text, { keys: Set<Text>; operations: Operation[] }>();
  for (const operation of informative) {
    const keys = keysOf(operation);
    if (keys[0] === undefined) continue;
    const root = find(keys[0]);
    const group = groups.get(root) ?? { keys: new Set(), operations: [] };
    groups.set(root, group);
    for (const key of keys) group.keys.add(key);
    group.operations.push(operation);
  }
  return [...groups.values()].map((group) => ({
    keys: [...group.keys],
    operations: group.operations.sort((a, b) => a.invoked - b.invoked),
  }));
}

function isInformative({ action, outcome }: Operation): boolean {
  if (action.kind === 'read') return outcome.kind === 'read' && !outcome.stale;
  return outcome.kind !== 'failed';
}

function keysOf({ action }: Operation): readonly Text[] {
  return action.kind === 'read' ? [action.key] : action.mutations.map(({ key }) => key);
}

interface Condition {
  readonly place: number;
  /** Null: no answer has named the revision, so it may be that of any write of unknown outcome. */
  readonly value: number | null;
}

/** The registers of one group of keys; turns its operations into steps. */
export class Registers {
  readonly empty: RegisterState;
  readonly #places: ReadonlyMap<Text, number>;
  readonly #values = new Map<Text, number>();
  /** By key, then by revision: the value that an answer has shown at that revision. */
  readonly #named = new Map<Text, Map<number, number>>();

  constructor({ keys, operations }: KeyGroup) {
    this.empty = keys.map(() => 0);
    this.#places = new Map(keys.map((key, place) => [key, place]));
    for (const operation of operations) this.#name(operation);
    if (operations.some(isConditional)) checkValuesDiffer(operations);
  }

  footprint({ action }: Operation): Footprint {
    if (action.kind === 'read') return { touched: [this.#place(action.key)], written: [] };
    return {
      touched: action.mutations.map(({ key }) => this.#place(key)),
      written: this.#effects(action.mutations).map(({ place }) => place),
    };
  }

  step({ action, outcome }: Operation): Step {
    if (action.kind === 'read') {
      const place = this.#place(action.key);
      const value = outcome.kind === 'read' && outcome.value !== null ? this.#value(outcome.value) : 0;
      return (state) => (state[place] === value ? state : null);
    }
    const { mutations } = action;
    const conditions = this.#conditions(mutations);
    if (outcome.kind === 'conflict') return this.#conflict(mutations, conditions, outcome.revision);
    const effects = this.#effects(mutations);
    const existed = outcome.kind === 'written' ? outcome.existed : null;
    return (state) => {
      if (!conditions.every((condition) => mayHold(condition, state))) return null;
      if (existed !== null && existed !== effects.some(({ place }) => state[place] !== 0)) return null;
      const next = [...state];
      for (const { place, value } of effects) next[place] = value;
      return next;
    };
  }

  #conflict(mutations: readonly HistoryMutation[], conditions: readonly Condition[], revision: number): Step {
    const [only, ...others] = mutations;
    const shown = only === undefined || others.length > 0 ? null : this.#valueAt(only.key, revision);
    const place = only === undefined ? 0 : this.#place(only.key);
    return (state) => {
      if (shown !== null && state[place] !== shown) return null;
      const mayFail = ({ place: at, value }: Condition) => value === null || state[at] !== value;
      return conditions.some(mayFail) ? state : null;
    };
  }

  #conditions(mutations: readonly HistoryMutation[]): readonly Condition[] {
    return mutations.flatMap(({ key, ifRevision }) =>
      ifRevision === null ? [] : [{ place: this.#place(key), value: this.#valueAt(key, ifRevision) }],
    );
  }

  #effects(mutations: readonly HistoryMutation[]): readonly { place: number; value: number }[] {
    const effects: { place: number; value: number }[] = [];
    eachEffect(mutations, (key, value) => {
      effects.push({ place: this.#place(key), value: value === null ? 0 : this.#value(value) });
    });
    return effects;
  }

  #name({ action, outcome }: Operation): void {
    if (action.kind === 'read') {
      if (outcome.kind === 'read' && outcome.value !== null) {
        this.#names(action.key).set(outcome.revision, this.#value(outcome.value));
      }
    } else if (outcome.kind === 'written') {
      eachEffect(action.mutations, (key, value) => {
        if (value !== null) this.#names(key).set(outcome.revision, this.#value(value));
      });
    }
  }

  #names(key: Text): Map<number, number> {
    const names = this.#named.get(key) ?? new Map<number, number>();
    this.#named.set(key, names);
    return names;
  }

  #valueAt(key: Text, revision: number): number | null {
    return revision === 0 ? 0 : (this.#named.get(key)?.get(revision) ?? null);
  }

  #value(text: Text): number {
    const value = this.#values.get(text) ?? this.#values.size + 1;
    this.#values.set(text, value);
    return value;
  }

  #place(key: Text): number {
    const place = this.#places.get(key);
    assert(place !== undefined, 'the key belongs to the group');
    return place;
  }
}

/** A condition on a revision that no answer has named needs the key to be present. */
function mayHold({ place, value }: Condition, state: RegisterState): boolean {
  return value === null ? state[place] !== 0 : state[place] === value;
}

function isConditional({ action }: Operation): boolean {
  return action.kind === 'write' && action.mutations.some(({ ifRevision }) => ifRevision !== null);
}

/** Asserts that no value was written twice: otherwise a revision would not identify a value. */
function checkValuesDiffer(operations: readonly Operation[]): void {
  const written = new Set<string>();
  for (const { action } of operations) {
    if (action.kind !== 'write') continue;
    eachEffect(action.mutations, (key, value) => {
      if (value === null) return;
      const pair = JSON.stringify([key, value]);
      assert(!written.has(pair), `conditions can be checked only where values differ: ${pair}`);
      written.add(pair);
    });
  }
}
