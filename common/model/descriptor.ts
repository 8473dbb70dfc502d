// A range's truth: who owns it, who holds it, who may be promoted. One znode a range; every change is a
// compare-and-set on that znode's version, made by one of the functions at the end, so that what may change together
// is written in one place. `descriptorFault` states what is true of every image (docs/replication.md).

import { assert } from '../base/assert.ts';
import type { Epoch, Inc, NamespaceId, NodeId, Position, RangeId, ReplicaRef, SessionId } from './ids.ts';
import { isEmpty, type KeyRange } from './key-range.ts';
import { type Parent, type Replacement, type ReshapeRequest, reshapeFault } from './replacement.ts';

/** R1: an ownership ends with the session, with the inc, or with a change of node. */
export interface Owner extends ReplicaRef {
  readonly session: SessionId;
}

/**
 * `serving`; `replaced`: it was split or merged, and its children hold its keys (S5); `dropped`: its namespace was dropped, and its
 * replicas are wiped. A range that is not serving stays in ZooKeeper until no node holds a replica of it: each node takes itself out.
 */
export const RANGE_STATES = ['serving', 'replaced', 'dropped'] as const;
export type RangeState = (typeof RANGE_STATES)[number];

export interface Descriptor extends KeyRange {
  readonly namespace: string;
  readonly namespaceId: NamespaceId;
  readonly id: RangeId;
  readonly epoch: Epoch;
  readonly owner: Owner;
  readonly replicas: readonly ReplicaRef[];
  /** R4, R5: every acknowledged write is on all of these; the owner is one of them. Sorted. */
  readonly inSync: readonly NodeId[];
  /** m: the in-sync set never has fewer members. Rises with the number of replicas, never falls. */
  readonly minInSync: number;
  readonly state: RangeState;
  /** The inc that the next added replica gets. */
  readonly nextInc: Inc;
  /** The log begins after this position: the origin, or where its parents ended (S3). */
  readonly base: Position;
  /** The ranges that it replaced, then those that these had replaced, the nearest first, up to LINEAGE_MAX. Empty: there are none. */
  readonly parents: readonly Parent[];
  /** S1: the leader requests that the owner replace the range. Null: no request. */
  readonly reshape: ReshapeRequest | null;
  /** S3: how the range was replaced. Null unless it is `replaced`. */
  readonly replacement: Replacement | null;
  /** What people decided about the range. */
  readonly placement: Placement;
  /** The leader requests that the owner hand over to this in-sync member (R8). Any change of owner ends the request. */
  readonly transferTo: NodeId | null;
  /**
   * The leader requests that this member leave the in-sync set, so that it can be removed (R9). The owner takes it out as
   * in R5 (at least m remain) once every other replica is in-sync, and does not put it back while the request stands.
   */
  readonly retire: NodeId | null;
}

/** What the leader must respect when it splits, merges and moves. Children of a split inherit it. */
export interface Placement {
  /** The leader neither moves, splits nor merges the range by itself. */
  readonly pinned: boolean;
  /** The bound at its start was made by hand: the leader does not merge the range with its left neighbour. */
  readonly startByHand: boolean;
  /** The owner should own nothing else. */
  readonly isolated: boolean;
  /** The node that should own it; null: any. */
  readonly home: NodeId | null;
}

export const FREE_PLACEMENT: Placement = { pinned: false, startByHand: false, isolated: false, home: null };

/** A range that replaced none, and of which nobody has decided anything. */
export const FRESH_RANGE: Pick<Descriptor, 'parents' | 'reshape' | 'replacement' | 'placement'> = {
  parents: [],
  reshape: null,
  replacement: null,
  placement: FREE_PLACEMENT,
};

/** A descriptor as it was read: `version` is its znode's. Images never go back: the higher version is the newer. */
export interface DescriptorImage {
  readonly descriptor: Descriptor;
  readonly version: number;
}

/** Default minInSync by number of replicas: an acknowledged write survives `m - 1` lost disks. */
export function defaultMinInSync(replicas: number): number {
  return replicas <= 2 ? 1 : Math.floor(replicas / 2) + 1;
}

export function incOf(descriptor: Descriptor, node: NodeId): Inc | undefined {
  return descriptor.replicas.find((replica) => replica.node === node)?.inc;
}

export function isInSync(descriptor: Descriptor, node: NodeId): boolean {
  return descriptor.inSync.includes(node);
}

/** R1: the same owner in the same epoch. One epoch with two owners breaks a rule, but may be read. */
export function isSameTerm(a: Descriptor, b: Descriptor): boolean {
  const isSameOwner =
    a.owner.node === b.owner.node && a.owner.inc === b.owner.inc && a.owner.session === b.owner.session;
  return isSameOwner && a.epoch === b.epoch;
}

/**
 * What is true of every descriptor (docs/replication.md). Null: it holds; else the first rule that is broken, in words. One
 * that was read is refused for it; one that is about to be written is a broken invariant ({@link checkDescriptor}).
 */
export function descriptorFault(descriptor: Descriptor): string | null {
  const { replicas, epoch, state, reshape, replacement } = descriptor;
  if (!(Number.isSafeInteger(descriptor.id) && descriptor.id > 0)) return 'range id is a positive integer';
  if (isEmpty(descriptor)) return 'range is not empty';
  if (!(Number.isSafeInteger(epoch) && epoch >= 1)) return 'epoch is at least 1';
  if (epoch <= descriptor.base.epoch) return 'S3: a range begins in an epoch above those of its parents';
  if (new Set(replicas.map((replica) => replica.node)).size < replicas.length) return 'one replica a node';
  if (replicas.some((replica) => replica.inc >= descriptor.nextInc)) return 'incs are below nextInc';
  if ((state === 'replaced') !== (replacement !== null)) return 'S3: a replaced range says by what';
  if (state !== 'serving')
    return reshape === null ? null : 'S5: nothing is requested of a range that has ended';
  return replicationFault(descriptor) ?? (reshape === null ? null : reshapeFault(descriptor, reshape));
}

/** What is true of a range that serves. */
function replicationFault(descriptor: Descriptor): string | null {
  const { owner, inSync, minInSync, retire, transferTo } = descriptor;
  if (new Set(inSync).size < inSync.length) return 'in-sync members are distinct';
  if (retire !== null && incOf(descriptor, retire) === undefined) return 'what retires is a replica';
  if (transferTo !== null && incOf(descriptor, transferTo) === undefined)
    return 'R8: a hand-over goes to a replica';
  if (!(minInSync >= 1 && inSync.length >= minInSync)) return 'R5: the in-sync set never falls below m';
  if (inSync.some((node) => incOf(descriptor, node) === undefined)) return 'R9: in-sync members are replicas';
  if (!isInSync(descriptor, owner.node)) return 'the owner is in-sync';
  return incOf(descriptor, owner.node) === owner.inc ? null : 'R1: the owner is a present replica';
}

/** Throws AssertionError unless `descriptor` is one that the rules allow. Run on every write. */
export function checkDescriptor(descriptor: Descriptor): void {
  const fault = descriptorFault(descriptor);
  assert(fault === null, fault ?? '');
}

function changed(descriptor: Descriptor, change: Partial<Descriptor>): Descriptor {
  const next = { ...descriptor, ...change };
  checkDescriptor(next);
  return next;
}

/** R7, R8: a new owner in the next epoch. `node` must be in-sync; `session` is its live session. */
export function withOwner(descriptor: Descriptor, node: NodeId, session: SessionId): Descriptor {
  const inc = incOf(descriptor, node);
  assert(inc !== undefined && isInSync(descriptor, node), 'R7: only an in-sync member is promoted');
  return changed(descriptor, {
    owner: { node, session, inc },
    epoch: descriptor.epoch + 1,
    transferTo: null,
  });
}

/** How a range begins again, by what the nodes reported of its replicas. */
export interface Restart {
  /** Above every epoch that any replica has seen. */
  readonly epoch: Epoch;
  readonly replicas: readonly ReplicaRef[];
  /** Those with the newest log; the owner is one of them. */
  readonly inSync: readonly NodeId[];
  readonly owner: NodeId;
}

/**
 * A descriptor that is older than its replicas (ZooKeeper was restored), brought above them. Not R7: the in-sync set of an older
 * descriptor proves nothing. minInSync falls to what there is, and the leader raises it again as others catch up.
 */
export function withRestart(descriptor: Descriptor, restart: Restart, session: SessionId): Descriptor {
  const { epoch, replicas, inSync, owner: node } = restart;
  assert(epoch > descriptor.epoch, 'epochs rise');
  const inc = replicas.find((replica) => replica.node === node)?.inc;
  assert(inc !== undefined, 'the owner is a replica');
  return changed(descriptor, {
    epoch,
    owner: { node, session, inc },
    replicas,
    inSync: [...inSync].sort(),
    minInSync: Math.min(descriptor.minInSync, inSync.length),
    nextInc: Math.max(descriptor.nextInc, ...replicas.map((replica) => replica.inc + 1)),
    transferTo: null,
    retire: null,
    reshape: null,
  });
}

/** R5, R6: another in-sync set, same owner and epoch. */
export function withInSync(descriptor: Descriptor, inSync: readonly NodeId[]): Descriptor {
  return changed(descriptor, { inSync: [...inSync].sort() });
}

/** R9: one more replica, with an inc that no replica of this range had before. It starts as a learner. */
export function withReplica(descriptor: Descriptor, node: NodeId): Descriptor {
  assert(incOf(descriptor, node) === undefined, 'R9: the node holds no replica yet');
  return changed(descriptor, {
    replicas: [...descriptor.replicas, { node, inc: descriptor.nextInc }],
    nextInc: descriptor.nextInc + 1,
  });
}

/**
 * R9: another inc for a replica that its node cannot have under the present one (NeededInc). It starts as a learner, as if it had
 * been removed and added.
 * @param lowest the lowest inc that the node can use
 */
export function withNewInc(descriptor: Descriptor, node: NodeId, lowest: Inc): Descriptor {
  const present = incOf(descriptor, node);
  assert(present !== undefined && present < lowest, 'R9: incs rise');
  assert(!isInSync(descriptor, node), 'R9: an in-sync member is not removed');
  const inc = Math.max(lowest, descriptor.nextInc);
  return changed(descriptor, {
    replicas: descriptor.replicas.map((replica) => (replica.node === node ? { node, inc } : replica)),
    nextInc: inc + 1,
  });
}

/** R9: only a replica outside the in-sync set may be removed. */
export function withoutReplica(descriptor: Descriptor, node: NodeId): Descriptor {
  assert(!isInSync(descriptor, node), 'R9: an in-sync member is not removed');
  return changed(descriptor, {
    replicas: descriptor.replicas.filter((replica) => replica.node !== node),
    transferTo: descriptor.transferTo === node ? null : descriptor.transferTo,
    retire: descriptor.retire === node ? null : descriptor.retire,
  });
}

/** Requests that this replica leave; null: withdraws the request. */
export function withRetire(descriptor: Descriptor, node: NodeId | null): Descriptor {
  return changed(descriptor, { retire: node });
}

/** A move: a new replica on `to`, and once it is in-sync the one on `from` makes way. */
export function withMove(descriptor: Descriptor, from: NodeId, to: NodeId): Descriptor {
  return withRetire(withReplica(descriptor, to), from);
}

/** A higher minInSync, once that many members are in-sync. */
export function withMinInSync(descriptor: Descriptor, minInSync: number): Descriptor {
  assert(minInSync > descriptor.minInSync, 'minInSync only rises');
  return changed(descriptor, { minInSync });
}

/** Requests a hand-over to this node; null: withdraws the request. */
export function withTransfer(descriptor: Descriptor, node: NodeId | null): Descriptor {
  assert(node === null || isInSync(descriptor, node), 'R8: hand-over goes to an in-sync member');
  return changed(descriptor, { transferTo: node });
}

/** S1: requests that the owner replace the range; null: withdraws the request. */
export function withReshape(descriptor: Descriptor, reshape: ReshapeRequest | null): Descriptor {
  return changed(descriptor, { reshape });
}

/** S5: a node no longer holds a replica of a range that has ended. */
export function withoutHolder(descriptor: Descriptor, nodes: readonly NodeId[]): Descriptor {
  assert(descriptor.state !== 'serving', 'S5: only a range that has ended loses replicas so');
  return changed(descriptor, { replicas: descriptor.replicas.filter(({ node }) => !nodes.includes(node)) });
}

/** What people decide about the range. */
export function withPlacement(descriptor: Descriptor, placement: Placement): Descriptor {
  return changed(descriptor, { placement });
}

/** S5: the range's namespace is dropped. Whoever holds a replica wipes it. */
export function withDropped(descriptor: Descriptor): Descriptor {
  const ended = { state: 'dropped', inSync: [], transferTo: null, retire: null, reshape: null } as const;
  return changed(descriptor, ended);
}
