// The feed of a cluster in memory at a given time, for tests of what the page computes from it.

import type { FeedState } from '../../webserver/feed.ts';
import { feedState, type StatusReport } from '../../webserver/page-state.ts';
import { type MemoryCluster, NODES } from './memory-cluster.ts';

/** For how long a silent node has been silent: somewhat less than the webserver waits for an answer. */
const SILENT_MS = 800;

/** @param before the state before, which knows since when something lasts */
export async function feedOf(
  cluster: MemoryCluster,
  now: number,
  before: FeedState | null = null,
): Promise<FeedState> {
  const reports = new Map<string, StatusReport>();
  for (const node of NODES) {
    try {
      const status = await cluster.client.nodeStatus(node);
      reports.set(node, { kind: 'reported', status, leaseRenewedAt: null });
    } catch {
      reports.set(node, { kind: 'silent', since: now - SILENT_MS });
    }
  }
  return feedState({ view: cluster.view, reports, before, now, namespace: 'default' });
}
