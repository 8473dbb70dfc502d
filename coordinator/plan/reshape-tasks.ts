// Tasks that split and merge ranges. Such a task is running while ranges are being made for it: their ids are in the task. It is done when
// those are there. If the request is withdrawn before that, the task begins anew.

import { type Bytes, compareBytes, equalBytes, formatBytes } from '../../common/base/bytes.ts';
import type { Descriptor, DescriptorImage } from '../../common/model/descriptor.ts';
import type { RangeId } from '../../common/model/ids.ts';
import { contains } from '../../common/model/key-range.ts';
import type { TaskRequest } from '../../common/model/records.ts';
import { reshapeFault } from '../../common/model/replacement.ts';
import type { TaskImage } from '../cluster-view.ts';
import type { TaskUpdate } from '../step.ts';
import { approachMerge } from './merge-steps.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { canCommit, isAtRest, mergeFault, requestSplit, TOO_FEW_LIVE } from './reshape.ts';
import { keyIn, note, Refusal, update } from './task-update.ts';

type Request<K extends TaskRequest['kind']> = Extract<TaskRequest, { kind: K }>;

const REASON = 'an administrator asks for it';

export function executeSplit(builder: PlanBuilder, task: TaskImage, request: Request<'split'>): void {
  const { view } = builder;
  const { namespace } = request;
  if (!view.namespaces.has(namespace)) throw new Refusal(`there is no namespace ${namespace}`);
  const keys = checkedCuts(request.keys);
  const ranges = rangesOf(builder, namespace);
  const isBound = (key: Bytes) => ranges.some(({ descriptor }) => equalBytes(descriptor.start, key));
  if (keys.every(isBound))
    return finish(builder, task, `ranges meet at ${keys.map(formatBytes).join(' and ')}`);
  if (isUnderWay(builder, task)) return;
  const open = keys.filter((key) => !isBound(key));
  const image = ranges.find(({ descriptor }) => open.every((key) => contains(descriptor, key)));
  if (image === undefined) {
    // While a range is being replaced, some keys may be in none that serves.
    const isCovered = open.every((key) => ranges.some(({ descriptor }) => contains(descriptor, key)));
    if (isCovered) throw new Refusal('the keys are in different ranges: split them one after the other');
    return;
  }
  const { descriptor } = image;
  if (builder.isTouched(descriptor.id) || !isAtRest(descriptor)) return;
  if (!canCommit(view, descriptor))
    return note(builder, task, `range ${descriptor.id} is to be split, but ${TOO_FEW_LIVE}`);
  const step = requestSplit(builder, image, { cuts: open, byHand: true, reason: REASON }, (children) =>
    running(task, children, `range ${descriptor.id} is being split`),
  );
  if (step !== null) builder.add(step);
}

/** In order. Throws Refusal. */
function checkedCuts(texts: readonly string[]): readonly Bytes[] {
  const keys = texts.map((text) => keyIn(text, 'a split key')).sort(compareBytes);
  const whole = { id: 1, start: new Uint8Array(), end: null };
  const children = [...keys, null].map((_, at) => at + 2);
  const reshape = { children, cuts: keys, partner: null, byHand: true, reason: REASON };
  if (reshapeFault(whole, reshape) !== null)
    throw new Refusal('a split has one or two keys, none of them empty or twice');
  return keys;
}

/** In key order. */
function rangesOf({ view }: PlanBuilder, namespace: string): readonly DescriptorImage[] {
  return view.ranges
    .filter(({ descriptor }) => descriptor.namespace === namespace)
    .sort((a, b) => compareBytes(a.descriptor.start, b.descriptor.start));
}

/** Whether the request that was made for the task stands, or was met a moment ago. */
function isUnderWay({ view }: PlanBuilder, { record }: TaskImage): boolean {
  const [child] = record.children ?? [];
  if (child === undefined) return false;
  const stands = view.ranges.some(({ descriptor }) => descriptor.reshape?.children[0] === child);
  return stands || wasMade(view.otherRanges, child);
}

/** Whether a replaced range has the child. */
function wasMade(ended: readonly DescriptorImage[], child: RangeId): boolean {
  return ended.some(
    ({ descriptor }) => descriptor.replacement?.children.some(({ id }) => id === child) === true,
  );
}

function running(task: TaskImage, children: readonly RangeId[], progress: string): TaskUpdate {
  const { task: image, after } = update(task, 'running', progress);
  return { task: image, after: { ...after, children } };
}

function finish(builder: PlanBuilder, task: TaskImage, outcome: string): void {
  builder.add({ kind: 'task', task: update(task, 'done', outcome), reason: outcome });
}

export function executeMerge(builder: PlanBuilder, task: TaskImage, request: Request<'merge'>): void {
  const { view } = builder;
  const { namespace } = request;
  if (!view.namespaces.has(namespace)) throw new Refusal(`there is no namespace ${namespace}`);
  const key = keyIn(request.key, 'a key');
  const ranges = rangesOf(builder, namespace);
  const [made] = task.record.children ?? [];
  if (made !== undefined && ranges.some(({ descriptor }) => cameOf(descriptor, made)))
    return finish(builder, task, `the ranges were merged into range ${made}`);
  if (isUnderWay(builder, task)) return;
  const at = ranges.findIndex(({ descriptor }) => contains(descriptor, key));
  const [left, right] = [ranges[at], ranges[at + 1]];
  if (left === undefined) return;
  const { end } = left.descriptor;
  if (end === null)
    throw new Refusal(`range ${left.descriptor.id} is the last one: it has no right neighbour`);
  // The neighbour is being replaced.
  if (right === undefined || !equalBytes(right.descriptor.start, end)) return;
  const ids = `ranges ${left.descriptor.id} and ${right.descriptor.id}`;
  const wanted = { byHand: true, reason: REASON };
  approachMerge(builder, [left, right], wanted, (children) =>
    running(task, children, `${ids} are being merged`),
  );
  const waitsFor = mergeFault(builder, left.descriptor, right.descriptor);
  if (waitsFor !== null) note(builder, task, `${ids} are to be merged, but ${waitsFor}`);
}

function cameOf({ id, parents }: Descriptor, range: RangeId): boolean {
  return id === range || parents.some((parent) => parent.range === range);
}
