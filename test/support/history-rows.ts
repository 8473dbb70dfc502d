// Histories written by hand, one row for each operation: the client, the times of call and return, the call and the answer. The
// times are both milliseconds and positions in the order of calls and returns.

import type { Action, HistoryMutation, Operation, Outcome, Text } from '../sim/history.ts';

/** An operation without its id. */
export type Row = Omit<Operation, 'id'>;

/** The times of call and return; null: it never returned. */
type Span = readonly [from: number, to: number | null];

/** A write's answer: its revision, or how it failed. */
type Answer = number | 'unknown' | 'failed' | { readonly conflict: number };

interface Where {
  readonly range?: number;
  readonly epoch?: number;
}

export function history(...rows: readonly Row[]): readonly Operation[] {
  return rows.map((row, id) => ({ id, ...row }));
}

export function put(
  client: string,
  span: Span,
  key: Text,
  value: Text,
  answer: Answer,
  more: Where & { readonly ifRevision?: number } = {},
): Row {
  const mutation = { kind: 'put', key, value, ifRevision: more.ifRevision ?? null } as const;
  return batch(client, span, [mutation], answer, more);
}

export function remove(
  client: string,
  span: Span,
  key: Text,
  answer: Answer,
  more: Where & { readonly ifRevision?: number; readonly existed?: boolean } = {},
): Row {
  return batch(client, span, [{ kind: 'delete', key, ifRevision: more.ifRevision ?? null }], answer, more);
}

export function batch(
  client: string,
  span: Span,
  mutations: readonly HistoryMutation[],
  answer: Answer,
  more: Where & { readonly existed?: boolean } = {},
): Row {
  return row(client, span, { kind: 'write', mutations }, writeOutcome(answer, more));
}

export function get(
  client: string,
  span: Span,
  key: Text,
  value: Text | null,
  revision: number,
  where: Where = {},
): Row {
  const outcome = {
    kind: 'read',
    value,
    revision,
    stale: false,
    staleMs: 0,
    ...place(value, where),
  } as const;
  return row(client, span, { kind: 'read', key, mode: 'linearizable' }, outcome);
}

/** A stale read of a replica. @param staleMs null: the replica does not know how far behind it is */
export function stale(
  client: string,
  span: Span,
  key: Text,
  value: Text | null,
  revision: number,
  staleMs: number | null,
  where: Where = {},
): Row {
  const outcome = { kind: 'read', value, revision, stale: true, staleMs, ...place(value, where) } as const;
  return row(client, span, { kind: 'read', key, mode: 'stale' }, outcome);
}

function place(value: Text | null, { range = 1, epoch = 1 }: Where) {
  return value === null ? { range: null, epoch: null } : { range, epoch };
}

function writeOutcome(answer: Answer, more: Where & { readonly existed?: boolean }): Outcome {
  if (answer === 'unknown') return { kind: 'unknown' };
  if (answer === 'failed') return { kind: 'failed', code: 'READ_ONLY' };
  if (typeof answer === 'object') return { kind: 'conflict', revision: answer.conflict };
  const { range = 1, epoch = 1, existed = null } = more;
  return { kind: 'written', range, epoch, revision: answer, existed };
}

function row(client: string, [from, to]: Span, action: Action, outcome: Outcome): Row {
  const until = to ?? Number.POSITIVE_INFINITY;
  return {
    client,
    action,
    invoked: from,
    returned: until,
    invokedAt: from,
    returnedAt: until,
    outcome: to === null ? { kind: 'unknown' } : outcome,
  };
}
