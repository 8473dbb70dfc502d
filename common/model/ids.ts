// Names of the numbers and strings that travel everywhere (docs/README.md#words). All numbers are safe integers.

/** Identity of a data directory: `n-` and 16 hex digits, made once; a wiped disk is a new node. */
export type NodeId = string;
/** A ZooKeeper session id: 16 hex digits. */
export type SessionId = string;
/** Unique in the cluster for ever; never reused. */
export type RangeId = number;
export type NamespaceId = number;
/** Rises with every change of a range's owner; fences the old one. The first owner has epoch 1. */
export type Epoch = number;
/** Place in a range's sequence log, from 1; a key's revision is the seq of its last write, 0 where it is absent. */
export type Seq = number;
/** Incarnation of a replica: new at each addition to a range's replicas, never reused (R9). */
export type Inc = number;

/** A place in a sequence log with the epoch of the entry there; `{epoch: 0, seq: 0}` is before everything. */
export interface Position {
  readonly epoch: Epoch;
  readonly seq: Seq;
}

export const origin: Position = { epoch: 0, seq: 0 };

/** The order of (epoch, seq): which of two logs is more up to date. */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch === b.epoch ? a.seq - b.seq : a.epoch - b.epoch;
}
