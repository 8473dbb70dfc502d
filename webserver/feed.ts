// The feed from the webserver to a page: the complete `FeedState` when the page connects, then only changes. The server makes
// changes with `diff`, the page applies them with `apply`. Both use this file, so it needs neither Node nor a browser. Keys are
// in the text form of formatBytes. Times are Unix ms of the webserver's clock.

import type { Epoch, Inc, NodeId, RangeId, Seq } from '../common/model/ids.ts';
import type {
  EventRecord,
  NamespaceRecord,
  NodeMode,
  Standing,
  TaskState,
  Unreachable,
} from '../common/model/records.ts';
import type { ReplicaRole } from '../common/model/status.ts';

/**
 * How a range serves at this moment. `serving`: reads and writes. `read-only`: no writes, because the in-sync set has its
 * minimum size and a member does not answer. `waiting`: no writes and no linearizable reads for the same reason, because the owner
 * is new and its EpochStart cannot commit. `no-lease`: the owner's lease has lapsed, so it serves neither. `no-owner`: the owner's
 * session has ended. `starting`: the owner's EpochStart is not committed yet. `silent`: the owner is live but does not answer the
 * webserver. `unknown`: the owner has not been asked yet.
 */
export type Condition =
  | 'serving'
  | 'read-only'
  | 'waiting'
  | 'no-lease'
  | 'no-owner'
  | 'starting'
  | 'silent'
  | 'unknown';

/** What is being done to a range. `replaced`: it has ended, and what came of it is not known yet. */
export type RangeChange = 'splitting' | 'merging' | 'replaced' | 'moving';

export interface ReplicaRow {
  readonly node: NodeId;
  readonly inc: Inc;
  readonly inSync: boolean;
  /** The role that the node reports; null while the node does not answer. */
  readonly role: ReplicaRole | null;
  readonly appliedSeq: Seq | null;
  /** How many entries of the owner's log it has not acknowledged, as the owner reports; null: not known. */
  readonly lag: number | null;
  /** How far reads from it may be behind, ms, at most, in coarse steps; null: not known. */
  readonly staleMs: number | null;
}

export interface RangeRow {
  readonly id: RangeId;
  readonly namespace: string;
  readonly start: string;
  readonly end: string | null;
  readonly epoch: Epoch;
  readonly owner: NodeId;
  readonly minInSync: number;
  /** The leader asks the owner to hand over to this member; null: to none. */
  readonly transferTo: NodeId | null;
  /** The leader asks that this member leave the in-sync set, so that it can be removed; null: none. */
  readonly retire: NodeId | null;
  /** Null: nothing is. */
  readonly change: RangeChange | null;
  /** Why it is split or merged, as a clause; null: it is not. */
  readonly why: string | null;
  /** The leader neither moves, splits nor merges it by itself. */
  readonly pinned: boolean;
  /** Its owner should own nothing else. */
  readonly isolated: boolean;
  /** The ranges that it came of by splits and merges, the nearest first. */
  readonly parents: readonly RangeId[];
  readonly replicas: readonly ReplicaRow[];
  readonly condition: Condition;
  /**
   * Since when the range has this condition; null for `serving` and `unknown`. Some conditions count from when the webserver
   * saw them. For a range that is `replaced`: since when it is.
   */
  readonly since: number | null;
  /** The owner's commit point; null: not known. */
  readonly commitSeq: Seq | null;
  /** How many entries were logged since the range was created; its width in a bar by writes. Null: not known. */
  readonly entries: number | null;
}

export interface NodeRow {
  readonly id: NodeId;
  readonly name: string;
  readonly zone: string;
  readonly capacity: number;
  readonly mode: NodeMode;
  readonly alive: boolean;
  /**
   * Since when the node is gone: as the leader noted, or when this webserver saw that it had gone or did not answer. Null: the
   * node is alive, or it is not known.
   */
  readonly goneSince: number | null;
  readonly standing: Standing;
  /** Nodes that have no connection with it, as the leader noted. */
  readonly unreachable: Unreachable | null;
  /** Whether the leader has noted that replicas on it do not catch up. */
  readonly stuck: boolean;
  readonly address: string | null;
  readonly startedAt: number | null;
  readonly version: string | null;
  /** How many ranges it owns, and of how many it holds a replica. */
  readonly owned: number;
  readonly held: number;
  /** Whether it is to be emptied, and holds nothing any more, not even of a range that has ended. */
  readonly safeToSwitchOff: boolean;
  /**
   * Its part of what all ranges take from their owners, 0 to 1; null: nobody has reported, or hardly anything is asked of the
   * cluster.
   */
  readonly loadShare: number | null;
  /** Of the keys and values of its replicas, about; null: not known yet. */
  readonly bytes: number | null;
  /** Since when the node, although live, does not answer the webserver; null: it answers. */
  readonly silentSince: number | null;
  /** This and the next fields are from the node itself. Null while it does not answer. */
  readonly leaseMs: number | null;
  readonly logBytes: number | null;
  readonly memoryBytes: number | null;
  readonly orphans: readonly RangeId[];
  /** Contradictions that its replicas report and the rules exclude, one sentence each. */
  readonly conflicts: readonly string[];
}

export interface CoordinatorRow {
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly address: string;
  readonly leader: boolean;
}

export interface EventRow extends EventRecord {
  /** Rises with every event of the cluster. */
  readonly seq: number;
}

/** What a range's owner reports of its load, every few seconds. Rates are a second. */
export interface LoadRow {
  readonly range: RangeId;
  readonly reads: number;
  readonly writes: number;
  /** Of keys and values, about; null: not known yet. */
  readonly bytes: number | null;
}

export interface TaskRow {
  readonly id: string;
  /** What was asked for, in the words of the REPL's verbs. It names nodes by their ids. */
  readonly request: string;
  readonly state: TaskState;
  readonly progress: string;
  readonly createdAt: number;
  readonly dryRun: boolean;
}

export interface Overview {
  readonly zookeeper: boolean;
  /** Since when `zookeeper` has its value; null: as long as this webserver has looked. */
  readonly zookeeperSince: number | null;
  /** While `zookeeper` is false: a node has renewed its lease since then, so ZooKeeper is silent only to this webserver. */
  readonly leasesRenewed: boolean;
  /** Null: there is no cluster under this root yet. */
  readonly clusterId: string | null;
  /** How many ranges there are beyond those that one webserver watches. */
  readonly rangesNotShown: number;
  /** How many tasks there are beyond those in the feed. */
  readonly tasksNotShown: number;
  /** The namespace that the page opens with. */
  readonly namespace: string;
}

export interface FeedState {
  readonly overview: Overview;
  readonly namespaces: readonly NamespaceRecord[];
  readonly ranges: readonly RangeRow[];
  readonly loads: readonly LoadRow[];
  readonly nodes: readonly NodeRow[];
  readonly coordinators: readonly CoordinatorRow[];
  /** Newest first, at most EVENTS_SHOWN. */
  readonly events: readonly EventRow[];
  /** Those under way first, then those that wait, then those that have ended. At most TASKS_SHOWN. */
  readonly tasks: readonly TaskRow[];
}

export const EVENTS_SHOWN = 200;

type TableName = Exclude<keyof FeedState, 'overview'>;
type Key = string | number;
type Row<T extends TableName> = FeedState[T][number];

interface Table<R> {
  key(row: R): Key;
  /** The order of rows in the state. */
  compare(a: R, b: R): number;
}

const TABLES: { readonly [T in TableName]: Table<Row<T>> } = {
  namespaces: { key: (row) => row.name, compare: (a, b) => compareText(a.name, b.name) },
  ranges: { key: (row) => row.id, compare: (a, b) => a.id - b.id },
  loads: { key: (row) => row.range, compare: (a, b) => a.range - b.range },
  nodes: {
    key: (row) => row.id,
    compare: (a, b) => compareText(a.name, b.name) || compareText(a.id, b.id),
  },
  coordinators: { key: (row) => row.name, compare: (a, b) => compareText(a.name, b.name) },
  events: { key: (row) => row.seq, compare: (a, b) => b.seq - a.seq },
  tasks: { key: (row) => row.id, compare: compareTasks },
};

export interface TableChange<R> {
  /** Rows that are new or have changed. */
  readonly set: readonly R[];
  /** Keys of rows that are gone. */
  readonly drop: readonly Key[];
}

export type FeedChange = { readonly overview?: Overview } & {
  readonly [T in TableName]?: TableChange<Row<T>>;
};

/**
 * A message from the server to a page. `hello` opens every connection. `change` applies to the state before it. `beat` shows
 * that the connection is alive although nothing changes.
 */
export type FeedMessage =
  | { readonly kind: 'hello'; readonly at: number; readonly state: FeedState }
  | { readonly kind: 'change'; readonly at: number; readonly change: FeedChange }
  | { readonly kind: 'beat'; readonly at: number };

/** If a page receives nothing for this time, it takes the connection for broken. The server sends beats several times as often. */
export const FEED_IDLE_MS_MAX = 6_000;
export const FEED_BEAT_MS = 2_000;

/** The change from `before` to `after`; null if they are equal. */
export function diff(before: FeedState, after: FeedState): FeedChange | null {
  const change: FeedChange = {
    ...(same(before.overview, after.overview) ? {} : { overview: after.overview }),
    ...tableChange('namespaces', before, after),
    ...tableChange('ranges', before, after),
    ...tableChange('loads', before, after),
    ...tableChange('nodes', before, after),
    ...tableChange('coordinators', before, after),
    ...tableChange('events', before, after),
    ...tableChange('tasks', before, after),
  };
  return Object.keys(change).length === 0 ? null : change;
}

export function apply(state: FeedState, change: FeedChange): FeedState {
  return {
    overview: change.overview ?? state.overview,
    namespaces: changed(TABLES.namespaces, state.namespaces, change.namespaces),
    ranges: changed(TABLES.ranges, state.ranges, change.ranges),
    loads: changed(TABLES.loads, state.loads, change.loads),
    nodes: changed(TABLES.nodes, state.nodes, change.nodes),
    coordinators: changed(TABLES.coordinators, state.coordinators, change.coordinators),
    events: changed(TABLES.events, state.events, change.events),
    tasks: changed(TABLES.tasks, state.tasks, change.tasks),
  };
}

/** `rows` in the order of the state. */
export function inOrder<T extends TableName>(name: T, rows: readonly Row<T>[]): readonly Row<T>[] {
  const table: Table<Row<T>> = TABLES[name];
  return [...rows].sort((a, b) => table.compare(a, b));
}

function tableChange<T extends TableName>(
  name: T,
  before: FeedState,
  after: FeedState,
): { [name in T]?: TableChange<Row<T>> } {
  const change = compareRows<Row<T>>(TABLES[name], before[name], after[name]);
  return change === null ? {} : ({ [name]: change } as { [name in T]?: TableChange<Row<T>> });
}

function compareRows<R>(table: Table<R>, before: readonly R[], after: readonly R[]): TableChange<R> | null {
  if (before === after) return null;
  const old = new Map(before.map((row) => [table.key(row), row]));
  const set: R[] = [];
  for (const row of after) {
    const key = table.key(row);
    const known = old.get(key);
    old.delete(key);
    if (known === undefined || !same(known, row)) set.push(row);
  }
  return set.length === 0 && old.size === 0 ? null : { set, drop: [...old.keys()] };
}

function changed<R>(table: Table<R>, rows: readonly R[], change: TableChange<R> | undefined): readonly R[] {
  if (change === undefined) return rows;
  const next = new Map(rows.map((row) => [table.key(row), row]));
  for (const key of change.drop) next.delete(key);
  for (const row of change.set) next.set(table.key(row), row);
  return [...next.values()].sort((a, b) => table.compare(a, b));
}

export function hasEnded({ state }: TaskRow): boolean {
  return state === 'done' || state === 'failed';
}

function compareTasks(a: TaskRow, b: TaskRow): number {
  return turnOf(a) - turnOf(b) || b.createdAt - a.createdAt || compareText(a.id, b.id);
}

function turnOf(task: TaskRow): number {
  return hasEnded(task) ? 2 : task.state === 'pending' ? 1 : 0;
}

/** Compares rows by their JSON. This works because rows of one kind are plain data, made by one function. */
function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
