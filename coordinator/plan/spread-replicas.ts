// Balances replicas over the nodes: first over machines, then over zones, then by load. A move adds a replica on its target; the one on its source
// retires once the new one is in-sync. Only ranges in which nothing else is under way are moved, so repairs come first.

import { type Descriptor, type DescriptorImage, withMove } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { catchUpFails, isUsable, nameOf, ownerIsLive, usableNodes, zoneOf } from '../cluster-view.ts';
import { rangeKey } from '../set-aside.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { isAtRest } from './reshape.ts';

interface Move {
  readonly image: DescriptorImage;
  readonly from: NodeId;
  readonly to: NodeId;
  /** How many replicas shared the moved one's machine. On the target none does. */
  readonly machineGain: number;
  /** How many replicas fewer share the moved one's zone; positive is better. */
  readonly zoneGain: number;
  readonly loadGain: number;
  /** The moved replica is the owner's, so the move needs a hand-over. */
  readonly movesOwner: boolean;
}

export function planReplicaSpread(builder: PlanBuilder): void {
  const { view, config } = builder;
  const targets = usableNodes(view).filter(
    (node) =>
      (view.sameForMs.get(node) ?? 0) >= config.balanceAfterMs &&
      !catchUpFails(view, node, config.replaceAfterMs),
  );
  if (builder.loads.moves >= config.movesAtOnce || targets.length === 0) return;
  const replicas = movable(builder);
  while (builder.loads.moves < config.movesAtOnce) {
    const move = bestMove(builder, replicas, targets);
    if (move === undefined) return;
    const { image, from, to } = move;
    builder.change(image, withMove(image.descriptor, from, to), {
      change: 'move-replica',
      node: to,
      reason: `range ${image.descriptor.id}: the replica on ${nameOf(view, from)} moves to ${nameOf(view, to)}: ${whyMoved(builder, move)}`,
    });
  }
}

function whyMoved({ view, loads }: PlanBuilder, { from, to, machineGain, zoneGain }: Move): string {
  if (machineGain > 0) return 'others of the range are on its machine as well';
  if (zoneGain > 0) return `others of the range are in zone ${zoneOf(view, from)} as well`;
  return `they hold ${loads.replicas(from)} and ${loads.replicas(to)} replicas`;
}

/** A replica that may be moved, and what a move gains at most, without the load. */
type Movable = Pick<Move, 'image' | 'from' | 'machineGain' | 'zoneGain' | 'movesOwner'>;

function movable(builder: PlanBuilder): readonly Movable[] {
  const { view, loads } = builder;
  const replicas: Movable[] = [];
  for (const image of view.ranges) {
    const { id, placement, inSync, owner } = image.descriptor;
    if (placement.pinned || builder.isTouched(id) || builder.isHeld(id)) continue;
    if (view.setAside.has(rangeKey(id))) continue;
    for (const from of inSync) {
      if (from === placement.home) continue;
      const machineGain = loads.machinePeers(from, inSync);
      const zoneGain = loads.zonePeers(from, inSync);
      replicas.push({ image, from, machineGain, zoneGain, movesOwner: from === owner.node });
    }
  }
  return replicas;
}

function bestMove(
  builder: PlanBuilder,
  replicas: readonly Movable[],
  targets: readonly NodeId[],
): Move | undefined {
  const room = targets.filter((node) => builder.loads.learners(node) < builder.config.learnersPerNode);
  const places = new Places(builder, room);
  let best: Move | undefined;
  for (const replica of replicas) {
    const { image, from } = replica;
    if (!isPromising(builder, replica, places, best) || builder.isTouched(image.descriptor.id)) continue;
    if (!isWhole(builder, image.descriptor)) continue;
    const move = bestMoveFrom(builder, image, from, places);
    if (move !== undefined && (best === undefined || isBetter(move, best))) best = move;
  }
  return best;
}

/** Whether a move might gain more than the best one so far. With many replicas that is hardly ever so. */
function isPromising(
  { loads }: PlanBuilder,
  { from, machineGain, zoneGain, movesOwner }: Movable,
  { leastCost }: Places,
  best: Move | undefined,
): boolean {
  const loadGain = loads.replicaRelief(from) - leastCost;
  if (machineGain === 0 && zoneGain === 0 && loadGain <= 0) return false;
  return best === undefined || isBetter({ machineGain, zoneGain, loadGain, movesOwner }, best);
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

function bestMoveFrom(
  builder: PlanBuilder,
  image: DescriptorImage,
  from: NodeId,
  places: Places,
): Move | undefined {
  const { loads, view, weights } = builder;
  const { id, owner, inSync: held } = image.descriptor;
  const others = held.filter((node) => node !== from);
  const movesOwner = from === owner.node;
  // These are spread by load and by bytes (load-decisions/move-weights.ts). For their numbers alone they stay.
  const isLarge = !weights.bytes.isLight(weights.bytesOf(id));
  const isForNumbers = !isLarge && !(weights.isLoaded(id) && movesOwner);
  const isFree = (to: NodeId) =>
    !held.includes(to) &&
    view.connectivity.disconnectedAmong(to, held).length === 0 &&
    loads.machinePeers(to, others) === 0;
  const machineGain = loads.machinePeers(from, others);
  let best: Move | undefined;
  for (const to of places.bestOfEachZone(isFree)) {
    const zoneGain = loads.zonePeers(from, others) - loads.zonePeers(to, others);
    const loadGain = loads.replicaRelief(from) - loads.replicaCost(to);
    const pays = zoneGain > 0 || (zoneGain === 0 && loadGain > 0 && isForNumbers);
    if (machineGain === 0 && !pays) continue;
    const move = { image, from, to, machineGain, zoneGain, loadGain, movesOwner };
    if (best === undefined || isBetter(move, best)) best = move;
  }
  return best;
}

/** Where replicas may go: by zone, and in each the least loaded node first. */
class Places {
  readonly #zones: readonly (readonly NodeId[])[];
  /** The cost of a replica where it is least; infinite if there is no place. */
  readonly leastCost: number;

  constructor({ view, loads }: PlanBuilder, nodes: readonly NodeId[]) {
    const byCost = [...nodes].sort((a, b) => loads.replicaCost(a) - loads.replicaCost(b) || (a < b ? -1 : 1));
    const zones = new Map<string, NodeId[]>();
    for (const node of byCost) {
      const zone = zoneOf(view, node);
      const known = zones.get(zone);
      if (known === undefined) zones.set(zone, [node]);
      else known.push(node);
    }
    this.#zones = [...zones.values()];
    const [first] = byCost;
    this.leastCost = first === undefined ? Number.POSITIVE_INFINITY : loads.replicaCost(first);
  }

  *bestOfEachZone(isFree: (node: NodeId) => boolean): Generator<NodeId> {
    for (const zone of this.#zones) {
      const node = zone.find(isFree);
      if (node !== undefined) yield node;
    }
  }
}

type Gain = Pick<Move, 'machineGain' | 'zoneGain' | 'loadGain' | 'movesOwner'>;

function isBetter(a: Gain, b: Gain): boolean {
  if (a.machineGain !== b.machineGain) return a.machineGain > b.machineGain;
  if (a.zoneGain !== b.zoneGain) return a.zoneGain > b.zoneGain;
  if (a.loadGain !== b.loadGain) return a.loadGain > b.loadGain;
  return !a.movesOwner && b.movesOwner;
}
