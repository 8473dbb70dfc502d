// Limits and times with their units, and how they must relate. Times are milliseconds of the monotonic clock.

import { assert } from '../base/assert.ts';

export const LIMITS = {
  keyBytesMax: 4 * 1024,
  valueBytesMax: 1024 * 1024,
  /** Mutations and checks in one batch. */
  batchOpsMax: 1024,
  /** Encoded size of one operation (a batch is one entry of the log). */
  operationBytesMax: 4 * 1024 * 1024,
  /** One WebSocket message. */
  messageBytesMax: 16 * 1024 * 1024,
  /** A page of a scan. */
  pageRowsMax: 10_000,
  pageBytesMax: 1024 * 1024,
  /** R13: numbers of one client from the lowest that may be sent again to the highest. */
  writeWindow: 16_384,
  rangesPerNamespaceCreated: 256,
  namespaceNameMax: 64,
  replicationFactorMax: 9,
  /** A namespace's id is stored in 4 bytes of each key. */
  namespaceIdMax: 2 ** 32 - 1,
  /** A range's id has at most so many digits in its znode's name. */
  rangeIdMax: 10 ** 15 - 1,
  /** A counter of ids is taken for rubbish where fewer than so many are left. */
  idsLeftMin: 2 ** 20,
  /** A task's znode: what administrators ask for is small, and is written again with each change of its state. */
  taskBytesMax: 64 * 1024,
} as const;

/** How a node behaves in replication (docs/replication.md). */
export interface ReplicationConfig {
  /** R13: clients whose answers a range keeps. As the next one, the same on every node of a cluster for ever. */
  readonly clientSessionsMax: number;
  /** R13: answers that a range keeps, of all clients together. */
  readonly clientAnswersMax: number;
  /** R5: a member whose oldest unacknowledged entry is older leaves the in-sync set. */
  readonly lagMs: number;
  /** R5: an owner that commits nothing for so long while entries wait hands over. */
  readonly stuckMs: number;
  /** The same where handing over has not helped: twice as long each time, and at most so long. */
  readonly stuckMsMax: number;
  /** If the log waits for the disk longer than this, the node is unhealthy and hands over what it owns. */
  readonly diskStallMs: number;
  /** The node stays unhealthy until the disk has worked for this time. */
  readonly diskRecoveryMs: number;
  /** Shortest interval of heartbeats, which are Appends without entries: they carry commitSeq and stamps, and show that the owner lives. */
  readonly heartbeatMs: number;
  /**
   * To a follower that has everything, the interval is at least this for each range that the node owns, so that many idle ranges
   * leave a node time for the busy ones.
   */
  readonly heartbeatMsPerRange: number;
  /** The interval grows with the time since the last commit of the range, up to this. */
  readonly heartbeatMsMax: number;
  /** A probe or a lost Append is repeated after so long. */
  readonly resendMs: number;
  /** Bytes of entries in flight to one follower. */
  readonly inflightBytesMax: number;
  /** Bytes of entries in one Append. */
  readonly appendBytesMax: number;
  /** Bytes of rows in one chunk of a snapshot; a few chunks are in flight to a receiver. */
  readonly snapshotChunkBytes: number;
  /** Of rows in all snapshots that a node sends, while it has work for clients; else they leave as fast as they can. */
  readonly snapshotBytesPerSecond: number;
  /** Entries appended and not yet committed in one range; beyond it writes get OVERLOADED. */
  readonly uncommittedEntriesMax: number;
  readonly uncommittedBytesMax: number;
  /** Each range's replicas, and each node's state store, are verified once in this period; 0: never. */
  readonly scrubEveryMs: number;
  /** Bytes that a node reads to verify them, while it has work for clients; else it reads as fast as it can. */
  readonly scrubBytesPerSecond: number;
  /** A consistency check waits so long for a silent replica, and twice the time that the owner took to read its own. */
  readonly checkTimeoutMs: number;
  /** Bytes of the writes that wait in all ranges that a node owns: many ranges that cannot commit fill no memory. */
  readonly uncommittedNodeBytesMax: number;
}

export const DEFAULT_REPLICATION: ReplicationConfig = {
  clientSessionsMax: 1_000,
  clientAnswersMax: 65_536,
  lagMs: 500,
  stuckMs: 3_000,
  stuckMsMax: 30_000,
  diskStallMs: 1_000,
  diskRecoveryMs: 10_000,
  heartbeatMs: 100,
  heartbeatMsPerRange: 3,
  heartbeatMsMax: 1_000,
  resendMs: 200,
  inflightBytesMax: 8 * 1024 * 1024,
  appendBytesMax: 1024 * 1024,
  snapshotChunkBytes: 512 * 1024,
  snapshotBytesPerSecond: 58_000_000,
  uncommittedEntriesMax: 16_384,
  uncommittedBytesMax: 64 * 1024 * 1024,
  uncommittedNodeBytesMax: 128 * 1024 * 1024,
  scrubEveryMs: 24 * 3_600_000,
  scrubBytesPerSecond: 16_000_000,
  checkTimeoutMs: 30_000,
};

export function checkReplication(config: ReplicationConfig): void {
  assert(config.clientSessionsMax > 0, 'some client is remembered');
  assert(LIMITS.writeWindow <= config.clientAnswersMax, 'the answers of one client have a place');
  assert(config.heartbeatMs < config.lagMs, 'heartbeatMs < lagMs: silence must show before it counts');
  assert(config.heartbeatMs <= config.heartbeatMsMax, 'heartbeatMs <= heartbeatMsMax');
  assert(config.resendMs < config.lagMs, 'resendMs < lagMs: one lost message is no reason to shrink');
  assert(config.lagMs < config.stuckMs, 'lagMs < stuckMs: shrink is tried before hand-over');
  assert(config.lagMs < config.diskStallMs, 'lagMs < diskStallMs: a slow sync is no stall');
  assert(config.stuckMs <= config.stuckMsMax, 'stuckMs <= stuckMsMax');
  assert(
    config.diskStallMs + config.lagMs < config.stuckMs,
    'diskStallMs + lagMs < stuckMs: the node that knows its disk to stall hands over before one that only guesses',
  );
  assert(
    config.diskStallMs < config.diskRecoveryMs,
    'diskStallMs < diskRecoveryMs: one good sync is no recovery',
  );
  assert(config.appendBytesMax <= config.inflightBytesMax, 'appendBytesMax <= inflightBytesMax');
  assert(
    config.appendBytesMax + LIMITS.operationBytesMax <= LIMITS.messageBytesMax,
    'an Append fits a message',
  );
  assert(
    config.uncommittedBytesMax <= config.uncommittedNodeBytesMax,
    'uncommittedBytesMax <= uncommittedNodeBytesMax',
  );
  assert(config.snapshotChunkBytes > 0, 'a chunk of a snapshot holds something');
  assert(config.scrubEveryMs >= 0, 'a period is no less than nothing');
  assert(config.scrubBytesPerSecond > 0, 'a scrub goes on, whatever else there is to do');
  assert(config.lagMs < config.checkTimeoutMs, 'lagMs < checkTimeoutMs: a slow replica is no silent one');
  assert(config.snapshotBytesPerSecond > 0, 'a snapshot goes on, whatever else there is to do');
}

/** What a node takes in from outside (common/net/accepted-connections.ts). */
export interface ConnectionLimits {
  /** Connections of clients at once; one more is refused. */
  readonly clientsMax: number;
  /** Beside them: of nodes, of probes, and of whoever has not said yet who it is. */
  readonly otherConnectionsMax: number;
  /** Bytes of answers that wait for all connections together; beyond it the fullest connection is cut. */
  readonly queuedBytesMax: number;
}

export const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = {
  clientsMax: 2_000,
  otherConnectionsMax: 256,
  queuedBytesMax: 128 * 1024 * 1024,
};

/** `channelBytesMax`: what may wait for one connection before its requests are refused. */
export function checkConnectionLimits(config: ConnectionLimits, channelBytesMax: number): void {
  assert(config.clientsMax > 0 && config.otherConnectionsMax > 0, 'somebody is let in');
  assert(
    2 * channelBytesMax <= config.queuedBytesMax,
    'two connections may be full: a lone slow reader is refused, not cut',
  );
}

/** ZooKeeper session and lease (docs/zookeeper.md#the-lease). */
export interface SessionConfig {
  /** T: the session timeout asked for; the server's answer is what counts. */
  readonly sessionMs: number;
  /** Heartbeats are sent every T divided by this. */
  readonly heartbeatsPerSession: number;
  /** Subtracted from every lease, beside tickTime/2: clock rates, scheduling. At least 100. */
  readonly leaseSlackMs: number;
  /** Every watched path is re-read this often, whatever the watches say. */
  readonly pollMs: number;
}

export const DEFAULT_SESSION: SessionConfig = {
  sessionMs: 4_000,
  heartbeatsPerSession: 6,
  leaseSlackMs: 100,
  pollMs: 5_000,
};

export function checkSession(config: SessionConfig): void {
  assert(config.leaseSlackMs >= 100, 'leaseSlackMs >= 100');
  assert(
    config.sessionMs / config.heartbeatsPerSession < config.sessionMs / 3,
    'several heartbeats a session',
  );
  assert(config.leaseSlackMs < config.sessionMs / 4, 'leaseSlackMs is small against the session');
}
