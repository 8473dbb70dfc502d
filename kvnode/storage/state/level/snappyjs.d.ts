// What is used of snappyjs, which has no types of its own.

declare module 'snappyjs' {
  /** Throws where the bytes are not what snappy writes. */
  export function uncompress(compressed: Uint8Array): Uint8Array;
}
