// Bounds of a node's storage. kvnode/process/memory.ts has smaller ones for a node with little memory.

const MB = 1024 * 1024;

export interface StorageLimits {
  readonly segmentBytes: number;
  /** Bytes at the end of the log that are kept in memory. */
  readonly tailBytesMax: number;
  /** Old log: `keepBytes` are always kept, `retainBytes` while a follower needs them (retention.ts). */
  readonly keepBytes: number;
  readonly retainBytes: number;
  /**
   * When applied changes are written to the state store: the oldest has waited `flushMs`, or `flushBytes` or
   * `flushRows` were applied. Larger limits turn more changes of one key into one write. Smaller ones leave a start
   * less to replay.
   */
  readonly flushMs: number;
  readonly flushBytes: number;
  readonly flushRows: number;
  /** Bytes applied and not yet written to the state store. Above this bound the storage is saturated. */
  readonly overlayBytesMax: number;
  /** Rows of the state store that are kept in memory, bytes. */
  readonly cacheBytes: number;
}

export const DEFAULT_LIMITS: StorageLimits = {
  segmentBytes: 16 * MB,
  tailBytesMax: 16 * MB,
  keepBytes: 64 * MB,
  retainBytes: 256 * MB,
  flushMs: 1_000,
  flushBytes: 16 * MB,
  flushRows: 24_000,
  overlayBytesMax: 64 * MB,
  cacheBytes: 160 * MB,
};

/** Bounds of LevelDB itself. */
export interface LevelLimits {
  /** The cache of blocks, which compactions and scans use. Rows are cached above it (caches.ts). */
  readonly cacheBytes: number;
  /** One memtable. While LevelDB writes one out, there are two. */
  readonly writeBufferBytes: number;
}

export const DEFAULT_LEVEL: LevelLimits = { cacheBytes: 16 * MB, writeBufferBytes: 16 * MB };
