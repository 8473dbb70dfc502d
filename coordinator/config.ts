// What the coordinator may be told, with units, and how the numbers must relate.

import { assert } from '../common/base/assert.ts';

/** What decides a plan. */
export interface PlanConfig {
  /** rf of the namespace `default`, which the coordinator makes itself. */
  readonly replicationFactor: number;
  /** The first ranges wait for so many nodes; null: for `replicationFactor`. */
  readonly initialNodes: number | null;
  /** They wait no longer than this (ms) after the first node was seen, and are made on whatever nodes are there. */
  readonly firstRangesAfterMs: number;
  /**
   * A node gone for so long (ms) is taken for lost: its replicas are made anew elsewhere. So is a replica that its owner cannot
   * reach, or that has caught up with nothing, for so long.
   */
  readonly replaceAfterMs: number;
  /** The leader notes in a node's record that it is down, or who cannot connect to it, once that has lasted for so long (ms). */
  readonly noteAfterMs: number;
  /** Nothing is moved for balance to a node, nor away from an owner, that has not been there for so long (ms). */
  readonly balanceAfterMs: number;
  /** Learners that one live node may be filling at once. */
  readonly learnersPerNode: number;
  /** Replicas moved for balance at once, in the whole cluster. */
  readonly movesAtOnce: number;
  /** Hand-overs for balance under way at once, in the whole cluster. */
  readonly transfersAtOnce: number;
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
  transfersAtOnce: 8,
};

export function checkPlan(config: PlanConfig): void {
  assert(config.replicationFactor >= 1 && config.replicationFactor <= 9, 'replication factor is 1 to 9');
  assert(config.initialNodes === null || config.initialNodes >= 1, 'initialNodes is at least 1');
  assert(config.learnersPerNode >= 1, 'learnersPerNode is at least 1');
  assert(config.movesAtOnce >= 1, 'movesAtOnce is at least 1');
  assert(config.transfersAtOnce >= 1, 'transfersAtOnce is at least 1');
  assert(config.firstRangesAfterMs >= 0 && config.balanceAfterMs >= 0, 'waits are not negative');
  assert(config.noteAfterMs >= 0, 'noteAfterMs is not negative');
  assert(config.replaceAfterMs >= 0, 'replaceAfterMs is not negative');
}

/** What decides how a plan is carried out. */
export interface LeaderConfig extends PlanConfig {
  /** With no hint at all the leader still looks again so often (ms). */
  readonly pollMs: number;
  /** Multis in flight at once. */
  readonly commitsAtOnce: number;
  /** The newest events and finished tasks that are kept. */
  readonly eventsKept: number;
  readonly tasksKept: number;
  /** After a failure that says nothing (connection lost) the leader tries again after so long (ms). */
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
