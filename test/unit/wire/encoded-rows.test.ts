// Encoded rows: the schema reads what is encoded here, and everything that the schema allows is read here.

import test from 'ava';
import fc from 'fast-check';
import { compareBytes, toBytes } from '../../../common/base/bytes.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { LIMITS } from '../../../common/model/config.ts';
import {
  EncodedRows,
  encodedRowSize,
  encodeRow,
  encodeRows,
  RowWalk,
  type WireRow,
} from '../../../common/wire/encoded-rows.ts';
import { schema } from '../../support/schema.ts';

const ScanReply = schema.lookupType('rangekeeper.ScanReply');

const row: fc.Arbitrary<WireRow> = fc.record({
  key: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  value: fc.uint8Array({ maxLength: 300 }),
  revision: fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constantFrom(0, 2 ** 31, 2 ** 32, 2 ** 53 - 1)),
});

function plain(rows: Iterable<WireRow>): unknown[] {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return [...rows].map(({ key, value, revision }) => [hex(key), hex(value), revision]);
}

function* walked(bytes: Uint8Array): Iterable<WireRow> {
  const walk = new RowWalk(bytes);
  while (walk.next()) {
    const { key, revision, valueAt, valueLength } = walk;
    yield { key, value: bytes.subarray(valueAt, valueAt + valueLength), revision };
  }
}

test('rows come back as they were encoded, all together and one by one, and by the schema', (t) => {
  const property = fc.property(fc.array(row, { maxLength: 20 }), (rows) => {
    const bytes = encodeRows(rows);
    const expected = plain(rows);
    t.deepEqual(plain(new EncodedRows([bytes]).decode()), expected);
    t.deepEqual(plain(walked(bytes)), expected);
    const read = ScanReply.toObject(ScanReply.decode(bytes), { longs: Number, defaults: true });
    t.deepEqual(plain(read.rows as WireRow[]), expected);
  });
  fc.assert(property, { numRuns: 200, endOnFailure: true });
});

test('rows that the schema encodes are read, in any order of fields', (t) => {
  const rows = [{ key: Buffer.from('k'), value: Buffer.from(''), revision: 7 }];
  t.deepEqual(plain(new EncodedRows([ScanReply.encode({ rows }).finish()]).decode()), plain(rows));
  const turned = Buffer.from('0a 0a 18 07 12 01 76 0a 01 6b 20 01'.replaceAll(' ', ''), 'hex');
  t.deepEqual(plain(new EncodedRows([turned]).decode()), [['6b', '76', 7]]);
});

test('a row is encoded from the middle of its sources', (t) => {
  const source = Buffer.from('....key');
  const bytes = Buffer.alloc(1 + encodedRowSize(3, 1, 5));
  t.is(encodeRow(bytes, 1, source, 4, Buffer.from('.v'), 1, 5), bytes.length);
  t.deepEqual(plain(walked(bytes.subarray(1))), [['6b6579', '76', 5]]);
});

test('a cut row has the length of its value, and a reader that does not know it still reads the row', (t) => {
  const row = { key: toBytes('k'), value: toBytes('va'), revision: 0, valueLength: 500 };
  for (const revision of [0, 7]) {
    const bytes = encodeRows([{ ...row, revision }]);
    t.deepEqual(new EncodedRows([bytes]).decode(), [{ ...row, revision }]);
    t.deepEqual(plain(walked(bytes)), [['6b', '7661', revision]]);
    const direct = Buffer.alloc(encodedRowSize(1, 2, revision, 500));
    t.is(encodeRow(direct, 0, row.key, 0, row.value, 0, revision, 500), direct.length);
    t.deepEqual(direct, Buffer.from(bytes));
  }
});

test('keys compare as bytes do', (t) => {
  const keys = fc.uint8Array({ minLength: 1, maxLength: 4, max: 3 });
  const property = fc.property(keys, keys, (a, b) => {
    const walk = new RowWalk(encodeRows([{ key: a, value: b, revision: 1 }]));
    return walk.next() && Math.sign(walk.compareKey(b)) === Math.sign(compareBytes(a, b));
  });
  fc.assert(property, { numRuns: 500 });
  t.pass();
});

test('rows keep their message in memory only if they are most of it', (t) => {
  const one = encodeRows([{ key: Buffer.from('k'), value: Buffer.from('v'), revision: 1 }]);
  const message = new Uint8Array(200_000);
  message.set(one, 1_000);
  const [small] = new EncodedRows([message.subarray(1_000, 1_000 + one.length)]).decode();
  t.is(small?.key.buffer.byteLength, one.length);
  const page = new Uint8Array(
    encodeRows(Array(1_000).fill({ key: Buffer.alloc(100), value: one, revision: 1 })),
  );
  const [large] = new EncodedRows([page]).decode();
  t.is(large?.key.buffer, page.buffer);
});

const long = (length: number) => encodeRows([{ key: Buffer.alloc(length), value: Buffer.of(), revision: 1 }]);
const refused: readonly (readonly [string, Uint8Array])[] = [
  ['another field', Buffer.from('1200', 'hex')],
  ['a row that is cut short', Buffer.from('0a050a016b', 'hex')],
  ['a key longer than its row', Buffer.from('0a030a056b6b6b6b6b', 'hex')],
  ['no key', Buffer.from('0a021801', 'hex')],
  ['a key over the limit', long(LIMITS.keyBytesMax + 1)],
];

for (const [what, bytes] of refused) {
  test(`MALFORMED: ${what}`, (t) => {
    const error = t.throws(() => new EncodedRows([bytes]).decode(), { instanceOf: RangekeeperError });
    t.is(error?.code, 'MALFORMED');
  });
}
