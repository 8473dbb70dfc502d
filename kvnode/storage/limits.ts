// The bounds of a node's storage. What they are for a node with little memory is said in kvnode/process/memory.ts.

const MB = 1024 * 1024;

export interface StorageLimits {
  readonly segmentBytes: number;
  /** Newest bytes of the log kept in memory. */
  readonly tailBytesMax: number;
  /** Old log kept in any case, and while a follower needs it. */
  readonly keepBytes: number;
  readonly retainBytes: number;
  /**
   * Applied changes are written to the state store when the oldest has waited so long, or when so many were applied: late
   * enough that many of them replace each other, early enough that a start has little to replay.
   */
  readonly flushMs: number;
  readonly flushBytes: number;
  readonly flushRows: number;
  /** Applied and not yet written; beyond it the storage is saturated. */
  readonly overlayBytesMax: number;
  /** Rows of the state store kept in memory. */
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

/** Of LevelDB itself. */
export interface LevelLimits {
  /** Blocks that a compaction or a scan is at; rows are kept above it (caches.ts). */
  readonly cacheBytes: number;
  /** Of one table in memory; there are two while one is written. */
  readonly writeBufferBytes: number;
}

export const DEFAULT_LEVEL: LevelLimits = { cacheBytes: 16 * MB, writeBufferBytes: 16 * MB };
