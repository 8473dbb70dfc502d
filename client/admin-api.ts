// What the client offers to administrators, in types: requests to the leader that change where ranges are and how many there are. Each
// is a task in ZooKeeper, which survives this client and the leader.

import type { NodeId, RangeId } from '../common/model/ids.ts';
import type { TaskState } from '../common/model/records.ts';
import type { AbortOptions, CallOptions, Key } from './call-options.ts';

/** A task as it is now. */
export interface Task {
  readonly id: string;
  readonly state: TaskState;
  /** In words, for people. */
  readonly progress: string;
  /** What is to be done, in order, each with its reason. Empty: that is not decided yet. */
  readonly steps: readonly string[];
}

export interface ListedTask extends Task {
  /** What was asked for, in words. */
  readonly request: string;
  readonly createdAt: Date;
  readonly dryRun: boolean;
}

export interface TaskOptions extends CallOptions {
  /** Find out what would be done, and change nothing: `steps` says it. Default false. */
  readonly dryRun?: boolean;
  /**
   * True: the call resolves once the task has ended. False: once it is written. Default: once the leader has begun it, so that a request
   * that cannot be met rejects. `deadlineMs` bounds how long the leader may take to begin; after that `wait: true` waits for as long as
   * the task takes. To abort the call ends the wait and does not cancel the task.
   */
  readonly wait?: boolean;
  /** Called at each change of the task while the call waits. */
  readonly onProgress?: (task: Task) => void;
}

/** What is not given stays as it is. */
export interface AlterOptions extends TaskOptions {
  readonly replicas?: number;
  readonly minInSync?: number;
  readonly splitBytes?: number;
  readonly unit?: Key;
}

/**
 * Ranges of keys are those of the client's namespace; a RangeId may be of any. A node is given by its id, or by its name if only one node
 * has it.
 *
 * All of these but `tasks` resolve with the task. They reject with INVALID_ARGUMENT before anything is sent; with REFUSED and the reason if
 * the leader does not do it, or cannot go on with it; with NO_CLUSTER if ZooKeeper does not answer; and with OUTCOME_UNKNOWN if no coordinator has begun
 * in time, or the wait ended: the task stays, and may still be executed.
 */
export interface Administration {
  /** Splits the range of the key there. With several keys, which are in one range, at each of them. The leader does not merge it again by itself. */
  split(keys: Key | readonly Key[], options?: TaskOptions): Promise<Task>;

  /** Merges the range of the key with its right neighbour. */
  merge(key: Key, options?: TaskOptions): Promise<Task>;

  /** Moves the replica of a range on one node to another node. */
  move(range: RangeId, from: NodeId, to: NodeId, options?: TaskOptions): Promise<Task>;

  /** Makes an in-sync replica's node the owner of the range. */
  transfer(range: RangeId, node: NodeId, options?: TaskOptions): Promise<Task>;

  /** Moves everything off a node. It is done when it is safe to switch the node off. */
  drain(node: NodeId, options?: TaskOptions): Promise<Task>;

  /** The node gets ranges again. */
  undrain(node: NodeId, options?: TaskOptions): Promise<Task>;

  /** Drains a node, and takes it out of the cluster. */
  decommission(node: NodeId, options?: TaskOptions): Promise<Task>;

  /** Removes the record of a node that is not live and holds no replica. */
  forgetNode(node: NodeId, options?: TaskOptions): Promise<Task>;

  /**
   * Gives a key, in a range of its own, or a range a node that owns nothing else. Null: the leader chooses the node.
   * @param what a number is a range
   */
  isolate(what: Key | RangeId, node?: NodeId | null, options?: TaskOptions): Promise<Task>;

  /** The leader neither moves, splits nor merges the range by itself. */
  pin(range: RangeId, options?: TaskOptions): Promise<Task>;

  /** Ends `pin`, and the isolation of the range. */
  unpin(range: RangeId, options?: TaskOptions): Promise<Task>;

  /** Moves ranges until the load is even, as far as that is worth its cost. */
  rebalance(options?: TaskOptions): Promise<Task>;

  /** Changes what a namespace was made with. */
  alterNamespace(name: string, options?: AlterOptions): Promise<Task>;

  /** Drops a namespace and all its rows, for good. With `wait: true` until its space is given back. */
  dropNamespace(name: string, options?: TaskOptions): Promise<Task>;

  /** The tasks that are kept, the newest first. Rejects with NO_CLUSTER if ZooKeeper does not answer. */
  tasks(options?: AbortOptions): Promise<readonly ListedTask[]>;

  /** The leader carries the task no further. What it has changed stays. */
  cancelTask(id: string, options?: TaskOptions): Promise<Task>;
}
