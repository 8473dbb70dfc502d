// Keys and values of every contender. Keys have 24 bytes. Values come from a pool that is made once, so that they cost the load
// generator nothing. All values of a pool are different, so a value that is read back shows which write it came from.

import { type Random, seeded } from '../stats/draws.ts';

const DIGITS = 20;
const POOL_BYTES_MAX = 16 * 1024 * 1024;
const POOL_MAX = 4_096;
const SYMBOLS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** A key of four letters and twenty digits. Keys have the order of their indexes. */
export function keyOf(prefix: string, index: number): string {
  return prefix + String(index).padStart(DIGITS, '0');
}

/** The key that is inserted as the one with this index. @param scattered in any order, instead of behind those before it */
export function insertedKey(prefix: string, index: number, scattered: boolean): string {
  // An odd factor gives each index another key.
  return keyOf(prefix, scattered ? Math.imul(index, 0x9e3779b1) >>> 0 : index);
}

const pools = new Map<number, readonly string[]>();

/** Different values of `bytes` bytes each, of ASCII that does not compress below three quarters. */
export function valuePool(bytes: number): readonly string[] {
  const pool = pools.get(bytes) ?? makePool(bytes);
  pools.set(bytes, pool);
  return pool;
}

function makePool(bytes: number): readonly string[] {
  const count = Math.max(4, Math.min(POOL_MAX, Math.floor(POOL_BYTES_MAX / bytes)));
  const random = seeded(bytes);
  return Array.from({ length: count }, (_, i) =>
    `${i.toString(36)}/`.padEnd(bytes, symbols(random, bytes)).slice(0, bytes),
  );
}

function symbols(random: Random, length: number): string {
  const block = Array.from({ length: Math.min(length, 4_096) }, () => SYMBOLS[Math.floor(random() * 64)]);
  return block.join('').repeat(Math.ceil(length / block.length));
}
