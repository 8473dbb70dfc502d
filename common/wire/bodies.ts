// The table of the codecs of all messages that a Frame may hold. A new message is one more line here, and one more codec in the
// file of its topic. All codecs are written by hand, because the schema does not say everything: null for absent values, names for
// numbers, rows that stay encoded, and which values are refused. Generated code would need as much code around it again.
// test/unit/wire/schema.test.ts compares every codec with rangekeeper.proto, in both directions.

import { error, hello, helloReply, ping, pong } from './control.ts';
import { check, checkReply, damageVerdict, replicaDigest, status, statusReply } from './inspection.ts';
import type { Body } from './messages.ts';
import type { BodyCodec } from './protobuf.ts';
import { get, getReply } from './reads.ts';
import { append, appendAck } from './replication.ts';
import { scan, scanReply } from './scans.ts';
import { snapshotAck, snapshotChunk } from './snapshots.ts';
import { write, writeReply } from './writes.ts';

type Codecs = { readonly [K in Body['kind']]: BodyCodec<Extract<Body, { kind: K }>> };

const CODECS: Codecs = {
  hello,
  'hello-reply': helloReply,
  error,
  write,
  'write-reply': writeReply,
  get,
  'get-reply': getReply,
  scan,
  'scan-reply': scanReply,
  status,
  'status-reply': statusReply,
  append,
  'append-ack': appendAck,
  'snapshot-chunk': snapshotChunk,
  'snapshot-ack': snapshotAck,
  ping,
  pong,
  'replica-digest': replicaDigest,
  'damage-verdict': damageVerdict,
  check,
  'check-reply': checkReply,
};

const BY_FIELD: readonly (BodyCodec<Body> | undefined)[] = byField();

function byField(): (BodyCodec<Body> | undefined)[] {
  const table: (BodyCodec<Body> | undefined)[] = [];
  for (const codec of Object.values(CODECS)) table[codec.field] = codec;
  return Array.from(table);
}

/** The codec of this body. Use it for this body only. */
export function codecOf(body: Body): BodyCodec<Body> {
  return CODECS[body.kind];
}

/** @param field a field of Frame. Returns undefined if it is not that of a body */
export function codecUnder(field: number): BodyCodec<Body> | undefined {
  return BY_FIELD[field];
}
