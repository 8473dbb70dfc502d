// Mutants of a node, outside of replication and storage.

import type { Mutant } from './mutant.ts';

export const NODE_MUTANTS: readonly Mutant[] = [
  {
    name: 'take a lost multi for done',
    rule: 'R10: an unknown outcome is never guessed',
    file: 'kvnode/zk/descriptor-writer.ts',
    text: "return kind === 'refused' && isFinal ? 'refused' : 'unknown';",
    replacement:
      "return kind === 'refused' && isFinal ? 'refused' : error.maybeApplied ? 'done' : 'unknown';",
  },
  {
    name: 'apply a write whose condition is not met',
    rule: 'R14: all conditions are met, or nothing changes',
    file: 'kvnode/range/apply.ts',
    text: 'if (revision !== ifRevision)',
    replacement: 'if (revision < ifRevision)',
  },
  {
    name: 'send a snapshot without client sessions',
    rule: 'R13: snapshots contain the answers to clients',
    file: 'kvnode/snapshot/sender.ts',
    text: 'following === null ? await reader.sessions() : []',
    replacement: 'following === null ? [] : []',
  },
  {
    name: 'use the sessions of another cluster',
    rule: 'R9: a node refuses a cluster id other than its own',
    file: 'kvnode/zk/cluster-membership.ts',
    text: '!session.ended && storage.clusterId !== null;',
    replacement: "!session.ended && storage.clusterId === '';",
  },
  {
    name: 'give every node the limits of a large one',
    rule: '--memory: the parts add up to the given size',
    file: 'kvnode/process/memory.ts',
    text: 'const t = Math.min(1, (bytes - MEMORY_BYTES_MIN) / (MEMORY_BYTES_MAX - MEMORY_BYTES_MIN));',
    replacement: 'const t = 1;',
  },
  {
    name: 'call a lagging replica stuck at once',
    rule: 'reports: a replica is stuck only after some time without progress',
    file: 'kvnode/health/stuck-replicas.ts',
    text: '|| now - progressAt < STUCK_MS) continue;',
    replacement: ') continue;',
  },
  {
    name: 'ignore the snapshot that a lagging replica receives',
    rule: 'reports: a snapshot that is being sent is progress',
    file: 'kvnode/health/stuck-replicas.ts',
    text: 'Math.max(since, snapshots.progressAt(range, node) ?? since)',
    replacement: 'since',
  },
  {
    name: 'call a node unreachable after a single check',
    rule: 'reports: a node is unreachable only after several checks',
    file: 'kvnode/health/peer-watch.ts',
    text: 'failed >= CHECKS_UNTIL_UNREACHABLE ? [node] : []',
    replacement: 'failed > 0 ? [node] : []',
  },
  {
    name: 'report at every check',
    rule: 'reports: a report is written at most every few seconds',
    file: 'kvnode/zk/own-report.ts',
    text: 'this.#checks = 0;',
    replacement: 'this.#checks = checksBetweenWrites;',
  },
  {
    name: 'be ready without serving any owned range',
    rule: '/readyz: a node is not ready while it serves none of its owned ranges',
    file: 'kvnode/health/readiness.ts',
    text: 'if (owned > 0 && served === 0)',
    replacement: 'if (owned > 0 && served < 0)',
  },
  {
    name: 'report a conflict without its position',
    rule: 'R14: every answer that shows a state has the position of that state',
    file: 'kvnode/range/range-host.ts',
    text: '{ revision, seq, ...',
    replacement: '{ revision, ...',
  },
  {
    name: 'apply all waiting entries in one turn',
    rule: 'a follower that catches up goes on acknowledging and answering',
    file: 'kvnode/turn.ts',
    text: 'bytesLeft -= host.applyReady(ready, now, bytesLeft);',
    replacement: 'bytesLeft -= host.applyReady(ready, now, Number.POSITIVE_INFINITY);',
  },
];
