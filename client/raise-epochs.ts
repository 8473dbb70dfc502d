// The client's part of `raise-epochs`, an administrator's request after ZooKeeper was restored to an older state. It asks every
// live node what its replicas have seen, and the leader to begin again the ranges that are in conflict.
//
// It first decides for each range what can be done, with the same function as the leader (decideRaise). So each range has a
// reason, and the leader is asked only for what it can do. Only the leader's own decision counts. The outcome is read from
// ZooKeeper afterwards.

import type { Env } from '../common/base/env.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import type { Logger } from '../common/base/log.ts';
import type { Descriptor } from '../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import {
  byRange,
  decideRaise,
  type KnownNodes,
  type RaiseDecision,
  type RaisedEpochs,
  type RaisedRange,
} from '../common/model/raise-epochs.ts';
import { type NodeStatus, reportOf, unreadRanges } from '../common/model/status.ts';
import type { Peers } from '../common/net/peers.ts';
import type { Zk } from '../common/zk/store.ts';
import { throwIfAborted } from './aborts.ts';
import { askLeader } from './admin.ts';
import type { NodeView } from './api.ts';
import type { CallLimits } from './call.ts';
import { type RaiseTask, raiseTasks } from './raise-tasks.ts';
import { readNamespaces, readRanges } from './reach-cluster.ts';
import { askStatus } from './status.ts';

export interface RaiseContext {
  readonly env: Env;
  readonly log: Logger;
  readonly zk: Zk;
  readonly peers: Peers;
  readonly nodes: readonly NodeView[];
}

export interface RaiseSettings {
  /** Go on although not every node has reported. */
  readonly force: boolean;
  /** Decide, and ask the leader for nothing. */
  readonly dryRun: boolean;
  /** How long the nodes may take to answer, and then the leader for each task. */
  readonly deadlineMs: number;
  /** Once it has aborted, the leader is asked for nothing more. */
  readonly signal: AbortSignal | undefined;
}

/** Rejects with NO_CLUSTER if ZooKeeper does not answer. The leader may still do what it was asked for before. */
export async function raiseEpochs(context: RaiseContext, settings: RaiseSettings): Promise<RaisedEpochs> {
  const { force, dryRun, deadlineMs, signal } = settings;
  const answers = await askNodes(context, deadlineMs);
  const statuses = [...answers.values()].filter((answer) => typeof answer !== 'string');
  const conflicts = decideAll(context.nodes, await servingRanges(context), statuses, force);
  const silent = silentNodes(context.nodes, conflicts, answers);
  const begins = conflicts.filter(({ decision }) => decision.kind === 'begins');
  if (dryRun || begins.length === 0) return { ranges: conflicts.map(plannedOutcome), silent };
  const ranges = begins.map(({ descriptor }) => descriptor.id);
  const leaderAnswers = await askForAll(context, raiseTasks(ranges, statuses.map(reportOf), force), {
    deadlineMs,
    signal,
  });
  const after = new Map((await servingRanges(context)).map((descriptor) => [descriptor.id, descriptor]));
  const outcomes = conflicts.map((conflict) => {
    const { id } = conflict.descriptor;
    return outcomeOf(conflict, after.get(id), leaderAnswers.get(id));
  });
  return { ranges: outcomes, silent };
}

// ---- what the nodes report -----------------------------------------------------------------------------------------

/** The status of each live node. A string: the reason why there is none. */
type NodeAnswers = ReadonlyMap<NodeId, NodeStatus | string>;

async function askNodes({ env, peers, nodes }: RaiseContext, deadlineMs: number): Promise<NodeAnswers> {
  const deadline = env.now() + deadlineMs;
  const live = nodes.filter((view) => view.live !== null);
  return new Map(
    await Promise.all(live.map(async ({ id }) => [id, await statusOf(peers, id, deadline)] as const)),
  );
}

/** A string: the reason why there is none. */
async function statusOf(peers: Peers, node: NodeId, deadline: number): Promise<NodeStatus | string> {
  try {
    const status = await askStatus(peers, node, deadline);
    return status.node === node ? status : `node ${status.node} answered in its place`;
  } catch (error) {
    if (!(error instanceof RangekeeperError)) throw error;
    return error.message;
  }
}

/** Nodes whose report is missing, so that a range is refused. */
function silentNodes(
  views: readonly NodeView[],
  conflicts: readonly RangeConflict[],
  answers: NodeAnswers,
): RaisedEpochs['silent'] {
  const registered = new Set(views.map(({ id }) => id));
  const expected = new Set(knownNodes(views).expected);
  for (const { descriptor } of conflicts) for (const { node } of descriptor.replicas) expected.add(node);
  return [...expected].sort().flatMap((node) => {
    const answer = answers.get(node) ?? (registered.has(node) ? 'it is not live' : 'it is not registered');
    return typeof answer === 'string' ? [{ node, reason: answer }] : [];
  });
}

/** The serving ranges of all namespaces, in order of ids. */
async function servingRanges({ zk, log }: RaiseContext): Promise<readonly Descriptor[]> {
  const descriptors: Descriptor[] = [];
  for (const { name } of await readNamespaces(zk, log))
    for (const { descriptor } of await readRanges(zk, log, name))
      if (descriptor.state === 'serving') descriptors.push(descriptor);
  return descriptors.sort((a, b) => a.id - b.id);
}

// ---- what can be done ----------------------------------------------------------------------------------------------

interface RangeConflict {
  readonly descriptor: Descriptor;
  readonly decision: RaiseDecision;
}

function decideAll(
  views: readonly NodeView[],
  descriptors: readonly Descriptor[],
  statuses: readonly NodeStatus[],
  force: boolean,
): readonly RangeConflict[] {
  const nodes = knownNodes(views);
  const reports = byRange(statuses.map(reportOf));
  const unread = statuses.map((status) => ({ node: status.node, ranges: unreadRanges(status) }));
  return descriptors.flatMap((descriptor): readonly RangeConflict[] => {
    const decision = decideRaise(nodes, descriptor, reports, force);
    if (decision === null) return [];
    const early = unread.find(({ ranges }) => ranges.has(descriptor.id));
    if (early === undefined) return [{ descriptor, decision }];
    // The node's replica may belong to another range (R9). Then neither its epoch nor its log means anything here.
    const reason = `${nodes.nameOf(early.node)} has not read the descriptor yet: try again in a moment`;
    return [{ descriptor, decision: { kind: 'refused', epochSeen: decision.epochSeen, reason } }];
  });
}

function knownNodes(views: readonly NodeView[]): KnownNodes {
  const byId = new Map(views.map((view) => [view.id, view]));
  return {
    expected: views.flatMap(({ id, record, live }) => (live === null && record?.mode === 'gone' ? [] : [id])),
    sessionOf: (node) => byId.get(node)?.live?.session ?? null,
    nameOf: (node) => {
      const name = byId.get(node)?.record?.name ?? node;
      return name === node ? node : `${name} (${node})`;
    },
  };
}

function plannedOutcome({ descriptor, decision }: RangeConflict): RaisedRange {
  const { namespace, id: range, epoch } = descriptor;
  const { epochSeen, reason } = decision;
  const conflict = { namespace, range, epoch, epochSeen, reason };
  return decision.kind === 'begins'
    ? { ...conflict, node: decision.owner, outcome: 'would-begin' }
    : { ...conflict, node: null, outcome: 'refused' };
}

// ---- requests to the leader ----------------------------------------------------------------------------------------

interface LeaderAnswer {
  /** The outcome of a range of the task that has not begun again. */
  readonly outcome: 'refused' | 'unknown';
  readonly text: string;
}

/** Sends one task after the other. After a task that was not answered, it sends no more. */
async function askForAll(
  context: RaiseContext,
  tasks: readonly RaiseTask[],
  limits: CallLimits,
): Promise<ReadonlyMap<RangeId, LeaderAnswer>> {
  const answers = new Map<RangeId, LeaderAnswer>();
  let unanswered: string | null = null;
  for (const { ranges, request } of tasks) {
    throwIfAborted(limits.signal);
    const answer: LeaderAnswer =
      unanswered === null
        ? await askFor(context, request, limits)
        : { outcome: 'refused', text: `not asked for: ${unanswered}` };
    for (const range of ranges) answers.set(range, answer);
    if (answer.outcome === 'unknown') unanswered ??= answer.text;
  }
  return answers;
}

async function askFor(
  { zk, env }: RaiseContext,
  request: RaiseTask['request'],
  limits: CallLimits,
): Promise<LeaderAnswer> {
  try {
    return { outcome: 'refused', text: await askLeader(zk, env, request, limits) };
  } catch (error) {
    if (!(error instanceof RangekeeperError)) throw error;
    return { outcome: error.applied === 'unknown' ? 'unknown' : 'refused', text: error.message };
  }
}

function outcomeOf(
  conflict: RangeConflict,
  after: Descriptor | undefined,
  answer: LeaderAnswer | undefined,
): RaisedRange {
  const { decision } = conflict;
  const planned = plannedOutcome(conflict);
  if (decision.kind === 'refused' || answer === undefined) return planned;
  return after !== undefined && after.epoch >= decision.after.epoch
    ? { ...planned, node: after.owner.node, outcome: 'begun' }
    : { ...planned, node: null, outcome: answer.outcome, reason: answer.text };
}
