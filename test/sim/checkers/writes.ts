// What is known of the writes of each key by revision and by time: shared by the checkers that ask what an answer must
// have shown at least.

import type { Operation, Text } from '../history.ts';
import { eachEffect } from './effects.ts';

/** When a revision of a range was committed, ms on the clock of the history; undefined: not known. */
export type CommitTimes = (range: number, revision: number) => number | undefined;

export interface KeyWrite {
  readonly operation: Operation;
  readonly range: number;
  readonly revision: number;
  /** Null: it deletes. */
  readonly value: Text | null;
  /** At the latest: what was acknowledged was committed before. */
  readonly committedAt: number;
}

/** Writes that may have taken effect, whose revision nobody knows. */
interface LooseWrite {
  readonly operation: Operation;
  readonly value: Text | null;
}

export class KeyWrites {
  /** Acknowledged, by revision. */
  readonly acked: readonly KeyWrite[];
  readonly loose: readonly LooseWrite[];
  /** In the order of their commits, each with the highest revision up to there. */
  readonly #byCommit: readonly { readonly at: number; readonly newest: KeyWrite }[];

  constructor(acked: readonly KeyWrite[], loose: readonly LooseWrite[]) {
    this.acked = [...acked].sort((a, b) => a.revision - b.revision);
    this.loose = loose;
    let newest: KeyWrite | undefined;
    this.#byCommit = [...acked]
      .sort((a, b) => a.committedAt - b.committedAt)
      .map((write) => {
        if (newest === undefined || write.revision > newest.revision) newest = write;
        return { at: write.committedAt, newest };
      });
  }

  /** The newest of those that were committed before `at`. */
  newestCommittedBefore(at: number): KeyWrite | undefined {
    return this.#byCommit[firstWhere(this.#byCommit.length, (i) => (this.#byCommit[i]?.at ?? 0) >= at) - 1]
      ?.newest;
  }

  newestThrough(revision: number): KeyWrite | undefined {
    return this.acked[firstWhere(this.acked.length, (i) => (this.acked[i]?.revision ?? 0) > revision) - 1];
  }

  at(revision: number): KeyWrite | undefined {
    const write = this.newestThrough(revision);
    return write?.revision === revision ? write : undefined;
  }

  /** Whether something that began before event `event` may have deleted the key at `revision` or later. */
  mayBeDeletedFrom(revision: number, event: number): boolean {
    const isDelete = ({ value, operation }: LooseWrite) => value === null && operation.invoked < event;
    return (
      this.loose.some(isDelete) || this.acked.some((write) => write.revision >= revision && isDelete(write))
    );
  }
}

export function writesByKey(
  operations: readonly Operation[],
  commitTimes: CommitTimes = () => undefined,
): ReadonlyMap<Text, KeyWrites> {
  const acked = new Map<Text, KeyWrite[]>();
  const loose = new Map<Text, LooseWrite[]>();
  for (const operation of operations) {
    const { action, outcome } = operation;
    if (action.kind !== 'write') continue;
    if (outcome.kind !== 'written' && outcome.kind !== 'unknown') continue;
    eachEffect(action.mutations, (key, value) => {
      if (outcome.kind === 'unknown') return add(loose, key, { operation, value });
      const { range, revision } = outcome;
      const committedAt = Math.min(operation.returnedAt, commitTimes(range, revision) ?? Infinity);
      add(acked, key, { operation, range, revision, value, committedAt });
    });
  }
  const keys = new Set([...acked.keys(), ...loose.keys()]);
  return new Map([...keys].map((key) => [key, new KeyWrites(acked.get(key) ?? [], loose.get(key) ?? [])]));
}

function add<T>(lists: Map<Text, T[]>, key: Text, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

/** The first index in [0, length) from which on `holds` is true; length where there is none. */
function firstWhere(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
