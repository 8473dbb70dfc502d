// One-line breakages of the product, each of one rule of DESIGN.md: what the tests are worth shows in whether they find
// them (`npm run mutants`). `text` is found exactly once in `file`; a unit test sees to it, so the list cannot rot.

export interface Mutant {
  readonly name: string;
  /** What is broken. */
  readonly rule: string;
  readonly file: string;
  readonly text: string;
  readonly replacement: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'skip a sync',
    rule: 'section 5: a group counts once it is synced',
    file: 'kvnode/storage/log.ts',
    text: 'await synced;',
    replacement: 'void synced;',
  },
  {
    name: 'acknowledge before the sync',
    rule: 'R3: min(verified, synced)',
    file: 'kvnode/replica/log-state.ts',
    text: 'return Math.min(this.#verifiedSeq, this.#syncedSeq);',
    replacement: 'return this.#verifiedSeq;',
  },
  {
    name: 'acknowledge before the replica',
    rule: 'R4: every member has acknowledged',
    file: 'kvnode/replica/commit.ts',
    text: 'for (const ack of acked) seq = Math.min(seq, ack);',
    replacement: 'for (const ack of acked) seq = Math.max(seq, Math.min(seq, ack));',
  },
  {
    name: 'count a pending member late',
    rule: 'R6: its acknowledgement counts from when it is made pending',
    file: 'kvnode/replica/ownership.ts',
    text: "return pending?.kind === 'expand' && !inSync.includes(pending.node) ? [...inSync, pending.node] : inSync;",
    replacement: "return pending?.kind === 'expand' ? inSync : inSync;",
  },
  {
    name: 'shrink before the answer',
    rule: 'R4, R5: a removal counts once it is confirmed',
    file: 'kvnode/replica/ownership.ts',
    text: 'if (node !== this.#self) acked.push',
    replacement:
      "if (node !== this.#self && !(this.#change?.purpose.kind === 'shrink' && this.#change.purpose.node === node)) acked.push",
  },
  {
    name: 'take a lost answer for a yes',
    rule: 'R10: settled only by an image of a higher version',
    file: 'kvnode/replica/descriptor-change.ts',
    text: "return outcome === 'done';",
    replacement: "return outcome !== 'refused';",
  },
  {
    name: 'enter an epoch twice',
    rule: 'R1: only if epochSeen < E',
    file: 'kvnode/replica/replica.ts',
    text: 'epoch > this.#state.epochSeen\n',
    replacement: 'epoch >= this.#state.epochSeen\n',
  },
  {
    name: 'keep epochSeen in memory only',
    rule: 'R3: epochSeen is stored durably',
    file: 'kvnode/replica/log-state.ts',
    text: 'this.#log.setEpochSeen(epoch);',
    replacement: 'void this.#log;',
  },
  {
    name: 'acknowledge under an epochSeen that is not durable',
    rule: 'R3: stores epochSeen durably, then acknowledges',
    file: 'kvnode/replica/replica.ts',
    text: 'if (this.#answerTo === null || !this.#state.epochSeenDurable) return;',
    replacement: 'if (this.#answerTo === null) return;',
  },
  {
    name: 'keep what was verified in a new epoch',
    rule: 'R3: verified is 0 again when epochSeen rises',
    file: 'kvnode/replica/log-state.ts',
    text: '    this.#epochSeen = epoch;\n    this.#verifiedSeq = 0;',
    replacement: '    this.#epochSeen = epoch;',
  },
  {
    name: 'apply beyond verified',
    rule: 'R3: applies min(commitSeq, verified)',
    file: 'kvnode/replica/follower.ts',
    text: 'state.commit(Math.min(append.commitSeq, state.verifiedSeq));',
    replacement: 'state.commit(Math.min(append.commitSeq, state.index.lastSeq));',
  },
  {
    name: 'truncate on a late append',
    rule: 'R3: only at a seq where the epochs differ',
    file: 'kvnode/replica/follower.ts',
    text: 'if (fresh.length > 0) state.append(fresh);',
    replacement:
      'if (fresh.length > 0) state.append(fresh);\n  if (end < index.lastSeq) state.truncate(Math.max(end, state.commitSeq));',
  },
  {
    name: 'ignore inc',
    rule: "R9: what an earlier replica acknowledged is not the new one's",
    file: 'kvnode/replica/ownership.ts',
    text: 'follower === undefined || ack.inc !== follower.inc || ack.epoch < this.epoch',
    replacement: 'follower === undefined || ack.epoch < this.epoch',
  },
  {
    name: 'keep what is known of a replica whose inc changed',
    rule: 'R9: the owner resets what it knows',
    file: 'kvnode/replica/ownership.ts',
    text: 'if (node === this.#self || this.#followers.get(node)?.inc === inc) continue;',
    replacement: 'if (node === this.#self || this.#followers.has(node)) continue;',
  },
  {
    name: 'serve before EpochStart is committed',
    rule: 'R2, R11',
    file: 'kvnode/replica/ownership.ts',
    text: 'return this.#state.commitSeq >= this.startSeq;',
    replacement: 'return this.#state.commitSeq >= 0;',
  },
  {
    name: 'expand before EpochStart is acknowledged',
    rule: 'R6: at least max(commitSeq, seq of EpochStart)',
    file: 'kvnode/replica/ownership.ts',
    text: 'if (follower.acked < Math.max(this.#state.commitSeq, this.startSeq)) return;',
    replacement: 'if (follower.acked < this.#state.commitSeq) return;',
  },
  {
    name: 'ignore the lease',
    rule: 'R11: lease valid, checked after the read',
    file: 'kvnode/replica/replica.ts',
    text: 'this.#appliedSeq < this.#state.commitSeq || !this.#leaseValid())\n      return',
    replacement: 'this.#appliedSeq < this.#state.commitSeq)\n      return',
  },
  {
    name: 'vouch for freshness without a lease',
    rule: 'R11: a stamp is echoed only under a valid lease',
    file: 'kvnode/replica/sending.ts',
    text: 'const echo = mayVouch ? follower.stamp : null;',
    replacement: 'const echo = mayVouch ? follower.stamp : follower.stamp;',
  },
  {
    name: 'serve reads while the hand-over is out',
    rule: 'R8: the owner stops serving first',
    file: 'kvnode/replica/ownership.ts',
    text: "return this.#phase.kind !== 'stopped' && this.started;",
    replacement: 'return this.started;',
  },
  {
    name: 'promote past a live owner',
    rule: 'R7: only if the owner has no live znode',
    file: 'coordinator/plan/promote.ts',
    text: 'if (ownerIsLive(view, descriptor)) return;',
    replacement: 'if (ownerIsLive(view, descriptor) && descriptor.transferTo === null) return;',
  },
  {
    name: 'apply a write whose condition does not hold',
    rule: 'R14: all conditions hold, or nothing changes',
    file: 'kvnode/apply.ts',
    text: 'if (revision !== ifRevision) return',
    replacement: 'if (revision < ifRevision) return',
  },
  {
    name: 'retry without the request number',
    rule: 'R13: the same bytes are sent again',
    file: 'common/client/write-call.ts',
    text: 'if (this.inDoubt || this.number(',
    replacement: 'if (this.number(',
  },
  {
    name: 'snapshot without client sessions',
    rule: 'R13: the answers are in snapshots',
    file: 'kvnode/snapshot-sender.ts',
    text: 'following === null ? await reader.sessions() : []',
    replacement: 'following === null ? [] : []',
  },
  {
    name: 'trust a watch without a re-read',
    rule: 'section 3: a watch is a hint, never the truth',
    file: 'common/zk/observers.ts',
    text: "if (this.#state === 'running') this.#state = 'running-dirty';",
    replacement: "if (this.#state === 'running') return;",
  },
  {
    name: 'delete what was to be carried',
    rule: 'section 5: a segment goes once all that it holds is applied, or stands elsewhere',
    file: 'kvnode/storage/retention.ts',
    text: 'first >= synced || first >= applied',
    replacement: 'first >= synced',
  },
  {
    name: 'use the sessions of another cluster',
    rule: 'R9: a node refuses a cluster id other than its own',
    file: 'kvnode/membership.ts',
    text: '!session.ended && storage.clusterId !== null;',
    replacement: "!session.ended && storage.clusterId === '';",
  },
  {
    name: 'let a client go back in time',
    rule: 'section 7: stale reads carry the highest seq seen',
    file: 'common/client/hedged-read.ts',
    text: "mode === 'stale' ? context.seen.of(descriptor) : 0",
    replacement: "mode === 'stale' ? 0 : 0",
  },
];
