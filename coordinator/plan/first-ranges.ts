// The first ranges of a namespace: where they meet, and who holds and owns them. A namespace, all its ranges and the
// cluster's counters are one multi, so that nobody ever sees half a namespace.

import { assert } from '../../common/base/assert.ts';
import { type Bytes, emptyBytes, toBytes } from '../../common/base/bytes.ts';
import { LIMITS } from '../../common/model/config.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import { type NodeId, origin, type RangeId } from '../../common/model/ids.ts';
import type { ClusterRecord, NamespaceRecord } from '../../common/model/records.ts';
import { usableNodes, type View } from '../cluster-view.ts';
import { namespaceKey } from '../set-aside.ts';
import type { NamespaceStep, TaskUpdate } from '../step.ts';
import type { Draft } from './draft.ts';
import { wishedMinInSync } from './membership.ts';

const LETTERS_AND_DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';

export const DEFAULT_NAMESPACE = 'default';

/** Keys that split the letters and digits into `count` even parts: `count - 1` of them, rising. */
export function evenSplitKeys(count: number): readonly Bytes[] {
  let digits = 1;
  while (36 ** digits < count) digits++;
  const positions = 36 ** digits;
  const keys: Bytes[] = [];
  for (let i = 1; i < count; i++) keys.push(toBytes(keyAt(Math.round((i * positions) / count), digits)));
  return keys;
}

/** The number in base 36, without the zeros at its end: `a` sorts where `a0` would. */
function keyAt(position: number, digits: number): string {
  let text = '';
  for (let rest = position, i = 0; i < digits; i++, rest = Math.floor(rest / 36)) {
    text = (LETTERS_AND_DIGITS[rest % 36] ?? '') + text;
  }
  return text.replace(/(?<=.)0+$/, '');
}

/** Whether to begin: the nodes that were asked for are there, or the wait for them is over and there is one. */
export function enoughNodes({ view, config }: Draft, wanted: number): boolean {
  const nodes = usableNodes(view).length;
  return nodes >= wanted || (nodes >= 1 && view.someNodeForMs >= config.firstRangesAfterMs);
}

export interface NewNamespace {
  readonly name: string;
  readonly replicationFactor: number;
  readonly minInSync: number;
  /** Rising, none empty; null: evenly, one range a node. */
  readonly splitAt: readonly Bytes[] | null;
}

/** The namespace `default` is there from the start: as soon as there are nodes for it. */
export function planDefaultNamespace(draft: Draft, minInSync: number): void {
  const { view, config } = draft;
  if (isTaken(view, DEFAULT_NAMESPACE)) return;
  if (!enoughNodes(draft, config.initialNodes ?? config.replicationFactor)) return;
  const wish = {
    name: DEFAULT_NAMESPACE,
    replicationFactor: config.replicationFactor,
    minInSync,
    splitAt: null,
  };
  const step = createNamespace(draft, wish, null);
  if (step !== null) draft.add(step);
}

/** Whether a namespace of that name is there, be its record readable or not. */
export function isTaken(view: View, name: string): boolean {
  return view.namespaces.has(name) || view.unreadableNamespaces.has(name);
}

/** The step that makes a namespace; needs at least one usable node. Null: not now, the ids or ZooKeeper forbid it. */
export function createNamespace(
  draft: Draft,
  wish: NewNamespace,
  task: TaskUpdate | null,
): NamespaceStep | null {
  const { view } = draft;
  const nodes = usableNodes(view);
  assert(nodes.length > 0, 'first ranges need a node');
  const splitKeys = wish.splitAt ?? evenSplitKeys(Math.min(nodes.length, LIMITS.rangesPerNamespaceCreated));
  assert(splitKeys.length < LIMITS.rangesPerNamespaceCreated, 'one multi holds so many ranges');
  if (view.cluster === null || view.setAside.has(namespaceKey(wish.name))) return null;
  const record = withFreeIds(view.cluster.record, view);
  const namespace: NamespaceRecord = {
    name: wish.name,
    id: record.nextNamespaceId,
    replicationFactor: wish.replicationFactor,
    minInSync: wish.minInSync,
  };
  const bounds = [emptyBytes, ...splitKeys, null];
  const ranges = bounds.slice(0, -1).map((start, i) => {
    const descriptor = firstDescriptor(draft, namespace, record.nextRangeId + i, {
      start: start ?? emptyBytes,
      end: bounds[i + 1] ?? null,
    });
    draft.ledger.count(descriptor, 1);
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
      `namespace ${wish.name} is made with ${ranges.length} range${ranges.length === 1 ? '' : 's'} ` +
      `on ${nodes.length} node${nodes.length === 1 ? '' : 's'}`,
  };
}

/** Ids are never used twice: the counters do not count below what is there, whatever `/cluster` holds. */
function withFreeIds(record: ClusterRecord, { namespaces, ranges }: View): ClusterRecord {
  const namespaceIds = [...namespaces.values()].map((namespace) => namespace.record.id);
  for (const { descriptor } of ranges) namespaceIds.push(descriptor.namespaceId);
  const rangeIds = ranges.map(({ descriptor }) => descriptor.id);
  return {
    ...record,
    nextNamespaceId: above(namespaceIds, record.nextNamespaceId, LIMITS.namespaceIdMax),
    nextRangeId: above(rangeIds, record.nextRangeId, LIMITS.rangeIdMax),
  };
}

/** `next`, or what follows the highest id that no hand has put at the end of the numbers. */
function above(ids: readonly number[], next: number, max: number): number {
  return ids.reduce((free, id) => (id < max - LIMITS.idsLeftMin ? Math.max(free, id + 1) : free), next);
}

function firstDescriptor(
  draft: Draft,
  namespace: NamespaceRecord,
  id: RangeId,
  span: { start: Bytes; end: Bytes | null },
): Descriptor {
  const { view, ledger } = draft;
  const nodes = choosePlaces(draft, namespace.replicationFactor);
  const owner = ledger.bestOwner(nodes, nodes);
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
    minInSync: wishedMinInSync(namespace, nodes.length),
    state: 'serving',
    nextInc: nodes.length + 1,
    structSeq: 0,
    base: origin,
    parent: null,
    transferTo: null,
    retire: null,
  };
}

/**
 * As many nodes as are wished for, or all there are that can talk to each other, each in the best place beside those before it:
 * a member that the others cannot reach would keep the range from starting.
 */
function choosePlaces({ view, ledger }: Draft, count: number): readonly NodeId[] {
  const chosen: NodeId[] = [];
  for (let free = usableNodes(view); chosen.length < count; ) {
    const place = ledger.bestPlace(free, chosen);
    if (place === undefined) break;
    chosen.push(place);
    free = free.filter((node) => node !== place && view.reach.canTalk(node, place));
  }
  return chosen;
}

function sessionOf(view: View, node: NodeId): string {
  const live = view.live.get(node);
  assert(live !== undefined, 'an owner is live');
  return live.session;
}
