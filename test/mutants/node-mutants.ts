// Breakages of a node around its replicas.

import type { Mutant } from './mutant.ts';

export const NODE_MUTANTS: readonly Mutant[] = [
  {
    name: 'take a lost multi for done',
    rule: 'R10: an outcome that is not known is never guessed',
    file: 'kvnode/zk/descriptor-writer.ts',
    text: "return kind === 'refused' && isFinal ? 'refused' : 'unknown';",
    replacement:
      "return kind === 'refused' && isFinal ? 'refused' : error.maybeApplied ? 'done' : 'unknown';",
  },
  {
    name: 'apply a write whose condition does not hold',
    rule: 'R14: all conditions hold, or nothing changes',
    file: 'kvnode/range/apply.ts',
    text: 'if (revision !== ifRevision) return',
    replacement: 'if (revision < ifRevision) return',
  },
  {
    name: 'snapshot without client sessions',
    rule: 'R13: the answers are in snapshots',
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
    rule: 'section 9, --memory: the parts add up to what was given',
    file: 'kvnode/process/memory.ts',
    text: 'const t = Math.min(1, (bytes - MEMORY_BYTES_MIN) / (MEMORY_BYTES_MAX - MEMORY_BYTES_MIN));',
    replacement: 'const t = 1;',
  },
  {
    name: 'call a lagging replica stuck at once',
    rule: 'reports: only what catches up with nothing for a while is stuck',
    file: 'kvnode/health/stuck-replicas.ts',
    text: '|| now - progressAt < STUCK_MS) continue;',
    replacement: ') continue;',
  },
  {
    name: 'forget the snapshot of a lagging replica',
    rule: 'reports: a snapshot on its way is progress',
    file: 'kvnode/health/stuck-replicas.ts',
    text: 'Math.max(since, snapshots.progressAt(range, node) ?? since)',
    replacement: 'since',
  },
  {
    name: 'call a node unreachable after a single check',
    rule: 'reports: only what lasts is reported',
    file: 'kvnode/health/peer-watch.ts',
    text: 'failed >= CHECKS_UNTIL_UNREACHABLE ? [node] : []',
    replacement: 'failed > 0 ? [node] : []',
  },
  {
    name: 'report at every check',
    rule: 'reports: written at most every few seconds',
    file: 'kvnode/health/health-report.ts',
    text: 'this.#pause = CHECKS_BETWEEN_WRITES;',
    replacement: 'this.#pause = 0;',
  },
  {
    name: 'be ready without serving anything owned',
    rule: '/readyz: no while none of the owned ranges is served',
    file: 'kvnode/health/readiness.ts',
    text: 'if (owned > 0 && served === 0)',
    replacement: 'if (owned > 0 && served < 0)',
  },
  {
    name: 'tell a conflict without where it was decided',
    rule: 'section 7, R14: every answer that shows something says where',
    file: 'kvnode/range/range-host.ts',
    text: '{ revision, seq });',
    replacement: '{ revision });',
  },
  {
    name: 'apply a whole backlog in one turn',
    rule: 'a follower that catches up acknowledges and answers meanwhile',
    file: 'kvnode/turn.ts',
    text: 'bytesLeft -= host.applyReady(ready, now, bytesLeft);',
    replacement: 'bytesLeft -= host.applyReady(ready, now, Number.POSITIVE_INFINITY);',
  },
];
