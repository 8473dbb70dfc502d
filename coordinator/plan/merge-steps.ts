// The way to a merge of two neighbours (S1): first the same replicas, then the same owner, then the request. Meanwhile the two are not moved
// for balance.

import {
  type Descriptor,
  type DescriptorImage,
  isInSync,
  withMove,
  withReplica,
  withRetire,
  withTransfer,
} from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { ReshapeRequest } from '../../common/model/replacement.ts';
import { areOnOneMachine, type ClusterView, catchUpFails, isLeaving, nameOf } from '../cluster-view.ts';
import type { RangeChange, TaskUpdate } from '../step.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { isAtRest, mergeFault, requestMerge } from './reshape.ts';

/** Makes the next step towards a merge. @param task the task's next state if the merge is requested now */
export function approachMerge(
  builder: PlanBuilder,
  pair: readonly [DescriptorImage, DescriptorImage],
  wanted: Pick<ReshapeRequest, 'byHand' | 'reason'>,
  task: (children: readonly RangeId[]) => TaskUpdate | null,
): void {
  const [left, right] = pair;
  for (const { descriptor } of pair) builder.hold(descriptor.id);
  if (builder.isTouched(left.descriptor.id) || builder.isTouched(right.descriptor.id)) return;
  if (mergeFault(builder, left.descriptor, right.descriptor) === null) {
    const step = requestMerge(builder, pair, wanted, task);
    if (step !== null) builder.add(step);
    return;
  }
  if (!isAtRest(left.descriptor) || !isAtRest(right.descriptor)) return;
  const change = nextChange(builder, left.descriptor, right.descriptor);
  if (change === null) return;
  const { after, ...why } = change;
  builder.change(right, after, { ...why, reason: `range ${right.descriptor.id}: ${why.reason}` });
}

interface Change {
  readonly change: RangeChange;
  readonly after: Descriptor;
  readonly node: string;
  readonly reason: string;
}

/** What makes the right range more like the left one; null: a replica has to catch up first. */
function nextChange(builder: PlanBuilder, left: Descriptor, right: Descriptor): Change | null {
  const { view } = builder;
  const nodes = left.replicas.map(({ node }) => node);
  const others = right.replicas.map(({ node }) => node);
  const missing = nodes.find((node) => !others.includes(node));
  const surplus = surplusOf(view, { nodes, others, missing });
  const why = `it is to be merged with range ${left.id}`;
  if (missing !== undefined) {
    if (!mayTake(builder, right, missing)) return null;
    const after = surplus === undefined ? withReplica(right, missing) : withMove(right, surplus, missing);
    const change = surplus === undefined ? 'add-replica' : 'move-replica';
    return { change, after, node: missing, reason: `${nameOf(view, missing)} gets a replica: ${why}` };
  }
  if (surplus !== undefined) {
    // The left range lacks a replica: it gets one first, if there is a place. The right one must not have too few for its sake.
    if (others.length <= (view.namespaces.get(right.namespace)?.record.replicationFactor ?? 0)) return null;
    const reason = `the replica on ${nameOf(view, surplus)} is removed: ${why}`;
    return { change: 'retire-replica', after: withRetire(right, surplus), node: surplus, reason };
  }
  const owner = left.owner.node;
  if (right.owner.node === owner || !isInSync(right, owner)) return null;
  const reason = `${nameOf(view, owner)} is to become the owner: ${why}`;
  return { change: 'transfer', after: withTransfer(right, owner), node: owner, reason };
}

/** A node that only the right range has a replica on; on the machine of the one that it lacks, if possible. */
function surplusOf(
  view: ClusterView,
  {
    nodes,
    others,
    missing,
  }: { nodes: readonly string[]; others: readonly string[]; missing: string | undefined },
): string | undefined {
  const surplus = others.filter((node) => !nodes.includes(node));
  const beside = surplus.find((node) => missing !== undefined && areOnOneMachine(view, node, missing));
  return beside ?? surplus[0];
}

/** Whether the node can be given a replica of the range. One that is drained may: its replicas stay. */
function mayTake({ view, config }: PlanBuilder, { owner }: Descriptor, node: NodeId): boolean {
  return (
    !isLeaving(view, node) &&
    view.nodes.get(node)?.record.mode !== 'gone' &&
    view.connectivity.areConnected(owner.node, node) &&
    !catchUpFails(view, node, config.replaceAfterMs)
  );
}
