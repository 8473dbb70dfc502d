// The verbs about nodes: `nodes` and `status` show them, `forget` removes the record of one.

import type { Client, NodeView } from '../../client/api.ts';
import { formatDuration } from '../../common/base/duration.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { nodeRemarks } from '../../common/model/node-remarks.ts';
import type { NodeStatus, ReplicaStatus } from '../../common/model/status.ts';
import {
  type Answer,
  type Column,
  each,
  flag,
  type NodeName,
  node,
  number,
  type Row,
  text,
} from '../answer.ts';
import { describeError } from '../failures.ts';
import type { Call, Verb } from '../session.ts';
import { runTask, stepsOf, TASK_OPTIONS } from './tasks.ts';
import { ask, askWithFreshRanges, factsOf, listOf, nameOf, nodeNamed } from './verb.ts';

const nodesVerb: Verb = {
  name: 'nodes',
  summary: 'the nodes: live or not, addresses, what they own of the namespace in use',
  details:
    'OWNED and REPLICAS count ranges of the namespace in use; `status` counts those of all namespaces.',
  parameters: [],
  options: [],
  run: (call) =>
    askWithFreshRanges(call, (client): Answer => {
      const now = call.session.env.wallNow();
      const rows = viewsByName(client).map((view) => nodeRow(view, client, now));
      return { kind: 'rows', columns: NODE_COLUMNS, rows: each(rows), headings: true };
    }),
};

const NODE_COLUMNS: readonly Column[] = [
  { name: 'name', narrow: { kind: 'shorten', least: 8 } },
  { name: 'id', narrow: { kind: 'drop', order: 2 } },
  { name: 'zone', narrow: { kind: 'drop', order: 1 } },
  { name: 'mode', narrow: { kind: 'drop', order: 4 } },
  { name: 'live' },
  { name: 'address', narrow: { kind: 'shorten', least: 21 } },
  { name: 'owned' },
  { name: 'replicas', narrow: { kind: 'drop', order: 3 } },
  { name: 'downSince', hidden: true },
  { name: 'remark', narrow: { kind: 'below' } },
];

function viewsByName(client: Client): readonly NodeView[] {
  const name = ({ id, record }: NodeView) => record?.name ?? id;
  return [...client.nodes()].sort((a, b) => name(a).localeCompare(name(b)) || a.id.localeCompare(b.id));
}

function nodeRow(view: NodeView, client: Client, now: number): Row {
  const { id, record, live } = view;
  const downSince = live === null ? (record?.noted?.downSince ?? null) : null;
  const down = downSince === null ? [] : [`down for ${formatDuration(now - downSince)}`];
  const remarks = [...down, ...nodeRemarks(factsOf(view), client.nodes().map(factsOf), now)];
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

const status: Verb = {
  name: 'status',
  summary: 'the status of each node, as the node reports it, with the ranges of all namespaces',
  details: 'With NODE (a name or an id, as `nodes` shows it), it shows the replicas of that node.',
  parameters: [{ name: 'NODE', kind: 'node', optional: true }],
  options: [],
  async run(call): Promise<Answer> {
    const wanted = call.args.textOrNone('NODE');
    const client = await askWithFreshRanges(call, (connected) => connected);
    return wanted === undefined ? clusterStatus(call, client) : replicaStatus(call, client, wanted);
  },
};

const CLUSTER_COLUMNS: readonly Column[] = [
  { name: 'node', narrow: { kind: 'shorten', least: 8 } },
  { name: 'version', hidden: true },
  { name: 'upSeconds', narrow: { kind: 'drop', order: 3 } },
  { name: 'leaseMs' },
  { name: 'owned' },
  { name: 'replicas' },
  { name: 'readOnly' },
  { name: 'logBytes', narrow: { kind: 'drop', order: 1 } },
  { name: 'memoryBytes', narrow: { kind: 'drop', order: 2 } },
  { name: 'problem', narrow: { kind: 'below' } },
];

async function clusterStatus(call: Call, client: Client): Promise<Answer> {
  const found = await Promise.all(viewsByName(client).map((view) => askHealth(call, client, view)));
  const wrong = found.filter(({ problem }) => problem !== null);
  if (wrong.length > 0 && call.session.format === 'table') call.remark(`PROBLEM: ${problemSentence(wrong)}`);
  return { kind: 'rows', columns: CLUSTER_COLUMNS, rows: each(found.map(({ row }) => row)), headings: true };
}

/** Nodes with the same problem are named together. */
function problemSentence(wrong: readonly Health[]): string {
  const names = new Map<string, string[]>();
  for (const { name, problem } of wrong) {
    if (problem !== null) names.set(problem, [...(names.get(problem) ?? []), name]);
  }
  return [...names].map(([problem, nodes]) => `${nodes.join(', ')}: ${problem}`).join('; ');
}

/** A node in the table, and what is wrong with it in words; null: nothing. */
interface Health {
  readonly name: string;
  readonly row: Row;
  readonly problem: string | null;
}

async function askHealth(call: Call, client: Client, view: NodeView): Promise<Health> {
  const named = nameOf(view.id, client.nodes());
  const silent = (problem: string): Health => {
    const blank = CLUSTER_COLUMNS.slice(2).map(() => text(null));
    return { name: named.name, row: [node(named), ...blank, text(problem)], problem };
  };
  if (view.live === null) return silent('down');
  try {
    const report = await ask(call, () => client.nodeStatus(view.id));
    const problem = problemOf(report, client.nodes());
    return { name: named.name, row: statusRow(named, report, problem, call.session.env.wallNow()), problem };
  } catch (error) {
    if (!(error instanceof RangekeeperError)) throw error;
    return silent(describeError(error));
  }
}

function problemOf(report: NodeStatus, views: readonly NodeView[]): string | null {
  const others = listOf(report.unreachable ?? [], views);
  const readOnly = report.replicas.filter(isReadOnly).length;
  const problems = [
    ...(report.leaseMs > 0 ? [] : ['no lease, so no writes and no linearizable reads']),
    ...conflictsOf(report),
    ...(readOnly === 0 ? [] : [readOnly === 1 ? '1 range is read-only' : `${readOnly} ranges are read-only`]),
    ...(report.orphans.length === 0 ? [] : [`orphans: ${report.orphans.join(' ')}`]),
    ...(others === '' ? [] : [`no connection with ${others}`]),
    ...(report.unhealthy ? [report.unhealthy] : []),
  ];
  return problems.length === 0 ? null : problems.join('; ');
}

function isReadOnly({ readOnlySince }: ReplicaStatus): boolean {
  return readOnlySince !== null;
}

function statusRow(name: NodeName, report: NodeStatus, problem: string | null, now: number): Row {
  const count = (is: (replica: ReplicaStatus) => boolean) => number(report.replicas.filter(is).length);
  return [
    node(name),
    text(report.version),
    number(Math.max(0, Math.round((now - report.startedAt) / 1_000))),
    number(Math.round(report.leaseMs)),
    count(({ role }) => role === 'owner' || role === 'starting'),
    number(report.replicas.length),
    count(isReadOnly),
    number(report.logBytes),
    number(report.memoryBytes),
    text(problem),
  ];
}

/** One conflict of a node, and how many more there are: after ZooKeeper was restored, a node may have one for each range. */
function conflictsOf({ replicas }: NodeStatus): readonly string[] {
  const found = replicas.filter(({ conflict }) => conflict !== null);
  // Preferably one that `raise-epochs` can end.
  const first = found.find(({ epochSeen, descriptorEpoch }) => epochSeen > (descriptorEpoch ?? epochSeen));
  const shown = first ?? found[0];
  if (shown === undefined) return [];
  const more = found.length > 1 ? [`and ${found.length - 1} more`] : [];
  return [`range ${shown.range}: ${shown.conflict}`, ...more];
}

const REPLICA_COLUMNS: readonly Column[] = [
  { name: 'range' },
  { name: 'role' },
  { name: 'epochSeen', narrow: { kind: 'drop', order: 3 } },
  { name: 'lastSeq' },
  { name: 'syncedSeq', narrow: { kind: 'drop', order: 2 } },
  { name: 'commitSeq' },
  { name: 'appliedSeq', narrow: { kind: 'drop', order: 1 } },
  { name: 'readOnlySince', narrow: { kind: 'below' } },
  { name: 'staleMs', narrow: { kind: 'drop', order: 4 } },
  { name: 'followers', narrow: { kind: 'below' } },
  { name: 'conflict', narrow: { kind: 'below' } },
];

async function replicaStatus(call: Call, client: Client, wanted: string): Promise<Answer> {
  const views = client.nodes();
  const view = nodeNamed(wanted, views);
  const report = await ask(call, () => client.nodeStatus(view.id));
  const rows = report.replicas.map((replica) => replicaRow(replica, (id) => nameOf(id, views)));
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
    'NODE is a name or an id, as `nodes` shows it. The request is refused if the node is live or still holds a replica of a range.',
  parameters: [{ name: 'NODE', kind: 'node' }],
  options: TASK_OPTIONS,
  async run(call): Promise<Answer> {
    const views = (await ask(call, async (client) => client)).nodes();
    const { id } = nodeNamed(call.args.text('NODE'), views);
    const task = await runTask(call, (client, options) => client.forgetNode(id, options));
    if (call.args.has('dry-run')) return stepsOf(call, task);
    return {
      kind: 'record',
      columns: [{ name: 'node' }, { name: 'outcome' }],
      row: [node(nameOf(id, views)), text(task.progress)],
      text: task.progress,
    };
  },
};

export const NODE_VERBS: readonly Verb[] = [nodesVerb, status, forget];
