// The channel's own messages, and the reply of a request that failed.

import { emptyBytes } from '../base/bytes.ts';
import { ERROR_TABLE, errorCodeFromWire } from '../base/errors.ts';
import { check } from './checks.ts';
import type { ErrorReply, Hello, HelloReply, Ping, Pong } from './messages.ts';
import {
  type BodyCodec,
  bytes,
  bytesSize,
  emptyBody,
  integer,
  integerSize,
  type Reader,
  stringSize,
  type Writer,
} from './protobuf.ts';

/** The id of a cluster or a node. A client's is empty. */
const NAME = /^[A-Za-z0-9._:-]{0,64}$/;
/** Characters of an error's text. */
const ERROR_TEXT_MAX = 64 * 1024;

// ---- the channel's own -------------------------------------------------------------------------------------------

type HelloFields = Omit<Hello, 'kind'>;

/** Hello and HelloReply have the same fields. */
const HELLO = { protocol: integer(1), clusterId: bytes(2), nodeId: bytes(3) } as const;

const helloFields = {
  size({ protocol, clusterId, nodeId }: HelloFields): number {
    return integerSize(protocol) + stringSize(clusterId) + stringSize(nodeId);
  },

  put(writer: Writer, { protocol, clusterId, nodeId }: HelloFields): void {
    writer.integer(HELLO.protocol, protocol);
    writer.string(HELLO.clusterId, clusterId);
    writer.string(HELLO.nodeId, nodeId);
  },
};

function readHelloFields(reader: Reader): HelloFields {
  let protocol = 0;
  let clusterId = '';
  let nodeId = '';
  while (reader.hasMore) {
    const tag = reader.fieldTag();
    if (tag === HELLO.protocol) protocol = reader.u32();
    else if (tag === HELLO.clusterId) clusterId = reader.stringVerify();
    else if (tag === HELLO.nodeId) nodeId = reader.stringVerify();
    else reader.skipField(tag);
  }
  check(NAME.test(clusterId) && NAME.test(nodeId), 'invalid cluster or node id');
  return { protocol, clusterId, nodeId };
}

export const hello: BodyCodec<Hello> = {
  field: 2,
  ...helloFields,
  read: (reader) => ({ kind: 'hello', ...readHelloFields(reader) }),
};

export const helloReply: BodyCodec<HelloReply> = {
  field: 3,
  ...helloFields,
  read: (reader) => ({ kind: 'hello-reply', ...readHelloFields(reader) }),
};

export const ping = emptyBody<Ping>(17, { kind: 'ping' });
export const pong = emptyBody<Pong>(18, { kind: 'pong' });

// ---- errors ------------------------------------------------------------------------------------------------------

const ERROR = {
  code: integer(1),
  message: bytes(2),
  revision: integer(3),
  descriptor: bytes(4),
  descriptorVersion: integer(5),
  seq: integer(6),
  mutation: integer(7),
} as const;

export const error: BodyCodec<ErrorReply> = {
  field: 4,

  size({ code, message, revision, seq, index, descriptor }) {
    const known =
      descriptor === null ? 0 : bytesSize(descriptor.data.length) + integerSize(descriptor.version);
    return (
      integerSize(ERROR_TABLE[code].wire) +
      stringSize(message) +
      integerSize(revision) +
      integerSize(seq) +
      integerSize(numberOf(index)) +
      known
    );
  },

  put(writer, { code, message, revision, seq, index, descriptor }) {
    writer.integer(ERROR.code, ERROR_TABLE[code].wire);
    writer.string(ERROR.message, message);
    writer.integer(ERROR.revision, revision);
    if (descriptor !== null) {
      writer.bytes(ERROR.descriptor, descriptor.data);
      writer.integer(ERROR.descriptorVersion, descriptor.version);
    }
    writer.integer(ERROR.seq, seq);
    writer.integer(ERROR.mutation, numberOf(index));
  },

  read(reader) {
    let code = 0;
    let message = '';
    let revision = 0;
    let data = emptyBytes;
    let version = 0;
    let seq = 0;
    let mutation = 0;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === ERROR.code) code = reader.u32();
      else if (tag === ERROR.message) message = reader.stringVerify();
      else if (tag === ERROR.revision) revision = reader.integer();
      else if (tag === ERROR.descriptor) data = reader.bytes();
      else if (tag === ERROR.descriptorVersion) version = reader.u32();
      else if (tag === ERROR.seq) seq = reader.integer();
      else if (tag === ERROR.mutation) mutation = reader.u32();
      else reader.skipField(tag);
    }
    check(message.length <= ERROR_TEXT_MAX, 'error text too long');
    const descriptor = data.length === 0 ? null : { data, version };
    const index = mutation === 0 ? null : mutation - 1;
    return { kind: 'error', code: errorCodeFromWire(code), message, revision, seq, index, descriptor };
  },
};

/** The number of a mutation, from 1; 0: not known. */
function numberOf(index: number | null): number {
  return index === null ? 0 : index + 1;
}
