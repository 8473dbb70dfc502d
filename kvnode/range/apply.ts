// R14: what a committed operation does, decided when it is applied and alike on every replica, from the state before it
// and nothing else. All conditions hold, or nothing changes.

import type { Bytes } from '../../common/base/bytes.ts';
import type { NamespaceId, Seq } from '../../common/model/ids.ts';
import type { Operation } from '../../common/wire/messages.ts';
import type { Change, Row } from '../storage/storage.ts';

export type Outcome =
  /** `deleted`: keys that existed and are gone. */
  | { readonly kind: 'written'; readonly deleted: number }
  /** `revision`: of the first key whose condition did not hold, as it is; 0 where it is absent. */
  | { readonly kind: 'conflict'; readonly key: Bytes; readonly revision: Seq };

export interface Applied {
  readonly outcome: Outcome;
  readonly changes: readonly Change[];
}

const NO_CHANGES: readonly Change[] = [];
const WRITTEN: Outcome = { kind: 'written', deleted: 0 };

export interface StateReader {
  get(namespaceId: NamespaceId, key: Bytes): Row | undefined;
}

export function applyOperation(state: StateReader, namespaceId: NamespaceId, operation: Operation): Applied {
  const { mutations } = operation;
  for (const { key, ifRevision } of mutations) {
    if (ifRevision === null) continue;
    const revision = state.get(namespaceId, key)?.revision ?? 0;
    if (revision !== ifRevision) return { outcome: { kind: 'conflict', key, revision }, changes: NO_CHANGES };
  }
  let deleted = 0;
  const changes: Change[] = [];
  for (const mutation of mutations) {
    if (mutation.kind === 'check') continue;
    if (mutation.kind === 'delete' && state.get(namespaceId, mutation.key) !== undefined) deleted++;
    changes.push({ key: mutation.key, value: mutation.kind === 'put' ? mutation.value : null });
  }
  return { outcome: deleted === 0 ? WRITTEN : { kind: 'written', deleted }, changes };
}
