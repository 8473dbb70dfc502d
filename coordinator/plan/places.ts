// Where a range may get another replica.

import type { Descriptor } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { catchUpFails, usableNodes } from '../cluster-view.ts';
import type { PlanBuilder } from './plan-builder.ts';

/** Usable nodes without a replica of the range, which its owner can reach, and on which replicas do catch up. */
export function freePlaces(
  { view, config }: PlanBuilder,
  { replicas, owner }: Descriptor,
): readonly NodeId[] {
  return usableNodes(view).filter(
    (node) =>
      !replicas.some((replica) => replica.node === node) &&
      view.connectivity.areConnected(owner.node, node) &&
      !catchUpFails(view, node, config.replaceAfterMs),
  );
}

/** Whether another move of a replica may begin: there are not too many, nor too many bytes, under way in the cluster. */
export function hasRoomToMove({ view, config, weights, steps }: PlanBuilder): boolean {
  const planned = steps.flatMap((step) => (step.kind === 'range' ? [step.after] : []));
  const ids = new Set(planned.map(({ id }) => id));
  const others = view.ranges.map(({ descriptor }) => descriptor).filter(({ id }) => !ids.has(id));
  const moving = [...planned, ...others].filter(({ retire }) => retire !== null);
  const bytes = moving.reduce((sum, { id }) => sum + weights.bytesOf(id), 0);
  return moving.length < config.movesAtOnce && bytes < config.moveBytesAtOnce;
}
