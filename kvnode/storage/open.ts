// Opens a data directory: takes the lock, reads node.json, finds and replays the log, and begins a new segment with the
// valid part of the last group. A directory whose durable data is damaged is set aside (aside.ts, R12).

import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import { formerNodes } from './aside.ts';
import { checkDamageMark, DamageReport } from './damage.ts';
import { CorruptDataError } from './data-errors.ts';
import { type DataDirectoryLock, type LockDirectory, lockDirectory } from './directory-lock.ts';
import { type Disk, realDisk } from './disk.ts';
import { NODE_FILE, type Paths, pathsOf, segmentPath } from './files.ts';
import { DEFAULT_LIMITS, type StorageLimits } from './limits.ts';
import { type LoggedReplica, LoggedReplicas } from './log/logged-replicas.ts';
import { RECORD_TYPES, type RecordCursor, readEntries } from './log/record.ts';
import { type FoundLog, findLog, listSegments, readSegment } from './log/recovery.ts';
import { Retention } from './log/retention.ts';
import { Segments } from './log/segments.ts';
import { SharedLog } from './log/shared-log.ts';
import { type NodeFile, newNodeFile, readNodeFile, writeNodeFile } from './node-file.ts';
import { NodeStorage } from './node-storage.ts';
import { AppliedState } from './state/applied-state.ts';
import { type BatchesFound, CheckedEngine } from './state/checked-engine.ts';
import type { OpenState, StateEngine } from './state/engine.ts';
import { openLevel } from './state/level-engine.ts';
import { Removal } from './state/removal.ts';
import { readApplied, readSessions } from './state/snapshot.ts';
import type { LogEntry, Storage } from './storage.ts';

export interface StorageOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly limits?: Partial<StorageLimits>;
  /** Disk, state store and lock: the real ones by default. */
  readonly disk?: Disk;
  readonly openState?: OpenState;
  readonly lock?: LockDirectory;
}

/**
 * Opens the data directory `directory`, and makes it if needed. Rejects with DataDirectoryLockedError if another
 * process uses it, and with CorruptDataError if durable data is damaged: then set it aside (aside.ts), and open it
 * again as a new node. DataFormatError: another version wrote it.
 */
export async function openStorage(directory: string, options: StorageOptions): Promise<Storage> {
  const { disk = realDisk } = options;
  const paths = pathsOf(directory);
  disk.makeDirectory(directory);
  const lock = await (options.lock ?? lockDirectory)(paths.lock);
  try {
    checkDamageMark(disk, paths);
    return await openState(paths, lock, disk, options);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openState(
  paths: Paths,
  lock: DataDirectoryLock,
  disk: Disk,
  options: StorageOptions,
): Promise<Storage> {
  const damage = new DamageReport(disk, paths, options.env);
  const store = await (options.openState ?? openLevel)(paths.state);
  try {
    const onDamage = (error: CorruptDataError): void => damage.report(error);
    const { engine, found: batches } = await CheckedEngine.open(store, { onDamage });
    return await open({ paths, lock, disk, damage, engine, batches }, options);
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** A locked data directory with its state store open. */
interface OpenedDirectory {
  readonly paths: Paths;
  readonly lock: DataDirectoryLock;
  readonly disk: Disk;
  readonly damage: DamageReport;
  readonly engine: CheckedEngine;
  readonly batches: BatchesFound;
}

/** What the steps of opening share. */
interface OpenContext extends OpenedDirectory {
  readonly env: Env;
  readonly limits: StorageLimits;
  readonly file: NodeFile;
  readonly found: FoundLog;
  readonly segments: Segments;
  readonly replicas: LoggedReplicas;
}

async function open(opened: OpenedDirectory, options: StorageOptions): Promise<Storage> {
  const { paths, disk } = opened;
  const { env, logger } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const file = await ownNodeFile(paths, disk, env);
  disk.makeDirectory(paths.log);
  await disk.syncDirectory(paths.root);
  const found = findLog(disk, paths, file.nodeId);
  if (found.torn)
    logger.warn({ segment: found.last?.number, at: found.last?.to }, 'cut off the torn end of the log');
  const segments = new Segments({ env, logger, disk, paths, segmentBytes: limits.segmentBytes });
  try {
    return await recover({ ...opened, env, limits, file, found, segments, replicas: new LoggedReplicas() });
  } catch (error) {
    await segments.close();
    throw error;
  }
}

async function recover(opening: OpenContext): Promise<Storage> {
  checkLogReach(opening);
  readBack(opening);
  const log = startLog(opening);
  try {
    return await continueLog(opening, log);
  } catch (error) {
    // The files of the log are closed next: nothing may be written to them then.
    log.fail(error instanceof Error ? error : new Error(String(error)));
    await log.stopped();
    throw error;
  }
}

/** Begins a new segment of the log, and connects the state to it. */
async function continueLog(opening: OpenContext, log: SharedLog): Promise<Storage> {
  const { paths, lock, disk, damage, engine, batches, env, limits, file, found, segments, replicas } =
    opening;
  damage.begin((error) => log.fail(error));
  engine.begin(() => log.synced);
  relogLastGroup(opening, log);
  checkStateReach(replicas, batches);
  await log.flushed();
  for (const number of found.leftovers) await disk.remove(segmentPath(paths, number));
  for (const replica of replicas.all) await attachApplied(replica, engine);

  const retention = new Retention(log, segments, replicas, limits);
  const state = new AppliedState({
    ...limits,
    env,
    engine,
    logFlushed: () => log.flushed(),
    onFlushed: () => retention.run(),
    onFailure: (error) => log.fail(error),
  });
  const removal = new Removal({ log, replicas, state, engine });
  await removal.resume();
  segments.waitForSpace();
  const saveFile = (changed: NodeFile) => writeNodeFile(disk, paths, changed);
  const former = formerNodes(disk, paths, file.nodeId);
  const logged = { log, segments, replicas, retention };
  return new NodeStorage({ file, former, saveFile, ...logged, state, engine, damage, removal, lock });
}

async function ownNodeFile(paths: Paths, disk: Disk, env: Env): Promise<NodeFile> {
  const file = readNodeFile(disk, paths);
  if (file !== null) return file;
  if (listSegments(disk, paths).length > 0)
    throw new CorruptDataError(`${paths.root} has a log but no ${NODE_FILE}`);
  const created = newNodeFile(env);
  await writeNodeFile(disk, paths, created);
  return created;
}

/**
 * node.json and the state store name a group that the log had synced when they were written. A log that ends before that
 * group has lost its end.
 */
function checkLogReach({ found, batches, file }: OpenContext): void {
  const reaches = (group: number) => found.group > group || (found.group === group && found.complete);
  if (!reaches(file.logGroup)) {
    throw new CorruptDataError(
      `the log ends in group ${found.group}, but ${NODE_FILE} says that it was synced through group ${file.logGroup}`,
    );
  }
  if (batches.newest > 0 && !reaches(batches.group)) {
    throw new CorruptDataError(
      `the log ends in group ${found.group}, but the state store holds entries of group ${batches.group}`,
    );
  }
}

/**
 * Some things are in the state store only: rows that came by a snapshot, and the clearing of rows. The log names the
 * batches that it relies on for them.
 */
function checkStateReach({ stateBatch }: LoggedReplicas, { newest }: BatchesFound): void {
  if (newest >= stateBatch) return;
  throw new CorruptDataError(
    `the state store ends with batch ${newest}, but the log knows of batch ${stateBatch}`,
  );
}

/**
 * Replays all that was certainly synced. If the last segment has one group only, replays the checkpoint that it begins
 * with.
 */
function readBack({ disk, paths, found, replicas, segments }: OpenContext): void {
  for (const { number, end } of found.segments) {
    segments.adopt(number, end);
    const cursor = readSegment(disk, paths, number);
    for (cursor.at = 0; cursor.at < end; cursor.at += cursor.length) {
      replicas.replay(cursor, { segment: number, offset: cursor.at, chunk: -1, chunkAt: 0 });
    }
  }
  if (found.last === null || found.last.from > 0) return;
  const cursor = readSegment(disk, paths, found.last.number);
  const place = { segment: found.last.number, offset: 0, chunk: -1, chunkAt: 0 };
  for (cursor.at = 0; isOpening(cursor, found.last.to); cursor.at += cursor.length)
    replicas.replay(cursor, place);
}

/** Whether the cursor is at a record that only repeats the state at the beginning of its segment. */
function isOpening(cursor: RecordCursor, to: number): boolean {
  if (cursor.at >= to) return false;
  const type = cursor.type;
  return type === RECORD_TYPES.segment || type === RECORD_TYPES.checkpoint || type === RECORD_TYPES.tombstone;
}

function startLog({ file, found, replicas, segments, limits, env, engine, damage }: OpenContext): SharedLog {
  const before = found.segments.at(-1);
  return new SharedLog({
    env,
    nodeId: file.nodeId,
    segments,
    segmentBytes: limits.segmentBytes,
    tailBytesMax: limits.tailBytesMax,
    start: {
      group: found.group + 1,
      segment: found.highest + 1,
      before: before?.number ?? 0,
      beforeEnd: before?.end ?? 0,
    },
    checkpoint: (into) => replicas.checkpoint(into),
    stateBatch: () => engine.newestBatch,
    onDamage: (error) => damage.report(error),
  });
}

/** Writes the valid part of the last group into a new segment. In the old segment it may not be synced. */
function relogLastGroup({ disk, paths, found, replicas }: OpenContext, log: SharedLog): void {
  log.begin();
  if (found.last === null) return;
  const { number, from, to } = found.last;
  const cursor = readSegment(disk, paths, number);
  cursor.at = from;
  if (from === 0) while (isOpening(cursor, to)) cursor.at += cursor.length;
  for (; cursor.at < to; cursor.at += cursor.length) relog(cursor, replicas, log);
}

function relog(cursor: RecordCursor, replicas: LoggedReplicas, log: SharedLog): void {
  if (cursor.type === RECORD_TYPES.entries) {
    const replica = replicas.continueLog(cursor);
    log.append(cursor.range, replica.log, entriesOf(cursor), replica.committed);
  } else if (cursor.type === RECORD_TYPES.carried) {
    const prev = { epoch: cursor.prevEpoch, seq: cursor.prevSeq };
    const replica = replicas.withLog(cursor.range);
    const { committed } = replica;
    log.carry(cursor.range, replica.log, { prev, entries: entriesOf(cursor), committed });
  } else {
    log.put(cursor.type, cursor.range, { epoch: cursor.epoch, seq: cursor.seq }, cursor.body);
    replicas.replay(cursor, { segment: 0, offset: 0, chunk: -1, chunkAt: 0 });
  }
}

function entriesOf(cursor: RecordCursor): readonly LogEntry[] {
  const entries: LogEntry[] = [];
  const last = cursor.seq + cursor.count - 1;
  readEntries(cursor, { from: cursor.seq, last, bytesMax: Number.POSITIVE_INFINITY }, entries);
  return entries;
}

/**
 * Takes over the applied position from the state store. Rejects with CorruptDataError if it does not fit the log: then
 * one of the two has lost something.
 */
async function attachApplied(replica: LoggedReplica, engine: StateEngine): Promise<void> {
  if (replica.void) return;
  const { log } = replica;
  const stored = readApplied(engine, replica);
  if (stored === null && replica.stateRequired) {
    throw new CorruptDataError(
      `the state store has no applied position of range ${replica.range}, whose rows are there only`,
    );
  }
  const applied = stored ?? replica.applied;
  if (!log.has(applied)) {
    const has = `${log.base.seq} to ${log.lastSeq}`;
    throw new CorruptDataError(
      `range ${replica.range} is applied through seq ${applied.seq}, but its log has ${has}`,
    );
  }
  replica.applied = applied;
  replica.appliedSynced = applied;
  replica.committed = Math.max(replica.committed, applied.seq);
  replica.hasState = stored !== null;
  if (stored !== null) replica.recoveredSessions = await readSessions(engine, replica.range);
}
