// Evens out where replicas are: over zones first, then by load. A move adds a replica on its target and asks the one on
// its source to make way once the new one is in-sync. Only ranges at rest are moved, so that repair comes before comfort.

import { type Descriptor, type DescriptorImage, withMove } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { isBarren, isUsable, nameOf, ownerIsLive, usableNodes, zoneOf } from '../cluster-view.ts';
import type { Draft } from './draft.ts';

interface Move {
  readonly image: DescriptorImage;
  readonly from: NodeId;
  readonly to: NodeId;
  /** Fewer replicas in one zone; positive is better. */
  readonly zoneGain: number;
  readonly loadGain: number;
  /** Moving an owner's replica costs a hand-over. */
  readonly movesOwner: boolean;
}

export function planReplicaSpread(draft: Draft): void {
  const { view, config } = draft;
  const underWay = view.ranges.filter(({ descriptor }) => descriptor.retire !== null).length;
  const targets = usableNodes(view).filter(
    (node) =>
      (view.sameForMs.get(node) ?? 0) >= config.balanceAfterMs &&
      !isBarren(view, node, config.replaceAfterMs),
  );
  for (let moves = underWay; moves < config.movesAtOnce; moves++) {
    const move = bestMove(draft, targets);
    if (move === undefined) return;
    const { image, from, to } = move;
    const why =
      move.zoneGain > 0
        ? `its replicas share zone ${zoneOf(view, from)}`
        : `${draft.ledger.replicas(from)} replicas there, ${draft.ledger.replicas(to)} here`;
    draft.change(image, withMove(image.descriptor, from, to), {
      change: 'move-replica',
      node: to,
      reason: `range ${image.descriptor.id}: the replica on ${nameOf(view, from)} moves to ${nameOf(view, to)}: ${why}`,
    });
  }
}

function bestMove(draft: Draft, targets: readonly NodeId[]): Move | undefined {
  const room = targets.filter((node) => draft.ledger.learners(node) < draft.config.learnersPerNode);
  let best: Move | undefined;
  for (const image of draft.view.ranges) {
    if (draft.isTouched(image.descriptor.id) || !isAtRest(draft, image.descriptor)) continue;
    for (const move of movesOf(draft, image, room)) {
      if (best === undefined || isBetter(move, best)) best = move;
    }
  }
  return best;
}

/** As many replicas as wished for, all of them in-sync on usable nodes, nothing under way. */
function isAtRest({ view }: Draft, descriptor: Descriptor): boolean {
  const wished = view.namespaces.get(descriptor.namespace)?.record.replicationFactor;
  return (
    descriptor.replicas.length === wished &&
    descriptor.inSync.length === wished &&
    descriptor.transferTo === null &&
    descriptor.retire === null &&
    ownerIsLive(view, descriptor) &&
    descriptor.inSync.every((node) => isUsable(view, node))
  );
}

function* movesOf(
  { ledger, view }: Draft,
  image: DescriptorImage,
  targets: readonly NodeId[],
): Generator<Move> {
  const held = image.descriptor.inSync;
  for (const to of targets) {
    if (held.includes(to) || view.reach.outOfReach(to, held).length > 0) continue;
    for (const from of held) {
      const others = held.filter((node) => node !== from);
      const zoneGain = ledger.zonePeers(from, others) - ledger.zonePeers(to, others);
      const loadGain = ledger.replicaRelief(from) - ledger.replicaCost(to);
      if (zoneGain < 0 || (zoneGain === 0 && loadGain <= 0)) continue;
      yield { image, from, to, zoneGain, loadGain, movesOwner: from === image.descriptor.owner.node };
    }
  }
}

function isBetter(a: Move, b: Move): boolean {
  if (a.zoneGain !== b.zoneGain) return a.zoneGain > b.zoneGain;
  if (a.loadGain !== b.loadGain) return a.loadGain > b.loadGain;
  return !a.movesOwner && b.movesOwner;
}
