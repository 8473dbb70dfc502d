// A write as bytes: encoded once by its client, carried in WriteRequest, logged and forwarded as it is, decoded where
// it is applied. The limits are checked on both sides. Laid by hand, as hand-laid.ts says why.

import { type Bytes, emptyBytes } from '../base/bytes.ts';
import { LIMITS } from '../model/config.ts';
import { check, checkKey, checkValue, malformed } from './checks.ts';
import { limit, skip } from './hand-laid.ts';
import { CLIENT_ID_BYTES, type Mutation, type Operation } from './messages.ts';
import { bytesBytes, integerBytes, Reader, Writer } from './protobuf.ts';

/** MutationKind in rangekeeper.proto. */
const KIND = { put: 1, delete: 2, check: 3 } as const;

/** The fields' tags in rangekeeper.proto: number and type. */
const OPERATION = { clientId: 0x0a, number: 0x10, doneBelow: 0x18, base: 0x20, mutations: 0x2a } as const;
const MUTATION = { kind: 0x08, key: 0x12, value: 0x1a, guarded: 0x20, ifRevision: 0x28 } as const;

/** One for all, each begun anew. */
const writer = new Writer();

export function encodeOperation({ clientId, number, doneBelow, base, mutations }: Operation): Bytes {
  let bytes =
    bytesBytes(clientId.length) + integerBytes(number) + integerBytes(doneBelow) + integerBytes(base);
  for (const mutation of mutations) bytes += bytesBytes(mutationBytes(mutation));
  writer.begin(bytes);
  writer.putBytes(OPERATION.clientId, clientId);
  writer.putInteger(OPERATION.number, number);
  writer.putInteger(OPERATION.doneBelow, doneBelow);
  writer.putInteger(OPERATION.base, base);
  for (const mutation of mutations) {
    writer.putHead(OPERATION.mutations, mutationBytes(mutation));
    putMutation(mutation);
  }
  return writer.written();
}

function mutationBytes(mutation: Mutation): number {
  const { key, ifRevision } = mutation;
  const condition = ifRevision === null ? 0 : 2 + integerBytes(ifRevision);
  return 2 + bytesBytes(key.length) + bytesBytes(valueBytes(mutation).length) + condition;
}

function putMutation(mutation: Mutation): void {
  const { kind, key, ifRevision } = mutation;
  writer.putInteger(MUTATION.kind, KIND[kind]);
  writer.putBytes(MUTATION.key, key);
  writer.putBytes(MUTATION.value, valueBytes(mutation));
  if (ifRevision === null) return;
  writer.putInteger(MUTATION.guarded, 1);
  writer.putInteger(MUTATION.ifRevision, ifRevision);
}

function valueBytes(mutation: Mutation): Bytes {
  return mutation.kind === 'put' ? mutation.value : emptyBytes;
}

/** Byte fields are views into `bytes`. Throws RangekeeperError MALFORMED where a rule or a limit is broken. */
export function decodeOperation(bytes: Bytes): Operation {
  try {
    check(bytes.length <= LIMITS.operationBytesMax, 'operation too long');
    return readOperation(new Reader(bytes));
  } catch (error) {
    throw malformed(error);
  }
}

function readOperation(reader: Reader): Operation {
  const end = reader.len;
  let clientId = emptyBytes;
  let number = 0;
  let doneBelow = 0;
  let base = 0;
  const mutations: Mutation[] = [];
  while (reader.pos < end) {
    const tag = reader.shortTag();
    if (tag === OPERATION.clientId) clientId = reader.bytesView();
    else if (tag === OPERATION.number) number = reader.safeInteger();
    else if (tag === OPERATION.doneBelow) doneBelow = reader.safeInteger();
    else if (tag === OPERATION.base) base = reader.safeInteger();
    else if (tag === OPERATION.mutations) mutations.push(readMutation(reader));
    else skip(reader, tag);
  }
  check(clientId.length === CLIENT_ID_BYTES, 'client id is not 16 bytes');
  check(doneBelow <= number && number - doneBelow < LIMITS.writeWindow, 'number outside its window');
  check(mutations.length > 0, 'operation without a mutation');
  check(mutations.length <= LIMITS.batchOpsMax, 'too many mutations');
  return { clientId, number, doneBelow, base, mutations };
}

function readMutation(reader: Reader): Mutation {
  const outerEnd = reader.len;
  const end = limit(reader, reader.size());
  let kind = 0;
  let key = emptyBytes;
  let value = emptyBytes;
  let guarded = false;
  let ifRevision = 0;
  while (reader.pos < end) {
    const tag = reader.shortTag();
    if (tag === MUTATION.kind) kind = reader.safeInteger();
    else if (tag === MUTATION.key) key = reader.bytesView();
    else if (tag === MUTATION.value) value = reader.bytesView();
    else if (tag === MUTATION.guarded) guarded = reader.bool();
    else if (tag === MUTATION.ifRevision) ifRevision = reader.safeInteger();
    else skip(reader, tag);
  }
  reader.len = outerEnd;
  checkKey(key);
  const condition = guarded ? ifRevision : null;
  switch (kind) {
    case KIND.put:
      checkValue(value);
      return { kind: 'put', key, value, ifRevision: condition };
    case KIND.delete:
      return { kind: 'delete', key, ifRevision: condition };
    case KIND.check:
      check(guarded, 'a check without a revision');
      return { kind: 'check', key, ifRevision };
    default:
      throw new RangeError(`unknown mutation kind ${kind}`);
  }
}
