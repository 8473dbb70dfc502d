// Moves replicas for the load of their ranges, and for their bytes. A move copies the bytes of the range, so it comes only where no hand-over
// helps, it must gain more the more bytes it copies, and few bytes are under way at once. Zones are never worse after it.

import { type DescriptorImage, withMove } from '../../../common/model/descriptor.ts';
import type { NodeId } from '../../../common/model/ids.ts';
import { catchUpFails, nameOf, usableNodes } from '../../cluster-view.ts';
import { hasRoomToMove } from '../places.ts';
import type { PlanBuilder } from '../plan-builder.ts';
import { isWhole } from '../spread-replicas.ts';
import { handOverTargets, isFree, percent } from './movable.ts';
import type { Weights } from './range-weights.ts';

/** A node above this level gives replicas away. Higher than where hand-overs begin. */
const LEVEL_MAX = 1.2;
const GAIN_MIN = 0.05;
/** The gain that each gigabyte costs. */
const GAIN_OF_GIGABYTE = 0.05;
const GIGABYTE = 1_000_000_000;

interface Move {
  readonly image: DescriptorImage;
  readonly from: NodeId;
  readonly to: NodeId;
  /** Without what the bytes cost. */
  readonly gain: number;
}

/** What is evened out: the load of owners first, then the bytes of replicas. */
const KINDS = ['load', 'bytes'] as const;
type Kind = (typeof KINDS)[number];

export function planWeightMoves(builder: PlanBuilder): void {
  const { view, config } = builder;
  const targets = handOverTargets(builder).filter((node) => !catchUpFails(view, node, config.replaceAfterMs));
  for (const kind of KINDS) {
    if (!hasRoomToMove(builder) || !weightsOf(builder, kind).matter) continue;
    const heavy = view.ranges.filter((image) => !isLight(builder, kind, image));
    while (hasRoomToMove(builder)) {
      const move = bestMove(builder, { kind, heavy }, targets);
      if (move === undefined) break;
      request(builder, kind, move);
    }
  }
}

function weightsOf({ weights }: PlanBuilder, kind: Kind): Weights {
  return kind === 'load' ? weights.cpu : weights.bytes;
}

function weightOf({ weights }: PlanBuilder, kind: Kind, { descriptor: { id } }: DescriptorImage): number {
  return kind === 'load' ? weights.cpuOf(id) : weights.bytesOf(id);
}

function isLight(builder: PlanBuilder, kind: Kind, image: DescriptorImage): boolean {
  return weightsOf(builder, kind).isLight(weightOf(builder, kind, image));
}

function bestMove(
  builder: PlanBuilder,
  { kind, heavy }: { kind: Kind; heavy: readonly DescriptorImage[] },
  targets: readonly NodeId[],
): Move | undefined {
  const weights = weightsOf(builder, kind);
  const room = targets.filter((node) => builder.loads.learners(node) < builder.config.learnersPerNode);
  let best: Move | undefined;
  const busy = new Set(usableNodes(builder.view).filter((node) => weights.level(node) > LEVEL_MAX));
  if (busy.size === 0) return undefined;
  for (const image of heavy) {
    const weight = weightOf(builder, kind, image);
    if (!image.descriptor.inSync.some((node) => busy.has(node))) continue;
    if (!isFree(builder, image) || !isWhole(builder, image.descriptor)) continue;
    const gainMin = best?.gain ?? GAIN_MIN;
    for (const move of movesOf(builder, { image, kind, weight, gainMin }, room))
      if (best === undefined || move.gain > best.gain) best = move;
  }
  return best;
}

function* movesOf(
  builder: PlanBuilder,
  { image, kind, weight, gainMin }: { image: DescriptorImage; kind: Kind; weight: number; gainMin: number },
  targets: readonly NodeId[],
): Generator<Move> {
  const { loads, view } = builder;
  const weights = weightsOf(builder, kind);
  const { id, inSync, owner, placement } = image.descriptor;
  const paid = (builder.weights.bytesOf(id) / GIGABYTE) * GAIN_OF_GIGABYTE;
  for (const from of inSync) {
    // The load moves with the owner. Bytes are moved from elsewhere, if possible, because the owner has clients.
    if ((from === owner.node) !== (kind === 'load') || weights.level(from) <= LEVEL_MAX) continue;
    const gainMax = weights.level(from) - weights.level(from, -weight) - paid;
    if (from === placement.home || gainMax < gainMin) continue;
    const others = inSync.filter((node) => node !== from);
    for (const to of targets) {
      const gain = weights.gain(from, to, weight) - paid;
      if (gain < gainMin) continue;
      if (inSync.includes(to) || view.connectivity.disconnectedAmong(to, inSync).length > 0) continue;
      if (loads.machinePeers(to, others) > 0) continue;
      if (loads.zonePeers(to, others) > loads.zonePeers(from, others)) continue;
      yield { image, from, to, gain };
    }
  }
}

function request(builder: PlanBuilder, kind: Kind, { image, from, to }: Move): void {
  const { view } = builder;
  const weights = weightsOf(builder, kind);
  const { descriptor } = image;
  const what = kind === 'load' ? 'mean load' : 'mean bytes';
  const why = `they have ${percent(weights.level(from))} and ${percent(weights.level(to))} of the ${what}`;
  builder.change(image, withMove(descriptor, from, to), {
    change: 'move-replica',
    node: to,
    reason: `range ${descriptor.id}: the replica on ${nameOf(view, from)} moves to ${nameOf(view, to)}: ${why}`,
  });
}
