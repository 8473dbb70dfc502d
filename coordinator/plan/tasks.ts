// Executes tasks, the requests of administrators. A request is checked here field by field, because its znode may hold anything.
// One that cannot be met fails with a sentence that says why. A task's new state is written in the same multi as the change that it
// asks for, so it is executed once.

import { never } from '../../common/base/assert.ts';
import type { Bytes } from '../../common/base/bytes.ts';
import { defaultMinInSync, incOf, isInSync, withTransfer } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { NODE_MODES, type TaskRequest } from '../../common/model/records.ts';
import { inKeyOrder, namespaceFault } from '../../common/model/requested-namespace.ts';
import { isUsable, nameOf, type TaskImage } from '../cluster-view.ts';
import type { Step } from '../step.ts';
import { createNamespace, hasEnoughNodes, isTaken, type NewNamespace } from './first-ranges.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { checkedReports, planRaise } from './raise-epochs.ts';
import { executeMerge, executeSplit } from './reshape-tasks.ts';
import { failedTask, keyIn, Refusal, update } from './task-update.ts';

type Request<K extends TaskRequest['kind']> = Extract<TaskRequest, { kind: K }>;

export function planTask(builder: PlanBuilder, task: TaskImage): void {
  try {
    execute(builder, task);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    builder.add(failedTask(task, error.message));
  }
}

function execute(builder: PlanBuilder, task: TaskImage): void {
  const { request, progress } = task.record;
  if (request === null) throw new Refusal(`the request cannot be read: ${progress}`);
  switch (request.kind) {
    case 'create-namespace':
      return executeCreate(builder, task, request);
    case 'transfer':
      return executeTransfer(builder, task, request);
    case 'split':
      return executeSplit(builder, task, request);
    case 'merge':
      return executeMerge(builder, task, request);
    case 'set-node-mode':
      return executeMode(builder, task, request);
    case 'forget-node':
      return executeForget(builder, task, request);
    case 'raise-epochs':
      return executeRaise(builder, task, request);
    default:
      throw unknownKind(request);
  }
}

function unknownKind(request: TaskRequest): Refusal {
  return new Refusal(`this coordinator knows no such task: ${JSON.stringify(request)}`);
}

function executeCreate(builder: PlanBuilder, task: TaskImage, request: Request<'create-namespace'>): void {
  const requested = checkedNamespace(request, builder.config.replicationFactor);
  if (isTaken(builder.view, requested.name)) throw new Refusal(`namespace ${requested.name} exists already`);
  if (builder.takesIds) return;
  if (!hasEnoughNodes(builder, requested.replicationFactor)) return;
  const step = createNamespace(builder, requested, null);
  if (step !== null) builder.add({ ...step, task: update(task, 'done', step.reason) });
}

/** @param otherwise the replication factor if the request names none */
function checkedNamespace(request: Request<'create-namespace'>, otherwise: number): NewNamespace {
  const { name } = request;
  const replicationFactor = request.replicationFactor ?? otherwise;
  const minInSync = request.minInSync ?? defaultMinInSync(replicationFactor);
  const splitAt = checkedSplitKeys(request.splitAt ?? null);
  const requested = { name, replicationFactor, minInSync, splitAt };
  const fault = namespaceFault(requested);
  if (fault !== null) throw new Refusal(fault);
  return { ...requested, splitAt: splitAt === null ? null : inKeyOrder(splitAt) };
}

function checkedSplitKeys(texts: readonly string[] | null): readonly Bytes[] | null {
  if (texts === null) return null;
  if (!Array.isArray(texts)) throw new Refusal('the split keys are no list');
  return texts.map((text) => keyIn(text, 'a split key'));
}

/** The task is pending until the request is in the descriptor, and running until the owner has handed over. */
function executeTransfer(builder: PlanBuilder, task: TaskImage, request: Request<'transfer'>): void {
  const { view } = builder;
  const { range, to } = request;
  const image = view.ranges.find(({ descriptor }) => descriptor.id === range);
  if (image === undefined) throw new Refusal(`there is no range ${String(range)}`);
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

/**
 * Done once no range is in conflict, according to the reports. If some ranges cannot be raised, the task fails when the others are
 * done.
 */
function executeRaise(builder: PlanBuilder, task: TaskImage, request: Request<'raise-epochs'>): void {
  const reports = checkedReports(builder.view, request.reports);
  if (typeof reports === 'string') throw new Refusal(reports);
  const { raised, refused, waits } = planRaise(builder, reports, request.force === true);
  if (raised > 0 || waits) return;
  if (refused.length > 0) throw new Refusal(refused.join('; '));
  const outcome = 'no range is in conflict any more, by what was reported';
  builder.add({ kind: 'task', task: update(task, 'done', outcome), reason: outcome });
}

function executeMode(builder: PlanBuilder, task: TaskImage, request: Request<'set-node-mode'>): void {
  const { node, mode } = request;
  const before = builder.view.nodes.get(node);
  if (before === undefined) throw new Refusal(`there is no node ${String(node)}`);
  if (!NODE_MODES.includes(mode)) throw new Refusal(`a node's mode is one of ${NODE_MODES.join(', ')}`);
  const reason = `${nameOf(builder.view, node)} is ${mode} now: an administrator asks for it`;
  const done = update(task, 'done', reason);
  if (before.record.mode === mode) builder.add({ kind: 'task', task: done, reason });
  else builder.add({ kind: 'set-node-mode', before, after: { ...before.record, mode }, task: done, reason });
}

/** Deletes only a record that nothing refers to. A node that comes back after all makes its record anew. */
function executeForget(builder: PlanBuilder, task: TaskImage, request: Request<'forget-node'>): void {
  const { view } = builder;
  const { node } = request;
  const before = view.nodes.get(node);
  if (before === undefined) throw new Refusal(`there is no node ${String(node)}`);
  const name = nameOf(view, node);
  if (view.live.has(node)) throw new Refusal(`${name} is live: only a dead node can be forgotten`);
  const held = [...view.ranges, ...view.otherRanges].filter(
    ({ descriptor }) => incOf(descriptor, node) !== undefined,
  );
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
