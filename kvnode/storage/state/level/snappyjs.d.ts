// The part of snappyjs that is used. The package has no types.

declare module 'snappyjs' {
  /** Throws if `compressed` is not the output of snappy. */
  export function uncompress(compressed: Uint8Array): Uint8Array;
}
