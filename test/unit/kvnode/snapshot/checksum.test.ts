// The checksum of a snapshot does not depend on how its rows are cut into chunks, and changes with every bit.

import test from 'ava';
import { toBytes } from '../../../../common/base/bytes.ts';
import { rowsChecksum } from '../../../../kvnode/snapshot/checksum.ts';
import type { Row } from '../../../../kvnode/storage/storage.ts';

const rowOf = (key: string, bytes: number, revision: number): Row => ({
  key: toBytes(key),
  value: new Uint8Array(bytes).fill(bytes & 0xff),
  revision,
});

/** Lengths of values around the one from which another implementation is used. */
const rows = [0, 1, 511, 512, 513, 100_000].map((bytes, i) => rowOf(`row ${i}`, bytes, 1_000 + i));
const whole = rowsChecksum(rows, 0);

test('rows in chunks have the checksum of all of them', (t) => {
  for (let cut = 0; cut <= rows.length; cut++) {
    t.is(rowsChecksum(rows.slice(cut), rowsChecksum(rows.slice(0, cut), 0)), whole);
  }
  t.not(rowsChecksum([...rows].reverse(), 0), whole);
});

for (const [at, row] of rows.entries()) {
  test(`a flipped bit of row ${at}, with a value of ${row.value.length} bytes, is found`, (t) => {
    const checksumWith = (other: Partial<Row>): number =>
      rowsChecksum(
        rows.map((one) => (one === row ? { ...one, ...other } : one)),
        0,
      );
    t.not(checksumWith({ key: toBytes(`rov ${at}`) }), whole);
    t.not(checksumWith({ revision: row.revision ^ 1 }), whole);
    for (const place of [0, row.value.length >> 1, row.value.length - 1]) {
      if (row.value.length === 0) continue;
      const value = Uint8Array.from(row.value);
      value[place] = (value[place] ?? 0) ^ 0x10;
      t.not(checksumWith({ value }), whole);
    }
  });
}
