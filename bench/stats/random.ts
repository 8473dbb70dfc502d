// A seeded source of numbers in [0, 1): every contender of a run meets the same sequence of keys, and a run can be
// repeated. Mulberry32: one multiplication and some shifts, so that drawing keys costs the load generator next to nothing.

export type Random = () => number;

/** `seed` is taken modulo 2^32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
