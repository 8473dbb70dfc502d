// One step of a plan: what it changes, from which version, and the reason in words. Events, logs and the page show the reason.
// commit.ts makes the step's compare-and-sets, which are part of a fenced multi.

import type { Descriptor, DescriptorImage } from '../common/model/descriptor.ts';
import type { NodeId, SessionId } from '../common/model/ids.ts';
import type {
  ClusterRecord,
  NamespaceRecord,
  NodeRecord,
  TaskRecord,
  Unreachable,
} from '../common/model/records.ts';
import type { TaskImage, Versioned } from './cluster-view.ts';

export type RangeChange =
  | 'promote'
  | 'raise-epoch'
  | 'add-replica'
  | 'move-replica'
  | 'retire-replica'
  | 'keep-replica'
  | 'remove-replica'
  | 'renumber-replica'
  | 'raise-min-in-sync'
  | 'transfer'
  | 'cancel-transfer'
  | 'withdraw-request'
  | 'take-out'
  | 'place'
  | 'drop-range';

/** A task's next state. It is written in the same multi as the change that the task asks for. */
export interface TaskUpdate {
  readonly task: TaskImage;
  readonly after: TaskRecord;
}

/** One compare-and-set of a descriptor. */
export interface RangeStep {
  readonly kind: 'range';
  readonly change: RangeChange;
  readonly before: DescriptorImage;
  readonly after: Descriptor;
  /** The node whose replica or ownership changes; null: none. */
  readonly node: NodeId | null;
  readonly task: TaskUpdate | null;
  readonly reason: string;
}

/** A new namespace with all its ranges. A plan has at most one that takes ids from the cluster's counters. */
export interface NamespaceStep {
  readonly kind: 'create-namespace';
  readonly before: Versioned<ClusterRecord>;
  readonly after: ClusterRecord;
  readonly namespace: NamespaceRecord;
  readonly ranges: readonly Descriptor[];
  readonly task: TaskUpdate | null;
  readonly reason: string;
}

/** S1: requests that the owner of these ranges replace them. A plan has at most one, for the same reason. */
export interface ReshapeStep {
  readonly kind: 'reshape';
  readonly change: 'request-split' | 'request-merge';
  readonly before: Versioned<ClusterRecord>;
  readonly after: ClusterRecord;
  /** In key order: one, or two that are merged. */
  readonly ranges: readonly { readonly before: DescriptorImage; readonly after: Descriptor }[];
  readonly task: TaskUpdate | null;
  readonly reason: string;
}

/** S5: nobody holds a replica of the range any more. */
export interface DeleteRangeStep {
  readonly kind: 'delete-range';
  readonly before: DescriptorImage;
  readonly task: null;
  readonly reason: string;
}

/** A namespace gets other settings. */
export interface AlterNamespaceStep {
  readonly kind: 'alter-namespace';
  readonly before: Versioned<NamespaceRecord>;
  readonly after: NamespaceRecord;
  readonly task: TaskUpdate;
  readonly reason: string;
}

/** A namespace has no range any more. */
export interface DeleteNamespaceStep {
  readonly kind: 'delete-namespace';
  readonly before: Versioned<NamespaceRecord>;
  readonly task: TaskUpdate;
  readonly reason: string;
}

export interface NodeModeStep {
  readonly kind: 'set-node-mode';
  readonly before: Versioned<NodeRecord>;
  readonly after: NodeRecord;
  readonly task: TaskUpdate;
  readonly reason: string;
}

export type NoteChange =
  | 'node-down'
  | 'node-up'
  | 'node-unreachable'
  | 'node-reachable'
  | 'node-stuck'
  | 'node-unstuck';

/** A NodeNote with durations, ms, in place of Unix times; commit.ts converts them. */
export interface NoteDurations {
  readonly downForMs: number | null;
  readonly unreachable: (Omit<Unreachable, 'since'> & { readonly forMs: number }) | null;
  readonly stuckIn: SessionId | null;
}

/** Writes what the leader has noticed about a node into the node's record. */
export interface NoteStep {
  readonly kind: 'note-node';
  /** The kind of the event. */
  readonly change: NoteChange;
  readonly before: Versioned<NodeRecord>;
  readonly note: NoteDurations;
  readonly task: null;
  readonly reason: string;
}

export interface ForgetStep {
  readonly kind: 'forget-node';
  readonly before: Versioned<NodeRecord>;
  readonly task: TaskUpdate;
  readonly reason: string;
}

/** A task changes its state, and nothing else changes. */
export interface TaskStep {
  readonly kind: 'task';
  readonly task: TaskUpdate;
  readonly reason: string;
}

export type Step =
  | RangeStep
  | NamespaceStep
  | ReshapeStep
  | DeleteRangeStep
  | AlterNamespaceStep
  | DeleteNamespaceStep
  | NodeModeStep
  | NoteStep
  | ForgetStep
  | TaskStep;
