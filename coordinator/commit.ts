// How steps take effect. A step is its compare-and-sets and an event that says what happened and why, all or nothing. Many steps
// go into one multi, which begins with a check of the coordinator epoch: that fences an old leader.

import { never } from '../common/base/assert.ts';
import { emptyBytes } from '../common/base/bytes.ts';
import type { Descriptor } from '../common/model/descriptor.ts';
import { type EventRecord, NOTHING_NOTED, type NodeRecord } from '../common/model/records.ts';
import { commitParts, gatheredCount, type Part, type PartOutcome } from '../common/zk/gathered.ts';
import type { ZkError, ZkNode, ZkOp, ZkSession } from '../common/zk/store.ts';
import {
  clusterCodec,
  descriptorCodec,
  eventCodec,
  namespaceCodec,
  nodeCodec,
  paths,
  taskCodec,
} from '../common/zk/znodes.ts';
import type { ClusterWatcher } from './cluster-watcher.ts';
import type { NoteStep, RangeStep, ReshapeStep, Step } from './step.ts';

/** The version of `/coordinator-epoch` that this leader wrote. Every write of its term checks it. */
export interface Fence {
  readonly session: ZkSession;
  readonly version: number;
  readonly term: number;
}

/**
 * `refused`: a znode has changed since the view was taken. `fenced`: there is a newer leader. `unknown`: the answer was lost, and
 * a read after a barrier shows what came of it (R10). `impossible`: ZooKeeper will refuse it the next time as well, because it is
 * too large, not permitted, or deletes a znode that has children. `failed`: nothing was sent, or there is a defect; `error` says
 * which.
 */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly error: ZkError }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'unknown'; readonly error: ZkError }
  | { readonly kind: 'impossible'; readonly error: ZkError }
  | { readonly kind: 'failed'; readonly error: ZkError };

/** The steps in order, in batches that each fit into one multi. */
export function batchesOf(steps: readonly Step[]): readonly (readonly Step[])[] {
  const parts = steps.map((step) => partOf(step, 0));
  const batches: (readonly Step[])[] = [];
  for (let start = 0; start < steps.length; start += batches.at(-1)?.length ?? 0) {
    batches.push(steps.slice(start, start + gatheredCount(parts.slice(start))));
  }
  return batches;
}

/** Commits a batch under the fence. Resolves with one outcome for each step, in order. @param at Unix ms, for the events */
export function commitSteps(fence: Fence, batch: readonly Step[], at: number): Promise<readonly Outcome[]> {
  return commitFenced(
    fence,
    batch.map((step) => partOf(step, at)),
  );
}

export async function commitFenced(fence: Fence, parts: readonly Part[]): Promise<readonly Outcome[]> {
  const check: ZkOp = { kind: 'check', path: paths.coordinatorEpoch, version: fence.version };
  return (await commitParts(fence.session, parts, [check])).map(outcomeOf);
}

function outcomeOf(outcome: PartOutcome): Outcome {
  if (outcome.kind === 'done') return { kind: 'done' };
  const { error } = outcome;
  if (error.maybeApplied) return { kind: 'unknown', error };
  if (error.kind === 'impossible' || error.failure === 'not-empty') return { kind: 'impossible', error };
  if (error.kind !== 'refused') return { kind: 'failed', error };
  return outcome.kind === 'refused' ? { kind: 'refused', error } : { kind: 'fenced' };
}

/** The step's operations and its event. */
function partOf(step: Step, at: number): Part {
  const data = eventCodec.encode(eventOf(step, at));
  return [
    ...opsOf(step, at),
    { kind: 'create', path: paths.eventPrefix, data, mode: 'persistent-sequential' },
  ];
}

function opsOf(step: Step, at: number): readonly ZkOp[] {
  const task = taskOps(step);
  switch (step.kind) {
    case 'range':
      return [descriptorOp(step), ...task];
    case 'create-namespace':
      return [...namespaceOps(step), ...task];
    case 'reshape':
      return [clusterOp(step), ...step.ranges.map(descriptorOp), ...task];
    case 'delete-range': {
      const { namespace, id } = step.before.descriptor;
      return [{ kind: 'delete', path: paths.range(namespace, id), version: step.before.version }];
    }
    case 'alter-namespace': {
      const data = namespaceCodec.encode(step.after);
      const path = paths.namespace(step.after.name);
      return [{ kind: 'set', path, data, version: step.before.version }, ...task];
    }
    case 'delete-namespace': {
      const { record, version } = step.before;
      return [
        // It was never changed since it was created.
        { kind: 'delete', path: paths.ranges(record.name), version: 0 },
        { kind: 'delete', path: paths.namespace(record.name), version },
        ...task,
      ];
    }
    case 'set-node-mode': {
      const data = nodeCodec.encode(step.after);
      return [{ kind: 'set', path: paths.node(step.after.id), data, version: step.before.version }, ...task];
    }
    case 'note-node': {
      const data = nodeCodec.encode(recordWithNote(step, at));
      return [{ kind: 'set', path: paths.node(step.before.record.id), data, version: step.before.version }];
    }
    case 'forget-node': {
      const { record, version } = step.before;
      return [{ kind: 'delete', path: paths.node(record.id), version }, ...task];
    }
    case 'task':
      return task;
    default:
      return never(step);
  }
}

/**
 * The node's record with the new note. What was noted before keeps its time.
 * @param at Unix ms now, from which durations count back
 */
export function recordWithNote({ before, note }: NoteStep, at: number): NodeRecord {
  const known = before.record.noted ?? NOTHING_NOTED;
  const { downForMs, unreachable, stuckIn } = note;
  const downSince = downForMs === null ? null : (known.downSince ?? Math.round(at - downForMs));
  if (unreachable === null) return { ...before.record, noted: { downSince, unreachable: null, stuckIn } };
  const { by, cutOff, forMs } = unreachable;
  const since = known.unreachable?.since ?? Math.round(at - forMs);
  return { ...before.record, noted: { downSince, unreachable: { by, since, cutOff }, stuckIn } };
}

function descriptorOp({ before, after }: Pick<RangeStep, 'before' | 'after'>): ZkOp {
  const data = descriptorCodec.encode(after);
  return { kind: 'set', path: paths.range(after.namespace, after.id), data, version: before.version };
}

function clusterOp({ before, after }: Pick<ReshapeStep, 'before' | 'after'>): ZkOp {
  return { kind: 'set', path: paths.cluster, data: clusterCodec.encode(after), version: before.version };
}

function namespaceOps(step: Extract<Step, { kind: 'create-namespace' }>): readonly ZkOp[] {
  const { namespace, ranges } = step;
  const make = (path: string, data: Uint8Array): ZkOp => ({ kind: 'create', path, data, mode: 'persistent' });
  return [
    clusterOp(step),
    make(paths.namespace(namespace.name), namespaceCodec.encode(namespace)),
    make(paths.ranges(namespace.name), emptyBytes),
    ...ranges.map((range) => make(paths.range(namespace.name, range.id), descriptorCodec.encode(range))),
  ];
}

function taskOps({ task: update }: Step): readonly ZkOp[] {
  if (update === null) return [];
  const { task, after } = update;
  return [{ kind: 'set', path: paths.task(task.id), data: taskCodec.encode(after), version: task.version }];
}

function eventOf(step: Step, at: number): EventRecord {
  const event = { at, by: 'coordinator', text: step.reason };
  switch (step.kind) {
    case 'range': {
      const { id, epoch } = step.after;
      const node = step.node === null ? {} : { node: step.node };
      return { ...event, kind: step.change, range: id, epoch, ...node };
    }
    case 'set-node-mode':
      return { ...event, kind: step.kind, node: step.after.id };
    case 'note-node':
      return { ...event, kind: step.change, node: step.before.record.id };
    case 'forget-node':
      return { ...event, kind: step.kind, node: step.before.record.id };
    case 'create-namespace':
    case 'alter-namespace':
    case 'delete-namespace':
      return { ...event, kind: step.kind };
    case 'reshape':
      return { ...event, kind: step.change, ...rangeOf(step.ranges[0]?.after) };
    case 'delete-range':
      return { ...event, kind: step.kind, ...rangeOf(step.before.descriptor) };
    case 'task':
      return { ...event, kind: `task-${step.task.after.state}` };
    default:
      return never(step);
  }
}

function rangeOf(descriptor: Descriptor | undefined): Pick<EventRecord, 'range' | 'epoch'> {
  return descriptor === undefined ? {} : { range: descriptor.id, epoch: descriptor.epoch };
}

/** Reads again what the step writes, so that the next view has the result even if the observers are later. */
export async function rereadStep(session: ZkSession, step: Step, watcher: ClusterWatcher): Promise<void> {
  const readings: Promise<void>[] = [];
  if (step.task !== null) {
    const { id } = step.task.task;
    readings.push(learn(session, paths.task(id), (node) => watcher.learnTask(id, node)));
  }
  switch (step.kind) {
    case 'range': {
      const { namespace, id } = step.after;
      readings.push(
        learn(session, paths.range(namespace, id), (node) => watcher.learnRange(step.after, node)),
      );
      break;
    }
    case 'create-namespace': {
      const { name } = step.namespace;
      readings.push(
        learn(session, paths.cluster, (node) => watcher.learnCluster(node)),
        learn(session, paths.namespace(name), (node) => watcher.learnNamespace(name, node)),
      );
      break;
    }
    case 'reshape':
      readings.push(learn(session, paths.cluster, (node) => watcher.learnCluster(node)));
      for (const { after } of step.ranges) {
        const path = paths.range(after.namespace, after.id);
        readings.push(learn(session, path, (node) => watcher.learnRange(after, node)));
      }
      break;
    case 'delete-range':
      watcher.kickRanges(step.before.descriptor.namespace);
      break;
    case 'alter-namespace': {
      const { name } = step.after;
      readings.push(learn(session, paths.namespace(name), (node) => watcher.learnNamespace(name, node)));
      break;
    }
    case 'delete-namespace':
      watcher.kickNamespaces();
      break;
    case 'set-node-mode': {
      const { id } = step.after;
      readings.push(learn(session, paths.node(id), (node) => watcher.learnNode(id, node)));
      break;
    }
    case 'note-node': {
      const { id } = step.before.record;
      readings.push(learn(session, paths.node(id), (node) => watcher.learnNode(id, node)));
      break;
    }
    case 'forget-node':
      // Whether the record is gone, the observers find out.
      watcher.kickNodes();
      break;
    case 'task':
      break;
    default:
      never(step);
  }
  await Promise.all(readings);
}

async function learn(session: ZkSession, path: string, report: (node: ZkNode) => void): Promise<void> {
  const node = await session.get(path);
  if (node !== null) report(node);
}
