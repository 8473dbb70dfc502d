// The first ranges of a new namespace: their bounds, their replicas and their owners. The namespace, all its ranges and the
// cluster's counters are written in one multi, so that nobody ever sees an incomplete namespace.

import { assert } from '../../common/base/assert.ts';
import { type Bytes, emptyBytes } from '../../common/base/bytes.ts';
import { LIMITS } from '../../common/model/config.ts';
import { type Descriptor, FREE_PLACEMENT, FRESH_RANGE } from '../../common/model/descriptor.ts';
import { type NodeId, origin, type RangeId } from '../../common/model/ids.ts';
import type { NamespaceRecord } from '../../common/model/records.ts';
import { evenSplitKeys } from '../../common/model/split-keys.ts';
import { areOnOneMachine, type ClusterView, usableNodes } from '../cluster-view.ts';
import { namespaceKey } from '../set-aside.ts';
import type { NamespaceStep, TaskUpdate } from '../step.ts';
import { withFreeIds } from './free-ids.ts';
import { desiredMinInSync } from './membership.ts';
import type { PlanBuilder } from './plan-builder.ts';

export const DEFAULT_NAMESPACE = 'default';

/** Whether ranges can be made: nodes on so many machines are usable, or at least one is and `firstRangesAfterMs` is over. */
export function hasEnoughNodes({ view, config }: PlanBuilder, desired: number): boolean {
  const machines = new Set(usableNodes(view).map((node) => view.nodes.get(node)?.record.machine ?? { node }));
  const nodes = machines.size;
  return nodes >= desired || (nodes >= 1 && view.someNodeForMs >= config.firstRangesAfterMs);
}

export interface NewNamespace {
  readonly name: string;
  readonly replicationFactor: number;
  readonly minInSync: number;
  /** Where the first ranges meet: in order, none empty or twice. Null: evenly, one range for each node. */
  readonly splitAt: readonly Bytes[] | null;
  readonly splitBytes?: number | undefined;
  readonly unit?: Bytes | undefined;
}

/** Makes the namespace `default` as soon as there are nodes for it. */
export function planDefaultNamespace(builder: PlanBuilder, minInSync: number): void {
  const { view, config } = builder;
  if (isTaken(view, DEFAULT_NAMESPACE)) return;
  if (!hasEnoughNodes(builder, config.initialNodes ?? config.replicationFactor)) return;
  const requested = {
    name: DEFAULT_NAMESPACE,
    replicationFactor: config.replicationFactor,
    minInSync,
    splitAt: null,
  };
  const step = createNamespace(builder, requested, null);
  if (step !== null) builder.add(step);
}

/** Whether there is a namespace of that name, even if its record cannot be read. */
export function isTaken(view: ClusterView, name: string): boolean {
  return view.namespaces.has(name) || view.unreadableNamespaces.has(name);
}

/**
 * The step that makes a namespace. At least one node must be usable. Null: `/cluster` is unreadable, or the step is set aside.
 */
export function createNamespace(
  builder: PlanBuilder,
  requested: NewNamespace,
  task: TaskUpdate | null,
): NamespaceStep | null {
  const { view } = builder;
  const nodes = usableNodes(view);
  assert(nodes.length > 0, 'first ranges need a node');
  const splitKeys =
    requested.splitAt ?? evenSplitKeys(Math.min(nodes.length, LIMITS.rangesPerNamespaceCreated));
  assert(splitKeys.length < LIMITS.rangesPerNamespaceCreated, 'one multi has room for all the ranges');
  if (view.cluster === null || builder.takesIds || view.setAside.has(namespaceKey(requested.name)))
    return null;
  const record = withFreeIds(view.cluster.record, view);
  const namespace: NamespaceRecord = {
    name: requested.name,
    id: record.nextNamespaceId,
    replicationFactor: requested.replicationFactor,
    minInSync: requested.minInSync,
    ...(requested.splitBytes === undefined ? {} : { splitBytes: requested.splitBytes }),
    ...(requested.unit === undefined ? {} : { unit: requested.unit }),
  };
  const bounds = [emptyBytes, ...splitKeys, null];
  const ranges = bounds.slice(0, -1).map((start, i) => {
    const descriptor = firstDescriptor(builder, namespace, record.nextRangeId + i, {
      start: start ?? emptyBytes,
      end: bounds[i + 1] ?? null,
    });
    builder.loads.count(descriptor, 1);
    return descriptor;
  });
  return {
    kind: 'create-namespace',
    before: view.cluster,
    after: {
      ...record,
      nextNamespaceId: record.nextNamespaceId + 1,
      nextRangeId: record.nextRangeId + ranges.length,
    },
    namespace,
    ranges,
    task,
    reason:
      `namespace ${requested.name} is made with ${ranges.length} range${ranges.length === 1 ? '' : 's'} ` +
      `on ${nodes.length} node${nodes.length === 1 ? '' : 's'}`,
  };
}

function firstDescriptor(
  builder: PlanBuilder,
  namespace: NamespaceRecord,
  id: RangeId,
  span: { start: Bytes; end: Bytes | null },
): Descriptor {
  const { view, loads } = builder;
  const nodes = chooseNodes(builder, namespace.replicationFactor);
  const owner = loads.bestOwner(nodes, nodes);
  assert(owner !== undefined, 'a range has a replica');
  const replicas = nodes.map((node, i) => ({ node, inc: i + 1 }));
  return {
    namespace: namespace.name,
    namespaceId: namespace.id,
    id,
    ...span,
    epoch: 1,
    owner: { node: owner, session: sessionOf(view, owner), inc: nodes.indexOf(owner) + 1 },
    replicas,
    inSync: [...nodes].sort(),
    minInSync: desiredMinInSync(namespace, nodes.length),
    state: 'serving',
    nextInc: nodes.length + 1,
    base: origin,
    ...FRESH_RANGE,
    // Where the first ranges meet was asked for, or follows from the number of nodes: they are not merged while they are idle.
    placement: { ...FREE_PLACEMENT, startByHand: span.start.length > 0 },
    transferTo: null,
    retire: null,
  };
}

/**
 * Chooses `count` nodes for the replicas of one range, or fewer if there are not so many that are on different machines and all connected
 * with each other. A member that is not connected would keep the range from starting.
 */
function chooseNodes({ view, loads }: PlanBuilder, count: number): readonly NodeId[] {
  const chosen: NodeId[] = [];
  for (let free = usableNodes(view); chosen.length < count; ) {
    const place = loads.bestPlace(free, chosen);
    if (place === undefined) break;
    chosen.push(place);
    free = free.filter(
      (node) => !areOnOneMachine(view, node, place) && view.connectivity.areConnected(node, place),
    );
  }
  return chosen;
}

function sessionOf(view: ClusterView, node: NodeId): string {
  const live = view.live.get(node);
  assert(live !== undefined, 'an owner is live');
  return live.session;
}
