// How a node divides the memory that it may use: one number of bytes gives every limit that grows with data, clients or load. Pure
// functions. The guardian (for V8's flags) and the node (for everything else) compute the same from `--memory`.
//
// The number covers `rangekeeper kvnode` as a whole, guardian and node, as a container's limit does. It is divided into parts. Each
// part has a minimum, below which the node cannot work, and a maximum, above which it gains nothing. In between, all parts grow in
// proportion:
//
//   t = (bytes - sum of minima) / (sum of maxima - sum of minima)      between 0 and 1
//   part = min + t * (max - min)
//
// The parts add up to `bytes`. If `bytes` is at least the sum of the maxima, every limit is its module's default, and V8 chooses
// its own limits. A part is an upper bound. All users reach theirs at once only in the worst case.
//
// Not included, because nothing here could bound it: the answers remembered for clients (R13 needs the same bound on every node;
// some 1.5 MiB for each range that many clients write to), and mapped pages of LevelDB's tables, which the kernel can take back.

import { assert } from '../../common/base/assert.ts';
import { formatByteSize } from '../../common/base/byte-size.ts';
import { DEFAULT_REPLICATION, LIMITS, type ReplicationConfig } from '../../common/model/config.ts';
import type { AvailableMemory } from '../../common/process/available-memory.ts';
import { DEFAULT_LEVEL, DEFAULT_LIMITS, type LevelLimits, type StorageLimits } from '../storage/limits.ts';
import { type HeapSettings, heapSettings } from './v8-and-malloc.ts';

const MIB = 1024 * 1024;

/** Bytes. */
interface MemoryPart {
  readonly min: number;
  readonly max: number;
}

const part = (minMib: number, maxMib: number): MemoryPart => ({ min: minMib * MIB, max: maxMib * MIB });

/** In MiB: minimum, maximum. */
const PARTS = {
  /** Code of Node and its libraries, shared by guardian and node, and the private memory of both when idle. */
  processes: part(92, 92),
  /** V8's heap in the node process. */
  heap: part(40, 256),
  /** Buffers that are no longer used and that V8 has not collected yet. */
  garbage: part(16, 64),
  /** The row cache, the leaf cache, and the table that finds rows: see {@link CACHE_SHARE}. */
  caches: part(9, 185),
  /** Changes that are applied and not yet written to the state store. */
  overlay: part(4, 64),
  /** LevelDB: cached blocks, the write buffer being filled, the one being written, and the batch being handed over. */
  level: part(6, 64),
  /** The newest bytes of the log. */
  logTail: part(3, 16),
  /** The index of the log's records: see {@link LOG_BYTES_PER_INDEX_BYTE}. */
  logIndex: part(8, 80),
  /** Writes that wait for their commit. */
  waiting: part(6, 128),
  /** Pages of concurrent scans, each up to LIMITS.pageBytesMax. */
  pages: part(6, 128),
  /** Replies, entries and snapshot chunks that wait to be sent. */
  outgoing: part(10, 128),
} as const satisfies Record<string, MemoryPart>;

export type PartName = keyof typeof PARTS;

const NAMES = Object.keys(PARTS) as PartName[];

/** A node needs at least this: 200 MiB. */
export const MEMORY_BYTES_MIN = sumOf(({ min }) => min);
/** A node uses no more than this: 1205 MiB. */
export const MEMORY_BYTES_MAX = sumOf(({ max }) => max);

/** The part of the caches that rows get. The table that finds them has up to 20 bytes for 128 bytes of rows. */
const CACHE_SHARE = 128 / 148;
/** An index row has 64 bytes, in an array up to twice as long as needed, for a record of some 400 bytes or more on a busy node. */
const LOG_BYTES_PER_INDEX_BYTE = 3.2;

export interface NodeMemory extends HeapSettings {
  readonly bytes: number;
  /** Bytes of each part. */
  readonly parts: Readonly<Record<PartName, number>>;
  readonly storage: StorageLimits;
  readonly level: LevelLimits;
  readonly replication: ReplicationConfig;
  /** Bytes that may wait to be sent on one connection. */
  readonly queuedBytesMax: number;
  /** Limit of concurrent scans. */
  readonly scansMax: number;
}

/** The bytes that a node may use: what `--memory` says, else the container's limit, else half of the machine's memory. */
export function memoryBytes(given: number | null, { containerBytes, machineBytes }: AvailableMemory): number {
  return given ?? containerBytes ?? Math.floor(machineBytes / 2);
}

/** Why a node cannot work with this many bytes; null if it can. */
export function memoryFault(bytes: number): string | null {
  if (bytes >= MEMORY_BYTES_MIN) return null;
  return `${formatByteSize(bytes)} is too little: a node needs ${formatByteSize(MEMORY_BYTES_MIN)} or more`;
}

/** The limits of a node that may use this many bytes, at least MEMORY_BYTES_MIN. */
export function nodeMemory(bytes: number): NodeMemory {
  assert(memoryFault(bytes) === null, 'a node has the memory that it needs');
  const t = Math.min(1, (bytes - MEMORY_BYTES_MIN) / (MEMORY_BYTES_MAX - MEMORY_BYTES_MIN));
  const parts = Object.fromEntries(
    NAMES.map((name) => [name, sizeAt(PARTS[name], t)]),
  ) as NodeMemory['parts'];
  const memory: NodeMemory = {
    bytes,
    parts,
    ...heapSettings(t === 1 ? null : parts.heap),
    storage: storageLimits(parts),
    level: levelLimits(parts.level),
    replication: replicationLimits(parts),
    queuedBytesMax: Math.floor(parts.outgoing / 2),
    scansMax: Math.floor(parts.pages / LIMITS.pageBytesMax),
  };
  checkSizes(memory);
  checkReplicationFits(memory);
  return memory;
}

function storageLimits(parts: NodeMemory['parts']): StorageLimits {
  const overlayShare = parts.overlay / PARTS.overlay.max;
  const retainBytes = Math.min(
    DEFAULT_LIMITS.retainBytes,
    Math.floor(parts.logIndex * LOG_BYTES_PER_INDEX_BYTE),
  );
  return {
    ...DEFAULT_LIMITS,
    cacheBytes: Math.min(DEFAULT_LIMITS.cacheBytes, Math.floor(parts.caches * CACHE_SHARE)),
    overlayBytesMax: parts.overlay,
    flushBytes: Math.floor(DEFAULT_LIMITS.flushBytes * overlayShare),
    flushRows: Math.floor(DEFAULT_LIMITS.flushRows * overlayShare),
    tailBytesMax: parts.logTail,
    // A start reads a whole segment into memory.
    segmentBytes: Math.min(DEFAULT_LIMITS.segmentBytes, parts.logTail),
    retainBytes,
    keepBytes: Math.floor(retainBytes / 4),
  };
}

/**
 * The limits with another retention of the log, in MiB; null: unchanged. Segments, and the changes that wait to be written to the
 * state, are made small enough for it.
 */
export function withLogRetention(
  limits: StorageLimits,
  keepMib: number | null,
  retainMib: number | null,
): StorageLimits {
  if (keepMib === null && retainMib === null) return limits;
  const keepBytes = keepMib === null ? Math.min(limits.keepBytes, (retainMib ?? 0) * MIB) : keepMib * MIB;
  const retainBytes = retainMib === null ? limits.retainBytes : retainMib * MIB;
  const quarter = Math.floor(keepBytes / 4);
  return {
    ...limits,
    keepBytes,
    retainBytes: Math.max(keepBytes, retainBytes),
    segmentBytes: Math.min(limits.segmentBytes, Math.max(MIB, quarter)),
    flushBytes: Math.min(limits.flushBytes, quarter),
  };
}

/** Four equal shares: cached blocks, the write buffer being filled, the one being written, and a batch. */
function levelLimits(bytes: number): LevelLimits {
  const share = Math.floor(bytes / 4);
  return {
    cacheBytes: Math.min(DEFAULT_LEVEL.cacheBytes, share),
    writeBufferBytes: Math.min(DEFAULT_LEVEL.writeBufferBytes, share),
  };
}

/** The minimum of waiting writes in a range; each has some 500 bytes on the heap. */
const ENTRIES_MIN = 4_096;

function replicationLimits({ waiting, outgoing }: NodeMemory['parts']): ReplicationConfig {
  const full = DEFAULT_REPLICATION;
  const share = waiting / PARTS.waiting.max;
  return {
    ...full,
    uncommittedNodeBytesMax: waiting,
    uncommittedBytesMax: Math.max(LIMITS.operationBytesMax, Math.floor(full.uncommittedBytesMax * share)),
    uncommittedEntriesMax: Math.max(ENTRIES_MIN, Math.floor(full.uncommittedEntriesMax * share)),
    inflightBytesMax: Math.min(full.inflightBytesMax, Math.floor(outgoing / 4)),
  };
}

function checkSizes(memory: NodeMemory): void {
  const { parts, storage, level, replication } = memory;
  const sum = NAMES.reduce((total, name) => total + parts[name], 0);
  assert(sum <= memory.bytes, 'the parts are no more than the whole');
  assert(
    Object.values({ ...storage, ...level, ...replication }).every(Number.isInteger),
    'limits are whole numbers',
  );
  assert(storage.cacheBytes <= parts.caches, 'rows in memory fit their part');
  assert(storage.flushBytes < storage.overlayBytesMax, 'the state is written before the overlay is full');
  assert(storage.flushBytes <= parts.level / 4, 'a batch fits the part of LevelDB');
  assert(storage.segmentBytes <= storage.keepBytes, 'at least one segment is kept');
  assert(storage.keepBytes <= storage.retainBytes, 'keepBytes <= retainBytes');
  assert(level.cacheBytes + 2 * level.writeBufferBytes <= parts.level, 'LevelDB fits its part');
  assert(memory.scansMax > 0, 'a scan may run');
}

function checkReplicationFits({ parts, replication, queuedBytesMax }: NodeMemory): void {
  assert(LIMITS.operationBytesMax <= replication.uncommittedBytesMax, 'the largest write has room');
  assert(
    replication.uncommittedBytesMax <= replication.uncommittedNodeBytesMax,
    'a range has no more than its node',
  );
  assert(replication.appendBytesMax <= replication.inflightBytesMax, 'an Append may be in flight');
  assert(replication.inflightBytesMax <= queuedBytesMax, 'what is in flight to a follower has room');
  assert(2 * queuedBytesMax <= parts.outgoing, 'two connections may be full');
}

function sizeAt({ min, max }: MemoryPart, t: number): number {
  return Math.floor(min + t * (max - min));
}

function sumOf(size: (part: MemoryPart) => number): number {
  return NAMES.reduce((total, name) => total + size(PARTS[name]), 0);
}
