// The codec with the schema and with invalid bytes: what it encodes is as rangekeeper.proto says, what it decodes keeps every
// limit,
// and invalid bytes give MALFORMED.

import test from 'ava';
import fc from 'fast-check';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { LIMITS } from '../../../common/model/config.ts';
import { decodeEnvelope, EnvelopeWriter, encodeEnvelope } from '../../../common/wire/codec.ts';
import { EncodedRows, type WireRow } from '../../../common/wire/encoded-rows.ts';
import { failureFromReply, replyFromError } from '../../../common/wire/error-reply.ts';
import type {
  Append,
  Body,
  Frame,
  Mutation,
  Operation,
  SnapshotChunk,
} from '../../../common/wire/messages.ts';
import { checkOperation, decodeOperation, encodeOperation } from '../../../common/wire/operation.ts';
import { schema } from '../../support/schema.ts';
import { wireRubbishOf } from '../../support/wire-rubbish.ts';

const bytes = (text: string) => Buffer.from(text);
const operation = encodeOperation({
  clientId: new Uint8Array(16),
  number: 1,
  doneBelow: 1,
  base: 0,
  mutations: [{ kind: 'put', key: bytes('k'), value: bytes('v'), ifRevision: null }],
});
const sessions = [
  { clientId: bytes(''), record: bytes('r') },
  { clientId: new Uint8Array(16), record: bytes('') },
];
const row = { key: bytes('k'), value: bytes('v'), revision: 2 ** 53 - 1 };
const standing = { epoch: 3, stale: true, staleMs: 1.5, appliedSeq: 2 ** 32 };
const NOWHERE = { revision: 0, seq: 0, index: null } as const;
const NOT_OWNER = { kind: 'error', code: 'NOT_OWNER', message: 'ask there', ...NOWHERE } as const;

/** One or more of each kind. */
const SAMPLES: readonly Body[] = [
  { kind: 'hello', protocol: 1, clusterId: 'c0ffee', nodeId: '' },
  { kind: 'hello-reply', protocol: 1, clusterId: 'c0ffee', nodeId: 'n-1' },
  { kind: 'error', code: 'CONFLICT', message: 'no', revision: 7, seq: 2 ** 40, index: 3, descriptor: null },
  { ...NOT_OWNER, descriptor: { data: bytes('{}'), version: 4 } },
  { kind: 'write', range: 1, epoch: 2, operation: bytes('op') },
  { kind: 'write-reply', revision: 9, epoch: 2, deleted: 1 },
  { kind: 'get', range: 1, epoch: 2, key: bytes('k'), mode: 'linearizable', minSeq: 0 },
  { kind: 'get', range: 1, epoch: 2, key: bytes('k'), mode: 'stale', minSeq: 2 ** 40 },
  { kind: 'get-reply', found: true, value: bytes('v'), revision: 5, ...standing },
  {
    kind: 'get-reply',
    found: false,
    value: bytes(''),
    revision: 0,
    epoch: 1,
    stale: false,
    staleMs: null,
    appliedSeq: 0,
  },
  ...[null, bytes('m')].map(
    (end): Body => ({
      ...{ kind: 'scan', range: 1, epoch: 2, start: bytes('a'), end, limitRows: 10, limitBytes: 1000 },
      ...{ reverse: true, keysOnly: false, countOnly: true, mode: 'stale', minSeq: 1 },
      valueBytesMax: end === null ? null : 96,
    }),
  ),
  ...[null, bytes('m')].map(
    (bound): Body => ({
      kind: 'scan-reply',
      rows: EncodedRows.of([row, { ...row, value: bytes('v'.repeat(200)) }]),
      count: 2,
      bound,
      ...standing,
    }),
  ),
  { kind: 'status' },
  { kind: 'status-reply', json: bytes('{"a":1}') },
  ...[null, 12.25].map(
    (echo): Body => ({
      ...{ kind: 'append', range: 1, inc: 2, epoch: 3, prev: { epoch: 2, seq: 10 }, commitSeq: 9, echo },
      entries: [
        { epoch: 3, seq: 11, kind: 1, payload: bytes('') },
        { epoch: 3, seq: 12, kind: 2, payload: operation },
        { epoch: 3, seq: 13, kind: 3, payload: bytes('') },
      ],
    }),
  ),
  {
    kind: 'append-ack',
    range: 1,
    inc: 2,
    epoch: 3,
    ackedSeq: 4,
    rejection: { prevSeq: 9, newest: { epoch: 1, seq: 2 } },
    stamp: 0.5,
    unhealthy: true,
    contradiction: 77,
  },
  {
    ...{ kind: 'append-ack', range: 1, inc: 2, epoch: 3, ackedSeq: 4 },
    ...{ rejection: null, stamp: 0, unhealthy: false, contradiction: null },
  },
  ...[null, bytes('z')].map(
    (end): Body => ({
      ...{ kind: 'snapshot-chunk', range: 1, inc: 2, epoch: 3, snapshot: 4, index: 5 },
      ...{
        position: { epoch: 3, seq: 100 },
        start: bytes(''),
        end,
        rows: [{ ...row, revision: 100 }],
        last: true,
      },
      ...{ checksum: 0xffffffff, clientSessions: sessions },
    }),
  ),
  {
    kind: 'snapshot-ack',
    range: 1,
    inc: 2,
    epoch: 3,
    snapshot: 4,
    nextIndex: 6,
    installed: true,
    refused: false,
  },
  ...[null, { rows: 2 ** 40, checksum: 0xffffffff }].map(
    (digest): Body => ({
      kind: 'replica-digest',
      range: 1,
      inc: 2,
      epoch: 3,
      seq: 2 ** 40,
      format: 1,
      digest,
    }),
  ),
  { kind: 'damage-verdict', range: 1, inc: 2, epoch: 3, seq: 4, expected: { rows: 5, checksum: 2 ** 31 } },
  { kind: 'check', range: 1, epoch: 2, seq: 0 },
  { kind: 'check-reply', json: bytes('{"a":1}') },
  { kind: 'ping' },
  { kind: 'pong' },
];

const OPERATION: Operation = {
  clientId: new Uint8Array(16).fill(9),
  number: 2 ** 53 - 1,
  doneBelow: 2 ** 53 - 1 - 5,
  base: 0,
  mutations: [
    { kind: 'put', key: bytes('a'), value: bytes(''), ifRevision: null },
    { kind: 'put', key: bytes('b'), value: bytes('v'), ifRevision: 0 },
    { kind: 'delete', key: bytes('c'), ifRevision: 12 },
    { kind: 'check', key: bytes('d'), ifRevision: 0 },
  ],
};

/** Buffers and views as plain bytes, so that contents are compared and not classes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

for (const [index, body] of SAMPLES.entries()) {
  test(`${body.kind} (${index}) comes back as it was sent`, (t) => {
    const frames: Frame[] = [{ id: index, body }];
    t.deepEqual(plain(decodeEnvelope(encodeEnvelope(frames))), plain(frames));
  });
}

test('every kind has the number that the schema gives it', (t) => {
  const Envelope = schema.lookupType('rangekeeper.Envelope');
  const frames = SAMPLES.map((body, index) => ({ id: index, body }));
  const read = Envelope.toObject(Envelope.decode(encodeEnvelope(frames)), { oneofs: true, longs: Number });
  const kinds = (read.frames as { body: string }[]).map(({ body }) => body);
  const camel = (kind: string) => kind.replace(/-(.)/g, (_all, letter: string) => letter.toUpperCase());
  t.deepEqual(
    kinds,
    SAMPLES.map(({ kind }) => camel(kind)),
  );
});

test('an operation comes back as it was encoded', (t) => {
  t.deepEqual(plain(decodeOperation(encodeOperation(OPERATION))), plain(OPERATION));
});

test('an error crosses the wire with its details', (t) => {
  const descriptor = { data: bytes('{}'), version: 3 };
  const conflict = new RangekeeperError('CONFLICT', 'revision is 0', { revision: 0, seq: 9, index: 2 });
  const moved = new RangekeeperError('NOT_OWNER', 'ask n-2', { descriptor });
  t.deepEqual(failureFromReply(replyFromError(conflict)).details, { revision: 0, seq: 9, index: 2 });
  t.deepEqual(plain(failureFromReply(replyFromError(moved)).details), plain({ descriptor }));
  t.is(failureFromReply(replyFromError(moved)).code, 'NOT_OWNER');
});

// ---- what must be refused ----------------------------------------------------------------------------------------

function refuses(name: string, decode: () => unknown): void {
  test(`MALFORMED: ${name}`, (t) => {
    const error = t.throws(decode, { instanceOf: RangekeeperError });
    t.is(error?.code, 'MALFORMED');
  });
}

const refusesBytes = (name: string, hex: string) =>
  refuses(name, () => decodeEnvelope(Buffer.from(hex.replaceAll(' ', ''), 'hex')));
const refusesBody = (name: string, body: Body) =>
  refuses(name, () => decodeEnvelope(encodeEnvelope([{ id: 1, body }])));

refusesBytes('another field than frames', '12 00');
refusesBytes('a frame without a body', '0a 02 08 01');
refusesBytes('an unknown kind', '0a 03 fa 01 00');
refusesBytes('two bodies', '0a 06 8a 01 00 92 01 00');
refusesBytes('a frame longer than the message', '0a 7f 8a 01 00');
refusesBytes('a body longer than its frame', '0a 03 8a 01 05 00 00 00 00 00');
refusesBytes('an id above 2^53', '0a 0c 08 ff ff ff ff ff ff ff ff 7f 8a 01 00');
refusesBytes('an endless varint', '0a 0b 08 80 80 80 80 80 80 80 80 80 80');
refuses('a message over the limit', () => decodeEnvelope(Buffer.alloc(LIMITS.messageBytesMax + 1)));

const get = { kind: 'get', range: 1, epoch: 1, mode: 'stale', minSeq: 0 } as const;
refusesBody('an empty key', { ...get, key: bytes('') });
refusesBody('a key over the limit', { ...get, key: Buffer.alloc(LIMITS.keyBytesMax + 1) });
refusesBody('an operation over the limit', {
  ...{ kind: 'write', range: 1, epoch: 1 },
  operation: Buffer.alloc(LIMITS.operationBytesMax + 1),
});
refusesBody('a stamp that is not a number', {
  ...{ kind: 'append-ack', range: 1, inc: 1, epoch: 1, ackedSeq: 1 },
  ...{ rejection: null, stamp: Number.NaN, unhealthy: false, contradiction: null },
});

const entry = { epoch: 3, seq: 11, kind: 2, payload: operation } as const;
const append: Append = {
  ...{ kind: 'append', range: 1, inc: 2, epoch: 3, prev: { epoch: 2, seq: 10 }, commitSeq: 9, echo: null },
  entries: [entry, { ...entry, seq: 12 }],
};
const chunk: SnapshotChunk = {
  ...{ kind: 'snapshot-chunk', range: 1, inc: 2, epoch: 3, snapshot: 4, index: 5, checksum: 0, last: false },
  ...{ position: { epoch: 3, seq: 100 }, start: bytes('b'), end: bytes('y'), clientSessions: [] },
  rows: [
    { key: bytes('k'), value: bytes(''), revision: 1 },
    { key: bytes('l'), value: bytes(''), revision: 2 },
  ],
};
const [low, high] = chunk.rows as [WireRow, WireRow];
const HIGH = 2 ** 52 + 1;

refusesBody('an Append whose entries leave a gap', { ...append, entries: [entry, { ...entry, seq: 13 }] });
refusesBody('an Append whose entries come twice', { ...append, entries: [entry, entry] });
refusesBody('an Append whose first entry does not follow prev', { ...append, prev: { epoch: 2, seq: 11 } });
refusesBody('an Append whose epochs fall', { ...append, entries: [entry, { ...entry, seq: 12, epoch: 2 }] });
refusesBody('an Append whose first epoch is below that of prev', { ...append, prev: { epoch: 4, seq: 10 } });
refusesBody("an Append with an entry above the owner's epoch", {
  ...append,
  entries: [{ ...entry, epoch: 4 }],
});
refusesBody("an Append whose prev is above the owner's epoch", {
  ...append,
  prev: { epoch: 4, seq: 10 },
  entries: [],
});
refusesBody('an Append with an invalid operation', {
  ...append,
  entries: [{ ...entry, payload: bytes('op') }],
});
for (const kind of [1, 3] as const)
  refusesBody(`an entry of kind ${kind} with a payload`, { ...append, entries: [{ ...entry, kind }] });
refusesBody('a verdict that is too high', {
  ...{ kind: 'damage-verdict', range: 1, inc: 1, epoch: 1, seq: HIGH, expected: { rows: 0, checksum: 0 } },
});
refusesBody('an Append without a range', { ...append, range: 0 });
for (const field of ['inc', 'epoch', 'commitSeq'] as const)
  refusesBody(`an Append whose ${field} is too high`, { ...append, [field]: HIGH });
refusesBody('an acknowledgement that is too high', {
  ...{ kind: 'append-ack', range: 1, inc: 1, epoch: 1, ackedSeq: HIGH },
  ...{ rejection: null, stamp: 0, unhealthy: false, contradiction: null },
});
refusesBody('a rejection that names a position after prev', {
  ...{
    kind: 'append-ack',
    range: 1,
    inc: 1,
    epoch: 1,
    ackedSeq: 1,
    stamp: 0,
    unhealthy: false,
    contradiction: null,
  },
  rejection: { prevSeq: 4, newest: { epoch: 1, seq: 5 } },
});
refusesBody('a snapshot whose rows are out of order', { ...chunk, rows: [high, low] });
refusesBody('a snapshot whose rows come twice', { ...chunk, rows: [low, low] });
refusesBody('a snapshot with a row below its keys', { ...chunk, rows: [{ ...low, key: bytes('a') }] });
refusesBody('a snapshot with a row above its keys', { ...chunk, rows: [low, { ...high, key: bytes('y') }] });
refusesBody('a snapshot with a row newer than itself', { ...chunk, rows: [{ ...low, revision: 101 }] });
refusesBody('a snapshot whose bounds contain no keys', { ...chunk, end: bytes('b'), rows: [] });
refusesBody("a snapshot above the owner's epoch", { ...chunk, position: { epoch: 4, seq: 100 } });
refusesBody('a snapshot with sessions before its end', { ...chunk, clientSessions: sessions });
refusesBody('an invalid node id', { kind: 'hello', protocol: 1, clusterId: 'c0ffee', nodeId: 'n 1' });

const refusesOperation = (name: string, change: Partial<Operation>) =>
  refuses(`operation with ${name}`, () => decodeOperation(encodeOperation({ ...OPERATION, ...change })));
const put = (change: object): Mutation => ({
  kind: 'put',
  key: bytes('k'),
  value: bytes(''),
  ifRevision: null,
  ...change,
});

refusesOperation('a short client id', { clientId: new Uint8Array(15) });
refusesOperation('a number below doneBelow', { number: 2 });
refusesOperation('a number too far above doneBelow', { number: 1 + LIMITS.writeWindow, doneBelow: 1 });
refusesOperation('no mutation', { mutations: [] });
refusesOperation('too many mutations', { mutations: Array(LIMITS.batchOpsMax + 1).fill(put({})) });
refusesOperation('an empty key', { mutations: [put({ key: bytes('') })] });
refusesOperation('a value over the limit', {
  mutations: [put({ value: Buffer.alloc(LIMITS.valueBytesMax + 1) })],
});

test('a number that is not a safe integer is not encoded', (t) => {
  for (const number of [2 ** 53, -1, 1.5, Number.NaN]) {
    t.throws(() => encodeOperation({ ...OPERATION, number }), { instanceOf: RangeError }, String(number));
  }
});

// ---- fuzz --------------------------------------------------------------------------------------------------------

/** Throws unless `input` is refused as MALFORMED or gives frames that encode again. */
function decodesOrRefuses(input: Uint8Array): void {
  let frames: Frame[];
  try {
    frames = decodeEnvelope(input);
    for (const { body } of frames) if (body.kind === 'scan-reply') body.rows.decode();
  } catch (error) {
    if (error instanceof RangekeeperError && error.code === 'MALFORMED') return;
    throw error;
  }
  decodeEnvelope(encodeEnvelope(frames));
}

const RUNS = { numRuns: 3_000 };

test('fuzz: random bytes are frames or MALFORMED', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decodesOrRefuses), RUNS);
  t.pass();
});

test('fuzz: damaged envelopes are frames or MALFORMED', (t) => {
  const whole = fc
    .subarray([...SAMPLES], { minLength: 1 })
    .map((bodies) => encodeEnvelope(bodies.map((body, id) => ({ id, body }))));
  const damage = fc.array(
    fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.constantFrom('set', 'cut', 'insert')),
    {
      minLength: 1,
      maxLength: 4,
    },
  );
  fc.assert(
    fc.property(whole, damage, (message, changes) => {
      let bytes = Buffer.from(message);
      for (const [place, value, kind] of changes) {
        const at = place % (bytes.length + 1);
        const rest = kind === 'insert' ? at : at + 1;
        const middle = kind === 'cut' ? [] : [value];
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(middle), bytes.subarray(rest)]);
      }
      decodesOrRefuses(bytes);
    }),
    RUNS,
  );
  t.pass();
});

test('fuzz: damaged operations are operations or MALFORMED', (t) => {
  const good = Buffer.from(encodeOperation(OPERATION));
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
      const bytes = Buffer.from(good.subarray(0, length));
      if (at < length) bytes[at] = value;
      try {
        encodeOperation(decodeOperation(bytes));
      } catch (error) {
        if (!(error instanceof RangekeeperError && error.code === 'MALFORMED')) throw error;
      }
    }),
    RUNS,
  );
  t.pass();
});

test('every extreme in every field of the schema is a message or MALFORMED', (t) => {
  let refused = 0;
  let taken = 0;
  for (const body of SAMPLES) {
    for (const { what, message } of wireRubbishOf(7, body)) {
      try {
        const frames = decodeEnvelope(message);
        for (const frame of frames) if (frame.body.kind === 'scan-reply') frame.body.rows.decode();
        t.deepEqual(plain(decodeEnvelope(encodeEnvelope(frames))), plain(frames), what);
        taken++;
      } catch (error) {
        if (!(error instanceof RangekeeperError && error.code === 'MALFORMED')) throw error;
        refused++;
      }
    }
  }
  t.true(refused > 100 && taken > 300, `${refused} refused, ${taken} taken`);
});

test('the check without decoding accepts exactly what can be decoded as an operation', (t) => {
  const good = Buffer.from(encodeOperation(OPERATION));
  const passes = (run: () => void): boolean => {
    try {
      run();
      return true;
    } catch {
      return false;
    }
  };
  for (let at = 0; at < good.length; at++) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff, (good[at] as number) ^ 1, (good[at] as number) ^ 8]) {
      const damaged = Buffer.from(good);
      damaged[at] = value;
      t.is(
        passes(() => checkOperation(damaged)),
        passes(() => decodeOperation(damaged)),
      );
    }
  }
});

test('messages of one writer, large and small by turns, do not change later', (t) => {
  const writer = new EnvelopeWriter();
  const sizes = [40_000, 10, 20, 200_000, ...Array.from({ length: 40 }, (_, i) => i), 100_000, 0, 60_000];
  const bodies = sizes.map((size, i): Body => {
    return { kind: 'write', range: 1, epoch: 2, operation: new Uint8Array(size).fill(i) };
  });
  const messages = bodies.map((body, id) => {
    writer.add(id, body);
    return writer.take();
  });
  messages.forEach((message, i) => {
    t.deepEqual(decodeEnvelope(message), [{ id: i, body: bodies[i] }] as Frame[]);
  });
});
