// Ranges that people gave a node of their own: the node gets a replica, then the range, and everything else that it owns goes elsewhere.
// While the node is away the range has another owner. All of it is approached again and again, so it needs no task.

import {
  type DescriptorImage,
  incOf,
  isInSync,
  withMove,
  withPlacement,
  withTransfer,
} from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { areOnOneMachine, type ClusterView, isUsable, nameOf, ownerIsLive } from '../cluster-view.ts';
import { freePlaces, hasRoomToMove } from './places.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { isAtRest } from './reshape.ts';

/** The nodes that are to own isolated ranges only. */
export function homesOf({ ranges }: ClusterView): ReadonlySet<NodeId> {
  const homes = new Set<NodeId>();
  for (const { descriptor } of ranges) {
    const { isolated, home } = descriptor.placement;
    if (isolated && home !== null) homes.add(home);
  }
  return homes;
}

/** Makes the next steps towards what isolated ranges need. */
export function planIsolation(builder: PlanBuilder): void {
  const homes = homesOf(builder.view);
  if (homes.size === 0) return;
  for (const image of builder.view.ranges) {
    const { id, placement } = image.descriptor;
    if (builder.isTouched(id) || builder.isHeld(id) || !isAtRest(image.descriptor)) continue;
    if (placement.home !== null && hasLeft(builder.view, placement.home)) {
      loseHome(builder, image, placement.home);
      continue;
    }
    if (!ownerIsLive(builder.view, image.descriptor)) continue;
    if (placement.home !== null) bringHome(builder, image, placement.home);
    else if (homes.has(image.descriptor.owner.node)) leave(builder, image, homes);
  }
}

function hasLeft({ nodes }: ClusterView, node: NodeId): boolean {
  return (nodes.get(node)?.record.mode ?? 'gone') === 'gone';
}

function loseHome(builder: PlanBuilder, image: DescriptorImage, home: NodeId): void {
  const { id, placement } = image.descriptor;
  const reason = `range ${id} is not isolated any more: ${nameOf(builder.view, home)}, its node, has left the cluster`;
  const after = withPlacement(image.descriptor, { ...placement, isolated: false, home: null });
  builder.change(image, after, { change: 'place', node: home, reason });
}

function bringHome(builder: PlanBuilder, image: DescriptorImage, home: NodeId): void {
  const { view } = builder;
  const { descriptor } = image;
  const { id, owner, inSync } = descriptor;
  if (owner.node === home || !isUsable(view, home)) return;
  if (isInSync(descriptor, home)) return transfer(builder, image, home, 'an administrator wants it there');
  if (incOf(descriptor, home) !== undefined) return;
  const others = inSync.filter((node) => node !== owner.node);
  const beside = inSync.filter((node) => areOnOneMachine(view, node, home));
  const from = builder.loads.bestToRemove(beside.length > 0 ? beside : others, inSync);
  if (from === undefined && inSync.length > 1) return;
  const staying = inSync.filter((node) => node !== (from ?? owner.node));
  if (!freePlaces(builder, descriptor, staying).includes(home) || !hasRoomToMove(builder)) return;
  const reason = `range ${id}: ${nameOf(view, home)} gets a replica: an administrator wants the range there`;
  const after = withMove(descriptor, from ?? owner.node, home);
  builder.change(image, after, { change: 'move-replica', node: home, reason });
}

function leave(builder: PlanBuilder, image: DescriptorImage, homes: ReadonlySet<NodeId>): void {
  const { view } = builder;
  const { inSync, owner, retire, placement } = image.descriptor;
  if (placement.pinned) return;
  const others = inSync.filter((node) => !homes.has(node) && node !== retire && isUsable(view, node));
  const to = builder.loads.bestOwner(others, others);
  if (to === undefined) return makeWay(builder, image, homes);
  transfer(builder, image, to, `${nameOf(view, owner.node)} is left to an isolated range`);
}

/** All its replicas are on nodes that are to own isolated ranges only: one goes elsewhere, so that it can get another owner. */
function makeWay(builder: PlanBuilder, image: DescriptorImage, homes: ReadonlySet<NodeId>): void {
  const { view, loads } = builder;
  const { descriptor } = image;
  const { id, owner, inSync, replicas } = descriptor;
  if (inSync.length < replicas.length || !hasRoomToMove(builder)) return;
  const followers = inSync.filter((node) => node !== owner.node);
  const from = loads.bestToRemove(followers, inSync) ?? owner.node;
  const staying = inSync.filter((node) => node !== from);
  const free = freePlaces(builder, descriptor, staying).filter((node) => !homes.has(node));
  const to = loads.bestPlace(free, staying);
  if (to === undefined || loads.learners(to) >= builder.config.learnersPerNode) return;
  const reason = `range ${id}: ${nameOf(view, to)} gets a replica: ${nameOf(view, owner.node)} is left to an isolated range`;
  builder.change(image, withMove(descriptor, from, to), { change: 'move-replica', node: to, reason });
}

function transfer(builder: PlanBuilder, image: DescriptorImage, to: NodeId, why: string): void {
  const reason = `range ${image.descriptor.id}: ${nameOf(builder.view, to)} is to become the owner: ${why}`;
  builder.change(image, withTransfer(image.descriptor, to), { change: 'transfer', node: to, reason });
}
