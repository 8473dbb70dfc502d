// The settings of a run, drawn from its seed: the size of the cluster, times, the sizes of segments, messages and queues.

import { DEFAULT_REPLICATION, DEFAULT_SESSION, type ReplicationConfig } from '../../common/model/config.ts';
import type { ChannelConfig } from '../../common/net/channel-config.ts';
import type { PlanConfig } from '../../coordinator/config.ts';
import type { StorageLimits } from '../../kvnode/storage/limits.ts';
import { SMALL_LIMITS } from '../suites/storage/world.ts';
import type { World } from './world/world.ts';
import { TICK_MS } from './world/zk-ensemble.ts';

export interface RunOptions {
  readonly seed: number;
  /** The minimum number of client operations. */
  readonly operations: number;
  /** The minimum number of faults; 0: none at all. */
  readonly faults: number;
  /** Only the faults with these numbers strike; null: all. */
  readonly only: readonly number[] | null;
}

export interface Settings {
  readonly nodes: number;
  readonly coordinators: number;
  readonly clients: number;
  readonly callsPerClient: number;
  readonly keys: number;
  readonly session: typeof DEFAULT_SESSION;
  readonly tickMs: number;
  readonly replaceAfterMs: number;
  readonly balanceAfterMs: number;
  /** By what the leader splits and merges ranges; what is missing is as usual, and too much for a run. */
  readonly decisions: Partial<PlanConfig>;
  /** The part of all calls that is for one key. */
  readonly hotShare: number;
  readonly limits: Partial<StorageLimits>;
  readonly replication: ReplicationConfig;
  readonly channel: Partial<ChannelConfig>;
  /** Average time between two faults, ms. */
  readonly faultEveryMs: number;
  /** Ranges that no client uses: with them a fault of a node concerns many ranges at once. */
  readonly idleRanges: number;
}

export function drawSettings(world: World): Settings {
  return {
    nodes: world.rng.pick([3, 3, 4, 5]),
    coordinators: 2,
    clients: world.rng.pick([2, 3, 4]),
    callsPerClient: world.rng.pick([1, 2, 4]),
    keys: world.rng.pick([12, 40]),
    session: { ...DEFAULT_SESSION, sessionMs: 2_000, pollMs: world.rng.pick([2_000, 5_000]) },
    tickMs: TICK_MS,
    replaceAfterMs: world.rng.pick([3_000, 6_000, 15_000]),
    balanceAfterMs: world.rng.pick([1_000, 4_000, 60_000]),
    decisions: drawDecisions(world),
    hotShare: world.rng.pick([0, 0, 0.45]),
    limits: drawLimits(world),
    replication: drawReplication(world),
    channel: drawChannel(world),
    faultEveryMs: world.rng.pick([400, 800, 1_600]),
    idleRanges: world.rng.pick([0, 0, 0, 20]),
  };
}

/** In half of the runs the bounds are so small that a run's few rows and calls reach them. */
function drawDecisions({ rng }: World): Partial<PlanConfig> {
  if (rng.pick([true, false])) return {};
  return {
    ...rng.pick([{}, { splitBytes: 200 }, { splitBytes: 600 }, { splitBytes: 1_500 }]),
    ...rng.pick([{}, { splitLoadAfterMs: 2_000, mergeAfterMs: 4_000 }]),
    ...rng.pick([{}, { busyCpu: 0.000_1, hotCpu: 0.000_3, coldCpu: 0.000_1 }]),
  };
}

/** A run writes little. The default segments of 16 MiB and cache of 96 MiB would only cost time. */
function drawLimits(world: World): Partial<StorageLimits> {
  const limits = world.rng.pick([
    SMALL_LIMITS,
    { ...SMALL_LIMITS, keepBytes: 4 * 1024, retainBytes: 8 * 1024 },
    { ...SMALL_LIMITS, keepBytes: 4 * 1024, retainBytes: 8 * 1024, overlayBytesMax: 2 * 1024 },
    // The log is so short that a replica needs a snapshot after a short absence.
    { ...SMALL_LIMITS, segmentBytes: 4 * 1024, keepBytes: 1024, retainBytes: 2 * 1024 },
    { segmentBytes: 256 * 1024 },
  ]);
  return {
    ...limits,
    cacheBytes: world.rng.pick([0, 1_500, 2 * 1024 * 1024, 4 * 1024 * 1024]),
  };
}

/** The bounds are so small that runs reach them: client sessions are evicted, windows fill up, snapshots have many chunks. */
function drawReplication({ rng }: World): ReplicationConfig {
  const {
    clientSessionsMax,
    snapshotChunkBytes,
    snapshotBytesPerSecond,
    scrubBytesPerSecond,
    inflightBytesMax,
    appendBytesMax,
    heartbeatMsPerRange,
    heartbeatMsMax,
  } = DEFAULT_REPLICATION;
  return {
    ...DEFAULT_REPLICATION,
    clientSessionsMax: rng.pick([2, 3, clientSessionsMax]),
    heartbeatMsPerRange: rng.pick([heartbeatMsPerRange, 400]),
    heartbeatMsMax: rng.pick([DEFAULT_REPLICATION.heartbeatMs, heartbeatMsMax]),
    snapshotChunkBytes: rng.pick([128, 1_024, snapshotChunkBytes]),
    snapshotBytesPerSecond: rng.pick([4_096, snapshotBytesPerSecond]),
    scrubEveryMs: rng.pick([700, 2_500, 6_000]),
    scrubBytesPerSecond: rng.pick([65_536, scrubBytesPerSecond]),
    checkTimeoutMs: rng.pick([1_000, 5_000]),
    ...rng.pick([
      { inflightBytesMax: 4 * 1024, appendBytesMax: 1024 },
      { inflightBytesMax: 512, appendBytesMax: 256 },
      { inflightBytesMax, appendBytesMax },
    ]),
    ...rng.pick([
      { uncommittedEntriesMax: 4 },
      { uncommittedBytesMax: 2 * 1024 },
      { uncommittedBytesMax: 2 * 1024, uncommittedNodeBytesMax: 2 * 1024 },
      {},
    ]),
  };
}

/** The queues are so short that a low bandwidth, or a process that reads nothing, fills them. */
function drawChannel({ rng }: World): Partial<ChannelConfig> {
  return rng.pick([
    {},
    { queuedBytesMax: 2 * 1024, messageBytesGoal: 1024 },
    { queuedBytesMax: 8 * 1024, messageBytesGoal: 2 * 1024 },
    { queuedBytesMax: 8 * 1024, messageBytesGoal: 2 * 1024, inflightMax: 2 },
  ]);
}
