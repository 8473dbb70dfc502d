// S1: requests to replace ranges, in the parents' descriptors. The owner answers a request by replacing the range; the leader changes
// nothing else of the range meanwhile, except that it promotes another owner. A request that is not met is withdrawn, so that
// other changes have their turn.

import { assert } from '../../common/base/assert.ts';
import {
  type Descriptor,
  type DescriptorImage,
  isInSync,
  withReshape,
} from '../../common/model/descriptor.ts';
import type { RangeId } from '../../common/model/ids.ts';
import type { ReshapeRequest } from '../../common/model/replacement.ts';
import { type ClusterView, ownerIsLive } from '../cluster-view.ts';
import type { ReshapeStep, TaskUpdate } from '../step.ts';
import { withFreeIds } from './free-ids.ts';
import type { PlanBuilder } from './plan-builder.ts';

/** A request is withdrawn if it has not been met for so long, ms. */
const WITHDRAW_MS = 10_000;

/** What is said of a range that cannot commit. */
export const TOO_FEW_LIVE = 'too few of its in-sync replicas are live';

/** What is requested, apart from the ids. */
type Wanted = Pick<ReshapeRequest, 'cuts' | 'byHand' | 'reason'>;

/** Whether the range may be given a request now: nothing else is under way in it. */
export function isAtRest({ reshape, transferTo, retire }: Descriptor): boolean {
  return reshape === null && transferTo === null && retire === null;
}

/**
 * Whether the owner can commit all that the range's log holds, as it must before the range is replaced (S2). If it cannot, the range takes no
 * writes either, and needs another replica first.
 */
export function canCommit({ live }: ClusterView, { inSync, minInSync }: Descriptor): boolean {
  return inSync.filter((node) => live.has(node)).length >= minInSync;
}

/** Withdraws the range's request if it has to be. */
export function planWithdrawal(builder: PlanBuilder, image: DescriptorImage): void {
  const { descriptor } = image;
  if (descriptor.reshape === null || builder.isTouched(descriptor.id)) return;
  const why = whyWithdrawn(builder, descriptor, descriptor.reshape);
  if (why === null) return;
  const reason = `range ${descriptor.id}: the request to replace it is withdrawn: ${why}`;
  builder.change(image, withReshape(descriptor, null), { change: 'withdraw-request', node: null, reason });
}

function whyWithdrawn(
  { view, index }: PlanBuilder,
  descriptor: Descriptor,
  request: ReshapeRequest,
): string | null {
  if ((view.requestedForMs.get(descriptor.id) ?? 0) >= WITHDRAW_MS)
    return `it was not met for ${WITHDRAW_MS} ms`;
  if (!canCommit(view, descriptor)) return TOO_FEW_LIVE;
  if (request.partner === null) return null;
  const partner = index.serving(request.partner)?.descriptor;
  const isSameRequest = partner?.reshape?.children[0] === request.children[0];
  if (partner === undefined || !isSameRequest) return 'its neighbour has another request, or none';
  const { owner } = descriptor;
  const isSame = partner.owner.node === owner.node && partner.owner.session === owner.session;
  return isSame ? null : 'the two ranges have different owners';
}

/** The step that requests a split; null: no ids can be taken now. */
export function requestSplit(
  builder: PlanBuilder,
  image: DescriptorImage,
  wanted: Wanted,
  task: (children: readonly RangeId[]) => TaskUpdate | null,
): ReshapeStep | null {
  const { descriptor } = image;
  assert(isAtRest(descriptor), 'one change of a range at a time');
  const ids = takeIds(builder, wanted.cuts.length + 1);
  if (ids === null) return null;
  const { children, ...cluster } = ids;
  const after = withReshape(descriptor, { ...wanted, children, partner: null });
  return {
    ...{ kind: 'reshape', change: 'request-split', ...cluster, ranges: [{ before: image, after }] },
    task: task(children),
    reason: `range ${descriptor.id} is to be split into ${children.join(' and ')}: ${wanted.reason}`,
  };
}

/** The step that requests a merge of two neighbours; null: no ids can be taken now. */
export function requestMerge(
  builder: PlanBuilder,
  [left, right]: readonly [DescriptorImage, DescriptorImage],
  wanted: Omit<Wanted, 'cuts'>,
  task: (children: readonly RangeId[]) => TaskUpdate | null,
): ReshapeStep | null {
  assert(mergeFault(builder, left.descriptor, right.descriptor) === null, 'S1: the two can be merged');
  const ids = takeIds(builder, 1);
  if (ids === null) return null;
  const { children, ...cluster } = ids;
  const request = { ...wanted, children, cuts: [] };
  const [leftId, rightId] = [left.descriptor.id, right.descriptor.id];
  return {
    ...{ kind: 'reshape', change: 'request-merge', ...cluster },
    ranges: [
      { before: left, after: withReshape(left.descriptor, { ...request, partner: rightId }) },
      { before: right, after: withReshape(right.descriptor, { ...request, partner: leftId }) },
    ],
    task: task(children),
    reason: `ranges ${leftId} and ${rightId} are to be merged into ${children[0]}: ${wanted.reason}`,
  };
}

/** S1: why the merge of two neighbours cannot be requested yet, in words; null: it can. */
export function mergeFault({ view }: PlanBuilder, left: Descriptor, right: Descriptor): string | null {
  if (!isAtRest(left) || !isAtRest(right)) return 'something else is under way in one of them';
  const nodes = left.replicas.map(({ node }) => node);
  const isSame = nodes.length === right.replicas.length && nodes.every((node) => holds(right, node));
  if (!isSame) return 'their replicas are on different nodes';
  if (!nodes.every((node) => isInSync(left, node) && isInSync(right, node)))
    return 'not all of their replicas are in-sync';
  if (!canCommit(view, left) || !canCommit(view, right)) return 'too few of their in-sync replicas are live';
  if (left.owner.node !== right.owner.node) return 'they have different owners';
  return ownerIsLive(view, left) && ownerIsLive(view, right) ? null : 'their owner is not live';
}

function holds({ replicas }: Descriptor, node: string): boolean {
  return replicas.some((replica) => replica.node === node);
}

/** Ids from the cluster's counter, which the step raises. A plan has one step that does so. */
function takeIds(
  builder: PlanBuilder,
  count: number,
): (Pick<ReshapeStep, 'before' | 'after'> & { readonly children: readonly RangeId[] }) | null {
  const before = builder.view.cluster;
  if (before === null || builder.takesIds) return null;
  const record = withFreeIds(before.record, builder.view);
  const children = Array.from({ length: count }, (_, at) => record.nextRangeId + at);
  return { before, after: { ...record, nextRangeId: record.nextRangeId + count }, children };
}
