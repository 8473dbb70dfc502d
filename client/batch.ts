// Checks the operations of a batch, and makes mutations of them. Each operation has one of `put`, `delete` and `check`, and no other
// field: a misspelt condition must not become a write without one.

import { LIMITS } from '../common/model/config.ts';
import type { Mutation } from '../common/wire/messages.ts';
import type { BatchCheck, BatchDelete, BatchOp, BatchPut } from './api.ts';
import { invalid, keyBytes, revisionOf, shown, valueBytes } from './arguments.ts';
import { namesOf, refuseName, unknownName } from './options.ts';

const OPERATION = new Set(['put', 'delete', 'check']);
const PUT = namesOf<BatchPut>({ key: true, value: true, ifRevision: true });
const DELETE = namesOf<BatchDelete>({ key: true, ifRevision: true });
const CHECK = namesOf<BatchCheck>({ key: true, revision: true });

/** The mutations share bytes with the operations. Throws INVALID_ARGUMENT. */
export function mutationsOf(ops: readonly BatchOp[]): readonly Mutation[] {
  if (!Array.isArray(ops)) invalid(`batch takes an array of operations, not ${shown(ops)}`);
  if (ops.length === 0) invalid('the batch is empty');
  if (ops.length > LIMITS.batchOpsMax)
    invalid(`the batch has ${ops.length} operations, at most ${LIMITS.batchOpsMax} are allowed`);
  // Not `map`: it skips the holes of an array, and leaves them.
  return Array.from(ops, mutationOf);
}

function mutationOf(op: BatchOp, index: number): Mutation {
  checkFields(op, OPERATION, '', index);
  const { put, delete: removal, check } = op;
  if (put !== undefined && removal === undefined && check === undefined) return putOf(put, index);
  if (put === undefined && removal !== undefined && check === undefined) return deleteOf(removal, index);
  if (put === undefined && removal === undefined && check !== undefined) return checkOf(check, index);
  return invalid(`operation ${index} of the batch must have one of put, delete and check`);
}

function putOf(put: BatchPut, index: number): Mutation {
  checkFields(put, PUT, 'put in ', index);
  const { key, value, ifRevision } = put;
  return { kind: 'put', key: keyBytes(key), value: valueBytes(value), ifRevision: revisionOf(ifRevision) };
}

function deleteOf(removal: BatchDelete, index: number): Mutation {
  checkFields(removal, DELETE, 'delete in ', index);
  return { kind: 'delete', key: keyBytes(removal.key), ifRevision: revisionOf(removal.ifRevision) };
}

function checkOf(check: BatchCheck, index: number): Mutation {
  checkFields(check, CHECK, 'check in ', index);
  const ifRevision = revisionOf(check.revision);
  if (ifRevision === null) invalid(`check in operation ${index} of the batch needs a revision`);
  return { kind: 'check', key: keyBytes(check.key), ifRevision };
}

/** @param part the part of the operation that `given` is, for the message */
function checkFields(given: unknown, names: ReadonlySet<string>, part: string, index: number): void {
  if (typeof given !== 'object' || given === null)
    return invalid(`${part}operation ${index} of the batch must be an object, not ${shown(given)}`);
  const name = unknownName(given, names);
  if (name !== null) refuseName(`${part}operation ${index} of the batch`, 'field', name, names);
}
