// What clients asked and what they were answered, in the order in which it happened. The checkers of clients (checkers/*.ts)
// look at nothing else. The simulator and the recorder of real processes (support/recording-client.ts) write it. Values should
// be unique within a history, so that a value identifies the write that wrote it.

/** A key or a value as text; different bytes have different texts. */
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
      /** Null: the key is absent. */
      readonly value: Text | null;
      /** 0 if the key is absent. */
      readonly revision: number;
      /** Null if the answer does not say: for an absent key it names neither range nor epoch. */
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
      /** The answer to a single delete; null for other writes. */
      readonly existed: boolean | null;
    }
  /** A condition was not met; `revision` is that of the first such key. */
  | { readonly kind: 'conflict'; readonly revision: number }
  /** It ended with an error that says that nothing was applied. */
  | { readonly kind: 'failed'; readonly code: string }
  /** It may have been applied, or may be applied at any later time, or never. An operation that has not returned is one, too. */
  | { readonly kind: 'unknown' };

export interface Operation {
  /** Index in its history. */
  readonly id: number;
  readonly client: string;
  readonly action: Action;
  /** Positions in the order of all calls and returns: `a.returned < b.invoked` says that a was over before b began. */
  readonly invoked: number;
  /** Infinity: not returned yet. */
  readonly returned: number;
  /** The times of both, on one clock for all operations, ms. */
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

  /** Call this right before the operation, and the returned function once, right after its answer. Times in ms. */
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

/** What a checker has found. Reports, tests and the list of mutants know the checker by its name, `checker`. */
export interface Violation {
  readonly checker: string;
  readonly text: string;
  /** Ids of the operations that show it. */
  readonly operations: readonly number[];
}
