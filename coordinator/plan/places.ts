// Where a range may get another replica.

import type { Descriptor } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { catchUpFails, usableNodes } from '../cluster-view.ts';
import type { PlanBuilder } from './plan-builder.ts';

/**
 * Usable nodes without a replica of the range, which its owner can reach, and on which replicas do catch up.
 * @param others the nodes of the replicas that the range keeps: the new one is on another machine than each of them
 */
export function freePlaces(
  { view, config, loads }: PlanBuilder,
  { replicas, owner }: Descriptor,
  others: readonly NodeId[],
): readonly NodeId[] {
  return usableNodes(view).filter(
    (node) =>
      !replicas.some((replica) => replica.node === node) &&
      view.connectivity.areConnected(owner.node, node) &&
      loads.machinePeers(node, others) === 0 &&
      !catchUpFails(view, node, config.replaceAfterMs),
  );
}

/**
 * Whether another move of a replica may begin: there are not too many, nor too many bytes, under way in the cluster.
 * @param atOnce how many are too many
 */
export function hasRoomToMove({ config, loads }: PlanBuilder, atOnce = config.movesAtOnce): boolean {
  return loads.moves < atOnce && loads.moveBytes < config.moveBytesAtOnce;
}
