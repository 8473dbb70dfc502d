// Puts together what a node reports about itself (the request `status`).

import type { Env } from '../common/base/env.ts';
import type { NodeStatus } from '../common/model/status.ts';
import type { ZkSession } from '../common/zk/store.ts';
import type { RangeHost } from './range/range-host.ts';
import type { Storage } from './storage/storage.ts';

export interface StatusParts
  extends Pick<NodeStatus, 'node' | 'version' | 'startedAt' | 'unreachable' | 'unhealthy'> {
  readonly env: Env;
  readonly session: ZkSession | null;
  readonly hosts: Iterable<RangeHost>;
  readonly storage: Storage;
}

export function nodeStatus({ env, session, hosts, storage, ...own }: StatusParts): NodeStatus {
  const now = env.now();
  const toUnixMs = (at: number): number => env.wallNow() - (now - at);
  const all = [...hosts];
  return {
    ...own,
    session: session?.id ?? null,
    leaseMs: Math.max(0, (session?.leaseUntil() ?? 0) - now),
    replicas: all.map((host) => host.status(now, toUnixMs)),
    orphans: all.filter(({ orphan, foreign }) => orphan || foreign !== null).map(({ range }) => range),
    logBytes: storage.stats.logBytes,
    memoryBytes: process.memoryUsage.rss(),
  };
}
