// What the znodes other than a range's descriptor hold. Encodings are in common/zk/znodes.ts.

import type { Bytes } from '../base/bytes.ts';
import type { Epoch, Inc, NamespaceId, NodeId, RangeId, Seq, SessionId } from './ids.ts';

/** `/cluster` */
export interface ClusterRecord {
  readonly format: 1;
  /** 16 hex digits; a node that has joined one cluster refuses another. */
  readonly clusterId: string;
  readonly nextNamespaceId: NamespaceId;
  readonly nextRangeId: RangeId;
  /** ZooKeeper's tickTime in ms, for the lease; null: taken as half the negotiated session timeout. */
  readonly tickMs: number | null;
}

/** `/coordinators/c-...` */
export interface CoordinatorRecord {
  readonly host: string;
  readonly pid: number;
  /** `host:port` of /livez, /readyz and /metrics. */
  readonly address: string;
}

/** `/coordinator-epoch`: the fence. Its znode version is what every write of the leader checks. */
export interface CoordinatorEpochRecord {
  /** How many terms there have been. */
  readonly term: number;
  /** The session of the term's leader; null before the first. */
  readonly leader: SessionId | null;
}

/**
 * What a node is to be. `draining`: it keeps its replicas and owns nothing. `gone`: it leaves for good, so its replicas are
 * made anew elsewhere at once; an administrator says so, or the new node on the same disk, whose data was set aside (R12).
 */
export const NODE_MODES = ['active', 'draining', 'gone'] as const;
export type NodeMode = (typeof NODE_MODES)[number];

/** `/nodes/<id>` */
export interface NodeRecord {
  readonly id: NodeId;
  /** For people; need not be unique. */
  readonly name: string;
  /** Failure domain: replicas of one range are spread over zones. */
  readonly zone: string;
  /** What fails as one: two replicas of a range are never placed on one machine. Absent: the node shares its machine with no other. */
  readonly machine?: string;
  /** Relative share of ranges that the node should hold; 1 is usual. */
  readonly capacity: number;
  readonly mode: NodeMode;
  /** The leader's; absent: it has noted nothing. */
  readonly noted?: NodeNote;
}

/** What the leader has noticed of a node: written when it changes, so that everybody who lists nodes can show it. */
export interface NodeNote {
  /** Unix ms; since then the node has had no live session. Null: it is live, or has not been away for long. */
  readonly downSince: number | null;
  /** Null: all other live nodes have a connection with it, as far as is known. */
  readonly unreachable: Unreachable | null;
  /** The session of the node in which replicas on it caught up with nothing: it gets no more of them for a while. Null: none. */
  readonly stuckIn: SessionId | null;
}

export const NOTHING_NOTED: NodeNote = { downSince: null, unreachable: null, stuckIn: null };

/** A live node that other live nodes have no connection with. */
export interface Unreachable {
  /** Those others, sorted. */
  readonly by: readonly NodeId[];
  /** Unix ms. */
  readonly since: number;
  /** No connection leads from it to most of the cluster: nothing is placed on it, and it should own nothing. */
  readonly cutOff: boolean;
}

/**
 * Whether a live node stays. `draining`: an administrator wants it to own nothing. `stopping`: its process is about to end;
 * nothing is handed to it any more.
 */
export const STANDINGS = ['staying', 'draining', 'stopping'] as const;
export type Standing = (typeof STANDINGS)[number];

/** `/live/<id>`: there while the node's session lives. The session is the znode's ephemeralOwner. */
export interface LiveRecord {
  /** For people, as in the node's lasting record. */
  readonly name: string;
  /** `host:port` that clients and other nodes connect to. */
  readonly address: string;
  /** Unix ms. */
  readonly startedAt: number;
  readonly version: string;
  /** Absent: `staying`. */
  readonly standing?: Standing;
}

/** `/generations/<id>`: the newest generation of the node's data directory that ZooKeeper knows. */
export interface GenerationRecord {
  readonly generation: number;
  /** Drawn by the process that raised it. */
  readonly writer: string;
}

/** A live znode as a fact: the node, and the session that it lives in. */
export interface LiveNode extends Omit<LiveRecord, 'address'> {
  readonly id: NodeId;
  readonly session: SessionId;
  /** Null: the znode's data cannot be read. The session lives all the same, but nobody knows where the node is. */
  readonly address: string | null;
}

/** `/health/<id>`: what a node reports of its surroundings, for the leader to plan by. Written on change, at most every few seconds. */
export interface HealthRecord {
  /** Live nodes that it has had no connection to for a while. Sorted. */
  readonly unreachable: readonly NodeId[];
  /** Replicas outside the in-sync set of ranges that it owns, by their node, which have caught up with nothing for a while. */
  readonly stuck: Readonly<Record<NodeId, readonly RangeId[]>>;
  /** Why the node is unhealthy, so that nothing should be owned or placed there; null if it is healthy. */
  readonly unhealthy: string | null;
  /** Replicas that the node cannot have under the incs that descriptors give them. Absent: none. */
  readonly neededIncs?: readonly NeededInc[];
}

/**
 * R9: a descriptor gives the node an inc at or below one that it had before. ZooKeeper was restored to an older state, and gives
 * out the same incs again.
 */
export interface NeededInc {
  readonly range: RangeId;
  /** The lowest inc that the replica can have: that of the one that is there, or above the node's tombstone. */
  readonly inc: Inc;
}

/** `/namespaces/<name>` */
export interface NamespaceRecord {
  readonly name: string;
  readonly id: NamespaceId;
  /** rf: the desired number of replicas of each range. */
  readonly replicationFactor: number;
  readonly minInSync: number;
  /** A range that has more bytes is split. Absent: the leader's default. */
  readonly splitBytes?: number;
  /** A delimiter: no split parts keys that are equal through its first occurrence. Absent: there are no units. */
  readonly unit?: Bytes;
}

export const TASK_STATES = ['pending', 'running', 'done', 'failed'] as const;
export type TaskState = (typeof TASK_STATES)[number];

/** A replica as its node reported it (status.ts), for the request `raise-epochs`. */
export interface ReplicaReport {
  readonly range: RangeId;
  readonly inc: Inc;
  readonly epochSeen: Epoch;
  /** The position of its log's last entry. */
  readonly lastEpoch: Epoch;
  readonly lastSeq: Seq;
  /** A void replica holds nothing; an owner serves, or is about to. */
  readonly role: 'owner' | 'holds' | 'void';
}

/** All replicas of a node that it uses, or those of the ranges in question. */
export interface NodeReport {
  readonly node: NodeId;
  /** The node's session when it reported. The report counts while that session lives. Null: it had none. */
  readonly session: SessionId | null;
  readonly replicas: readonly ReplicaReport[];
}

export const TASK_KINDS = [
  ...([
    'create-namespace',
    'alter-namespace',
    'drop-namespace',
    'split',
    'merge',
    'move',
    'transfer',
  ] as const),
  ...(['isolate', 'isolate-key', 'pin', 'rebalance', 'cancel', 'raise-epochs', 'set-node-mode'] as const),
  ...(['drain', 'undrain', 'decommission', 'forget-node'] as const),
] as const satisfies readonly TaskRequest['kind'][];

/** What an administrator may ask for. */
export type TaskRequest =
  | {
      readonly kind: 'create-namespace';
      readonly name: string;
      /** Null: as many replicas as the leader gives to `default`. */
      readonly replicationFactor: number | null;
      /** Null: it follows from the replication factor (defaultMinInSync). */
      readonly minInSync: number | null;
      /** Keys at which the first ranges meet, in text form (formatBytes); null: evenly, one range for each node. */
      readonly splitAt: readonly string[] | null;
      /** As in the namespace's record; the unit is in text form. */
      readonly splitBytes?: number;
      readonly unit?: string;
    }
  /** Absent: as it is. */
  | {
      readonly kind: 'alter-namespace';
      readonly name: string;
      readonly replicationFactor?: number;
      readonly minInSync?: number;
      readonly splitBytes?: number;
      readonly unit?: string;
    }
  | { readonly kind: 'drop-namespace'; readonly name: string }
  | { readonly kind: 'transfer'; readonly range: RangeId; readonly to: NodeId }
  /** Split a range at these keys, which are inside of it, in text form: one key, or two that isolate what is between them. */
  | { readonly kind: 'split'; readonly namespace: string; readonly keys: readonly string[] }
  /** Merge the range of the key, in text form, with its right neighbour. */
  | { readonly kind: 'merge'; readonly namespace: string; readonly key: string }
  /** Move the replica on one node to another one. */
  | { readonly kind: 'move'; readonly range: RangeId; readonly from: NodeId; readonly to: NodeId }
  /** Give the range a node that owns nothing else. Null: the leader chooses it. */
  | { readonly kind: 'isolate'; readonly range: RangeId; readonly node: NodeId | null }
  /** Make a range of this key alone, in text form, and isolate it. */
  | {
      readonly kind: 'isolate-key';
      readonly namespace: string;
      readonly key: string;
      readonly node: NodeId | null;
    }
  | { readonly kind: 'pin'; readonly range: RangeId; readonly pinned: boolean }
  | { readonly kind: 'rebalance' }
  /** `drain`: empty the node, and own nothing there. `decommission`: drain it, and take it out of the cluster. */
  | { readonly kind: 'drain' | 'undrain' | 'decommission'; readonly node: NodeId }
  /** Carry another task no further. What it has changed stays. */
  | { readonly kind: 'cancel'; readonly task: string }
  /**
   * ZooKeeper was restored to an older state: ranges in conflict (raise-epochs.ts) begin again above every epoch that was
   * reported. `force`: although not every node has reported.
   */
  | { readonly kind: 'raise-epochs'; readonly reports: readonly NodeReport[]; readonly force: boolean }
  | { readonly kind: 'set-node-mode'; readonly node: NodeId; readonly mode: NodeMode }
  /** Remove the record of a node that is not live and holds no replica. */
  | { readonly kind: 'forget-node'; readonly node: NodeId };

/** `/tasks/<uuid>` */
export interface TaskRecord {
  /** Null: what was asked could not be read; such a task has failed, or is about to. */
  readonly request: TaskRequest | null;
  readonly state: TaskState;
  /** In words, for people. */
  readonly progress: string;
  /** Unix ms. */
  readonly createdAt: number;
  /** The ids of the ranges that are being made for it. Absent: none are. */
  readonly children?: readonly RangeId[];
  /** Find out what would be done, and change nothing. Absent: false. */
  readonly dryRun?: boolean;
  /** What is to be done, in order, each with its reason. Absent: that is not decided yet. */
  readonly steps?: readonly string[];
}

/** `/events/e-...`: the timeline. */
export interface EventRecord {
  /** Unix ms. */
  readonly at: number;
  /** Who says so: `coordinator` or a node id. */
  readonly by: string;
  readonly kind: string;
  /** One sentence with the reason. */
  readonly text: string;
  readonly range?: RangeId;
  readonly node?: NodeId;
  readonly epoch?: Epoch;
}
