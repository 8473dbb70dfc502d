// How much memory a node may use, and what for: one number of bytes gives every limit that grows with data, clients or load.
// Pure; the guardian (for V8's flags) and the node (for all else) compute it alike from `--memory`.
//
// The number is for `rangekeeper kvnode` as a whole, guardian and node, as a container's limit is. It is cut into parts.
// Each part has a least size, below which the node cannot work, and a most, which is what it gains from. Between the two all
// parts grow alike:
//
//   t = (bytes - sum of least) / (sum of most - sum of least)      between 0 and 1
//   part = least + t * (most - least)
//
// so the parts add up to `bytes` by construction. With `sum of most` or more the limits are the defaults of each module, and
// V8 is left to itself. A part is a bound that all its users reach at once only at the worst moment.
//
// Left out, as nothing here could bound it: the answers remembered for clients (R13 wants the same bound on every node, some
// 1.5 MiB for each range that many clients write to), and pages of LevelDB's tables, which the kernel takes back.

import { assert } from '../../common/base/assert.ts';
import { formatByteSize } from '../../common/base/byte-size.ts';
import { DEFAULT_REPLICATION, LIMITS, type ReplicationConfig } from '../../common/model/config.ts';
import type { AvailableMemory } from '../../common/process/available-memory.ts';
import { DEFAULT_LEVEL, DEFAULT_LIMITS, type LevelLimits, type StorageLimits } from '../storage/limits.ts';

const MIB = 1024 * 1024;

interface Part {
  readonly least: number;
  readonly most: number;
}

const part = (leastMib: number, mostMib: number): Part => ({ least: leastMib * MIB, most: mostMib * MIB });

/** In MiB: least, most. */
const PARTS = {
  /** Code of Node and its libraries, which guardian and node share; what an idle guardian and an idle node have of their own. */
  processes: part(92, 92),
  /** V8's heap in the node. */
  heap: part(40, 256),
  /** Buffers that nobody uses any more and V8 has not collected yet. */
  garbage: part(16, 64),
  /** Rows by key and in key order, and the table that finds them: see {@link CACHE_SHARE}. */
  caches: part(9, 185),
  /** Applied and not yet in the state store. */
  overlay: part(4, 64),
  /** LevelDB: blocks, the table being filled and the one being written, and the batch that is handed to it. */
  level: part(6, 64),
  /** Newest bytes of the log. */
  logTail: part(3, 16),
  /** Where each record of the log is: see {@link LOG_BYTES_PER_INDEX_BYTE}. */
  logIndex: part(8, 80),
  /** Writes that wait for their commit. */
  waiting: part(6, 128),
  /** Pages of scans under way, of up to LIMITS.pageBytesMax. */
  pages: part(6, 128),
  /** Answers, entries and snapshots that wait to leave. */
  outgoing: part(10, 128),
} as const satisfies Record<string, Part>;

export type PartName = keyof typeof PARTS;

const NAMES = Object.keys(PARTS) as PartName[];

/** The least that a node works with: 200 MiB. */
export const MEMORY_BYTES_LEAST = sumOf(({ least }) => least);
/** More makes no difference: 1205 MiB. */
export const MEMORY_BYTES_MOST = sumOf(({ most }) => most);

/** Of the caches' part, what rows get; the table of their places has up to 20 bytes for 128 bytes of rows. */
const CACHE_SHARE = 128 / 148;
/** An index row has 64 bytes, in an array up to twice as long, for a record of at least some 400 bytes on a busy node. */
const LOG_BYTES_PER_INDEX_BYTE = 3.2;
/** Young generation, as V8 has it: two halves that are copied between, and as much again for what has just been copied. */
const SEMI_SPACES = 3;

export interface HeapLimits {
  /** As V8's flags of these names. */
  readonly maxOldSpaceMib: number;
  readonly maxSemiSpaceMib: number;
}

export interface NodeMemory {
  readonly bytes: number;
  readonly parts: Readonly<Record<PartName, number>>;
  /** null: V8 decides by itself. */
  readonly heap: HeapLimits | null;
  /** V8 collects nothing of the old generation below. */
  readonly initialOldSpaceMib: number;
  readonly storage: StorageLimits;
  readonly level: LevelLimits;
  readonly replication: ReplicationConfig;
  /** Of one connection. */
  readonly queuedBytesMax: number;
  readonly scansMax: number;
}

/** What a node may use: what it was given, else the container's limit, else half of the machine, which has other users. */
export function memoryBytes(given: number | null, { containerBytes, machineBytes }: AvailableMemory): number {
  return given ?? containerBytes ?? Math.floor(machineBytes / 2);
}

/** Why a node cannot work with so many bytes; null: it can. */
export function memoryFault(bytes: number): string | null {
  if (bytes >= MEMORY_BYTES_LEAST) return null;
  return `${formatByteSize(bytes)} is too little: a node needs ${formatByteSize(MEMORY_BYTES_LEAST)} or more`;
}

/** The limits of a node that may use so many bytes, at least MEMORY_BYTES_LEAST. */
export function nodeMemory(bytes: number): NodeMemory {
  assert(memoryFault(bytes) === null, 'a node has the least memory that it works with');
  const t = Math.min(1, (bytes - MEMORY_BYTES_LEAST) / (MEMORY_BYTES_MOST - MEMORY_BYTES_LEAST));
  const parts = Object.fromEntries(
    NAMES.map((name) => [name, sizeAt(PARTS[name], t)]),
  ) as NodeMemory['parts'];
  const memory: NodeMemory = {
    bytes,
    parts,
    heap: t === 1 ? null : heapLimits(parts.heap),
    initialOldSpaceMib: t === 1 ? INITIAL_OLD_SPACE_MIB : Math.floor(parts.heap / MIB / 4),
    storage: storageLimits(parts),
    level: levelLimits(parts.level),
    replication: replicationLimits(parts),
    queuedBytesMax: Math.floor(parts.outgoing / 2),
    scansMax: Math.floor(parts.pages / LIMITS.pageBytesMax),
  };
  check(memory);
  return memory;
}

/**
 * A node's heap is small, and V8 allows a small heap few megabytes, buffers outside it included, before it marks all of
 * it again: with values of 16 KB six times a second, two fifths of the node's time. It marks nothing below this.
 */
const INITIAL_OLD_SPACE_MIB = 64;
const SEMI_SPACE_MIB_MAX = 16;

function heapLimits(bytes: number): HeapLimits {
  const mib = Math.floor(bytes / MIB);
  const maxSemiSpaceMib = Math.max(2, Math.min(SEMI_SPACE_MIB_MAX, 2 ** Math.floor(Math.log2(mib / 16))));
  return { maxSemiSpaceMib, maxOldSpaceMib: mib - SEMI_SPACES * maxSemiSpaceMib };
}

/** V8's flags for the node. */
export function heapFlags({ heap, initialOldSpaceMib }: NodeMemory): string[] {
  const flags = [`--initial-old-space-size=${initialOldSpaceMib}`];
  if (heap === null) return flags;
  const { maxOldSpaceMib, maxSemiSpaceMib } = heap;
  return [...flags, `--max-old-space-size=${maxOldSpaceMib}`, `--max-semi-space-size=${maxSemiSpaceMib}`];
}

function storageLimits(parts: NodeMemory['parts']): StorageLimits {
  const overlayShare = parts.overlay / PARTS.overlay.most;
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
    // A start reads a whole segment at once.
    segmentBytes: Math.min(DEFAULT_LIMITS.segmentBytes, parts.logTail),
    retainBytes,
    keepBytes: Math.floor(retainBytes / 4),
  };
}

/**
 * The limits where somebody has said how much of the log is kept, in MiB; null: as it is. Segments, and what waits to be
 * written to the state, are then small enough that it is possible.
 */
export function keepingLog(
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

/** Four equal shares: blocks, the table being filled, the one being written, a batch. */
function levelLimits(bytes: number): LevelLimits {
  const share = Math.floor(bytes / 4);
  return {
    cacheBytes: Math.min(DEFAULT_LEVEL.cacheBytes, share),
    writeBufferBytes: Math.min(DEFAULT_LEVEL.writeBufferBytes, share),
  };
}

/** Writes that wait in a range, each with some 500 bytes on the heap. */
const ENTRIES_LEAST = 4_096;

function replicationLimits({ waiting, outgoing }: NodeMemory['parts']): ReplicationConfig {
  const full = DEFAULT_REPLICATION;
  const share = waiting / PARTS.waiting.most;
  return {
    ...full,
    uncommittedNodeBytesMax: waiting,
    uncommittedBytesMax: Math.max(LIMITS.operationBytesMax, Math.floor(full.uncommittedBytesMax * share)),
    uncommittedEntriesMax: Math.max(ENTRIES_LEAST, Math.floor(full.uncommittedEntriesMax * share)),
    inflightBytesMax: Math.min(full.inflightBytesMax, Math.floor(outgoing / 4)),
  };
}

function check(memory: NodeMemory): void {
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
  assert(storage.segmentBytes <= storage.keepBytes, 'some segment is kept');
  assert(storage.keepBytes <= storage.retainBytes, 'keepBytes <= retainBytes');
  assert(level.cacheBytes + 2 * level.writeBufferBytes <= parts.level, 'LevelDB fits its part');
  assert(LIMITS.operationBytesMax <= replication.uncommittedBytesMax, 'the largest write has room');
  assert(
    replication.uncommittedBytesMax <= replication.uncommittedNodeBytesMax,
    'a range has no more than its node',
  );
  assert(replication.appendBytesMax <= replication.inflightBytesMax, 'an Append may be in flight');
  assert(replication.inflightBytesMax <= memory.queuedBytesMax, 'what is in flight to a follower has room');
  assert(2 * memory.queuedBytesMax <= parts.outgoing, 'two connections may be full');
  assert(memory.scansMax > 0, 'some scan may run');
  if (memory.heap === null) return;
  const { maxOldSpaceMib, maxSemiSpaceMib } = memory.heap;
  assert((maxOldSpaceMib + SEMI_SPACES * maxSemiSpaceMib) * MIB <= parts.heap, 'the heap fits its part');
  assert(memory.initialOldSpaceMib < maxOldSpaceMib, 'the heap is collected before it is full');
}

function sizeAt({ least, most }: Part, t: number): number {
  return Math.floor(least + t * (most - least));
}

function sumOf(size: (part: Part) => number): number {
  return NAMES.reduce((total, name) => total + size(PARTS[name]), 0);
}
