// Types of the ids and numbers that are used everywhere (docs/README.md#words). All numbers are safe integers.

/** Identity of a data directory: `n-` and 16 hex digits, drawn once. An emptied disk is a new node. */
export type NodeId = string;
/** A ZooKeeper session id: 16 hex digits. */
export type SessionId = string;
/** Unique in the cluster, and never used twice. */
export type RangeId = number;
export type NamespaceId = number;
/** Rises with every change of a range's owner, and fences the old one. The first owner has epoch 1. */
export type Epoch = number;
/** Number of an entry in a range's log, from 1. A key's revision is the seq of its last write, or 0 if the key is absent. */
export type Seq = number;
/** Incarnation of a replica: each replica that is added to a range gets a higher one, and none is used twice (R9). */
export type Inc = number;

/** A replica of a range. */
export interface ReplicaRef {
  readonly node: NodeId;
  readonly inc: Inc;
}

/** A place in a range's log: the seq and the epoch of the entry there. `{epoch: 0, seq: 0}` is before the first entry. */
export interface Position {
  readonly epoch: Epoch;
  readonly seq: Seq;
}

export const origin: Position = { epoch: 0, seq: 0 };

/** Orders by epoch, then by seq. The log with the higher last position is more up to date. */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch === b.epoch ? a.seq - b.seq : a.epoch - b.epoch;
}
