// The bound in bytes that the caches of rows and of leaves share.

import test from 'ava';
import { toBytes } from '../../../../../common/base/bytes.ts';
import { encodeRows } from '../../../../../common/wire/encoded-rows.ts';
import { Caches } from '../../../../../kvnode/storage/cache/caches.ts';
import { keyText } from '../../../../../kvnode/storage/rows/key-text.ts';

const MB = 1024 * 1024;
const MAX = 8 * MB;
const VALUE = new Uint8Array(10_000);

/** Adds rows of different keys, and reads each of them `again` times. */
function readByKey({ rows }: Caches, megabytes: number, again = 0): void {
  for (let n = 0; n < megabytes * 100; n++) {
    const key = toBytes(`row ${n}`);
    rows.add(1, { key, value: VALUE, revision: n + 1 });
    for (let i = 0; i < again; i++) rows.get(1, key);
  }
}

function scan({ leaves }: Caches, megabytes: number, again = 0): void {
  for (let n = 0; n < megabytes * 100; n++) {
    const key = toBytes(`leaf ${String(n).padStart(6, '0')}`);
    const rows = encodeRows([{ key, value: VALUE, revision: 1 }]);
    const [start, end] = [keyText(key), `${keyText(key)}\0`];
    leaves.add(1, [{ start, end, rows, count: 1, bytes: key.length + VALUE.length }]);
    for (let i = 0; i < again; i++) leaves.find(1, start);
  }
}

const cases: readonly [string, (caches: Caches) => void, rowsMb: number, leavesMb: number][] = [
  ['rows alone use all of it', (caches) => readByKey(caches, 20), 8, 0],
  ['leaves alone use all of it', (caches) => scan(caches, 20), 0, 8],
  [
    'without hits, rows shrink to half when leaves are added',
    (caches) => {
      readByKey(caches, 20);
      scan(caches, 20);
    },
    4,
    4,
  ],
  [
    'without hits, leaves shrink to half when rows are added',
    (caches) => {
      scan(caches, 20);
      readByKey(caches, 20);
    },
    4,
    4,
  ],
  [
    'rows without hits shrink to an eighth when leaves have hits',
    (caches) => {
      readByKey(caches, 20);
      scan(caches, 40, 10);
    },
    1,
    7,
  ],
  [
    'leaves without hits shrink to an eighth when rows have hits',
    (caches) => {
      scan(caches, 20);
      readByKey(caches, 40, 50);
    },
    7,
    1,
  ],
  [
    'old hits count less than recent ones',
    (caches) => {
      readByKey(caches, 20, 50);
      scan(caches, 40, 50);
    },
    1,
    7,
  ],
  [
    'a scan of rows that are not read again takes an eighth',
    (caches) => {
      readByKey(caches, 20, 50);
      scan(caches, 1);
      readByKey(caches, 20, 50);
      scan(caches, 40);
    },
    7,
    1,
  ],
  [
    'what one cache does not use, the other one may use',
    (caches) => {
      readByKey(caches, 2);
      scan(caches, 20);
    },
    2,
    6,
  ],
  [
    'after a clear both begin anew',
    (caches) => {
      readByKey(caches, 20);
      scan(caches, 20);
      caches.clear();
      scan(caches, 1);
    },
    0,
    1,
  ],
];

for (const [title, use, rowsMb, leavesMb] of cases) {
  test(title, (t) => {
    const caches = new Caches(MAX);
    use(caches);
    const [rows, leaves] = [caches.rows.bytes / MB, caches.leaves.bytes / MB];
    t.true(rows + leaves <= MAX / MB, `${rows} and ${leaves}`);
    t.true(Math.abs(rows - rowsMb) <= 1 && Math.abs(leaves - leavesMb) <= 1, `${rows} and ${leaves} MB`);
  });
}
