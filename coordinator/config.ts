// The coordinator's settings with their units, and how they must relate.

import { assert } from '../common/base/assert.ts';

/** Settings of the planner. */
export interface PlanConfig {
  /**
   * Replication factor of the namespace `default`, which the coordinator makes by itself, and of each one whose request names
   * none.
   */
  readonly replicationFactor: number;
  /** The first ranges are made once so many nodes are there; null: `replicationFactor`. */
  readonly initialNodes: number | null;
  /** If fewer nodes come, the first ranges are made on those that are there, so long (ms) after the first one came. */
  readonly firstRangesAfterMs: number;
  /**
   * A node that has been dead for so long (ms) counts as lost, and its replicas are replaced. A replica is replaced, too, if it has
   * had no connection with its owner, or has made no progress in catching up, for so long.
   */
  readonly replaceAfterMs: number;
  /** The leader notes in a node's record that it is down, or who has no connection with it, after so long (ms). */
  readonly noteAfterMs: number;
  /**
   * A node gets nothing for balance until it has been live for so long (ms); an owner keeps a range for so long before it is
   * moved for balance.
   */
  readonly balanceAfterMs: number;
  /** Learners on one node at once: the leader adds no more. */
  readonly learnersPerNode: number;
  /** Moves of replicas for balance that may be under way at once, in the whole cluster. */
  readonly movesAtOnce: number;
  /**
   * A node that drains sheds replicas as long as fewer moves than this are under way: somebody waits for it, and of many ranges most
   * are small, so that the trips through ZooKeeper take longer than the copies.
   */
  readonly drainMovesAtOnce: number;
  /** Hand-overs for balance that may be under way at once, in the whole cluster. */
  readonly transfersAtOnce: number;
  /** Bytes of the replicas that are moved for balance at once, in the whole cluster; one may be larger. */
  readonly moveBytesAtOnce: number;
  /** Requests to split or merge ranges that the leader makes by itself and that may be under way at once. */
  readonly reshapesAtOnce: number;
  /** A range with more bytes of keys and values is split. */
  readonly splitBytes: number;
  /** A range that came of a split is not split for its load before it is so old (ms). */
  readonly splitLoadAfterMs: number;
  /** Two neighbours of which hardly anything was asked for so long (ms) are merged if they are small. */
  readonly mergeAfterMs: number;
  /** In cores: below this mean load of the nodes nothing is moved or split for load. */
  readonly busyCpu: number;
  /** In cores: a range with less load is not split for it. */
  readonly hotCpu: number;
  /** In cores: hardly anything is asked of a range with less load. */
  readonly coldCpu: number;
}

export const DEFAULT_PLAN: PlanConfig = {
  replicationFactor: 3,
  initialNodes: null,
  firstRangesAfterMs: 10_000,
  replaceAfterMs: 60_000,
  noteAfterMs: 3_000,
  balanceAfterMs: 10_000,
  learnersPerNode: 16,
  movesAtOnce: 8,
  drainMovesAtOnce: 64,
  transfersAtOnce: 8,
  moveBytesAtOnce: 1024 * 1024 * 1024,
  reshapesAtOnce: 4,
  splitBytes: 256 * 1024 * 1024,
  splitLoadAfterMs: 60_000,
  mergeAfterMs: 600_000,
  busyCpu: 0.02,
  hotCpu: 0.05,
  coldCpu: 0.01,
};

export function checkPlan(config: PlanConfig): void {
  assert(config.replicationFactor >= 1 && config.replicationFactor <= 9, 'replication factor is 1 to 9');
  assert(config.initialNodes === null || config.initialNodes >= 1, 'initialNodes is at least 1');
  assert(config.learnersPerNode >= 1, 'learnersPerNode is at least 1');
  assert(config.movesAtOnce >= 1, 'movesAtOnce is at least 1');
  assert(
    config.movesAtOnce <= config.drainMovesAtOnce,
    'movesAtOnce <= drainMovesAtOnce: a drain does not wait for balance',
  );
  assert(config.transfersAtOnce >= 1, 'transfersAtOnce is at least 1');
  assert(config.reshapesAtOnce >= 1, 'reshapesAtOnce is at least 1');
  assert(config.splitBytes >= 1 && config.moveBytesAtOnce >= 1, 'bounds of bytes are positive');
  assert(
    config.splitLoadAfterMs >= 0 && config.splitLoadAfterMs <= config.mergeAfterMs,
    'splitLoadAfterMs <= mergeAfterMs: what was split for its load is not merged sooner',
  );
  assert(
    config.coldCpu > 0 && config.coldCpu < config.hotCpu,
    'coldCpu < hotCpu: a split for load is not undone by a merge',
  );
  assert(config.busyCpu >= 0, 'busyCpu is not negative');
  assert(config.firstRangesAfterMs >= 0 && config.balanceAfterMs >= 0, 'waits are not negative');
  assert(config.noteAfterMs >= 0, 'noteAfterMs is not negative');
  assert(config.replaceAfterMs >= 0, 'replaceAfterMs is not negative');
}

/** Settings of the leader's loop. */
export interface LeaderConfig extends PlanConfig {
  /** The leader makes a plan at least this often (ms), even if nothing seems to have changed. */
  readonly pollMs: number;
  /** Multis that are sent before the first of them is answered, at most. */
  readonly commitsAtOnce: number;
  /** How many events, and finished tasks, are kept: the newest ones. */
  readonly eventsKept: number;
  readonly tasksKept: number;
  /** Pause (ms) before the next attempt after ZooKeeper did not answer, or after nothing could be done. */
  readonly retryMs: number;
}

export const DEFAULT_LEADER: LeaderConfig = {
  ...DEFAULT_PLAN,
  pollMs: 5_000,
  commitsAtOnce: 64,
  eventsKept: 500,
  tasksKept: 100,
  retryMs: 100,
};
