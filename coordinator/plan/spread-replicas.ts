// Balances replicas over the nodes: first over zones, then by load. A move adds a replica on its target; the one on its source
// retires once the new one is in-sync. Only ranges in which nothing else is under way are moved, so repairs come first.

import { type Descriptor, type DescriptorImage, withMove } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { catchUpFails, isUsable, nameOf, ownerIsLive, usableNodes, zoneOf } from '../cluster-view.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { isAtRest } from './reshape.ts';

interface Move {
  readonly image: DescriptorImage;
  readonly from: NodeId;
  readonly to: NodeId;
  /** How many replicas fewer share the moved one's zone; positive is better. */
  readonly zoneGain: number;
  readonly loadGain: number;
  /** The moved replica is the owner's, so the move needs a hand-over. */
  readonly movesOwner: boolean;
}

export function planReplicaSpread(builder: PlanBuilder): void {
  const { view, config } = builder;
  const underWay = view.ranges.filter(({ descriptor }) => descriptor.retire !== null).length;
  const targets = usableNodes(view).filter(
    (node) =>
      (view.sameForMs.get(node) ?? 0) >= config.balanceAfterMs &&
      !catchUpFails(view, node, config.replaceAfterMs),
  );
  for (let moves = underWay; moves < config.movesAtOnce; moves++) {
    const move = bestMove(builder, targets);
    if (move === undefined) return;
    const { image, from, to } = move;
    const why =
      move.zoneGain > 0
        ? `others of the range are in zone ${zoneOf(view, from)} as well`
        : `they hold ${builder.loads.replicas(from)} and ${builder.loads.replicas(to)} replicas`;
    builder.change(image, withMove(image.descriptor, from, to), {
      change: 'move-replica',
      node: to,
      reason: `range ${image.descriptor.id}: the replica on ${nameOf(view, from)} moves to ${nameOf(view, to)}: ${why}`,
    });
  }
}

function bestMove(builder: PlanBuilder, targets: readonly NodeId[]): Move | undefined {
  const room = targets.filter((node) => builder.loads.learners(node) < builder.config.learnersPerNode);
  let best: Move | undefined;
  for (const image of builder.view.ranges) {
    const { id } = image.descriptor;
    if (image.descriptor.placement.pinned || builder.isTouched(id) || builder.isHeld(id)) continue;
    if (!isWhole(builder, image.descriptor)) continue;
    for (const move of movesOf(builder, image, room)) {
      if (best === undefined || isBetter(move, best)) best = move;
    }
  }
  return best;
}

/** Whether the range has its desired number of replicas, all in-sync on usable nodes, and nothing is under way. */
export function isWhole({ view }: PlanBuilder, descriptor: Descriptor): boolean {
  const desired = view.namespaces.get(descriptor.namespace)?.record.replicationFactor;
  return (
    descriptor.replicas.length === desired &&
    descriptor.inSync.length === desired &&
    isAtRest(descriptor) &&
    ownerIsLive(view, descriptor) &&
    descriptor.inSync.every((node) => isUsable(view, node))
  );
}

function* movesOf(
  { loads, view, weights }: PlanBuilder,
  image: DescriptorImage,
  targets: readonly NodeId[],
): Generator<Move> {
  const { id, owner, inSync: held } = image.descriptor;
  // These are spread by load and by bytes (load-decisions/move-weights.ts). For their numbers alone they stay.
  const isLoaded = weights.isLoaded(id);
  const isLarge = !weights.bytes.isLight(weights.bytesOf(id));
  for (const to of targets) {
    if (held.includes(to) || view.connectivity.disconnectedAmong(to, held).length > 0) continue;
    for (const from of held) {
      const others = held.filter((node) => node !== from);
      const zoneGain = loads.zonePeers(from, others) - loads.zonePeers(to, others);
      const loadGain = loads.replicaRelief(from) - loads.replicaCost(to);
      const movesOwner = from === owner.node;
      const gains = loadGain > 0 && !isLarge && !(isLoaded && movesOwner);
      if (zoneGain < 0 || (zoneGain === 0 && !gains)) continue;
      yield { image, from, to, zoneGain, loadGain, movesOwner };
    }
  }
}

function isBetter(a: Move, b: Move): boolean {
  if (a.zoneGain !== b.zoneGain) return a.zoneGain > b.zoneGain;
  if (a.loadGain !== b.loadGain) return a.loadGain > b.loadGain;
  return !a.movesOwner && b.movesOwner;
}
