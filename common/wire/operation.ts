// Encodes and decodes the operation of a write. The client encodes it once; these bytes are sent in WriteRequest, logged and
// forwarded unchanged, and decoded when the write is applied. Both sides check the limits.

import { type Bytes, emptyBytes } from '../base/bytes.ts';
import { RangekeeperError } from '../base/errors.ts';
import { LIMITS } from '../model/config.ts';
import { check, checkKeyLength, checkValueLength, malformed } from './checks.ts';
import { CLIENT_ID_BYTES, type Mutation, type Operation } from './messages.ts';
import { boolSize, bytes, bytesSize, integer, integerSize, Reader, Writer } from './protobuf.ts';

/** MutationKind in rangekeeper.proto. */
const KIND = { put: 1, delete: 2, check: 3 } as const;

const OPERATION = {
  clientId: bytes(1),
  number: integer(2),
  doneBelow: integer(3),
  base: integer(4),
  mutations: bytes(5),
} as const;

const MUTATION = {
  kind: integer(1),
  key: bytes(2),
  value: bytes(3),
  guarded: integer(4),
  ifRevision: integer(5),
} as const;

/** Shared by all calls; each starts anew. */
const writer = new Writer();

export function encodeOperation({ clientId, number, doneBelow, base, mutations }: Operation): Bytes {
  let size = bytesSize(clientId.length) + integerSize(number) + integerSize(doneBelow) + integerSize(base);
  for (const mutation of mutations) size += bytesSize(mutationSize(mutation));
  writer.begin(size);
  writer.bytes(OPERATION.clientId, clientId);
  writer.integer(OPERATION.number, number);
  writer.integer(OPERATION.doneBelow, doneBelow);
  writer.integer(OPERATION.base, base);
  for (const mutation of mutations) {
    writer.head(OPERATION.mutations, mutationSize(mutation));
    putMutation(mutation);
  }
  return writer.written();
}

function mutationSize(mutation: Mutation): number {
  const { kind, key, ifRevision } = mutation;
  const condition = ifRevision === null ? 0 : boolSize(true) + integerSize(ifRevision);
  return integerSize(KIND[kind]) + bytesSize(key.length) + bytesSize(valueBytes(mutation).length) + condition;
}

function putMutation(mutation: Mutation): void {
  const { kind, key, ifRevision } = mutation;
  writer.integer(MUTATION.kind, KIND[kind]);
  writer.bytes(MUTATION.key, key);
  writer.bytes(MUTATION.value, valueBytes(mutation));
  if (ifRevision === null) return;
  writer.bool(MUTATION.guarded, true);
  writer.integer(MUTATION.ifRevision, ifRevision);
}

function valueBytes(mutation: Mutation): Bytes {
  return mutation.kind === 'put' ? mutation.value : emptyBytes;
}

/** Byte fields are views of `bytes`. Throws RangekeeperError MALFORMED if a rule or a limit is broken. */
export function decodeOperation(bytes: Bytes): Operation {
  try {
    const reader = new Reader(bytes);
    const mutations: Mutation[] = [];
    walk(reader, mutations);
    const { number, doneBelow, base } = found;
    return { clientId: reader.viewOf(found.clientAt, CLIENT_ID_BYTES), number, doneBelow, base, mutations };
  } catch (error) {
    throw malformed(error);
  }
}

/** The key of the first mutation; null if the bytes are no operation. */
export function firstKeyOf(bytes: Bytes): Bytes | null {
  try {
    return decodeOperation(bytes).mutations[0]?.key ?? null;
  } catch (error) {
    if (!(error instanceof RangekeeperError)) throw error;
    return null;
  }
}

/**
 * Throws an error if {@link decodeOperation} would refuse the operation, and makes no objects. It is for operations that are forwarded
 * between nodes: they are decoded when they are applied, which is too late to refuse them.
 */
export function checkOperation(bytes: Bytes): void {
  walk(new Reader(bytes), null);
}

/** What `walk` found in the operation and in the present mutation. Shared by all calls, which do not overlap. */
const found = { clientAt: 0, number: 0, doneBelow: 0, base: 0 };
const part = { kind: 0, keyAt: 0, keyLength: 0, valueAt: 0, valueLength: 0, guarded: false, ifRevision: 0 };

/** Reads and checks the operation. Adds its mutations to `into` unless that is null. */
function walk(reader: Reader, into: Mutation[] | null): void {
  check(reader.len <= LIMITS.operationBytesMax, 'operation too long');
  let clientLength = 0;
  let mutations = 0;
  found.clientAt = 0;
  found.number = 0;
  found.doneBelow = 0;
  found.base = 0;
  while (reader.hasMore) {
    const tag = reader.fieldTag();
    if (tag === OPERATION.clientId) {
      clientLength = reader.passBytes();
      found.clientAt = reader.pos - clientLength;
    } else if (tag === OPERATION.number) found.number = reader.integer();
    else if (tag === OPERATION.doneBelow) found.doneBelow = reader.integer();
    else if (tag === OPERATION.base) found.base = reader.integer();
    else if (tag === OPERATION.mutations) {
      mutations++;
      walkMutation(reader);
      into?.push(mutationIn(reader));
    } else reader.skipField(tag);
  }
  const { number, doneBelow } = found;
  check(clientLength === CLIENT_ID_BYTES, 'client id is not 16 bytes');
  check(doneBelow <= number && number - doneBelow < LIMITS.writeWindow, 'number outside its window');
  check(mutations > 0, 'operation without a mutation');
  check(mutations <= LIMITS.batchOpsMax, 'too many mutations');
}

function walkMutation(reader: Reader): void {
  const outerEnd = reader.enter();
  part.kind = 0;
  part.keyLength = 0;
  part.valueLength = 0;
  part.guarded = false;
  part.ifRevision = 0;
  while (reader.hasMore) {
    const tag = reader.fieldTag();
    if (tag === MUTATION.kind) part.kind = reader.integer();
    else if (tag === MUTATION.key) {
      part.keyLength = reader.passBytes();
      part.keyAt = reader.pos - part.keyLength;
    } else if (tag === MUTATION.value) {
      part.valueLength = reader.passBytes();
      part.valueAt = reader.pos - part.valueLength;
    } else if (tag === MUTATION.guarded) part.guarded = reader.bool();
    else if (tag === MUTATION.ifRevision) part.ifRevision = reader.integer();
    else reader.skipField(tag);
  }
  reader.leave(outerEnd);
  checkKeyLength(part.keyLength);
  switch (part.kind) {
    case KIND.put:
      return checkValueLength(part.valueLength);
    case KIND.delete:
      return;
    case KIND.check:
      return check(part.guarded, 'a check without a revision');
    default:
      throw new RangeError(`unknown mutation kind ${part.kind}`);
  }
}

/** The mutation that `walkMutation` found. */
function mutationIn(reader: Reader): Mutation {
  const { kind, keyLength, valueLength, guarded, ifRevision } = part;
  const key = reader.viewOf(part.keyAt, keyLength);
  const condition = guarded ? ifRevision : null;
  if (kind === KIND.check) return { kind: 'check', key, ifRevision };
  if (kind === KIND.delete) return { kind: 'delete', key, ifRevision: condition };
  const value = valueLength === 0 ? emptyBytes : reader.viewOf(part.valueAt, valueLength);
  return { kind: 'put', key, value, ifRevision: condition };
}
