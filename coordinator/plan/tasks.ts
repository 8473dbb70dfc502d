// Administrators' requests. What a client wrote is checked here, field by field, because anything may be in the znode; a
// request that cannot be met fails with a sentence that says why. A task's new state is written in the same multi as
// what it brings about, so it is carried out once.

import { never } from '../../common/base/assert.ts';
import { type Bytes, compareBytes, emptyBytes, parseBytes } from '../../common/base/bytes.ts';
import { LIMITS } from '../../common/model/config.ts';
import { defaultMinInSync, incOf, isInSync, withTransfer } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { NODE_MODES, type TaskRequest, type TaskState } from '../../common/model/records.ts';
import { isUsable, nameOf, type TaskImage } from '../cluster-view.ts';
import type { Step, TaskStep, TaskUpdate } from '../step.ts';
import type { Draft } from './draft.ts';
import { createNamespace, enoughNodes, isTaken, type NewNamespace } from './first-ranges.ts';
import { checkedReports, planRaise } from './raise-epochs.ts';

type Request<K extends TaskRequest['kind']> = Extract<TaskRequest, { kind: K }>;

/** A request that cannot be met; the message is the task's outcome. */
class Refusal extends Error {}

/** Of the sentence that says why a task failed. */
const FAULT_MAX = 300;
/** A name is a znode's name and appears in URLs and metrics. */
const NAMESPACE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

export function planTask(draft: Draft, task: TaskImage): void {
  try {
    carryOut(draft, task);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    draft.add(failedTask(task, error.message));
  }
}

/** The step that ends a task with what is wrong with it, shortly. */
export function failedTask(task: TaskImage, fault: string): TaskStep {
  const reason = fault.length > FAULT_MAX ? `${fault.slice(0, FAULT_MAX)}...` : fault;
  return { kind: 'task', task: update(task, 'failed', reason), reason };
}

function carryOut(draft: Draft, task: TaskImage): void {
  const { request, progress } = task.record;
  if (request === null) throw new Refusal(`the request cannot be read: ${progress}`);
  switch (request.kind) {
    case 'create-namespace':
      return carryOutCreate(draft, task, request);
    case 'transfer':
      return carryOutTransfer(draft, task, request);
    case 'set-node-mode':
      return carryOutMode(draft, task, request);
    case 'forget-node':
      return carryOutForget(draft, task, request);
    case 'raise-epochs':
      return carryOutRaise(draft, task, request);
    default:
      throw unknownKind(request);
  }
}

/** Complete for this version; another version's client may ask for more. */
function unknownKind(request: never): Refusal {
  return new Refusal(`this coordinator knows no such task: ${JSON.stringify(request)}`);
}

function update(task: TaskImage, state: TaskState, progress: string): TaskUpdate {
  return { task, after: { ...task.record, state, progress } };
}

function carryOutCreate(draft: Draft, task: TaskImage, request: Request<'create-namespace'>): void {
  const wish = checkedNamespace(request);
  if (isTaken(draft.view, wish.name)) throw new Refusal(`namespace ${wish.name} is there already`);
  if (draft.steps.some((step) => step.kind === 'create-namespace')) return;
  if (!enoughNodes(draft, wish.replicationFactor)) return;
  const step = createNamespace(draft, wish, null);
  if (step !== null) draft.add({ ...step, task: update(task, 'done', step.reason) });
}

function checkedNamespace(request: Request<'create-namespace'>): NewNamespace {
  const { name, replicationFactor: rf } = request;
  if (typeof name !== 'string' || !NAMESPACE_NAME.test(name) || name.length > LIMITS.namespaceNameMax) {
    throw new Refusal(
      `a namespace's name is 1 to ${LIMITS.namespaceNameMax} of A-Z a-z 0-9 _ . - and begins with a letter or digit`,
    );
  }
  if (!Number.isInteger(rf) || rf < 1 || rf > LIMITS.replicationFactorMax) {
    throw new Refusal(`the replication factor is 1 to ${LIMITS.replicationFactorMax}`);
  }
  const minInSync = request.minInSync ?? defaultMinInSync(rf);
  if (!Number.isInteger(minInSync) || minInSync < 1 || minInSync > rf) {
    throw new Refusal(`minInSync is 1 to the replication factor, ${rf}`);
  }
  const splitAt = request.splitAt ?? null;
  return {
    name,
    replicationFactor: rf,
    minInSync,
    splitAt: splitAt === null ? null : checkedSplitKeys(splitAt),
  };
}

function checkedSplitKeys(texts: readonly string[]): readonly Bytes[] {
  if (!Array.isArray(texts) || texts.length >= LIMITS.rangesPerNamespaceCreated) {
    throw new Refusal(`a namespace begins with at most ${LIMITS.rangesPerNamespaceCreated} ranges`);
  }
  const keys = texts.map(checkedSplitKey).sort(compareBytes);
  const double = keys.findIndex((key, i) => compareBytes(key, keys[i + 1] ?? emptyBytes) === 0);
  if (double >= 0) throw new Refusal('two split keys are the same');
  return keys;
}

function checkedSplitKey(text: unknown): Bytes {
  if (typeof text !== 'string') throw new Refusal('a split key is a text');
  let key: Bytes;
  try {
    key = parseBytes(text);
  } catch (error) {
    throw new Refusal(error instanceof RangeError ? error.message : String(error));
  }
  if (key.length === 0 || key.length > LIMITS.keyBytesMax) {
    throw new Refusal(`a split key is 1 to ${LIMITS.keyBytesMax} bytes`);
  }
  return key;
}

/** Pending until the wish is in the descriptor, running until the owner has handed over. */
function carryOutTransfer(draft: Draft, task: TaskImage, request: Request<'transfer'>): void {
  const { view } = draft;
  const { range, to } = request;
  const image = view.ranges.find(({ descriptor }) => descriptor.id === range);
  if (image === undefined) throw new Refusal(`there is no range ${String(range)}`);
  const { descriptor } = image;
  if (descriptor.owner.node === to) {
    const outcome = `range ${range} is owned by ${nameOf(view, to)}, epoch ${descriptor.epoch}`;
    draft.add({ kind: 'task', task: update(task, 'done', outcome), reason: outcome });
    return;
  }
  if (!isInSync(descriptor, to)) {
    throw new Refusal(`${nameOf(view, String(to))} is not in the in-sync set of range ${range}`);
  }
  if (!isUsable(view, to)) throw new Refusal(`${nameOf(view, to)} is not live, or drains`);
  if (to === descriptor.retire) throw new Refusal(`the replica on ${nameOf(view, to)} is about to make way`);
  if (draft.isTouched(range) || descriptor.transferTo === to) return;
  if (task.record.state === 'running')
    throw new Refusal('the hand-over was called off: the range changed meanwhile');
  const reason = `range ${range}: ${nameOf(view, to)} is to take over: an administrator asks for it`;
  draft.change(image, withTransfer(descriptor, to), {
    change: 'transfer',
    node: to,
    reason,
    task: update(task, 'running', reason),
  });
}

/** Done once no range is in conflict, by what was reported; what cannot be raised fails the task when all else is done. */
function carryOutRaise(draft: Draft, task: TaskImage, request: Request<'raise-epochs'>): void {
  const reports = checkedReports(draft.view, request.reports);
  if (typeof reports === 'string') throw new Refusal(reports);
  const { raised, refused, waits } = planRaise(draft, reports, request.force === true);
  if (raised > 0 || waits) return;
  if (refused.length > 0) throw new Refusal(refused.join('; '));
  const outcome = 'no range is in conflict any more, by what was reported';
  draft.add({ kind: 'task', task: update(task, 'done', outcome), reason: outcome });
}

function carryOutMode(draft: Draft, task: TaskImage, request: Request<'set-node-mode'>): void {
  const { node, mode } = request;
  const before = draft.view.nodes.get(node);
  if (before === undefined) throw new Refusal(`there is no node ${String(node)}`);
  if (!NODE_MODES.includes(mode)) throw new Refusal(`a node's mode is one of ${NODE_MODES.join(', ')}`);
  const reason = `${nameOf(draft.view, node)} is ${mode} now: an administrator asks for it`;
  const done = update(task, 'done', reason);
  if (before.record.mode === mode) draft.add({ kind: 'task', task: done, reason });
  else draft.add({ kind: 'set-node-mode', before, after: { ...before.record, mode }, task: done, reason });
}

/** Only a record that nothing refers to goes; a node that comes back after all makes its own anew. */
function carryOutForget(draft: Draft, task: TaskImage, request: Request<'forget-node'>): void {
  const { view } = draft;
  const { node } = request;
  const before = view.nodes.get(node);
  if (before === undefined) throw new Refusal(`there is no node ${String(node)}`);
  const name = nameOf(view, node);
  if (view.live.has(node)) throw new Refusal(`${name} is live: only a node that is gone can be forgotten`);
  const held = [...view.ranges, ...view.otherRanges].filter(
    ({ descriptor }) => incOf(descriptor, node) !== undefined,
  );
  const [first] = held;
  if (first !== undefined) {
    const more = held.length === 1 ? '' : ` and ${held.length - 1} more`;
    throw new Refusal(`${name} still holds a replica of range ${first.descriptor.id}${more}`);
  }
  // Steps of this plan may be about to give it one, or to change its record.
  if (draft.steps.some((step) => concerns(step, node))) return;
  const reason = `${name} is forgotten: an administrator asks for it`;
  draft.add({ kind: 'forget-node', before, task: update(task, 'done', reason), reason });
}

function concerns(step: Step, node: NodeId): boolean {
  switch (step.kind) {
    case 'range':
      return incOf(step.after, node) !== undefined;
    case 'create-namespace':
      return step.ranges.some((range) => incOf(range, node) !== undefined);
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
