// The request `raise-epochs`: which ranges begin again, and at which replica, is decided in common/model/raise-epochs.ts, by
// what the nodes reported and what the leader sees now.

import { byRange, decideRaise, type KnownNodes, type Reports } from '../../common/model/raise-epochs.ts';
import type { NodeReport, ReplicaReport } from '../../common/model/records.ts';
import { type ClusterView, nameOf } from '../cluster-view.ts';
import type { PlanBuilder } from './plan-builder.ts';

export interface Raise {
  readonly raised: number;
  /** A sentence for each range that cannot be raised. */
  readonly refused: readonly string[];
  /** Something else changes a range first. */
  readonly waits: boolean;
}

/**
 * What a client wrote, checked; a string: what is wrong with it. A report counts while the session lives in which the node made
 * it: a restored ZooKeeper may hold an old request, with reports from before the time to which it was restored.
 */
export function checkedReports(view: ClusterView, reports: readonly NodeReport[]): Reports | string {
  if (!Array.isArray(reports)) return 'the request has no reports';
  if (!reports.every(isNodeReport)) return 'a report is incomplete';
  const old = reports.filter(({ node, session }) => view.live.get(node)?.session !== session);
  if (old.length === 0) return byRange(reports);
  return `${old.map(({ node }) => nameOf(view, node)).join(', ')}: restarted or gone since the report; ask again`;
}

function isNodeReport(value: unknown): value is NodeReport {
  const { node, session, replicas } = Object(value);
  if (session !== null && typeof session !== 'string') return false;
  return typeof node === 'string' && Array.isArray(replicas) && replicas.every(isReport);
}

function isReport(value: unknown): value is ReplicaReport {
  const { range, inc, epochSeen, lastEpoch, lastSeq, role } = Object(value);
  const numbers = [range, inc, epochSeen, lastEpoch, lastSeq];
  return (
    numbers.every((number) => Number.isSafeInteger(number) && number >= 0) &&
    (role === 'owner' || role === 'holds' || role === 'void')
  );
}

export function planRaise(builder: PlanBuilder, reports: Reports, force: boolean): Raise {
  const nodes = nodesIn(builder.view);
  const refused: string[] = [];
  let raised = 0;
  let waits = false;
  for (const image of builder.view.ranges) {
    const { id, epoch } = image.descriptor;
    const decided = decideRaise(nodes, image.descriptor, reports, force);
    if (decided === null) continue;
    if (builder.isTouched(id)) {
      waits = true;
    } else if (decided.kind === 'refused') {
      refused.push(`range ${id}: ${decided.reason}`);
    } else {
      raised++;
      const why = `ZooKeeper was restored to epoch ${epoch}, and an administrator asks for it`;
      const reason = `range ${id}: begins again ${decided.reason}: ${why}`;
      builder.change(image, decided.after, { change: 'raise-epoch', node: decided.owner, reason });
    }
  }
  return { raised, refused, waits };
}

function nodesIn(view: ClusterView): KnownNodes {
  const registered = [...view.nodes.values()].filter(({ record }) => record.mode !== 'gone');
  return {
    expected: [...registered.map(({ record }) => record.id), ...view.live.keys()],
    sessionOf: (node) => view.live.get(node)?.session ?? null,
    nameOf: (node) => nameOf(view, node),
  };
}
