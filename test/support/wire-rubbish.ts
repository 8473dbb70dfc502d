// Variants of a message: each field of its schema takes each extreme value of its type. They are well-formed, but most of them are
// impossible.

import { encodeEnvelope } from '../../common/wire/codec.ts';
import type { Body } from '../../common/wire/messages.ts';
import { type Field, schema, type Type } from './schema.ts';

type Plain = Record<string, unknown>;

const EXTREMES: Readonly<Record<string, readonly unknown[]>> = {
  uint64: [0, 1, 2, 2 ** 31, 2 ** 32, 2 ** 52, 2 ** 53 - 1],
  uint32: [0, 1, 2, 2 ** 31, 2 ** 32 - 1],
  double: [0, -1, 0.5, 1e308, Number.NaN, Number.POSITIVE_INFINITY],
  bool: [false, true],
  bytes: ['', '\0', 'x', '\xff'.repeat(5_000)].map((text) => Buffer.from(text, 'latin1')),
  string: ['', 'x', '\0', 'x'.repeat(300)],
};

export interface WireRubbish {
  readonly what: string;
  readonly message: Uint8Array;
}

export function* wireRubbishOf(id: number, body: Body): Generator<WireRubbish> {
  const Envelope = schema.lookupType('rangekeeper.Envelope');
  const Frame = schema.lookupType('rangekeeper.Frame');
  const read = Envelope.decode(encodeEnvelope([{ id, body }]));
  const plain = Envelope.toObject(read, { longs: Number, defaults: true, oneofs: true });
  const [frame] = plain.frames as Plain[];
  const name = String(frame?.body);
  const type = Frame.fields[name]?.resolve().resolvedType as Type;
  for (const { what, value } of changesOf(type, frame?.[name] as Plain)) {
    const message = Envelope.encode(Envelope.fromObject({ frames: [{ id, [name]: value }] })).finish();
    yield { what: `${body.kind} with ${what}`, message };
  }
}

interface Change {
  readonly what: string;
  readonly value: Plain;
}

function* changesOf(type: Type, value: Plain): Generator<Change> {
  for (const field of type.fieldsArray) {
    for (const { what, value: changed } of fieldChanges(field.resolve(), value[field.name]))
      yield { what: `${field.name} ${what}`, value: { ...value, [field.name]: changed } };
  }
}

function* fieldChanges(field: Field, value: unknown): Generator<{ what: string; value: unknown }> {
  if (!field.repeated) return yield* singleChanges(field, value);
  const [first, ...rest] = value as unknown[];
  yield { what: 'none', value: [] };
  if (first === undefined) return;
  yield { what: 'twice', value: [first, first, ...rest] };
  for (const { what, value: changed } of singleChanges(field, first))
    yield { what, value: [changed, ...rest] };
}

function* singleChanges(field: Field, value: unknown): Generator<{ what: string; value: unknown }> {
  const { resolvedType } = field;
  if (resolvedType !== null && 'fieldsArray' in resolvedType)
    return yield* changesOf(resolvedType, value as Plain);
  const extremes = resolvedType === null ? EXTREMES[field.type] : [0, 1, 2, 99];
  for (const extreme of extremes ?? []) yield { what: `= ${shown(extreme)}`, value: extreme };
}

function shown(value: unknown): string {
  return value instanceof Uint8Array ? `${value.length} bytes` : String(value).slice(0, 20);
}
