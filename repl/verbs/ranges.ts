// The verbs that show ranges: ranges, where.

import type { NodeView } from '../../client/api.ts';
import { formatBytes } from '../../common/base/bytes.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { type Descriptor, incOf } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { formatKeyRange } from '../../common/model/key-range.ts';
import { conditionOf, type RangeCondition } from '../../common/model/range-condition.ts';
import {
  type Answer,
  bytes,
  type Column,
  each,
  flag,
  node,
  nodes,
  number,
  type Row,
  text,
} from '../answer.ts';
import type { Verb } from '../session.ts';
import { type ReplicaReports, replicaReports } from './replica-reports.ts';
import { askWithFreshRanges, listOf, nameOf, namesOf } from './verb.ts';

const RANGE_COLUMNS: readonly Column[] = [
  { name: 'range' },
  { name: 'start', bytes: true, narrow: { kind: 'shorten', least: 8 } },
  { name: 'end', bytes: true, narrow: { kind: 'shorten', least: 8 } },
  { name: 'state' },
  { name: 'epoch', narrow: { kind: 'drop', order: 3 } },
  { name: 'owner', narrow: { kind: 'shorten', least: 8 } },
  { name: 'ownerLive', narrow: { kind: 'drop', order: 5 } },
  { name: 'replicas', narrow: { kind: 'drop', order: 4 } },
  { name: 'inSync', narrow: { kind: 'shorten', least: 20 } },
  { name: 'minInSync', narrow: { kind: 'drop', order: 2 } },
  { name: 'parents', narrow: { kind: 'drop', order: 1 } },
  { name: 'problem', narrow: { kind: 'below' } },
];

function rangeRow(descriptor: Descriptor, views: readonly NodeView[], reports: ReplicaReports): Row {
  return [
    number(descriptor.id),
    bytes(descriptor.start),
    bytes(descriptor.end),
    text(stateOf(descriptor, views, reports)),
    number(descriptor.epoch),
    node(nameOf(descriptor.owner.node, views)),
    flag(ownerIsLive(descriptor, views)),
    nodes(namesOf(replicaIds(descriptor), views)),
    nodes(namesOf(descriptor.inSync, views)),
    number(descriptor.minInSync),
    text(parentsOf(descriptor)),
    text(problemsOf(descriptor, views, reports)),
  ];
}

function stateOf(
  descriptor: Descriptor,
  views: readonly NodeView[],
  { readOnly }: ReplicaReports,
): RangeCondition {
  const hasLiveOwner = ownerIsLive(descriptor, views);
  return conditionOf(descriptor, { hasLiveOwner, isReadOnly: readOnly.has(descriptor.id) });
}

/** The ranges that it came of, the nearest first; null: it is one of the first. */
function parentsOf({ parents }: Descriptor): string | null {
  return parents.length === 0 ? null : parents.map(({ range }) => range).join(' ');
}

/** Which replicas are unreachable or in conflict, and why, in words; null: none. */
function problemsOf(
  descriptor: Descriptor,
  views: readonly NodeView[],
  { conflicts }: ReplicaReports,
): string | null {
  const conflict = conflicts.get(descriptor.id);
  const unreachable = replicaIds(descriptor).flatMap((id) => {
    const view = views.find((one) => one.id === id);
    const { name } = nameOf(id, views);
    if (view === undefined || view.live === null) return [`${name} is down`];
    const others = view.record?.noted?.unreachable?.by ?? [];
    const replicas = others.filter((other) => incOf(descriptor, other) !== undefined);
    if (replicas.length === 0) return [];
    return [`${name} has no connection with ${listOf(replicas, views)}`];
  });
  const problems = conflict === undefined ? unreachable : [conflict, ...unreachable];
  return problems.length === 0 ? null : problems.join('; ');
}

function replicaIds({ replicas }: Descriptor): readonly NodeId[] {
  return replicas.map((replica) => replica.node);
}

/** Ownership ends with the session (R1): a node that is back in a new session does not own the range. */
function ownerIsLive({ owner }: Descriptor, views: readonly NodeView[]): boolean {
  return views.some((view) => view.id === owner.node && view.live?.session === owner.session);
}

const ranges: Verb = {
  name: 'ranges',
  summary: 'the ranges of the namespace in use: bounds, state, owner, replicas, in-sync set',
  details: [
    'STATE is normal, splitting, merging, replaced (what came of it is not known yet), dropped, moving, read-only or no owner. PARENTS are the',
    'ranges that it came of by splits and merges, the nearest first.',
  ].join('\n'),
  parameters: [],
  options: [],
  run: (call) =>
    askWithFreshRanges(call, async (client): Promise<Answer> => {
      const reports = await replicaReports(client);
      const views = client.nodes();
      const rows = client.ranges().map(({ descriptor }) => rangeRow(descriptor, views, reports));
      return { kind: 'rows', columns: RANGE_COLUMNS, rows: each(rows), headings: true };
    }),
};

const where: Verb = {
  name: 'where',
  summary: 'the range of a key, its owner and its replicas',
  parameters: [{ name: 'KEY', kind: 'key' }],
  options: [],
  run: (call) =>
    askWithFreshRanges(call, async (client): Promise<Answer> => {
      const key = call.args.bytes('KEY');
      const reports = await replicaReports(client);
      const views = client.nodes();
      const descriptor = client.locate(key)?.descriptor;
      if (descriptor === undefined)
        throw new RangekeeperError('NO_OWNER', `no known range holds ${formatBytes(key)}`);
      const address = views.find((view) => view.id === descriptor.owner.node)?.live?.address ?? null;
      return {
        kind: 'record',
        columns: [...RANGE_COLUMNS, { name: 'ownerAddress' }],
        row: [...rangeRow(descriptor, views, reports), text(address)],
        text: whereText(descriptor, views, address, reports),
      };
    }),
};

function whereText(
  descriptor: Descriptor,
  views: readonly NodeView[],
  address: string | null,
  reports: ReplicaReports,
): string {
  const problem = problemsOf(descriptor, views, reports);
  const parents = parentsOf(descriptor);
  const names = (ids: readonly NodeId[]) =>
    namesOf(ids, views)
      .map(({ name }) => name)
      .join(' ');
  const life = ownerIsLive(descriptor, views) ? '' : ', its session has ended';
  return [
    `range     ${descriptor.id} ${formatKeyRange(descriptor)} of ${descriptor.namespace}`,
    `state     ${stateOf(descriptor, views, reports)}`,
    `owner     ${nameOf(descriptor.owner.node, views).name} (${address ?? 'down'}${life})`,
    `epoch     ${descriptor.epoch}`,
    `replicas  ${names(replicaIds(descriptor))}`,
    `in-sync   ${names(descriptor.inSync)} (at least ${descriptor.minInSync} for writes)`,
    ...(parents === null ? [] : [`came of   ${parents}`]),
    ...(problem === null ? [] : [`problem   ${problem}`]),
  ].join('\n');
}

export const RANGE_VERBS: readonly Verb[] = [ranges, where];
