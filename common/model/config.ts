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
  /** R13: how far the highest number of a client's writes may be above the lowest one that may still be sent again. */
  writeWindow: 16_384,
  rangesPerNamespaceCreated: 256,
  namespaceNameMax: 64,
  replicationFactorMax: 9,
  /** A namespace's id is stored in 4 bytes of each key. */
  namespaceIdMax: 2 ** 32 - 1,
  /** A range's id has at most 15 digits in its znode's name. */
  rangeIdMax: 10 ** 15 - 1,
  /** A counter that leaves fewer ids than this is not credible, and is refused. */
  idsLeftMin: 2 ** 20,
  /** Bytes of a task's znode. It is written again at each change of the task's state, so it must be small. */
  taskBytesMax: 64 * 1024,
  /** Bytes of it that are left for the leader's answer and for small fields. */
  taskAnswerBytesMax: 4 * 1024,
} as const;

/** How a node behaves in replication (docs/replication.md). */
export interface ReplicationConfig {
  /**
   * R13: clients whose answers a range keeps. This and the next one must be the same on all nodes of a cluster, and never change.
   */
  readonly clientSessionsMax: number;
  /** R13: answers that a range keeps for all clients together. */
  readonly clientAnswersMax: number;
  /** R5: a member whose oldest unacknowledged entry is older leaves the in-sync set. */
  readonly lagMs: number;
  /** R5: an owner hands over if entries wait and it commits nothing for so long. */
  readonly stuckMs: number;
  /** If a hand-over has not helped, the next one comes after twice the time, up to this. */
  readonly stuckMsMax: number;
  /** If the log waits for the disk longer than this, the node is unhealthy and hands over what it owns. */
  readonly diskStallMs: number;
  /** The node stays unhealthy until the disk has worked for this time. */
  readonly diskRecoveryMs: number;
  /**
   * Shortest interval of heartbeats, which are Appends without entries: they carry commitSeq and stamps, and show that the owner
   * lives.
   */
  readonly heartbeatMs: number;
  /**
   * To a follower that has everything, the interval is at least this for each range that the node owns, so that many idle ranges
   * leave a node time for the busy ones.
   */
  readonly heartbeatMsPerRange: number;
  /** The interval grows with the time since the last commit of the range, up to this. */
  readonly heartbeatMsMax: number;
  /** An unanswered probe or Append is repeated after this time. */
  readonly resendMs: number;
  /** Bytes of entries in flight to one follower. */
  readonly inflightBytesMax: number;
  /** Bytes of entries in one Append. */
  readonly appendBytesMax: number;
  /** Bytes of rows in one chunk of a snapshot; a few chunks are in flight to a receiver. */
  readonly snapshotChunkBytes: number;
  /** Bytes of rows in all snapshots that a node sends while it has work for clients. Without such work there is no limit. */
  readonly snapshotBytesPerSecond: number;
  /** Entries of one range that are appended and not yet committed. Further writes get OVERLOADED. */
  readonly uncommittedEntriesMax: number;
  readonly uncommittedBytesMax: number;
  /** Each range's replicas, and each node's state store, are verified once in this period; 0: never. */
  readonly scrubEveryMs: number;
  /** Bytes that a node reads to verify them while it has work for clients. Without such work there is no limit. */
  readonly scrubBytesPerSecond: number;
  /**
   * A consistency check waits for a replica's answer for so long, plus twice the time that the owner took to read its own
   * replica.
   */
  readonly checkTimeoutMs: number;
  /**
   * Bytes of the writes that wait in all ranges of a node together, so that many ranges that cannot commit do not fill its
   * memory.
   */
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
  assert(config.clientSessionsMax > 0, 'clientSessionsMax > 0');
  assert(
    LIMITS.writeWindow <= config.clientAnswersMax,
    'writeWindow <= clientAnswersMax: there is room for all answers of one client',
  );
  assert(
    config.heartbeatMs < config.lagMs,
    'heartbeatMs < lagMs: a member is not late between two heartbeats',
  );
  assert(config.heartbeatMs <= config.heartbeatMsMax, 'heartbeatMs <= heartbeatMsMax');
  assert(
    config.resendMs < config.lagMs,
    'resendMs < lagMs: one lost message does not cost a member its place',
  );
  assert(config.lagMs < config.stuckMs, 'lagMs < stuckMs: the owner removes members before it hands over');
  assert(config.lagMs < config.diskStallMs, 'lagMs < diskStallMs: a slow sync is not a stall');
  assert(config.stuckMs <= config.stuckMsMax, 'stuckMs <= stuckMsMax');
  assert(
    config.diskStallMs + config.lagMs < config.stuckMs,
    'diskStallMs + lagMs < stuckMs: a node whose disk stalls hands over before a node that only suspects it',
  );
  assert(
    config.diskStallMs < config.diskRecoveryMs,
    'diskStallMs < diskRecoveryMs: one good sync is not a recovery',
  );
  assert(config.appendBytesMax <= config.inflightBytesMax, 'appendBytesMax <= inflightBytesMax');
  assert(
    config.appendBytesMax + LIMITS.operationBytesMax <= LIMITS.messageBytesMax,
    'an Append fits into a message',
  );
  assert(
    config.uncommittedBytesMax <= config.uncommittedNodeBytesMax,
    'uncommittedBytesMax <= uncommittedNodeBytesMax',
  );
  assert(config.snapshotChunkBytes > 0, 'snapshotChunkBytes > 0');
  assert(config.scrubEveryMs >= 0, 'scrubEveryMs >= 0');
  assert(config.scrubBytesPerSecond > 0, 'scrubBytesPerSecond > 0: a scrub never stands still');
  assert(config.lagMs < config.checkTimeoutMs, 'lagMs < checkTimeoutMs: a slow replica has time to answer');
  assert(config.snapshotBytesPerSecond > 0, 'snapshotBytesPerSecond > 0: a snapshot never stands still');
}

/** Bounds of the connections that a node accepts (common/net/accepted-connections.ts). */
export interface ConnectionLimits {
  /** Connections of clients at once. Further ones are refused. */
  readonly clientsMax: number;
  /** Other connections at once: of nodes, of probes, and those whose handshake is not done yet. */
  readonly otherConnectionsMax: number;
  /** Bytes of answers that wait in all connections together. If there are more, the fullest connection is cut. */
  readonly queuedBytesMax: number;
}

export const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = {
  clientsMax: 2_000,
  otherConnectionsMax: 256,
  queuedBytesMax: 128 * 1024 * 1024,
};

/** Throws AssertionError. @param channelBytesMax bytes that may wait in one connection before its requests are refused */
export function checkConnectionLimits(config: ConnectionLimits, channelBytesMax: number): void {
  assert(
    config.clientsMax > 0 && config.otherConnectionsMax > 0,
    'clientsMax > 0 and otherConnectionsMax > 0',
  );
  assert(
    2 * channelBytesMax <= config.queuedBytesMax,
    'two connections may be full: the requests of a single slow reader are refused before it is cut',
  );
}

/** ZooKeeper session and lease (docs/zookeeper.md#the-lease). */
export interface SessionConfig {
  /** T: the session timeout that is requested. The server's answer counts. */
  readonly sessionMs: number;
  /** How many heartbeats are sent in a time of T. */
  readonly heartbeatsPerSession: number;
  /** Subtracted from every lease besides tickTime/2, for differences of clock rates and for scheduling, ms. At least 100. */
  readonly leaseSlackMs: number;
  /** Every watched path is read again this often, ms, even if no watch has fired. */
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
    'more than three heartbeats in a time of T',
  );
  assert(config.leaseSlackMs < config.sessionMs / 4, 'leaseSlackMs is small against the session');
}
