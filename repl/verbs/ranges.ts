// The verbs that show ranges: ranges, where.

import type { NodeView } from '../../client/api.ts';
import { formatBytes } from '../../common/base/bytes.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { type Descriptor, incOf } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { formatKeyRange } from '../../common/model/key-range.ts';
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
import { type Conflicts, reportedConflicts } from './conflicts.ts';
import { askWithFreshRanges, listOf, nameOf, namesOf } from './verb.ts';

const RANGE_COLUMNS: readonly Column[] = [
  { name: 'range' },
  { name: 'start', bytes: true, narrow: { kind: 'shorten', least: 8 } },
  { name: 'end', bytes: true, narrow: { kind: 'shorten', least: 8 } },
  { name: 'epoch', narrow: { kind: 'drop', order: 2 } },
  { name: 'owner', narrow: { kind: 'shorten', least: 8 } },
  { name: 'ownerLive', narrow: { kind: 'drop', order: 4 } },
  { name: 'replicas', narrow: { kind: 'drop', order: 3 } },
  { name: 'inSync', narrow: { kind: 'shorten', least: 20 } },
  { name: 'minInSync', narrow: { kind: 'drop', order: 1 } },
  { name: 'problem', narrow: { kind: 'below' } },
];

function rangeRow(descriptor: Descriptor, views: readonly NodeView[], conflicts: Conflicts): Row {
  return [
    number(descriptor.id),
    bytes(descriptor.start),
    bytes(descriptor.end),
    number(descriptor.epoch),
    node(nameOf(descriptor.owner.node, views)),
    flag(ownerIsLive(descriptor, views)),
    nodes(namesOf(replicaIds(descriptor), views)),
    nodes(namesOf(descriptor.inSync, views)),
    number(descriptor.minInSync),
    text(problemsOf(descriptor, views, conflicts)),
  ];
}

/** Which replicas are unreachable or in conflict, and why, in words; null: none. */
function problemsOf(descriptor: Descriptor, views: readonly NodeView[], conflicts: Conflicts): string | null {
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
  summary: 'the ranges: bounds, owner, replicas, in-sync set',
  parameters: [],
  options: [],
  run: (call) =>
    askWithFreshRanges(call, async (client): Promise<Answer> => {
      const conflicts = await reportedConflicts(client);
      const views = client.nodes();
      const rows = client.ranges().map(({ descriptor }) => rangeRow(descriptor, views, conflicts));
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
      const conflicts = await reportedConflicts(client);
      const views = client.nodes();
      const descriptor = client.locate(key)?.descriptor;
      if (descriptor === undefined)
        throw new RangekeeperError('NO_OWNER', `no known range holds ${formatBytes(key)}`);
      const address = views.find((view) => view.id === descriptor.owner.node)?.live?.address ?? null;
      return {
        kind: 'record',
        columns: [...RANGE_COLUMNS, { name: 'ownerAddress' }],
        row: [...rangeRow(descriptor, views, conflicts), text(address)],
        text: whereText(descriptor, views, address, problemsOf(descriptor, views, conflicts)),
      };
    }),
};

function whereText(
  descriptor: Descriptor,
  views: readonly NodeView[],
  address: string | null,
  problem: string | null,
): string {
  const names = (ids: readonly NodeId[]) =>
    namesOf(ids, views)
      .map(({ name }) => name)
      .join(' ');
  const life = ownerIsLive(descriptor, views) ? '' : ', its session has ended';
  return [
    `range     ${descriptor.id} ${formatKeyRange(descriptor)} of ${descriptor.namespace}`,
    `owner     ${nameOf(descriptor.owner.node, views).name} (${address ?? 'down'}${life})`,
    `epoch     ${descriptor.epoch}`,
    `replicas  ${names(replicaIds(descriptor))}`,
    `in-sync   ${names(descriptor.inSync)} (at least ${descriptor.minInSync} for writes)`,
    ...(problem === null ? [] : [`problem   ${problem}`]),
  ].join('\n');
}

export const RANGE_VERBS: readonly Verb[] = [ranges, where];
