// R14: the effect of a committed operation. It is decided when the operation is applied, from the state before it and
// nothing else, so every replica decides the same. Either all conditions hold, or nothing changes.

import type { Bytes } from '../../common/base/bytes.ts';
import type { NamespaceId, Seq } from '../../common/model/ids.ts';
import type { Operation } from '../../common/wire/messages.ts';
import type { Row, RowChange } from '../storage/storage.ts';

export type OperationOutcome =
  /** `deleted`: the number of keys that existed and were deleted. */
  | { readonly kind: 'written'; readonly deleted: number }
  /**
   * `index`: the place of the first mutation whose condition did not hold. `revision`: that of its key; 0 if the key is absent.
   */
  | { readonly kind: 'conflict'; readonly index: number; readonly revision: Seq };

export interface AppliedOperation {
  readonly outcome: OperationOutcome;
  readonly changes: readonly RowChange[];
}

const NO_CHANGES: readonly RowChange[] = [];
const WRITTEN: OperationOutcome = { kind: 'written', deleted: 0 };

export interface StateReader {
  get(namespaceId: NamespaceId, key: Bytes): Row | undefined;
}

export function applyOperation(
  state: StateReader,
  namespaceId: NamespaceId,
  operation: Operation,
): AppliedOperation {
  const { mutations } = operation;
  let index = -1;
  for (const { key, ifRevision } of mutations) {
    index++;
    if (ifRevision === null) continue;
    const revision = state.get(namespaceId, key)?.revision ?? 0;
    if (revision !== ifRevision)
      return { outcome: { kind: 'conflict', index, revision }, changes: NO_CHANGES };
  }
  let deleted = 0;
  const changes: RowChange[] = [];
  for (const mutation of mutations) {
    if (mutation.kind === 'check') continue;
    if (mutation.kind === 'delete' && state.get(namespaceId, mutation.key) !== undefined) deleted++;
    changes.push({ key: mutation.key, value: mutation.kind === 'put' ? mutation.value : null });
  }
  return { outcome: deleted === 0 ? WRITTEN : { kind: 'written', deleted }, changes };
}
