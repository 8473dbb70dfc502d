// The CONFLICT that a caller gets: it names the key whose condition did not hold.

import type { Bytes } from '../common/base/bytes.ts';
import { Failure } from '../common/base/errors.ts';
import type { Seq } from '../common/model/ids.ts';
import { copyOf, type Mutation } from '../common/wire/messages.ts';
import { keyText } from './key-text.ts';

/** @param mutations those of the write that the range answered so */
export function conflictOf({ details }: Failure, mutations: readonly Mutation[]): Failure {
  const { revision = 0, ...rest } = details;
  const index = details.index ?? onlyIndex(mutations, revision);
  const mutation = index === null ? undefined : mutations[index];
  if (index === null || mutation === undefined)
    return new Failure('CONFLICT', `one of the keys is at another revision: ${revision}`, details);
  const text = conflictText(mutation.key, revision, mutation.ifRevision);
  return new Failure('CONFLICT', text, { ...rest, revision, index, key: copyOf(mutation.key) });
}

/** @param expected null if the write had no condition, which a conflict rules out */
export function conflictText(key: Bytes, revision: Seq, expected: Seq | null): string {
  const present = revision === 0 ? 'absent' : `at revision ${revision}`;
  const wanted = expected === 0 ? 'absent' : `at revision ${expected}`;
  return `the key ${keyText(key)} is ${present}, not ${wanted}`;
}

/** The only mutation whose condition does not hold at this revision; null: there are several, or none. */
function onlyIndex(mutations: readonly Mutation[], revision: Seq): number | null {
  const fails = ({ ifRevision }: Mutation) => ifRevision !== null && ifRevision !== revision;
  const index = mutations.findIndex(fails);
  return index < 0 || mutations.findLastIndex(fails) !== index ? null : index;
}
