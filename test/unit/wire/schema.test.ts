// Every codec and rangekeeper.proto as protobufjs reads it. Each decodes what the other encodes, field by field. An unknown field,
// which a newer version may add, is skipped at any place. Incomplete messages are refused.

import test from 'ava';
import fc from 'fast-check';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { decodeEnvelope, encodeEnvelope } from '../../../common/wire/codec.ts';
import type { Body, Mutation, Operation } from '../../../common/wire/messages.ts';
import { checkOperation, decodeOperation, encodeOperation } from '../../../common/wire/operation.ts';
import { Reader } from '../../../common/wire/protobuf.ts';
import { schema, type Type } from '../../support/schema.ts';
import { MESSAGES } from '../../support/wire-messages.ts';

const Envelope = schema.lookupType('rangekeeper.Envelope');
const Frame = schema.lookupType('rangekeeper.Frame');
const typeOf = (name: string): Type => Frame.fields[name]?.resolve().resolvedType as Type;

const RUNS = { numRuns: 100, endOnFailure: true };
/** Each tries a sample in many ways. */
const FEW_RUNS = { numRuns: 10, endOnFailure: true };

/** Contents are compared, not classes; rows as rows. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

function seen(body: Body | undefined): unknown {
  return plain(body?.kind === 'scan-reply' ? { ...body, rows: body.rows.decode() } : body);
}

/** A message of one frame, made of the bytes of its body. */
function messageOf(name: string, body: Uint8Array): Uint8Array {
  const id = Frame.fields[name]?.id ?? 0;
  const head = Buffer.from([...varint((id << 3) | 2), ...varint(body.length)]);
  return Buffer.concat([Buffer.from([0x0a, ...varint(head.length + body.length)]), head, body]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

const decodeBody = (name: string, body: Uint8Array): Body | undefined =>
  decodeEnvelope(messageOf(name, body))[0]?.body;

function isRefused(decode: () => unknown): boolean {
  try {
    decode();
    return false;
  } catch (error) {
    if (error instanceof RangekeeperError && error.code === 'MALFORMED') return true;
    throw error;
  }
}

test('every body of the schema is tried', (t) => {
  t.deepEqual(
    MESSAGES.map(({ name }) => name),
    Frame.oneofs.body?.fieldsArray.map(({ name }) => name),
  );
});

for (const { name, sample } of MESSAGES) {
  const type = typeOf(name);

  test(`${name}: the codec decodes what the schema encodes, and the other way round`, (t) => {
    const property = fc.property(sample, ({ fields, body }) => {
      const encoded = type.encode(type.fromObject(fields)).finish();
      t.deepEqual(seen(decodeBody(name, encoded)), seen(body));
      const read = Envelope.toObject(Envelope.decode(encodeEnvelope([{ id: 9, body }])), {
        ...{ longs: Number, defaults: true, oneofs: true },
      });
      const [frame] = read.frames as Record<string, unknown>[];
      t.is(frame?.id, 9);
      t.is(frame?.body, name);
      t.deepEqual(plain(frame?.[name]), plain(fields));
    });
    fc.assert(property, RUNS);
  });

  test(`${name}: an unknown field is skipped at any place`, (t) => {
    const property = fc.property(sample, ({ fields, body }) => {
      const encoded = type.encode(type.fromObject(fields)).finish();
      for (const changed of withUnknown(type, encoded))
        t.deepEqual(seen(decodeBody(name, changed)), seen(body));
    });
    fc.assert(property, FEW_RUNS);
  });

  test(`${name}: an incomplete message is refused`, (t) => {
    const property = fc.property(sample, ({ fields, body }) => {
      const message = encodeEnvelope([{ id: 9, body }]);
      const taken = cutsOf(message).filter((cut) => !isRefused(() => decodeEnvelope(cut)));
      t.deepEqual(taken, []);
      const encoded = type.encode(type.fromObject(fields)).finish();
      const whole = new Set([0, ...fieldEnds(encoded)]);
      const torn = cutsOf(encoded).filter((cut) => !whole.has(cut.length));
      t.deepEqual(
        torn.filter((cut) => !isRefused(() => decodeRows(decodeBody(name, cut)))),
        [],
      );
    });
    fc.assert(property, FEW_RUNS);
  });
}

test('an integer of 32 bits above 2^32 - 1 is refused', (t) => {
  let fields = 0;
  for (const { name, sample } of MESSAGES) {
    const type = typeOf(name);
    const [valid] = fc.sample(sample, 1);
    const encoded = type.encode(type.fromObject(valid?.fields ?? {})).finish();
    for (const { id } of type.fieldsArray.filter(({ type }) => type === 'uint32')) {
      fields++;
      const last = Buffer.from([id << 3, 0xff, 0xff, 0xff, 0xff, 0x0f]);
      const above = Buffer.from([id << 3, 0x80, 0x80, 0x80, 0x80, 0x10]);
      t.notThrows(() => decodeBody(name, Buffer.concat([encoded, last])), `${name}, field ${id}`);
      t.true(
        isRefused(() => decodeBody(name, Buffer.concat([encoded, above]))),
        `${name}, field ${id}`,
      );
    }
  }
  t.true(fields >= 12, `${fields} fields`);
});

/** Rows of a page are decoded only by the caller that needs them. */
function decodeRows(body: Body | undefined): void {
  if (body?.kind === 'scan-reply') body.rows.decode();
}

/** The first byte, the first two, and so on, short of the whole. */
function cutsOf(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_byte, length) => bytes.subarray(0, length)).slice(1);
}

/** Where each field of a message ends. */
function fieldEnds(bytes: Uint8Array): number[] {
  const reader = new Reader(bytes);
  const ends: number[] = [];
  while (reader.hasMore) {
    reader.skipField(reader.fieldTag());
    ends.push(reader.pos);
  }
  return ends;
}

/** Field 100 in each of protobuf's types: a varint, 64 bits, bytes, a group with a field in it, 32 bits. */
const UNKNOWN = ['a00601', 'a1060102030405060708', 'a20603616263', 'a3060801a406', 'a50601020304'].map(
  (hex) => Buffer.from(hex, 'hex'),
);

/** The message with unknown fields behind each field, in nested messages, too, but not between the rows of a page. */
function* withUnknown(type: Type, encoded: Uint8Array): Generator<Uint8Array> {
  const ends = [0, ...fieldEnds(encoded)];
  const isPage = type.name === 'ScanReply';
  for (const [index, at] of ends.entries()) {
    const next = encoded[at];
    if (!(isPage && next === 0x0a))
      for (const unknown of UNKNOWN)
        yield Buffer.concat([encoded.subarray(0, at), unknown, encoded.subarray(at)]);
    const end = ends[index + 1];
    if (next === undefined || end === undefined) continue;
    const nested = type.fieldsById[next >>> 3]?.resolve().resolvedType;
    if (nested === null || nested === undefined || !('fieldsArray' in nested)) continue;
    const reader = new Reader(encoded.subarray(at, end));
    reader.fieldTag();
    for (const inner of withUnknown(nested, reader.bytes())) {
      const field = Buffer.from([next, ...varint(inner.length), ...inner]);
      yield Buffer.concat([encoded.subarray(0, at), field, encoded.subarray(end)]);
    }
  }
}

// ---- operations --------------------------------------------------------------------------------------------------

const OperationType = schema.lookupType('rangekeeper.Operation');

/** The same operation, as fields of the schema and as an object of the program. */
interface OperationSample {
  readonly fields: object;
  readonly operation: Operation;
}

const KINDS = { put: 1, delete: 2, check: 3 } as const;

function mutationFields(mutation: Mutation): object {
  const { kind, key, ifRevision } = mutation;
  const value = mutation.kind === 'put' ? mutation.value : Buffer.alloc(0);
  return { kind: KINDS[kind], key, value, guarded: ifRevision !== null, ifRevision: ifRevision ?? 0 };
}

const content = fc.uint8Array({ maxLength: 200 });
const key = fc.uint8Array({ minLength: 1, maxLength: 200 });
const revision = fc.oneof(fc.nat(300), fc.maxSafeNat());
const condition = fc.oneof(revision, fc.constant(null));
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), key, value: content, ifRevision: condition }),
  fc.record({ kind: fc.constant('delete' as const), key, ifRevision: condition }),
  fc.record({ kind: fc.constant('check' as const), key, ifRevision: revision }),
);
const operation: fc.Arbitrary<OperationSample> = fc
  .record({
    clientId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    doneBelow: fc.nat(2 ** 31 - 1),
    ahead: fc.nat(16_383),
    base: revision,
    mutations: fc.array(mutation, { minLength: 1, maxLength: 5 }),
  })
  .map(({ ahead, ...rest }) => {
    const operation = { ...rest, number: rest.doneBelow + ahead };
    return { fields: { ...operation, mutations: rest.mutations.map(mutationFields) }, operation };
  });

test('an operation: the codec decodes what the schema encodes, and the other way round', (t) => {
  const property = fc.property(operation, ({ fields, operation }) => {
    const encoded = OperationType.encode(OperationType.fromObject(fields)).finish();
    t.deepEqual(plain(decodeOperation(encoded)), plain(operation));
    t.notThrows(() => checkOperation(encoded));
    const read = OperationType.decode(encodeOperation(operation));
    t.deepEqual(plain(OperationType.toObject(read, { longs: Number, defaults: true })), plain(fields));
  });
  fc.assert(property, RUNS);
});

test('an operation: an unknown field is skipped at any place', (t) => {
  const property = fc.property(operation, ({ operation }) => {
    for (const changed of withUnknown(OperationType, encodeOperation(operation)))
      t.deepEqual(plain(decodeOperation(changed)), plain(operation));
  });
  fc.assert(property, FEW_RUNS);
});

test('an operation: one that ends within a field is refused', (t) => {
  const property = fc.property(operation, ({ operation }) => {
    const encoded = encodeOperation(operation);
    const whole = new Set(fieldEnds(encoded));
    const torn = cutsOf(encoded).filter((cut) => !whole.has(cut.length));
    t.deepEqual(
      torn.filter((cut) => !isRefused(() => decodeOperation(cut))),
      [],
    );
  });
  fc.assert(property, FEW_RUNS);
});
