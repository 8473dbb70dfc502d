// The verbs that show the cluster: ranges, nodes, where, namespaces, status.

import type { Client, NodeView } from '../../client/api.ts';
import { formatBytes } from '../../common/base/bytes.ts';
import { formatDuration } from '../../common/base/duration.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { type Descriptor, incOf } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { formatKeyRange } from '../../common/model/key-range.ts';
import { nodeRemarks } from '../../common/model/node-remarks.ts';
import type { NodeStatus, ReplicaStatus } from '../../common/model/status.ts';
import {
  type Answer,
  bytes,
  type Column,
  each,
  flag,
  type NodeName,
  node,
  nodes,
  number,
  type Row,
  text,
} from '../answer.ts';
import { describeError } from '../failures.ts';
import type { Call, Verb } from '../session.ts';
import { ask, askOfRanges, askToWrite, factsOf, nameOf, namesOf, nodeNamed } from './verb.ts';

const RANGE_COLUMNS: readonly Column[] = [
  { name: 'range' },
  { name: 'start', bytes: true },
  { name: 'end', bytes: true },
  { name: 'epoch' },
  { name: 'owner' },
  { name: 'ownerLive' },
  { name: 'replicas' },
  { name: 'inSync' },
  { name: 'minInSync' },
  { name: 'problem' },
];

function rangeRow(descriptor: Descriptor, views: readonly NodeView[]): Row {
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
    text(problemsOf(descriptor, views)),
  ];
}

/** Which replicas are out of reach and why, in words; null: none is. */
function problemsOf(descriptor: Descriptor, views: readonly NodeView[]): string | null {
  const problems = replicaIds(descriptor).flatMap((id) => {
    const view = views.find((one) => one.id === id);
    const { name } = nameOf(id, views);
    if (view === undefined || view.live === null) return [`${name} is gone`];
    const others = view.record?.noted?.unreachable?.by ?? [];
    const met = others.filter((other) => incOf(descriptor, other) !== undefined);
    if (met.length === 0) return [];
    return [
      `${name} has no connection with ${namesOf(met, views)
        .map((other) => other.name)
        .join(', ')}`,
    ];
  });
  return problems.length === 0 ? null : problems.join('; ');
}

function replicaIds({ replicas }: Descriptor): readonly NodeId[] {
  return replicas.map((replica) => replica.node);
}

/** Ownership ends with the session (R1): a node that has come back with a new one does not own the range. */
function ownerIsLive({ owner }: Descriptor, views: readonly NodeView[]): boolean {
  return views.some((view) => view.id === owner.node && view.live?.session === owner.session);
}

const ranges: Verb = {
  name: 'ranges',
  summary: 'the ranges: bounds, owner, replicas, in-sync set',
  parameters: [],
  options: [],
  run: (call) =>
    askOfRanges(call, (client): Answer => {
      const views = client.nodes();
      const rows = client.ranges().map(({ descriptor }) => rangeRow(descriptor, views));
      return { kind: 'rows', columns: RANGE_COLUMNS, rows: each(rows), headings: true };
    }),
};

const where: Verb = {
  name: 'where',
  summary: 'the range of a key, its owner, its replicas',
  parameters: [{ name: 'KEY', kind: 'key' }],
  options: [],
  run: (call) =>
    askOfRanges(call, (client): Answer => {
      const key = call.args.bytes('KEY');
      const views = client.nodes();
      const descriptor = client.locate(key)?.descriptor;
      if (descriptor === undefined)
        throw new RangekeeperError('NO_OWNER', `no range is known that holds ${formatBytes(key)}`);
      const address = views.find((view) => view.id === descriptor.owner.node)?.live?.address ?? null;
      return {
        kind: 'record',
        columns: [...RANGE_COLUMNS, { name: 'ownerAddress' }],
        row: [...rangeRow(descriptor, views), text(address)],
        text: whereText(descriptor, views, address),
      };
    }),
};

function whereText(descriptor: Descriptor, views: readonly NodeView[], address: string | null): string {
  const names = (ids: readonly NodeId[]) =>
    namesOf(ids, views)
      .map(({ name }) => name)
      .join(' ');
  const life = ownerIsLive(descriptor, views) ? '' : ', its session has ended';
  return [
    `range     ${descriptor.id} ${formatKeyRange(descriptor)} of ${descriptor.namespace}`,
    `owner     ${nameOf(descriptor.owner.node, views).name} (${address ?? 'not live'}${life})`,
    `epoch     ${descriptor.epoch}`,
    `replicas  ${names(replicaIds(descriptor))}`,
    `in-sync   ${names(descriptor.inSync)} (at least ${descriptor.minInSync} for writes)`,
  ].join('\n');
}

const nodesVerb: Verb = {
  name: 'nodes',
  summary: 'the nodes: live or not, where, what they own',
  parameters: [],
  options: [],
  run: (call) =>
    askOfRanges(call, (client): Answer => {
      const now = call.session.env.wallNow();
      const rows = viewsByName(client).map((view) => nodeRow(view, client, now));
      return { kind: 'rows', columns: NODE_COLUMNS, rows: each(rows), headings: true };
    }),
};

const NODE_COLUMNS: readonly Column[] = [
  ...['name', 'id', 'zone', 'mode', 'live', 'address', 'owned', 'replicas'].map((name) => ({ name })),
  { name: 'downSince', hidden: true },
  { name: 'remark' },
];

function viewsByName(client: Client): readonly NodeView[] {
  const name = ({ id, record }: NodeView) => record?.name ?? id;
  return [...client.nodes()].sort((a, b) => name(a).localeCompare(name(b)) || a.id.localeCompare(b.id));
}

function nodeRow(view: NodeView, client: Client, now: number): Row {
  const { id, record, live } = view;
  const downSince = live === null ? (record?.noted?.downSince ?? null) : null;
  const gone = downSince === null ? [] : [`gone for ${formatDuration(now - downSince)}`];
  const remarks = [...gone, ...nodeRemarks(factsOf(view), client.nodes().map(factsOf), now)];
  const descriptors = client.ranges().map((image) => image.descriptor);
  return [
    text(record?.name ?? id),
    text(id),
    text(record?.zone ?? null),
    text(record?.mode ?? null),
    flag(live !== null),
    text(live?.address ?? null),
    number(descriptors.filter(({ owner }) => owner.node === id).length),
    number(descriptors.filter(({ replicas }) => replicas.some((replica) => replica.node === id)).length),
    text(downSince === null ? null : new Date(downSince).toISOString()),
    text(remarks.length === 0 ? null : remarks.join('; ')),
  ];
}

const namespaces: Verb = {
  name: 'namespaces',
  summary: 'the namespaces of the cluster',
  parameters: [],
  options: [],
  run: (call) =>
    ask(call, async (client): Promise<Answer> => {
      const rows = (await client.namespaces()).map(
        (record): Row => [
          text(record.name),
          number(record.id),
          number(record.replicationFactor),
          number(record.minInSync),
        ],
      );
      const columns = ['name', 'id', 'replicationFactor', 'minInSync'].map((name) => ({ name }));
      return { kind: 'rows', columns, rows: each(rows), headings: true };
    }),
};

const status: Verb = {
  name: 'status',
  summary: 'what each node tells of itself',
  details: 'With NODE (a name or an id, as `nodes` shows it): its replicas.',
  parameters: [{ name: 'NODE', kind: 'text', optional: true }],
  options: [],
  async run(call): Promise<Answer> {
    const wanted = call.args.textOrNone('NODE');
    const client = await ask(call, async (connected) => connected);
    return wanted === undefined ? clusterStatus(call, client) : replicaStatus(call, client, wanted);
  },
};

const CLUSTER_COLUMNS: readonly Column[] = [
  { name: 'node' },
  { name: 'version', hidden: true },
  { name: 'upSeconds' },
  { name: 'leaseMs' },
  { name: 'owned' },
  { name: 'replicas' },
  { name: 'readOnly' },
  { name: 'logBytes' },
  { name: 'memoryBytes' },
  { name: 'problem' },
];

async function clusterStatus(call: Call, client: Client): Promise<Answer> {
  const rows = viewsByName(client).map(async (view): Promise<Row> => {
    const name = node(nameOf(view.id, client.nodes()));
    const blank = CLUSTER_COLUMNS.slice(2).map(() => text(null));
    if (view.live === null) return [name, ...blank, text('not live')];
    try {
      return statusRow(name, await ask(call, () => client.nodeStatus(view.id)), call, client.nodes());
    } catch (error) {
      if (!(error instanceof RangekeeperError)) throw error;
      return [name, ...blank, text(describeError(error))];
    }
  });
  return { kind: 'rows', columns: CLUSTER_COLUMNS, rows: each(await Promise.all(rows)), headings: true };
}

function statusRow(name: Row[number], told: NodeStatus, call: Call, views: readonly NodeView[]): Row {
  const count = (is: (replica: ReplicaStatus) => boolean) => number(told.replicas.filter(is).length);
  const others = namesOf(told.unreachable ?? [], views).map((other) => other.name);
  const problems = [
    ...conflictsOf(told),
    ...(told.orphans.length === 0 ? [] : [`orphans: ${told.orphans.join(' ')}`]),
    ...(others.length === 0 ? [] : [`no connection with ${others.join(', ')}`]),
    ...(told.unfit ? [told.unfit] : []),
  ];
  return [
    name,
    text(told.version),
    number(Math.max(0, Math.round((call.session.env.wallNow() - told.startedAt) / 1_000))),
    number(Math.round(told.leaseMs)),
    count(({ role }) => role === 'owner' || role === 'starting'),
    number(told.replicas.length),
    count(({ readOnlySince }) => readOnlySince !== null),
    number(told.logBytes),
    number(told.memoryBytes),
    text(problems.length === 0 ? null : problems.join('; ')),
  ];
}

/** The first, and how many more: each node of a restored ZooKeeper has one a range. */
function conflictsOf({ replicas }: NodeStatus): readonly string[] {
  const found = replicas.filter(({ conflict }) => conflict !== null);
  const more = found.length > 1 ? [`and ${found.length - 1} more conflicts`] : [];
  return [...found.slice(0, 1).map(({ range, conflict }) => `range ${range}: ${conflict}`), ...more];
}

const REPLICA_COLUMNS: readonly Column[] = [
  'range',
  'role',
  'epochSeen',
  'lastSeq',
  'syncedSeq',
  'commitSeq',
  'appliedSeq',
  'readOnlySince',
  'staleMs',
  'followers',
  'conflict',
].map((name) => ({ name }));

async function replicaStatus(call: Call, client: Client, wanted: string): Promise<Answer> {
  const views = client.nodes();
  const view = nodeNamed(wanted, views);
  const told = await ask(call, () => client.nodeStatus(view.id));
  const rows = told.replicas.map((replica) => replicaRow(replica, (id) => nameOf(id, views)));
  return { kind: 'rows', columns: REPLICA_COLUMNS, rows: each(rows), headings: true };
}

function replicaRow(replica: ReplicaStatus, name: (id: string) => NodeName): Row {
  const followers = replica.followers.map((follower) => {
    const progress = follower.progress === 'stream' ? '' : ` ${follower.progress}`;
    return `${name(follower.node).name}${progress} lag ${follower.lag}`;
  });
  return [
    number(replica.range),
    text(replica.role),
    number(replica.epochSeen),
    number(replica.lastSeq),
    number(replica.syncedSeq),
    number(replica.commitSeq),
    number(replica.appliedSeq),
    text(replica.readOnlySince === null ? null : new Date(replica.readOnlySince).toISOString()),
    number(replica.staleMs === null ? null : Math.ceil(replica.staleMs)),
    text(followers.length === 0 ? null : followers.join(', ')),
    text(replica.conflict),
  ];
}

const forget: Verb = {
  name: 'forget',
  summary: 'remove the record of a node that is gone for good',
  details:
    'NODE is a name, or an id as `nodes` shows it. A node that is live, or still holds a replica of a range, is not forgotten.',
  parameters: [{ name: 'NODE', kind: 'text' }],
  options: [],
  run: (call) =>
    askToWrite(call, async (client): Promise<Answer> => {
      const views = client.nodes();
      const { id } = nodeNamed(call.args.text('NODE'), views);
      const outcome = await client.forgetNode(id);
      return {
        kind: 'record',
        columns: [{ name: 'node' }, { name: 'outcome' }],
        row: [node(nameOf(id, views)), text(outcome)],
        text: outcome,
      };
    }),
};

export const CLUSTER_VERBS: readonly Verb[] = [ranges, nodesVerb, where, namespaces, status, forget];
