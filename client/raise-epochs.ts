// What an administrator does after ZooKeeper was restored to an older state: every live node is asked what its replicas have
// seen, and the leader is asked to begin the ranges that are in conflict again.
//
// What can be done is decided here first, by the function that the leader decides by, so that each range has its reason and
// nothing is asked for in vain. Only the leader's own decision counts. What came of it is read from ZooKeeper afterwards.

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
import { askLeader } from './admin.ts';
import type { NodeView } from './api.ts';
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
  /** Although not every node has reported. */
  readonly force: boolean;
  /** Decide, and ask for nothing. */
  readonly dryRun: boolean;
  /** How long the nodes may take to answer, and after that the leader for each task. */
  readonly deadlineMs: number;
}

/** Rejects with NO_CLUSTER while ZooKeeper is away: what the leader was asked for may then still be done. */
export async function raiseEpochs(context: RaiseContext, settings: RaiseSettings): Promise<RaisedEpochs> {
  const { force, dryRun, deadlineMs } = settings;
  const answers = await askNodes(context, deadlineMs);
  const told = [...answers.values()].filter((answer) => typeof answer !== 'string');
  const conflicts = decideAll(context.nodes, await servingRanges(context), told, force);
  const silent = silentNodes(context.nodes, conflicts, answers);
  const begins = conflicts.filter(({ decision }) => decision.kind === 'begins');
  if (dryRun || begins.length === 0) return { ranges: conflicts.map(decided), silent };
  const ranges = begins.map(({ descriptor }) => descriptor.id);
  const words = await askForAll(context, raiseTasks(ranges, told.map(reportOf), force), deadlineMs);
  const after = new Map((await servingRanges(context)).map((descriptor) => [descriptor.id, descriptor]));
  const outcomes = conflicts.map((conflict) => {
    const { id } = conflict.descriptor;
    return outcomeOf(conflict, after.get(id), words.get(id));
  });
  return { ranges: outcomes, silent };
}

// ---- what the nodes say --------------------------------------------------------------------------------------------

/** What each live node says of itself; a string: why it does not. */
type NodeAnswers = ReadonlyMap<NodeId, NodeStatus | string>;

async function askNodes({ env, peers, nodes }: RaiseContext, deadlineMs: number): Promise<NodeAnswers> {
  const deadline = env.now() + deadlineMs;
  const live = nodes.filter((view) => view.live !== null);
  return new Map(
    await Promise.all(live.map(async ({ id }) => [id, await statusOf(peers, id, deadline)] as const)),
  );
}

/** A string: why there is none. */
async function statusOf(peers: Peers, node: NodeId, deadline: number): Promise<NodeStatus | string> {
  try {
    const status = await askStatus(peers, node, deadline);
    return status.node === node ? status : `node ${status.node} answered in its place`;
  } catch (error) {
    if (!(error instanceof RangekeeperError)) throw error;
    return error.message;
  }
}

/** Those without whose report a range is refused. */
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

/** Of all namespaces, in order of ids. */
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
  told: readonly NodeStatus[],
  force: boolean,
): readonly RangeConflict[] {
  const nodes = knownNodes(views);
  const reports = byRange(told.map(reportOf));
  const unread = told.map((status) => ({ node: status.node, ranges: unreadRanges(status) }));
  return descriptors.flatMap((descriptor): readonly RangeConflict[] => {
    const decision = decideRaise(nodes, descriptor, reports, force);
    if (decision === null) return [];
    const early = unread.find(({ ranges }) => ranges.has(descriptor.id));
    if (early === undefined) return [{ descriptor, decision }];
    // Its replica may turn out to be of another range (R9). Then neither its epoch nor its log means anything here.
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

function decided({ descriptor, decision }: RangeConflict): RaisedRange {
  const { namespace, id: range, epoch } = descriptor;
  const { epochSeen, reason } = decision;
  const conflict = { namespace, range, epoch, epochSeen, reason };
  return decision.kind === 'begins'
    ? { ...conflict, node: decision.owner, outcome: 'would-begin' }
    : { ...conflict, node: null, outcome: 'refused' };
}

// ---- what is asked for ---------------------------------------------------------------------------------------------

interface LeaderAnswer {
  /** What became of a range of the task that has not begun again. */
  readonly outcome: 'refused' | 'unknown';
  readonly words: string;
}

/** One task after the other; after one that was not answered, none. */
async function askForAll(
  context: RaiseContext,
  tasks: readonly RaiseTask[],
  deadlineMs: number,
): Promise<ReadonlyMap<RangeId, LeaderAnswer>> {
  const answers = new Map<RangeId, LeaderAnswer>();
  let silence: string | null = null;
  for (const { ranges, request } of tasks) {
    const answer: LeaderAnswer =
      silence === null
        ? await askFor(context, request, deadlineMs)
        : { outcome: 'refused', words: `not asked for: ${silence}` };
    for (const range of ranges) answers.set(range, answer);
    if (answer.outcome === 'unknown') silence ??= answer.words;
  }
  return answers;
}

async function askFor(
  { zk, env }: RaiseContext,
  request: RaiseTask['request'],
  deadlineMs: number,
): Promise<LeaderAnswer> {
  try {
    return { outcome: 'refused', words: await askLeader(zk, env, request, deadlineMs) };
  } catch (error) {
    if (!(error instanceof RangekeeperError)) throw error;
    return { outcome: error.applied === 'unknown' ? 'unknown' : 'refused', words: error.message };
  }
}

function outcomeOf(
  conflict: RangeConflict,
  after: Descriptor | undefined,
  answer: LeaderAnswer | undefined,
): RaisedRange {
  const { decision } = conflict;
  const before = decided(conflict);
  if (decision.kind === 'refused' || answer === undefined) return before;
  return after !== undefined && after.epoch >= decision.after.epoch
    ? { ...before, node: after.owner.node, outcome: 'begun' }
    : { ...before, node: null, outcome: answer.outcome, reason: answer.words };
}
