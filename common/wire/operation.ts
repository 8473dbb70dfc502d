// A write as bytes: encoded once by its client, carried in WriteRequest, logged and forwarded as it is, decoded where
// it is applied. The limits are checked on both sides.

import { type Bytes, emptyBytes } from '../base/bytes.ts';
import { LIMITS } from '../model/config.ts';
import { check, checkKey, decoding } from './codec.ts';
import { rangekeeper as pb } from './generated/rangekeeper.js';
import { CLIENT_ID_BYTES, type Mutation, type Operation } from './messages.ts';
import { Reader, Writer } from './protobuf.ts';

const KIND = {
  put: pb.MutationKind.MUTATION_PUT,
  delete: pb.MutationKind.MUTATION_DELETE,
  check: pb.MutationKind.MUTATION_CHECK,
} as const;

export function encodeOperation(operation: Operation): Bytes {
  const { clientId, number, doneBelow, base } = operation;
  const mutations = operation.mutations.map(mutationFields);
  const writer = new Writer();
  pb.Operation.encode({ clientId, number, doneBelow, base, mutations }, writer);
  return writer.written();
}

/** Byte fields are views into `bytes`. Throws RangekeeperError MALFORMED where a rule or a limit is broken. */
export function decodeOperation(bytes: Bytes): Operation {
  return decoding(() => {
    check(bytes.length <= LIMITS.operationBytesMax, 'operation too long');
    const { clientId, number, doneBelow, base, mutations } = pb.Operation.decode(new Reader(bytes));
    check(clientId.length === CLIENT_ID_BYTES, 'client id is not 16 bytes');
    check(doneBelow <= number && number - doneBelow < LIMITS.writeWindow, 'number outside its window');
    check(mutations.length > 0, 'operation without a mutation');
    check(mutations.length <= LIMITS.batchOpsMax, 'too many mutations');
    return { clientId, number, doneBelow, base, mutations: mutations.map(decodeMutation) };
  });
}

function mutationFields(mutation: Mutation): pb.Mutation.$Properties {
  return {
    kind: KIND[mutation.kind],
    key: mutation.key,
    value: mutation.kind === 'put' ? mutation.value : emptyBytes,
    guarded: mutation.ifRevision !== null,
    ifRevision: mutation.ifRevision ?? 0,
  };
}

function decodeMutation(mutation: pb.Mutation.$Properties): Mutation {
  const { kind, key, value, guarded, ifRevision } = mutation as pb.Mutation;
  checkKey(key);
  const condition = guarded ? ifRevision : null;
  switch (kind) {
    case pb.MutationKind.MUTATION_PUT:
      check(value.length <= LIMITS.valueBytesMax, 'value too long');
      return { kind: 'put', key, value, ifRevision: condition };
    case pb.MutationKind.MUTATION_DELETE:
      return { kind: 'delete', key, ifRevision: condition };
    case pb.MutationKind.MUTATION_CHECK:
      check(guarded, 'a check without a revision');
      return { kind: 'check', key, ifRevision };
    default:
      throw new RangeError(`unknown mutation kind ${kind}`);
  }
}
