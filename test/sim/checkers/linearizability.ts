// Checker 2: linearizability. It searches for one order of all operations, each at a moment between its call and its return, in
// which simple registers with conditions would have given the same answers. This is the search of Wing and Gong with Lowe's memory:
// it goes through the calls and returns in their order. An operation gets its place in the order at its return at the latest. A
// configuration that was tried once is not tried again.
//
// Revisions are used as names only: a condition that names a revision means the value that some answer showed under that name.
// They also decide which order is tried first, because the right order mostly follows them; the result does not depend on that. An
// operation that fits and changes nothing is placed at once, because placing it now excludes no order that works. A key that
// no batch joins with others is searched by itself. Keys that batches join are the registers of one search, which so checks
// atomicity, too. Batches should join few keys.
//
// A write of unknown outcome may take effect anywhere after its call, or never. It is placed only right before an operation that
// would be impossible, or would have another effect, without it. From any other order it can be moved back, or left out, until that
// is so. A search that needs too many steps counts as a failure.

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
/** Maximum number of steps for one group of keys. */
const STEPS_MAX = 8_000_000;
/** Number of operations printed before the one that has no place. */
const SHOWN_MAX = 12;

/** A configuration of the search: all operations that returned before return `at` have their places, and those in `done`. */
interface Config {
  readonly at: number;
  readonly state: RegisterState;
  /** Sorted. */
  readonly done: readonly number[];
  /** The writes of unknown outcome at the end of the order. */
  readonly pending: readonly Pending[];
}

interface Pending {
  readonly operation: number;
  readonly before: RegisterState;
}

/** The return of an operation of known outcome. */
interface Return {
  readonly operation: number;
  /** The other operations of known outcome that are under way then, in the order of their returns. */
  readonly open: readonly number[];
  /** The number of operations of unknown outcome that have begun. */
  readonly unknown: number;
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
  readonly #unknown: readonly number[];
  readonly #empty: RegisterState;
  /** The operation with the lowest rank is tried first. */
  readonly #ranks: readonly number[];
  /** The configurations that were tried, with the sets of operations of unknown outcome that each of them had used. */
  readonly #tried = new Map<string, (readonly number[])[]>();

  constructor(group: KeyGroup) {
    const { operations } = group;
    const registers = new Registers(group);
    this.#group = group;
    this.#empty = registers.empty;
    this.#steps = operations.map((operation) => registers.step(operation));
    this.#footprints = operations.map((operation) => registers.footprint(operation));
    this.#unknown = indexesWhere(operations, ({ outcome }) => outcome.kind === 'unknown');
    this.#returns = returnsOf(operations, this.#unknown);
    this.#ranks = ranksOf(operations);
  }

  run(stepsMax: number): readonly Violation[] {
    let steps = 0;
    let furthest = 0;
    // The last one is tried next: a depth-first search without recursion, which would overflow the stack with a long history.
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

  /** Skips the returns of operations that have their places. */
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

  /**
   * The configurations after each candidate that fits, the one to be tried first at the end. If one fits and changes nothing, only
   * the configuration after that one.
   */
  #nextOf({ at, state, done, pending }: Config, candidates: readonly number[]): readonly Config[] {
    const configs: Config[] = [];
    for (const operation of candidates) {
      const next = this.#steps[operation]?.(state) ?? null;
      if (next === null || !this.#mayFollow(operation, pending)) continue;
      const isUnknown = this.#isUnknown(operation);
      if (isUnknown && next.every((value, place) => value === state[place])) continue;
      const config = {
        at,
        state: next,
        done: withMember(done, operation),
        pending: isUnknown ? [...pending, { operation, before: state }] : [],
      };
      if (next === state) return [config];
      configs.push(config);
    }
    return configs.reverse();
  }

  /** Whether each pending write makes a difference to this operation, which comes right after them. */
  #mayFollow(operation: number, pending: readonly Pending[]): boolean {
    const over = this.#footprints[operation]?.written ?? [];
    return pending.every(({ operation: unknown, before }) => {
      if (this.#steps[operation]?.(before) === null) return true;
      const { touched = [], written = [] } = this.#footprints[unknown] ?? {};
      if (written.every((place) => over.includes(place))) return false;
      if (touched.some((place) => over.includes(place))) return true;
      // Neither affects the other: two writes of unknown outcome are tried in the order of their calls only.
      return this.#isUnknown(operation) && operation > unknown;
    });
  }

  #isUnknown(operation: number): boolean {
    return this.#group.operations[operation]?.outcome.kind === 'unknown';
  }

  /**
   * The operations that may come next, in the order of their revisions. Those without one follow: first the one whose return is due,
   * and those of unknown outcome last.
   */
  #candidates(due: Return, done: readonly number[]): readonly number[] {
    const others = [...due.open, ...this.#unknown.slice(0, due.unknown)];
    const left = [due.operation, ...others.filter((operation) => !done.includes(operation))];
    const rank = (operation: number) => this.#ranks[operation] ?? Number.MAX_VALUE;
    return left.sort((a, b) => rank(a) - rank(b));
  }

  /** A configuration that has used fewer operations of unknown outcome can reach all that one with more of them can. */
  #wasTried({ at, state, done, pending }: Config): boolean {
    const known = done.filter((operation) => !this.#isUnknown(operation));
    const unknown = done.filter((operation) => this.#isUnknown(operation));
    const after = pending.map(({ operation }) => operation).join();
    const key = `${at}:${state.join()}:${known.join()}:${after}`;
    const tried = this.#tried.get(key);
    if (tried === undefined) this.#tried.set(key, [unknown]);
    else if (tried.some((fewer) => fewer.every((operation) => unknown.includes(operation)))) return true;
    else tried.push(unknown);
    return false;
  }

  #violation(what: string, furthest: number): Violation {
    const { keys, operations } = this.#group;
    const stuck = operations[this.#returns[furthest]?.operation ?? 0];
    const until = stuck?.returned ?? Number.POSITIVE_INFINITY;
    // The last operations that returned before it, and itself.
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

/** The revision of each operation as far as answers show it. A write of unknown outcome has one if its value was read. */
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

function returnsOf(operations: readonly Operation[], unknown: readonly number[]): readonly Return[] {
  const known = indexesWhere(operations, ({ outcome }) => outcome.kind !== 'unknown');
  const returnOf = (operation: number) => operations[operation]?.returned ?? 0;
  const callOf = (operation: number) => operations[operation]?.invoked ?? 0;
  const byReturn = [...known].sort((a, b) => returnOf(a) - returnOf(b));
  const open = new Set<number>();
  let begun = 0;
  let unknownBegun = 0;
  return byReturn.map((operation) => {
    const now = returnOf(operation);
    for (; begun < known.length && callOf(known[begun] as number) < now; begun++) {
      open.add(known[begun] as number);
    }
    while (unknownBegun < unknown.length && callOf(unknown[unknownBegun] as number) < now) unknownBegun++;
    open.delete(operation);
    const others = [...open].sort((a, b) => returnOf(a) - returnOf(b));
    return { operation, open: others, unknown: unknownBegun };
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
