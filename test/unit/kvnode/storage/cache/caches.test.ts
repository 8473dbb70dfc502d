// The bound that rows by key and rows in key order share in memory.

import test from 'ava';
import { toBytes } from '../../../../../common/base/bytes.ts';
import { encodeRows } from '../../../../../common/wire/encoded-rows.ts';
import { Caches } from '../../../../../kvnode/storage/cache/caches.ts';
import { keyText } from '../../../../../kvnode/storage/rows/key-text.ts';

const MB = 1024 * 1024;
const MAX = 8 * MB;
const VALUE = new Uint8Array(10_000);

/** So many megabytes of rows, each of another key; `again`: and so often read once more. */
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
  ['rows alone have all of it', (caches) => readByKey(caches, 20), 8, 0],
  ['leaves alone have all of it', (caches) => scan(caches, 20), 0, 8],
  [
    'of no use, rows give way to leaves, down to half',
    (caches) => {
      readByKey(caches, 20);
      scan(caches, 20);
    },
    4,
    4,
  ],
  [
    'of no use, leaves give way to rows, down to half',
    (caches) => {
      scan(caches, 20);
      readByKey(caches, 20);
    },
    4,
    4,
  ],
  [
    'rows that are not read give way to leaves that are, down to an eighth',
    (caches) => {
      readByKey(caches, 20);
      scan(caches, 40, 10);
    },
    1,
    7,
  ],
  [
    'leaves that are not read give way to rows that are, down to an eighth',
    (caches) => {
      scan(caches, 20);
      readByKey(caches, 40, 50);
    },
    7,
    1,
  ],
  [
    'what was of use long ago gives way too',
    (caches) => {
      readByKey(caches, 20, 50);
      scan(caches, 40, 50);
    },
    1,
    7,
  ],
  [
    'a scan of what is not read again takes an eighth',
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
    "what one leaves is the other's",
    (caches) => {
      readByKey(caches, 2);
      scan(caches, 20);
    },
    2,
    6,
  ],
  [
    'cleared, both begin again',
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
