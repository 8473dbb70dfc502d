// The writes of each key by revision and by time, for the checkers that ask how new an answer must be.

import type { Operation, Text } from '../history.ts';
import { eachEffect } from './effects.ts';

/** Returns when a revision of a range was committed, ms on the clock of the history; undefined: unknown. */
export type CommitTimes = (range: number, revision: number) => number | undefined;

export interface KeyWrite {
  readonly operation: Operation;
  readonly range: number;
  readonly revision: number;
  /** Null: it deletes. */
  readonly value: Text | null;
  /** The latest possible time of the commit: a write is committed before it is acknowledged. */
  readonly committedAt: number;
}

/** A write that may have taken effect, with unknown revision. */
interface UnknownWrite {
  readonly operation: Operation;
  readonly value: Text | null;
}

export class KeyWrites {
  /** The acknowledged writes, by revision. */
  readonly acked: readonly KeyWrite[];
  readonly unknown: readonly UnknownWrite[];
  /** By time of commit, each with the write of the highest revision until then. */
  readonly #byCommit: readonly { readonly at: number; readonly newest: KeyWrite }[];

  constructor(acked: readonly KeyWrite[], unknown: readonly UnknownWrite[]) {
    this.acked = [...acked].sort((a, b) => a.revision - b.revision);
    this.unknown = unknown;
    let newest: KeyWrite | undefined;
    this.#byCommit = [...acked]
      .sort((a, b) => a.committedAt - b.committedAt)
      .map((write) => {
        if (newest === undefined || write.revision > newest.revision) newest = write;
        return { at: write.committedAt, newest };
      });
  }

  /** The write of the highest revision that was committed before `at`. */
  newestCommittedBefore(at: number): KeyWrite | undefined {
    return this.#byCommit[firstWhere(this.#byCommit.length, (i) => (this.#byCommit[i]?.at ?? 0) >= at) - 1]
      ?.newest;
  }

  at(revision: number): KeyWrite | undefined {
    const write =
      this.acked[firstWhere(this.acked.length, (i) => (this.acked[i]?.revision ?? 0) >= revision)];
    return write?.revision === revision ? write : undefined;
  }

  /** Whether an operation that began before event `event` may have deleted the key at `revision` or later. */
  mayBeDeletedFrom(revision: number, event: number): boolean {
    const isDelete = ({ value, operation }: UnknownWrite) => value === null && operation.invoked < event;
    return (
      this.unknown.some(isDelete) || this.acked.some((write) => write.revision >= revision && isDelete(write))
    );
  }
}

export function writesByKey(
  operations: readonly Operation[],
  commitTimes: CommitTimes = () => undefined,
): ReadonlyMap<Text, KeyWrites> {
  const acked = new Map<Text, KeyWrite[]>();
  const unknown = new Map<Text, UnknownWrite[]>();
  for (const operation of operations) {
    const { action, outcome } = operation;
    if (action.kind !== 'write') continue;
    if (outcome.kind !== 'written' && outcome.kind !== 'unknown') continue;
    eachEffect(action.mutations, (key, value) => {
      if (outcome.kind === 'unknown') return add(unknown, key, { operation, value });
      const { range, revision } = outcome;
      const committedAt = Math.min(operation.returnedAt, commitTimes(range, revision) ?? Infinity);
      add(acked, key, { operation, range, revision, value, committedAt });
    });
  }
  const keys = new Set([...acked.keys(), ...unknown.keys()]);
  return new Map([...keys].map((key) => [key, new KeyWrites(acked.get(key) ?? [], unknown.get(key) ?? [])]));
}

function add<T>(lists: Map<Text, T[]>, key: Text, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

/** The first index in [0, length) from which on `holds` is true; `length` if there is none. */
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
