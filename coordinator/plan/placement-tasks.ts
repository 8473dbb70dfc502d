// Tasks that say where one range is to be: hand it over, move a replica, hold it, give it a node of its own.

import { type Bytes, equalBytes, formatBytes, keyAfter } from '../../common/base/bytes.ts';
import {
  type Descriptor,
  type DescriptorImage,
  FREE_PLACEMENT,
  incOf,
  isInSync,
  type Placement,
  withMove,
  withPlacement,
  withTransfer,
} from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import { contains } from '../../common/model/key-range.ts';
import type { TaskRequest } from '../../common/model/records.ts';
import { areOnOneMachine, isUsable, nameOf, type TaskImage, usableNodes } from '../cluster-view.ts';
import type { TaskUpdate } from '../step.ts';
import { homesOf } from './isolation.ts';
import { freePlaces, hasRoomToMove } from './places.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { isAtRest } from './reshape.ts';
import { executeSplit } from './reshape-tasks.ts';
import { keyIn, note, Refusal, update } from './task-update.ts';

type Request<K extends TaskRequest['kind']> = Extract<TaskRequest, { kind: K }>;

const ASKED = 'an administrator asks for it';

function rangeOf({ index }: PlanBuilder, range: RangeId): DescriptorImage {
  const image = index.serving(range);
  if (image !== undefined) return image;
  const ended = index.get(range)?.descriptor;
  const children = ended?.replacement?.children.map(({ id }) => id).join(' and ');
  throw new Refusal(
    children === undefined
      ? `there is no range ${String(range)}`
      : `range ${range} was replaced by ${children}`,
  );
}

/** The task is pending until the request is in the descriptor, and running until the owner has handed over. */
export function executeTransfer(builder: PlanBuilder, task: TaskImage, request: Request<'transfer'>): void {
  const { view } = builder;
  const { range, to } = request;
  const image = rangeOf(builder, range);
  const { descriptor } = image;
  if (descriptor.owner.node === to) {
    const outcome = `range ${range} is owned by ${nameOf(view, to)}, epoch ${descriptor.epoch}`;
    builder.add({ kind: 'task', task: update(task, 'done', outcome), reason: outcome });
    return;
  }
  if (!isInSync(descriptor, to)) {
    throw new Refusal(`${nameOf(view, String(to))} is not in the in-sync set of range ${range}`);
  }
  if (!isUsable(view, to))
    throw new Refusal(
      `${nameOf(view, to)} cannot take over: it is not live, drains, stops, is unhealthy or is cut off`,
    );
  if (to === descriptor.retire)
    throw new Refusal(`the replica on ${nameOf(view, to)} is about to be removed`);
  if (builder.isTouched(range) || descriptor.transferTo === to || descriptor.reshape !== null) return;
  if (task.record.state === 'running')
    throw new Refusal('the hand-over was cancelled: the range has changed meanwhile');
  const reason = `range ${range}: ${nameOf(view, to)} is to become the owner: an administrator asks for it`;
  builder.change(image, withTransfer(descriptor, to), {
    change: 'transfer',
    node: to,
    reason,
    task: update(task, 'running', reason),
  });
}

/** Running from the request in the descriptor until the replica that moved is removed. What a person asks for counts more than `pin`. */
export function executeMove(builder: PlanBuilder, task: TaskImage, request: Request<'move'>): void {
  const { view } = builder;
  const { range, from, to } = request;
  const image = rangeOf(builder, range);
  const { descriptor } = image;
  if (incOf(descriptor, from) === undefined) {
    if (!view.nodes.has(from)) throw new Refusal(`there is no node ${String(from)}`);
    if (!isInSync(descriptor, to))
      throw new Refusal(`${nameOf(view, from)} has no replica of range ${range}`);
    const outcome = `the replica of range ${range} is on ${nameOf(view, to)} now`;
    return builder.add({ kind: 'task', task: update(task, 'done', outcome), reason: outcome });
  }
  builder.hold(range);
  if (builder.isTouched(range)) return;
  if (task.record.state === 'running') {
    if (descriptor.retire === from && incOf(descriptor, to) !== undefined) return;
    throw new Refusal('the move was cancelled: the range has changed meanwhile');
  }
  const fault = moveFault(builder, descriptor, request);
  if (fault !== null) throw new Refusal(fault);
  if (!isAtRest(descriptor) || !isInSync(descriptor, from) || !hasRoomToMove(builder)) return;
  const reason = `range ${range}: the replica on ${nameOf(view, from)} moves to ${nameOf(view, to)}: ${ASKED}`;
  builder.change(image, withMove(descriptor, from, to), {
    ...{ change: 'move-replica', node: to, reason },
    task: update(task, 'running', reason),
  });
}

function moveFault(
  builder: PlanBuilder,
  descriptor: Descriptor,
  { from, to }: Request<'move'>,
): string | null {
  const { view } = builder;
  if (!view.nodes.has(to)) return `there is no node ${String(to)}`;
  const name = nameOf(view, to);
  if (incOf(descriptor, to) !== undefined) return `${name} has a replica of range ${descriptor.id} already`;
  if (!isUsable(view, to))
    return `${name} cannot get a replica: it is not live, drains, stops, is unhealthy or is cut off`;
  const others = descriptor.replicas.map(({ node }) => node).filter((node) => node !== from);
  const beside = others.find((node) => areOnOneMachine(view, node, to));
  if (beside !== undefined)
    return `${name} is on one machine with ${nameOf(view, beside)}, which has a replica of range ${descriptor.id}`;
  return freePlaces(builder, descriptor, others).includes(to)
    ? null
    : `${name} cannot get a replica: the owner cannot reach it, or replicas there do not catch up`;
}

export function executePin(builder: PlanBuilder, task: TaskImage, { range, pinned }: Request<'pin'>): void {
  const image = rangeOf(builder, range);
  const { placement } = image.descriptor;
  const after = pinned
    ? { ...placement, pinned: true }
    : { ...placement, pinned: false, isolated: false, home: null };
  place(builder, task, image, after, `range ${range} is ${pinned ? 'pinned' : 'free'} now: ${ASKED}`);
}

/** Writes the placement if it is not that yet; then the task is done. */
function place(
  builder: PlanBuilder,
  task: TaskImage,
  image: DescriptorImage,
  placement: Placement,
  reason: string,
): void {
  const done = update(task, 'done', reason);
  if (samePlacement(image.descriptor.placement, placement))
    return builder.add({ kind: 'task', task: done, reason });
  builder.hold(image.descriptor.id);
  // While a range is being replaced its children would get the older placement.
  if (builder.isTouched(image.descriptor.id) || image.descriptor.reshape !== null) return;
  builder.change(image, withPlacement(image.descriptor, placement), {
    change: 'place',
    node: null,
    reason,
    task: done,
  });
}

function samePlacement(a: Placement, b: Placement): boolean {
  return (Object.keys(FREE_PLACEMENT) as (keyof Placement)[]).every((key) => a[key] === b[key]);
}

/** Writes where the range is to be; isolation.ts brings it there. Done when the node owns the range, and no other that is not isolated. */
export function executeIsolate(builder: PlanBuilder, task: TaskImage, request: Request<'isolate'>): void {
  isolate(builder, task, rangeOf(builder, request.range), request.node);
}

function isolate(builder: PlanBuilder, task: TaskImage, image: DescriptorImage, wanted: NodeId | null): void {
  const { view } = builder;
  const { descriptor } = image;
  const { id, placement } = descriptor;
  const isPlaced =
    placement.isolated && placement.home !== null && (wanted ?? placement.home) === placement.home;
  const home = isPlaced ? placement.home : (wanted ?? bestHome(builder, descriptor));
  if (home === null || !view.nodes.has(home)) throw new Refusal(`there is no node ${String(home)}`);
  const name = nameOf(view, home);
  if (!isPlaced) {
    if (hasPlaced(task)) throw new Refusal(`range ${id} was given another place meanwhile`);
    if (!isUsable(view, home)) throw new Refusal(`${name} cannot own a range now`);
    if (builder.isTouched(id) || descriptor.reshape !== null) return;
    const reason = `range ${id} gets ${name} for itself: ${ASKED}`;
    return builder.change(image, withPlacement(descriptor, { ...placement, isolated: true, home }), {
      ...{ change: 'place', node: home, reason },
      task: placed(task, reason),
    });
  }
  const others = view.ranges.filter(
    (other) => isOwnedBy(other, home) && other.descriptor.placement.home !== home,
  );
  if (descriptor.owner.node !== home || others.length > 0)
    return note(builder, task, `range ${id} ${isolationState(builder, home, others)}`);
  const outcome = `${name} owns range ${id}, and nothing else`;
  builder.add({ kind: 'task', task: update(task, 'done', outcome), reason: outcome });
}

/** Without the ranges that were made for it: it has its range. */
function placed(task: TaskImage, progress: string): TaskUpdate {
  const { children: _, ...record } = update(task, 'running', progress).after;
  return { task, after: record };
}

/** Whether the task has given its range a place already. Two tasks for one range would take it from each other for ever. */
function hasPlaced({ record }: TaskImage): boolean {
  return record.state === 'running' && record.children === undefined;
}

/** What the isolation waits for, in words. */
function isolationState({ view }: PlanBuilder, home: NodeId, others: readonly DescriptorImage[]): string {
  const name = nameOf(view, home);
  if (!isUsable(view, home)) return `is to have ${name} for itself, but that node cannot own a range now`;
  const pinned = others.map(({ descriptor }) => descriptor).find(({ placement }) => placement.pinned);
  return pinned === undefined
    ? `is on its way to ${name}, and others leave that node`
    : `is to have ${name} for itself, but range ${pinned.id} is pinned there: unpin it`;
}

function isOwnedBy({ descriptor }: DescriptorImage, node: NodeId): boolean {
  return descriptor.owner.node === node;
}

/** One that has the data, if possible, and owns little. */
function bestHome(builder: PlanBuilder, descriptor: Descriptor): NodeId | null {
  const { view, loads } = builder;
  const homes = homesOf(view);
  const free = usableNodes(view).filter((node) => !homes.has(node));
  const near = free.filter((node) => isInSync(descriptor, node));
  const home = loads.bestOwner(near.length > 0 ? near : free);
  if (home === undefined || free.length < 2)
    throw new Refusal('no node can be left to one range: the others need at least one');
  return home;
}

/** First the key gets a range of its own. */
export function executeIsolateKey(
  builder: PlanBuilder,
  task: TaskImage,
  request: Request<'isolate-key'>,
): void {
  const { namespace, node } = request;
  const key = keyIn(request.key, 'a key');
  if (key.length === 0) throw new Refusal('the empty key cannot be isolated');
  const own = builder.view.ranges.find(
    ({ descriptor }) => descriptor.namespace === namespace && isRangeOf(descriptor, key),
  );
  if (own !== undefined) return isolate(builder, task, own, node);
  executeSplit(builder, task, {
    kind: 'split',
    namespace,
    keys: [formatBytes(key), formatBytes(keyAfter(key))],
  });
}

function isRangeOf({ start, end }: Descriptor, key: Bytes): boolean {
  return (
    contains({ start, end }, key) && equalBytes(start, key) && end !== null && equalBytes(end, keyAfter(key))
  );
}
