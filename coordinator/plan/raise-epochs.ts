// After ZooKeeper was restored to an older state, on an administrator's word: a range whose replicas have seen a higher epoch
// than its descriptor's has no owner and never gets one (R1). It begins again above every epoch that was reported.
//
// Which replica begins? Not one of the descriptor's in-sync set for its own sake: that set is old, and may name replicas that
// were removed later and lack acknowledged writes. Of all replicas that were reported the one with the highest last (epoch,
// seq): whoever appended in an epoch held all that was acknowledged before it, and in one epoch all logs are prefixes of the
// owner's. So that one holds every acknowledged write, provided that one of the last in-sync set is among those that reported.
// The leader cannot know that set. It therefore asks for a report of every node that ZooKeeper names, which `force` waives.
//
// R1, R7: nobody may own the present epoch meanwhile. Its owner's session has ended, or its replica has seen an epoch at or
// above it without owning it, and so never enters it.

import {
  type Descriptor,
  type DescriptorImage,
  incOf,
  type Standing,
  withStanding,
} from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { NodeReport, ReplicaReport } from '../../common/model/records.ts';
import { nameOf, ownerIsLive, type View } from '../cluster-view.ts';
import type { Draft } from './draft.ts';

type Reports = ReadonlyMap<NodeId, ReadonlyMap<RangeId, ReplicaReport>>;

export interface Raise {
  readonly raised: number;
  /** A sentence for each range that cannot be raised. */
  readonly refused: readonly string[];
  /** Something else changes a range first. */
  readonly waits: boolean;
}

/** What a client wrote, checked; a string: what is wrong with it. */
export function checkedReports(reports: readonly NodeReport[]): Reports | string {
  if (!Array.isArray(reports)) return 'the request has no reports';
  const checked = new Map<NodeId, ReadonlyMap<RangeId, ReplicaReport>>();
  for (const report of reports) {
    const { node, replicas } = Object(report) as NodeReport;
    if (typeof node !== 'string' || !Array.isArray(replicas) || !replicas.every(isReport))
      return 'a report is not whole';
    checked.set(node, new Map(replicas.map((replica) => [replica.range, replica])));
  }
  return checked;
}

function isReport(value: unknown): value is ReplicaReport {
  const { range, inc, epochSeen, lastEpoch, lastSeq, role } = Object(value);
  const numbers = [range, inc, epochSeen, lastEpoch, lastSeq];
  return (
    numbers.every((number) => Number.isSafeInteger(number) && number >= 0) &&
    (role === 'owner' || role === 'holds' || role === 'void')
  );
}

export function planRaise(draft: Draft, reports: Reports, force: boolean): Raise {
  const refused: string[] = [];
  let raised = 0;
  let waits = false;
  for (const image of draft.view.ranges) {
    const { descriptor } = image;
    const { id, epoch } = descriptor;
    const seen = highestSeen(reports, descriptor);
    if (seen <= epoch) continue;
    if (draft.isTouched(id)) {
      waits = true;
      continue;
    }
    const decided = decide(draft.view, image, reports, { seen, force });
    if (typeof decided === 'string') {
      refused.push(`range ${id}: ${decided}`);
      continue;
    }
    raised++;
    draft.change(image, decided.after, {
      change: 'raise-epoch',
      node: decided.owner,
      reason: decided.reason,
    });
  }
  return { raised, refused, waits };
}

function highestSeen(reports: Reports, { id }: Descriptor): number {
  return Math.max(0, ...[...reports.values()].map((replicas) => replicas.get(id)?.epochSeen ?? 0));
}

interface Decided {
  readonly after: Descriptor;
  readonly owner: NodeId;
  readonly reason: string;
}

function decide(
  view: View,
  { descriptor }: DescriptorImage,
  reports: Reports,
  { seen, force }: { readonly seen: number; readonly force: boolean },
): Decided | string {
  const silent = force ? [] : silentNodes(view, descriptor, reports);
  if (silent.length > 0)
    return `no report of ${silent.map((node) => nameOf(view, node)).join(', ')}, which may hold what others lack`;
  if (mayServe(view, descriptor, reports))
    return `${nameOf(view, descriptor.owner.node)} may own it in epoch ${descriptor.epoch}: restart that node first`;
  const replicas = replicasOf(descriptor, reports);
  const whole = replicas.flatMap(({ node }) => {
    const report = reports.get(node)?.get(descriptor.id);
    return report === undefined || report.role === 'void' ? [] : [{ node, report }];
  });
  const newest = whole.reduce<ReplicaReport | null>(
    (best, { report }) => (best === null || comparePlaces(report, best) > 0 ? report : best),
    null,
  );
  if (newest === null) return 'no replica with data has reported';
  const inSync = whole.filter(({ report }) => comparePlaces(report, newest) === 0).map(({ node }) => node);
  const owner = inSync.find((node) => view.live.has(node));
  const session = owner === undefined ? undefined : view.live.get(owner)?.session;
  if (owner === undefined || session === undefined)
    return `${nameOf(view, inSync[0] ?? '')} holds most and is not live`;
  const standing: Standing = { epoch: seen + 1, replicas, inSync, owner };
  const place = `${newest.lastEpoch}/${newest.lastSeq}`;
  const reason =
    `range ${descriptor.id}: begins again in epoch ${seen + 1} at ${nameOf(view, owner)}, whose log ends at ${place}: ` +
    `ZooKeeper was restored to epoch ${descriptor.epoch}, and an administrator asks for it`;
  return { after: withStanding(descriptor, standing, session), owner, reason };
}

/** Nodes that are known and not gone, and have not reported. */
function silentNodes(view: View, { replicas }: Descriptor, reports: Reports): readonly NodeId[] {
  const known = new Set<NodeId>(replicas.map(({ node }) => node));
  for (const [node, { record }] of view.nodes) if (record.mode !== 'gone') known.add(node);
  return [...known].filter((node) => !reports.has(node)).sort();
}

/** Whether the owner that the descriptor names may serve, or come to serve, in its epoch. */
function mayServe(view: View, descriptor: Descriptor, reports: Reports): boolean {
  if (!ownerIsLive(view, descriptor)) return false;
  const report = reports.get(descriptor.owner.node)?.get(descriptor.id);
  return report === undefined || report.role === 'owner' || report.epochSeen < descriptor.epoch;
}

/**
 * Of a node that reported: the replica that it has, where the descriptor names it or it was added after the descriptor's
 * time. Of one that did not: what the descriptor says; it catches up as a learner.
 */
function replicasOf(descriptor: Descriptor, reports: Reports): Descriptor['replicas'] {
  const replicas = descriptor.replicas.filter(({ node }) => !reports.has(node));
  for (const [node, ofNode] of reports) {
    const inc = ofNode.get(descriptor.id)?.inc;
    if (inc !== undefined && (inc === incOf(descriptor, node) || inc >= descriptor.nextInc))
      replicas.push({ node, inc });
  }
  return replicas;
}

function comparePlaces(a: ReplicaReport, b: ReplicaReport): number {
  return a.lastEpoch - b.lastEpoch || a.lastSeq - b.lastSeq;
}
