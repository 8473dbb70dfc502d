// What operations do to keys and how they are printed, for all checkers of the history.

import type { HistoryMutation, Operation, Text } from '../history.ts';

/** Calls `visit` once for each key that the mutations change, with its last value; null: deleted. */
export function eachEffect(
  mutations: readonly HistoryMutation[],
  visit: (key: Text, value: Text | null) => void,
): void {
  for (let at = 0; at < mutations.length; at++) {
    const mutation = mutations[at] as HistoryMutation;
    if (mutation.kind === 'check') continue;
    // The last one of several mutations of a key counts.
    const isLast = at === mutations.length - 1 || !changesLater(mutations, at + 1, mutation.key);
    if (isLast) visit(mutation.key, mutation.kind === 'put' ? mutation.value : null);
  }
}

function changesLater(mutations: readonly HistoryMutation[], from: number, key: Text): boolean {
  for (let at = from; at < mutations.length; at++) {
    const mutation = mutations[at] as HistoryMutation;
    if (mutation.kind !== 'check' && mutation.key === key) return true;
  }
  return false;
}

/** Whether the operation may have taken effect, or may still take effect. */
export function mayApply(operation: Operation): boolean {
  return (
    operation.action.kind === 'write' &&
    (operation.outcome.kind === 'written' || operation.outcome.kind === 'unknown')
  );
}

/** One line for people: the client, the call and the answer. */
export function describe(operation: Operation): string {
  const { id, client, action, outcome, invokedAt, returnedAt } = operation;
  const asked =
    action.kind === 'read'
      ? `${action.mode} read of ${action.key}`
      : action.mutations.map(describeMutation).join(', ');
  const until = Number.isFinite(returnedAt) ? returnedAt.toFixed(1) : '…';
  return `#${id} ${client} [${invokedAt.toFixed(1)}, ${until}] ${asked} → ${JSON.stringify(outcome)}`;
}

function describeMutation(mutation: HistoryMutation): string {
  const value = mutation.kind === 'put' ? ` = ${mutation.value}` : '';
  const condition = mutation.ifRevision === null ? '' : ` if at ${mutation.ifRevision}`;
  return `${mutation.kind} ${mutation.key}${value}${condition}`;
}
