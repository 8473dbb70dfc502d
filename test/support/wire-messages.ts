// Every message of the schema with random values, in two forms: as the fields of the schema, and as the body that a program should
// see. The values break no rule, so a codec must accept them. A field that means nothing because of another one has its default,
// because our codec leaves it out.

import fc from 'fast-check';
import { compareBytes } from '../../common/base/bytes.ts';
import { ERROR_TABLE, type ErrorCode } from '../../common/base/errors.ts';
import { EncodedRows, type WireRow } from '../../common/wire/encoded-rows.ts';
import type { Body } from '../../common/wire/messages.ts';
import { encodeOperation } from '../../common/wire/operation.ts';

export interface RandomMessage {
  /** The name of the message's field in Frame. */
  readonly name: string;
  readonly sample: fc.Arbitrary<Sample>;
}

export interface Sample {
  readonly fields: object;
  readonly body: Body;
}

function message<F extends object>(
  name: string,
  fields: fc.Arbitrary<F>,
  bodyOf: (fields: F) => Body,
): RandomMessage {
  return { name, sample: fields.map((each) => ({ fields: each, body: bodyOf(each) })) };
}

// ---- values ------------------------------------------------------------------------------------------------------

const empty = Buffer.alloc(0);
const counter = fc.oneof(
  fc.nat(300),
  fc.nat(2 ** 31 - 1),
  fc.constantFrom(0, 127, 128, 2 ** 14, 2 ** 21, 2 ** 28, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 51),
);
/** The range in messages between nodes, which is never 0. */
const range = counter.map((value) => value + 1);
const u32 = fc.oneof(fc.nat(300), fc.constantFrom(2 ** 14, 2 ** 21, 2 ** 28, 2 ** 31, 2 ** 32 - 1));
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));
const value = fc.oneof(bytes(0, 20), bytes(120, 140), fc.constant(Buffer.alloc(300, 7)));
const key = bytes(1, 40);
const name = fc.stringMatching(/^[A-Za-z0-9._:-]{0,64}$/);
const real = fc.double({ noNaN: true, noDefaultInfinity: true }).map((double) => (double === 0 ? 0 : double));
const flag = fc.boolean();
/** ReadMode. */
const mode = fc.constantFrom(0, 1);
const MODES = ['linearizable', 'stale'] as const;
const clientId = bytes(16, 16);

const operation = fc.record({ clientId, base: counter, key, value }).map(({ clientId, base, key, value }) =>
  Buffer.from(
    encodeOperation({
      ...{ clientId, number: 7, doneBelow: 3, base },
      mutations: [{ kind: 'put', key, value, ifRevision: null }],
    }),
  ),
);

// ---- reads -------------------------------------------------------------------------------------------------------

interface Standing {
  readonly epoch: number;
  readonly stale: boolean;
  readonly staleKnown: boolean;
  readonly staleMs: number;
  readonly appliedSeq: number;
}

const standing: fc.Arbitrary<Standing> = fc
  .record({ epoch: counter, stale: flag, staleKnown: flag, staleMs: real, appliedSeq: counter })
  .map((fields) => ({ ...fields, staleMs: fields.staleKnown ? fields.staleMs : 0 }));

const standingOf = ({ epoch, stale, staleKnown, staleMs, appliedSeq }: Standing) => ({
  ...{ epoch, stale, staleMs: staleKnown ? staleMs : null, appliedSeq },
});

const bound = fc
  .record({ bounded: flag, bound: bytes(0, 40) })
  .map((fields) => ({ ...fields, bound: fields.bounded ? fields.bound : empty }));
const endOf = ({ bounded, bound }: { readonly bounded: boolean; readonly bound: Buffer }) =>
  bounded ? bound : null;

const row = fc.record({ key, value, revision: counter });
/** A row of a page may be cut. */
const pageRow = fc.record({ key, value, revision: counter, valueLength: u32 });
/** A value's bound means something only if values are cut. */
const cut = fc
  .record({ valuesCut: flag, valueBytesMax: u32 })
  .map(({ valuesCut, valueBytesMax }) => ({ valuesCut, valueBytesMax: valuesCut ? valueBytesMax : 0 }));

const get = fc.record({ range: counter, epoch: counter, key, mode, minSeq: counter });
const getReply = fc
  .tuple(fc.record({ found: flag, value, revision: counter }), standing)
  .map(([found, rest]) => ({ ...found, ...rest }));
const scanNumbers = { range: counter, epoch: counter, limitRows: u32, limitBytes: u32, minSeq: counter };
const scan = fc
  .tuple(
    fc.record({ ...scanNumbers, start: bytes(0, 40), reverse: flag, keysOnly: flag, countOnly: flag, mode }),
    bound,
    cut,
  )
  .map(([fields, { bounded, bound }, values]) => ({ ...fields, bounded, end: bound, ...values }));
const scanReply = fc
  .tuple(fc.record({ rows: fc.array(pageRow, { maxLength: 3 }), count: counter }), bound, standing)
  .map(([page, upTo, rest]) => ({ ...page, ...upTo, ...rest }));

// ---- replication -------------------------------------------------------------------------------------------------

interface Entry {
  readonly epoch: number;
  readonly seq: number;
  readonly kind: 1 | 2 | 3;
  readonly payload: Buffer;
}

/** Entries continue the log after `prev`, in epochs that rise from that of `prev` to the owner's. */
const append = fc
  .record({
    ...{ range, inc: counter, prevEpoch: counter, prevSeq: counter, commitSeq: counter },
    steps: fc.array(fc.record({ kind: fc.constantFrom(1, 2, 3), payload: operation, rise: fc.nat(200) }), {
      maxLength: 4,
    }),
    ...{ rise: fc.nat(200), echoed: flag, echo: real },
  })
  .map(({ steps, rise, ...fields }) => {
    const { prevEpoch, prevSeq, echoed, echo } = fields;
    let epoch = prevEpoch;
    const entries = steps.map(({ kind, payload, rise }, i): Entry => {
      epoch += rise;
      return { epoch, seq: prevSeq + 1 + i, kind, payload: kind === 2 ? payload : empty };
    });
    return { ...fields, epoch: epoch + rise, entries, echo: echoed ? echo : 0 };
  });

const appendAck = fc
  .record({
    ...{ range, inc: counter, epoch: counter, ackedSeq: counter, stamp: real, unhealthy: flag },
    ...{ contradiction: counter, rejected: flag, lastEpoch: counter, lastSeq: counter, behind: fc.nat(300) },
  })
  .map(({ behind, ...fields }) => {
    const { rejected, lastEpoch, lastSeq } = fields;
    if (!rejected) return { ...fields, lastEpoch: 0, lastSeq: 0, rejectedPrev: 0 };
    return { ...fields, lastEpoch, lastSeq, rejectedPrev: lastSeq + behind };
  });

/** Rows are in key order within [start, end), and none is newer than the snapshot. Sessions are in the last chunk only. */
const snapshotChunk = fc
  .record({
    ...{ range, inc: counter, snapshot: counter, index: u32, lastEpoch: counter, lastSeq: counter },
    ...{ rise: fc.nat(200), start: bytes(0, 3), bounded: flag, last: flag, checksum: u32 },
    rows: fc.uniqueArray(row, { maxLength: 4, selector: ({ key }) => key.toString('hex') }),
    clientSessions: fc.array(
      fc.record({ clientId: fc.oneof(clientId, fc.constant(empty)), record: bytes(0, 150) }),
      { maxLength: 2 },
    ),
  })
  .map(({ rise, rows, clientSessions, ...fields }) => ({
    ...fields,
    epoch: fields.lastEpoch + rise,
    end: fields.bounded ? Buffer.concat([fields.start, Buffer.alloc(41, 0xff)]) : empty,
    rows: rows
      .map(
        ({ key, value, revision }): Required<WireRow> => ({
          ...{ key: Buffer.concat([fields.start, key]), value, valueLength: 0 },
          revision: Math.min(revision, fields.lastSeq),
        }),
      )
      .sort((a, b) => compareBytes(a.key, b.key)),
    clientSessions: fields.last ? clientSessions : [],
  }));

const snapshotAck = fc.record({
  ...{
    range,
    inc: counter,
    epoch: counter,
    snapshot: counter,
    nextIndex: u32,
    installed: flag,
    refused: flag,
  },
});

const replicaDigest = fc
  .record({
    ...{ range, inc: counter, epoch: counter, seq: counter, format: u32 },
    ...{ declined: flag, rows: counter, checksum: u32 },
  })
  .map((fields) => (fields.declined ? { ...fields, rows: 0, checksum: 0 } : fields));

const damageVerdict = fc.record({
  ...{ range, inc: counter, epoch: counter, seq: counter, rows: counter, checksum: u32 },
});

// ---- control -----------------------------------------------------------------------------------------------------

const greeting = fc.record({ protocol: u32, clusterId: name, nodeId: name });
const json = fc.record({ json: value });
const none = fc.constant({});

const error = fc
  .record({
    ...{
      name: fc.constantFrom(...(Object.keys(ERROR_TABLE) as ErrorCode[])),
      message: fc.string({ unit: 'grapheme' }),
    },
    ...{ revision: counter, seq: counter, mutation: u32, descriptor: bytes(0, 200), descriptorVersion: u32 },
  })
  .map((fields) => (fields.descriptor.length === 0 ? { ...fields, descriptorVersion: 0 } : fields));

export const MESSAGES: readonly RandomMessage[] = [
  message('hello', greeting, (fields) => ({ kind: 'hello', ...fields })),
  message('helloReply', greeting, (fields) => ({ kind: 'hello-reply', ...fields })),
  {
    name: 'error',
    sample: error.map(({ name, ...rest }) => {
      const { message, revision, seq, mutation, descriptor: data, descriptorVersion: version } = rest;
      const index = mutation === 0 ? null : mutation - 1;
      const descriptor = data.length === 0 ? null : { data, version };
      return {
        fields: { code: ERROR_TABLE[name].wire, ...rest },
        body: { kind: 'error', code: name, message, revision, seq, index, descriptor },
      };
    }),
  },
  message('write', fc.record({ range: counter, epoch: counter, operation: value }), (fields) => ({
    kind: 'write',
    ...fields,
  })),
  message('writeReply', fc.record({ revision: counter, epoch: counter, deleted: u32 }), (fields) => ({
    ...{ kind: 'write-reply', ...fields },
  })),
  message('get', get, (fields) => ({ kind: 'get', ...fields, mode: MODES[fields.mode] ?? 'stale' })),
  message('getReply', getReply, ({ found, value, revision, ...rest }) => ({
    ...{ kind: 'get-reply', found, value, revision, ...standingOf(rest) },
  })),
  message('scan', scan, ({ bounded, end, mode, valuesCut, valueBytesMax, ...rest }) => ({
    ...{ kind: 'scan', ...rest, end: endOf({ bounded, bound: end }), mode: MODES[mode] ?? 'stale' },
    valueBytesMax: valuesCut ? valueBytesMax : null,
  })),
  message('scanReply', scanReply, ({ rows, count, bounded, bound, ...rest }) => ({
    ...{ kind: 'scan-reply', rows: EncodedRows.of(rows), count, bound: endOf({ bounded, bound }) },
    ...standingOf(rest),
  })),
  message('status', none, () => ({ kind: 'status' })),
  message('statusReply', json, (fields) => ({ kind: 'status-reply', ...fields })),
  message('append', append, ({ prevEpoch, prevSeq, echoed, echo, ...rest }) => ({
    ...{ kind: 'append', ...rest, prev: { epoch: prevEpoch, seq: prevSeq }, echo: echoed ? echo : null },
  })),
  message('appendAck', appendAck, (fields) => {
    const { range, inc, epoch, ackedSeq, stamp, unhealthy, contradiction } = fields;
    const newest = { epoch: fields.lastEpoch, seq: fields.lastSeq };
    const rejection = fields.rejected ? { prevSeq: fields.rejectedPrev, newest } : null;
    return {
      ...{ kind: 'append-ack', range, inc, epoch, ackedSeq, rejection, stamp, unhealthy: unhealthy },
      contradiction: contradiction === 0 ? null : contradiction,
    };
  }),
  message('snapshotChunk', snapshotChunk, ({ lastEpoch, lastSeq, bounded, end, rows, ...rest }) => ({
    ...{ kind: 'snapshot-chunk', ...rest, position: { epoch: lastEpoch, seq: lastSeq } },
    rows: rows.map(({ key, value, revision }) => ({ key, value, revision })),
    end: endOf({ bounded, bound: end }),
  })),
  message('snapshotAck', snapshotAck, (fields) => ({ kind: 'snapshot-ack', ...fields })),
  message('ping', none, () => ({ kind: 'ping' })),
  message('pong', none, () => ({ kind: 'pong' })),
  message('replicaDigest', replicaDigest, ({ declined, rows, checksum, ...rest }) => ({
    ...{ kind: 'replica-digest', ...rest, digest: declined ? null : { rows, checksum } },
  })),
  message('damageVerdict', damageVerdict, ({ rows, checksum, ...rest }) => ({
    ...{ kind: 'damage-verdict', ...rest, expected: { rows, checksum } },
  })),
  message('check', fc.record({ range: counter, epoch: counter, seq: counter }), (fields) => ({
    ...{ kind: 'check', ...fields },
  })),
  message('checkReply', json, (fields) => ({ kind: 'check-reply', ...fields })),
];
