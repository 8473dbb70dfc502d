// Tasks about nodes: drain one, take one out of the cluster, forget one.

import { never } from '../../common/base/assert.ts';
import { type DescriptorImage, incOf, withMove } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { NODE_MODES, type NodeMode, type NodeRecord, type TaskRequest } from '../../common/model/records.ts';
import { type ClusterView, nameOf, type TaskImage, type Versioned } from '../cluster-view.ts';
import type { Step } from '../step.ts';
import { freePlaces, hasRoomToMove } from './places.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { isAtRest } from './reshape.ts';
import { note, Refusal, update } from './task-update.ts';

type Request<K extends TaskRequest['kind']> = Extract<TaskRequest, { kind: K }>;

function nodeOf({ view }: PlanBuilder, node: NodeId): Versioned<NodeRecord> {
  const found = view.nodes.get(node);
  if (found === undefined) throw new Refusal(`there is no node ${String(node)}`);
  return found;
}

export function executeMode(builder: PlanBuilder, task: TaskImage, request: Request<'set-node-mode'>): void {
  const { node, mode } = request;
  const before = nodeOf(builder, node);
  if (!NODE_MODES.includes(mode)) throw new Refusal(`a node's mode is one of ${NODE_MODES.join(', ')}`);
  const reason = `${nameOf(builder.view, node)} is ${mode} now: an administrator asks for it`;
  setMode(builder, task, before, mode, reason);
}

/**
 * Owners leave a node that drains at once (membership.ts). Here its replicas are moved away, one after the other. The task is done when the
 * node holds nothing, so it is safe to switch off. Where there is no place for a replica, it waits for one.
 */
export function executeDrain(
  builder: PlanBuilder,
  task: TaskImage,
  request: Request<'drain' | 'undrain' | 'decommission'>,
): void {
  const before = nodeOf(builder, request.node);
  const name = nameOf(builder.view, request.node);
  if (!changeToDraining(builder, task, before, name)) return;
  const { left, placeless } = moveReplicas(builder, request.node, name);
  if (left > 0) {
    const waits = placeless === 0 ? '' : `; ${placeless} of them have no place on another node: add a node`;
    return note(builder, task, `${name} drains: it still has ${roughly(left)}${waits}`);
  }
  if (request.kind === 'decommission')
    return setMode(builder, task, before, 'gone', `${name} is out of the cluster`);
  const outcome = `${name} is empty: it is safe to switch off`;
  builder.add({ kind: 'task', task: update(task, 'done', outcome), reason: outcome });
}

/** Returns whether the node drains already. */
function changeToDraining(
  builder: PlanBuilder,
  task: TaskImage,
  before: Versioned<NodeRecord>,
  name: string,
): boolean {
  const { mode } = before.record;
  if (mode === 'draining') return true;
  if (mode === 'gone') throw new Refusal(`${name} is out of the cluster already`);
  if (task.record.state === 'running') throw new Refusal(`${name} does not drain any more`);
  const reason = `${name} drains: an administrator asks for it`;
  const running = update(task, 'running', reason);
  builder.add({
    kind: 'set-node-mode',
    before,
    after: { ...before.record, mode: 'draining' },
    task: running,
    reason,
  });
  return false;
}

/** So that the progress is not written again with each replica. */
function roughly(count: number): string {
  const bound = 2 ** Math.ceil(Math.log2(count));
  return bound === count ? `${count} replica${count === 1 ? '' : 's'}` : `fewer than ${bound} replicas`;
}

function moveReplicas(
  builder: PlanBuilder,
  node: NodeId,
  name: string,
): { readonly left: number; readonly placeless: number } {
  const { view } = builder;
  // A node that is down wipes nothing. What it still holds of ranges that have ended does not keep it: the leader takes it out then.
  const held = view.live.has(node)
    ? replicasOn(view, node)
    : view.ranges.filter(({ descriptor }) => incOf(descriptor, node) !== undefined);
  let placeless = 0;
  for (const image of view.ranges) {
    if (incOf(image.descriptor, node) !== undefined && !moveAway(builder, image, node, name)) placeless++;
  }
  return { left: held.length, placeless };
}

/** Returns whether there is a place for the replica, now or as soon as something else is done. */
function moveAway(builder: PlanBuilder, image: DescriptorImage, node: NodeId, name: string): boolean {
  const { view, loads, config } = builder;
  const { descriptor } = image;
  const { id, inSync, replicas } = descriptor;
  if (builder.isTouched(id) || builder.isHeld(id) || !isAtRest(descriptor)) return true;
  const others = replicas.map((replica) => replica.node).filter((other) => other !== node);
  const to = loads.bestPlace(freePlaces(builder, descriptor, others), others);
  if (to === undefined) return false;
  builder.hold(id);
  // A replica that is not in-sync is moved once it is, or is no more.
  const hasRoom =
    loads.learners(to) < config.learnersPerNode && hasRoomToMove(builder, config.drainMovesAtOnce);
  if (!inSync.includes(node) || !hasRoom) return true;
  const reason = `range ${id}: the replica on ${name}, which drains, moves to ${nameOf(view, to)}`;
  builder.change(image, withMove(descriptor, node, to), { change: 'move-replica', node: to, reason });
  return true;
}

export function executeUndrain(
  builder: PlanBuilder,
  task: TaskImage,
  request: Request<'drain' | 'undrain' | 'decommission'>,
): void {
  const before = nodeOf(builder, request.node);
  const name = nameOf(builder.view, request.node);
  if (before.record.mode === 'gone') throw new Refusal(`${name} is out of the cluster`);
  setMode(builder, task, before, 'active', `${name} is active`);
}

function setMode(
  builder: PlanBuilder,
  task: TaskImage,
  before: Versioned<NodeRecord>,
  mode: NodeMode,
  reason: string,
): void {
  const done = update(task, 'done', reason);
  if (before.record.mode === mode) builder.add({ kind: 'task', task: done, reason });
  else builder.add({ kind: 'set-node-mode', before, after: { ...before.record, mode }, task: done, reason });
}

/** Deletes only a record that nothing refers to. A node that comes back after all makes its record anew. */
export function executeForget(builder: PlanBuilder, task: TaskImage, request: Request<'forget-node'>): void {
  const { view } = builder;
  const { node } = request;
  const before = nodeOf(builder, node);
  const name = nameOf(view, node);
  if (view.live.has(node)) throw new Refusal(`${name} is live: only a dead node can be forgotten`);
  const held = replicasOn(view, node);
  const [first] = held;
  if (first !== undefined) {
    const more = held.length === 1 ? '' : ` and ${held.length - 1} more`;
    throw new Refusal(`${name} still holds a replica of range ${first.descriptor.id}${more}`);
  }
  // A step of this plan may give it a replica, or change its record.
  if (builder.steps.some((step) => concerns(step, node))) return;
  const reason = `${name} is forgotten: an administrator asks for it`;
  builder.add({ kind: 'forget-node', before, task: update(task, 'done', reason), reason });
}

function concerns(step: Step, node: NodeId): boolean {
  switch (step.kind) {
    case 'range':
      return incOf(step.after, node) !== undefined;
    case 'create-namespace':
      return step.ranges.some((range) => incOf(range, node) !== undefined);
    case 'reshape':
      return step.ranges.some(({ after }) => incOf(after, node) !== undefined);
    case 'delete-range':
    case 'alter-namespace':
    case 'delete-namespace':
      return false;
    case 'set-node-mode':
    case 'note-node':
    case 'forget-node':
      return step.before.record.id === node;
    case 'task':
      return false;
    default:
      return never(step);
  }
}

function replicasOn(view: ClusterView, node: NodeId): readonly DescriptorImage[] {
  return [...view.ranges, ...view.otherRanges].filter(
    ({ descriptor }) => incOf(descriptor, node) !== undefined,
  );
}
