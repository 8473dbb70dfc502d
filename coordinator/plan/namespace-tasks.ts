// Tasks that make, alter and drop namespaces.

import type { Bytes } from '../../common/base/bytes.ts';
import { type DescriptorImage, defaultMinInSync, withDropped } from '../../common/model/descriptor.ts';
import type { NamespaceRecord, TaskRequest } from '../../common/model/records.ts';
import { inKeyOrder, namespaceFault, sizesFault } from '../../common/model/requested-namespace.ts';
import { type ClusterView, nameOf, type TaskImage, type Versioned } from '../cluster-view.ts';
import {
  createNamespace,
  DEFAULT_NAMESPACE,
  hasEnoughNodes,
  isTaken,
  type NewNamespace,
} from './first-ranges.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { keyIn, note, Refusal, update } from './task-update.ts';

type Request<K extends TaskRequest['kind']> = Extract<TaskRequest, { kind: K }>;

export function executeCreate(
  builder: PlanBuilder,
  task: TaskImage,
  request: Request<'create-namespace'>,
): void {
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
  const { splitBytes } = request;
  const unit = unitIn(request.unit);
  const requested = { name, replicationFactor, minInSync, splitAt, splitBytes, unit };
  const fault = namespaceFault(requested);
  if (fault !== null) throw new Refusal(fault);
  return { ...requested, splitAt: splitAt === null ? null : inKeyOrder(splitAt) };
}

function checkedSplitKeys(texts: readonly string[] | null): readonly Bytes[] | null {
  if (texts === null) return null;
  if (!Array.isArray(texts)) throw new Refusal('the split keys are no list');
  return texts.map((text) => keyIn(text, 'a split key'));
}

function unitIn(text: string | undefined): Bytes | undefined {
  return text === undefined ? undefined : keyIn(text, 'a unit');
}

/** minInSync is not lowered: acknowledged writes were promised that many copies, and the ranges keep theirs. */
export function executeAlter(
  builder: PlanBuilder,
  task: TaskImage,
  request: Request<'alter-namespace'>,
): void {
  const before = namespaceOf(builder, request.name);
  const { record } = before;
  const { replicationFactor = record.replicationFactor, minInSync = record.minInSync } = request;
  const { splitBytes = record.splitBytes } = request;
  const unit = unitIn(request.unit) ?? record.unit;
  const fault = sizesFault({ replicationFactor, minInSync, splitBytes, unit });
  if (fault !== null) throw new Refusal(fault);
  if (minInSync < record.minInSync)
    throw new Refusal(`minInSync is ${record.minInSync} already, and cannot be lowered`);
  const sizes = {
    ...(splitBytes === undefined ? {} : { splitBytes }),
    ...(unit === undefined ? {} : { unit }),
  };
  const after = { ...record, replicationFactor, minInSync, ...sizes };
  const reason = `namespace ${record.name} is altered: ${replicationFactor} replicas, minInSync ${minInSync}`;
  builder.add({ kind: 'alter-namespace', before, after, task: update(task, 'done', reason), reason });
}

function namespaceOf({ view }: PlanBuilder, name: string): Versioned<NamespaceRecord> {
  const found = view.namespaces.get(name);
  if (found === undefined) throw new Refusal(`there is no namespace ${name}`);
  return found;
}

/**
 * S5: each range is dropped, nodes wipe their replicas, and the leader deletes what nobody holds. The namespace goes last, so its name is
 * taken until all its space is given back. Its id is never used again.
 */
export function executeDrop(builder: PlanBuilder, task: TaskImage, request: Request<'drop-namespace'>): void {
  const { view } = builder;
  const { name } = request;
  if (name === DEFAULT_NAMESPACE)
    throw new Refusal(`namespace ${name} cannot be dropped: a cluster always has it`);
  const before = namespaceOf(builder, name);
  const isOurs = ({ descriptor }: { readonly descriptor: { readonly namespace: string } }) =>
    descriptor.namespace === name;
  const serving = view.ranges.filter(isOurs);
  for (const image of serving) {
    const { id, reshape } = image.descriptor;
    builder.hold(id);
    // A range that is being replaced is dropped as its children.
    if (builder.isTouched(id) || reshape !== null) continue;
    const reason = `range ${id} is dropped with its namespace ${name}`;
    builder.change(image, withDropped(image.descriptor), { change: 'drop-range', node: null, reason });
  }
  if (serving.length > 0) return note(builder, task, `the ranges of namespace ${name} are dropped`);
  const left = view.otherRanges.filter(isOurs);
  if (left.length > 0)
    return note(builder, task, `nodes wipe their replicas of namespace ${name}${waitsFor(view, left)}`);
  const reason = `namespace ${name} is dropped, and its space is given back`;
  builder.add({ kind: 'delete-namespace', before, task: update(task, 'done', reason), reason });
}

/** Nodes that are not there to wipe what they hold, in words. */
function waitsFor(view: ClusterView, ended: readonly DescriptorImage[]): string {
  const holders = new Set(ended.flatMap(({ descriptor }) => descriptor.replicas.map(({ node }) => node)));
  const away = [...holders].filter((node) => !view.live.has(node)).sort();
  if (away.length === 0) return '';
  const names = away.map((node) => nameOf(view, node)).join(', ');
  return `; ${names} ${away.length === 1 ? 'is' : 'are'} down: decommission what does not come back`;
}
