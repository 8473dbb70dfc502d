// The hash table of the rows of an overlay works like a map, whatever the keys are.

import test from 'ava';
import fc from 'fast-check';
import { toBytes } from '../../../../../common/base/bytes.ts';
import { RowTable } from '../../../../../kvnode/storage/cache/row-table.ts';
import { keyHash, keyText, textHash } from '../../../../../kvnode/storage/rows/key-text.ts';

interface Numbered {
  readonly key: Uint8Array;
  readonly number: number;
}

/** `count` keys whose hashes have the same last bits. */
function keysOfOneSlot(count: number, bits: number): string[] {
  const keys: string[] = [];
  for (let i = 0; keys.length < count; i++) {
    const key = `key ${i}`;
    if ((keyHash(toBytes(key)) & (2 ** bits - 1)) === 1) keys.push(key);
  }
  return keys;
}

/** Two keys with the same hash. */
function collidingPair(): string[] {
  const seen = new Map<number, string>();
  for (let i = 0; ; i++) {
    const key = `pair ${i}`;
    const hash = keyHash(toBytes(key));
    const other = seen.get(hash);
    if (other !== undefined) return [other, key];
    seen.set(hash, key);
  }
}

const CROWDED = [...keysOfOneSlot(60, 11), ...collidingPair()];

test('a text has the hash of its key', (t) => {
  for (const key of ['', 'a', 'user00000017', '\u00ff\u00e9\u0000']) {
    const bytes = Buffer.from(key, 'latin1');
    t.is(textHash(keyText(bytes)), keyHash(bytes));
    t.is(textHash(keyText(bytes), 7), keyHash(bytes, 7));
  }
  t.not(keyHash(toBytes('a'), 1), keyHash(toBytes('a'), 2));
});

test('it works like a map: with colliding keys, with few keys, and with many', (t) => {
  const keys = fc.oneof(
    fc.constantFrom(...CROWDED),
    fc.string({ maxLength: 2 }),
    fc.nat(3_000).map((i) => `user${i}`),
  );
  const property = fc.property(fc.array(keys, { minLength: 300, maxLength: 2_500 }), keys, (sets, absent) => {
    const table = new RowTable<Numbered>();
    const map = new Map<string, number>();
    for (const [number, key] of sets.entries()) {
      const before = table.set({ key: toBytes(key), number });
      if (before?.number !== map.get(key)) throw new Error(`${key} replaced ${before?.number}`);
      map.set(key, number);
    }
    for (const key of [...map.keys(), absent]) {
      const bytes = toBytes(key);
      if (table.get(bytes)?.number !== map.get(key)) throw new Error(`${key} is wrong`);
      if (table.getByText(keyText(bytes))?.number !== map.get(key))
        throw new Error(`${key} by text is wrong`);
    }
    const numbers = table.rows.map(({ number }) => number);
    if (numbers.join() !== [...map.values()].join()) throw new Error('rows are missing, or out of order');
  });
  fc.assert(property, { numRuns: 60 });
  t.pass();
});
