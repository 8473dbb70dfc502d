// Checker 2: is there one order of all operations, each at a moment between its call and its return, in which plain
// registers with conditions would have given these answers? The search of Wing and Gong with Lowe's memory: events are
// taken in their order; an operation gets its place when its return is due at the latest, after those that must come
// before it; configurations that were tried are not tried again.
//
// Revisions are not looked at but as names: a condition that names a revision means the value that some answer showed
// under that name. Which order is tried first follows them too, as the right one is mostly theirs; what is found does not
// depend on that. What changes nothing and fits is placed at once: wherever else it may fit, it fits here. Keys that no batch joins are searched each for itself; keys that batches join are registers of one
// search, so that atomicity is searched for as well: let batches join few.
//
// A write of unknown outcome may be put anywhere after its call, or nowhere. It is put only right before what could not be
// there, or would end otherwise, without it: from any other order it can be moved on, or left out, until that is so. A
// search whose steps are used up counts as a failure.

import type { Operation, Text, Violation } from '../history.ts';
import { describe } from './effects.ts';
import {
  type Footprint,
  type KeyGroup,
  keyGroups,
  type RegisterState,
  Registers,
  type Step,
} from './registers.ts';

const CHECKER = 'linearizability';
/** For each group of keys. */
const STEPS_MAX = 8_000_000;
/** Operations shown around the one that has no place. */
const SHOWN_MAX = 12;

/** A place in the search: all that returned before return `at` have their places; of the others those in `done`. */
interface Config {
  readonly at: number;
  readonly state: RegisterState;
  /** Sorted. */
  readonly done: readonly number[];
  /** The writes of unknown outcome that were put last, and nothing else since. */
  readonly pending: readonly Pending[];
}

interface Pending {
  readonly operation: number;
  readonly before: RegisterState;
}

/** A return of a known outcome. */
interface Return {
  readonly operation: number;
  /** The others of known outcome that are under way then, the first to return first. */
  readonly open: readonly number[];
  /** So many of the loose ones have begun. */
  readonly loose: number;
}

export function checkLinearizability(
  operations: readonly Operation[],
  options: { readonly stepsMax?: number } = {},
): readonly Violation[] {
  return keyGroups(operations).flatMap((group) => new Search(group).run(options.stepsMax ?? STEPS_MAX));
}

class Search {
  readonly #group: KeyGroup;
  readonly #steps: readonly Step[];
  readonly #footprints: readonly Footprint[];
  readonly #returns: readonly Return[];
  /** Operations of unknown outcome in the order of their calls. */
  readonly #loose: readonly number[];
  readonly #empty: RegisterState;
  /** Where each operation is to be tried. */
  readonly #ranks: readonly number[];
  /** Configurations tried: for each, the sets of loose operations that it was reached with. */
  readonly #tried = new Map<string, (readonly number[])[]>();

  constructor(group: KeyGroup) {
    const { operations } = group;
    const registers = new Registers(group);
    this.#group = group;
    this.#empty = registers.empty;
    this.#steps = operations.map((operation) => registers.step(operation));
    this.#footprints = operations.map((operation) => registers.footprint(operation));
    this.#loose = indexesWhere(operations, ({ outcome }) => outcome.kind === 'unknown');
    this.#returns = returnsOf(operations, this.#loose);
    this.#ranks = ranksOf(operations);
  }

  run(stepsMax: number): readonly Violation[] {
    let steps = 0;
    let furthest = 0;
    // The last one is tried next: depth first, without a stack of calls that a long history would overflow.
    const open: Config[] = [{ at: 0, state: this.#empty, done: [], pending: [] }];
    for (let config = open.pop(); config !== undefined; config = open.pop()) {
      const passed = this.#passReturned(config);
      const { at, done } = passed;
      furthest = Math.max(furthest, at);
      const due = this.#returns[at];
      if (due === undefined) return [];
      if (this.#wasTried(passed)) continue;
      const candidates = this.#candidates(due, done);
      steps += candidates.length;
      if (steps > stepsMax) return [this.#violation(`no answer within ${stepsMax} steps`, furthest)];
      open.push(...this.#nextOf(passed, candidates));
    }
    return [this.#violation('no order explains the answers', furthest)];
  }

  /** Goes over the returns of operations that have their places. */
  #passReturned({ at, state, done, pending }: Config): Config {
    let next = at;
    let left = done;
    for (let due = this.#returns[next]; due !== undefined; due = this.#returns[++next]) {
      const { operation } = due;
      if (!left.includes(operation)) break;
      left = left.filter((member) => member !== operation);
    }
    return { at: next, state, done: left, pending };
  }

  /** With each that fits, the first to be tried last; with one alone that fits and changes nothing, where there is one. */
  #nextOf({ at, state, done, pending }: Config, candidates: readonly number[]): readonly Config[] {
    const configs: Config[] = [];
    for (const operation of candidates) {
      const next = this.#steps[operation]?.(state) ?? null;
      if (next === null || !this.#mayFollow(operation, pending)) continue;
      const isLoose = this.#isLoose(operation);
      if (isLoose && next.every((value, place) => value === state[place])) continue;
      const config = {
        at,
        state: next,
        done: withMember(done, operation),
        pending: isLoose ? [...pending, { operation, before: state }] : [],
      };
      if (next === state) return [config];
      configs.push(config);
    }
    return configs.reverse();
  }

  /** Whether it makes a difference that what is pending comes before it: that it does so for each of them. */
  #mayFollow(operation: number, pending: readonly Pending[]): boolean {
    const over = this.#footprints[operation]?.written ?? [];
    return pending.every(({ operation: loose, before }) => {
      if (this.#steps[operation]?.(before) === null) return true;
      const { touched = [], written = [] } = this.#footprints[loose] ?? {};
      if (written.every((place) => over.includes(place))) return false;
      if (touched.some((place) => over.includes(place))) return true;
      // Neither minds the other: of two loose ones the order of calls is tried.
      return this.#isLoose(operation) && operation > loose;
    });
  }

  #isLoose(operation: number): boolean {
    return this.#group.operations[operation]?.outcome.kind === 'unknown';
  }

  /** What may come next, by revisions; what has none after that: the one that is due first, those of unknown outcome last. */
  #candidates(due: Return, done: readonly number[]): readonly number[] {
    const others = [...due.open, ...this.#loose.slice(0, due.loose)];
    const left = [due.operation, ...others.filter((operation) => !done.includes(operation))];
    const rank = (operation: number) => this.#ranks[operation] ?? Number.MAX_VALUE;
    return left.sort((a, b) => rank(a) - rank(b));
  }

  /** Loose operations need no place: who has used fewer can do all that who has used more can. */
  #wasTried({ at, state, done, pending }: Config): boolean {
    const known = done.filter((operation) => !this.#isLoose(operation));
    const loose = done.filter((operation) => this.#isLoose(operation));
    const after = pending.map(({ operation }) => operation).join();
    const key = `${at}:${state.join()}:${known.join()}:${after}`;
    const tried = this.#tried.get(key);
    if (tried === undefined) this.#tried.set(key, [loose]);
    else if (tried.some((fewer) => fewer.every((operation) => loose.includes(operation)))) return true;
    else tried.push(loose);
    return false;
  }

  #violation(what: string, furthest: number): Violation {
    const { keys, operations } = this.#group;
    const stuck = operations[this.#returns[furthest]?.operation ?? 0];
    const until = stuck?.returned ?? Number.POSITIVE_INFINITY;
    // Those of known outcome that returned last before it, and what was under way with it.
    const near = operations
      .filter(({ invoked, returned }) => invoked < until && returned <= until)
      .sort((a, b) => a.returned - b.returned)
      .slice(-SHOWN_MAX);
    const lines = near.map((operation) => `  ${describe(operation)}`).join('\n');
    return {
      checker: CHECKER,
      text: `${what} on ${keys.join(', ')}; the last of these has no place:\n${lines}`,
      operations: near.map(({ id }) => id),
    };
  }
}

/** Revisions as far as answers tell them: of a write of unknown outcome, where somebody has read what it wrote. */
function ranksOf(operations: readonly Operation[]): readonly number[] {
  const shown = new Map<Text, number>();
  for (const { outcome } of operations) {
    if (outcome.kind === 'read' && outcome.value !== null) shown.set(outcome.value, outcome.revision);
  }
  return operations.map(({ action, outcome }) => {
    if (outcome.kind === 'written') return outcome.revision;
    if (outcome.kind === 'read' && outcome.value !== null) return outcome.revision;
    if (action.kind === 'read') return Number.MAX_VALUE;
    const seen = action.mutations.flatMap((mutation) =>
      mutation.kind === 'put' ? (shown.get(mutation.value) ?? []) : [],
    );
    return Math.min(Number.MAX_VALUE, ...seen);
  });
}

function returnsOf(operations: readonly Operation[], loose: readonly number[]): readonly Return[] {
  const known = indexesWhere(operations, ({ outcome }) => outcome.kind !== 'unknown');
  const returnOf = (operation: number) => operations[operation]?.returned ?? 0;
  const callOf = (operation: number) => operations[operation]?.invoked ?? 0;
  const byReturn = [...known].sort((a, b) => returnOf(a) - returnOf(b));
  const open = new Set<number>();
  let begun = 0;
  let looseBegun = 0;
  return byReturn.map((operation) => {
    const now = returnOf(operation);
    for (; begun < known.length && callOf(known[begun] as number) < now; begun++) {
      open.add(known[begun] as number);
    }
    while (looseBegun < loose.length && callOf(loose[looseBegun] as number) < now) looseBegun++;
    open.delete(operation);
    const others = [...open].sort((a, b) => returnOf(a) - returnOf(b));
    return { operation, open: others, loose: looseBegun };
  });
}

function indexesWhere(
  operations: readonly Operation[],
  holds: (operation: Operation) => boolean,
): readonly number[] {
  return operations.flatMap((operation, index) => (holds(operation) ? [index] : []));
}

function withMember(members: readonly number[], member: number): readonly number[] {
  return [...members, member].sort((a, b) => a - b);
}
