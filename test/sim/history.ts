// What clients did and what they were told, in the order in which it happened: the only thing that the checkers
// (checkers/*.ts) look at. The simulator and the recorder of real processes (support/recording-client.ts) write it. Values
// should be unique within a history: then a value names the write that made it.

/** Text that stands for a key or a value, one to one. */
export type Text = string;

export type HistoryMutation =
  | { readonly kind: 'put'; readonly key: Text; readonly value: Text; readonly ifRevision: number | null }
  | { readonly kind: 'delete'; readonly key: Text; readonly ifRevision: number | null }
  | { readonly kind: 'check'; readonly key: Text; readonly ifRevision: number };

export type Action =
  | { readonly kind: 'read'; readonly key: Text; readonly mode: 'linearizable' | 'fallback' | 'stale' }
  /** A put, a delete or a batch. */
  | { readonly kind: 'write'; readonly mutations: readonly HistoryMutation[] };

export type Outcome =
  | {
      readonly kind: 'read';
      /** Null: there is no such key. */
      readonly value: Text | null;
      /** 0 where there is no such key. */
      readonly revision: number;
      /** Null where the answer does not say: it carries no provenance where there is no such key. */
      readonly range: number | null;
      readonly epoch: number | null;
      /** False: the answer claims to be linearizable, in whatever mode it was asked for. */
      readonly stale: boolean;
      readonly staleMs: number | null;
    }
  | {
      readonly kind: 'written';
      readonly range: number;
      readonly epoch: number;
      readonly revision: number;
      /** Of a single delete; null where the answer does not say. */
      readonly existed: boolean | null;
    }
  /** A condition did not hold; `revision`: of the first key whose condition did not. */
  | { readonly kind: 'conflict'; readonly revision: number }
  /** Ended with an error that says: nothing was applied. */
  | { readonly kind: 'failed'; readonly code: string }
  /** May have been applied, or be applied at any later time, or never. Also what never returned. */
  | { readonly kind: 'unknown' };

export interface Operation {
  /** Index in its history. */
  readonly id: number;
  readonly client: string;
  readonly action: Action;
  /** Places in the order of all calls and returns: `a.returned < b.invoked` says that a was over before b began. */
  readonly invoked: number;
  /** Infinity: not returned yet. */
  readonly returned: number;
  /** The same on one clock for all, ms. */
  readonly invokedAt: number;
  readonly returnedAt: number;
  readonly outcome: Outcome;
}

const UNKNOWN: Outcome = { kind: 'unknown' };

interface Recorded extends Operation {
  returned: number;
  returnedAt: number;
  outcome: Outcome;
}

export class History {
  readonly #operations: Recorded[] = [];
  #events = 0;

  get operations(): readonly Operation[] {
    return this.#operations;
  }

  /** To be called right before the call; the function it gives back, once, right after the answer. Times in ms. */
  begin(client: string, action: Action, at: number): (outcome: Outcome, at: number) => void {
    const operation: Recorded = {
      id: this.#operations.length,
      client,
      action,
      invoked: this.#events++,
      returned: Number.POSITIVE_INFINITY,
      invokedAt: at,
      returnedAt: Number.POSITIVE_INFINITY,
      outcome: UNKNOWN,
    };
    this.#operations.push(operation);
    return (outcome, returnedAt) => {
      operation.returned = this.#events++;
      operation.returnedAt = returnedAt;
      operation.outcome = outcome;
    };
  }
}

/** What a checker has found. `checker` is the name under which reports, tests and the list of mutants know it. */
export interface Violation {
  readonly checker: string;
  readonly text: string;
  /** Ids of the operations that show it. */
  readonly operations: readonly number[];
}
