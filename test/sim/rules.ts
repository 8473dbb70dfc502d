// The branches of rules R1 to R14 and S1 to S8, and the bounds of queues, that a campaign must reach. Each is identified by a place in the
// product, and rule-counters.ts reads from V8 how often that place ran. A place is a piece of code that occurs exactly once in its
// compiled file and ends inside the branch; spaces are ignored. With a second piece, `but`, the branch was taken as often as the
// first piece ran and the second, which follows it, did not.

export interface Place {
  readonly file: string;
  readonly text: string;
  readonly but?: string;
}

export interface Branch extends Place {
  /** The rule and what happens, for example `R5 a late member is removed`. */
  readonly name: string;
}

type Row = readonly [file: string, text: string, but?: string];

const REPLICA = 'kvnode/replica/replica';
const OWNERSHIP = 'kvnode/replica/ownership';
const FOLLOWER = 'kvnode/replica/follower';
const CHANGE = 'kvnode/replica/descriptor-change';
const TRACKER = 'kvnode/replica/progress-tracker';
const DUE = 'kvnode/replica/due';
const PENDING_ACK = 'kvnode/replica/pending-ack';
const SENDING = 'kvnode/replica/sending';
const STALENESS = 'kvnode/replica/staleness';
const NODE = 'kvnode/node';
const HOST = 'kvnode/range/range-host';
const SERVICE = 'kvnode/client-service';
const WRITER = 'kvnode/zk/descriptor-writer';
const SESSIONS = 'kvnode/range/dedupe/client-sessions';
const RECEIVER = 'kvnode/snapshot/receiver';
const SENDER = 'kvnode/snapshot/sender';
const SCRUB = 'kvnode/scrub/scrub';
const CHECKS = 'kvnode/scrub/range-checks';
const REBUILD = 'kvnode/scrub/rebuild';
const CHANNEL = 'common/net/channel';
const WRITE_CALL = 'client/write-call';
const REPLACER = 'kvnode/range/replacer';
const SESSIONS_MERGED = 'kvnode/range/dedupe/merged-sessions';
const REPLICAS = 'kvnode/replicas';
const STEPPER = 'kvnode/range/stepper';
const ENDED = 'kvnode/range/ended-ranges';
const RESHAPE = 'coordinator/plan/reshape';
const MEMBERSHIP = 'coordinator/plan/membership';
const PROMOTE = 'coordinator/plan/promote';
const COMMIT = 'coordinator/commit';
const GATHERED = 'common/zk/gathered';

const RULES: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  R1: {
    'an epoch is entered': [REPLICA, 'const entered = new Ownership('],
    'an epoch of a session before this one is not entered': [
      REPLICA,
      'owner.session === session',
      '&& owner.inc === this.inc',
    ],
    'an epoch is not entered twice': [
      REPLICA,
      '&& image.descriptor.epoch > this.#state.epochSeen',
      'const entered = new Ownership(',
    ],
    'an older image is ignored': [REPLICA, 'image.version < known.version) return;'],
    'a higher epoch in an image ends an ownership': [
      REPLICA,
      'return ownership.adopt(image, now); this.#stepDown();',
    ],
    'the end of a session ends an ownership': [REPLICA, "case 'session-ended': return this.#stepDown();"],
    'a higher epoch in an acknowledgement ends an ownership': [
      OWNERSHIP,
      'if (ack.epoch > this.epoch) return true;',
    ],
    'an ownership ends': [REPLICA, 'this.#lost = ownership.epoch;'],
  },
  R2: {
    'EpochStart is appended': [OWNERSHIP, 'state.append([epochStart('],
    'a read waits for EpochStart': [REPLICA, 'if (!ownership.acceptsReads', '|| this.#appliedSeq < '],
  },
  R3: {
    'an Append for another inc is ignored': [REPLICA, 'if (append.inc !== this.inc) return;'],
    'an Append of an epoch that is over is refused': [REPLICA, 'if (append.epoch < this.#state.epochSeen) {'],
    'epochSeen rises': [REPLICA, 'this.#state.raiseEpochSeen(epoch);'],
    'an acknowledgement waits until epochSeen is durable': [
      PENDING_ACK,
      '|| !this.#parts.state.epochSeenDurable',
    ],
    'prev is not in the log': [FOLLOWER, 'return { prevSeq: prev.seq,'],
    'an Append that ends before the log begins is ignored': [FOLLOWER, 'end < index.base.seq) return null;'],
    'entries that are in the log are skipped': [FOLLOWER, 'present++;'],
    'the log is truncated where epochs differ': [FOLLOWER, 'state.truncate(entry.seq - 1);'],
    'a probe has EpochStart with it': [SENDING, '? [epochStart(this.#start)]'],
    'the owner probes further back': [TRACKER, 'follower.becomeProbe(meeting);'],
    'the logs meet nowhere': [TRACKER, 'meeting.seq === rejection.prevSeq) { follower.becomeSnapshot();'],
    'a rejection of an older probe is ignored': [TRACKER, 'probeAt.seq !== rejection.prevSeq) return false;'],
    'a follower is probed again': [DUE, "now - probeSentAt < config.resendMs) return 'nothing';"],
    'the log no longer reaches back to a follower that is probed': [DUE, "? 'probe' : 'snapshot'"],
    'the log no longer reaches back to a follower in state stream': [DUE, "? 'entries' : 'snapshot'"],
    'the log has dropped what is in flight to a follower': [DUE, "? 'heartbeat' : 'snapshot'"],
    'a snapshot that failed is tried again': [DUE, "? 'nothing' : 'snapshot'"],
    'a void replica rejects an Append': [REPLICA, '? rejectVoid(append)'],
    'a snapshot of an epoch that is over is refused': [
      REPLICA,
      "if (epoch < this.#state.epochSeen) return 'refuse';",
    ],
    'a snapshot is not needed': [RECEIVER, "if (decision === 'have') return"],
    'a snapshot is installed': [RECEIVER, 'host.replica.installed(position);'],
    'a snapshot is overtaken by a new epoch': [RECEIVER, 'if (chunk.epoch !== host.replica.epochSeen) {'],
    'a chunk is received again': [RECEIVER, 'if (chunk.index < incoming.received) return'],
    'a chunk of a snapshot that is not known is refused': [RECEIVER, 'if (chunk.index !== 0) return'],
    'a chunk is received before its predecessor': [RECEIVER, 'if (chunk.index > incoming.received) return'],
    'chunks are sent again': [SENDER, 'if (timedOut)'],
    'a snapshot is refused': [SENDER, "transfer.outcome = 'refused';"],
  },
  R4: {
    'an acknowledgement commits': [OWNERSHIP, 'this.#state.commit(seq);'],
    'an acknowledgement commits nothing yet': [OWNERSHIP, 'if (seq <= this.#state.commitSeq) return;'],
    'a pending member counts': ['kvnode/replica/commit', '? [...inSync, pending.node]'],
    'writes in progress at the end of an ownership have an unknown outcome': [HOST, 'was in progress`;'],
  },
  R5: {
    'a late member is removed': [OWNERSHIP, '? `it acknowledged nothing for'],
    'a member whose session ended is removed': [OWNERSHIP, ": 'its session ended'"],
    'at m the range is read-only': [OWNERSHIP, 'this.#readOnlySince ??= now;'],
    'a write finds it read-only': [REPLICA, "return 'READ_ONLY';"],
    'an owner that was paused removes nobody': [
      OWNERSHIP,
      'const wasPaused = pausedMs >= this.#config.lagMs;',
      'this.#reviewInSync(now);',
    ],
    'an owner that commits nothing hands over': [
      OWNERSHIP,
      'this.#committedAt = now; this.handOver(null, now, true);',
    ],
    'a hand-over is delayed because the last one did not help': [
      'kvnode/replica/hand-over-backoff',
      'this.#reportedIn = epoch;',
    ],
  },
  R6: {
    'a learner that has everything is added': [
      OWNERSHIP,
      "this.#issue({ kind: 'expand', node: follower.node }",
    ],
    'a learner that lacks entries is not added': [
      OWNERSHIP,
      'this.#state.commitSeq, this.startSeq)) return;',
    ],
    'a learner that is not live, or is being retired, is not added': [
      OWNERSHIP,
      'descriptor.retire === follower.node) return;',
    ],
  },
  R7: {
    'a live owner stays': [PROMOTE, 'if (ownerIsLive(view, descriptor)) return;'],
    'a member is promoted': [PROMOTE, "{ change: 'promote',"],
    'the same node becomes owner again, in a new session': [
      PROMOTE,
      'if (candidate === owner.node) { return',
    ],
    'no member is live': [PROMOTE, 'if (candidate === undefined) return;'],
    'a promotion is decided on data that were read again': [
      'coordinator/reread',
      'const live = await readLive(session);',
    ],
  },
  R8: {
    'the node requests a hand-over': [REPLICA, "case 'hand-over': return"],
    'the leader requests a hand-over': [OWNERSHIP, 'this.handOver(transferTo, now);'],
    'nobody can take over': [OWNERSHIP, 'if (target === null || !this.#phase.isServing) return;'],
    'the transferee is not in-sync, not live, or about to stop': [
      OWNERSHIP,
      '!mayTakeOver(this.#live, target)) return;',
    ],
    'the transferee is unhealthy': [OWNERSHIP, 'if (this.#followers.get(target)?.unhealthy) return;'],
    'new writes wait': [
      REPLICA,
      'if (!ownership.acceptsWrites',
      '!ownership.acceptsWrites || !this.leaseValid()',
    ],
    'it waits until all writes in progress are committed': [
      'kvnode/replica/phase',
      'now - state.since < patienceMs) return null;',
    ],
    'the transferee has no session': [
      OWNERSHIP,
      'if (session === null || isHindered) return this.#phase.serve();',
    ],
    'reads end, and the descriptor is written': [OWNERSHIP, 'const isStuck = this.#phase.stop();'],
    'it took effect': [OWNERSHIP, "if (change.purpose.kind === 'hand-over') return true;"],
    'it did not, and the owner serves again': [OWNERSHIP, 'if (this.#phase.isStopped) this.#phase.serve();'],
  },
  R9: {
    'a replica is created from the descriptor': [REPLICAS, 'storage.createReplica('],
    'a replica is not created again at or below its tombstone': [
      'kvnode/range/new-replica',
      'inc <= tombstone.inc) {',
    ],
    'an Append hints at a replica': [
      NODE,
      'if (toFollower && (host === undefined || host.replica.inc < body.inc)) this.',
    ],
    'a replica is wiped': [REPLICAS, 'await storage.wipe(range);'],
    'the owner forgets a replica': [TRACKER, 'this.#followers.delete(node);'],
    'an acknowledgement of another inc does not count': [
      OWNERSHIP,
      'ack.inc !== follower.inc) return false;',
    ],
    'a replica gets an inc that its node can have': [MEMBERSHIP, "change: 'renumber-replica',"],
    'a replica is added': [MEMBERSHIP, "{ change: 'add-replica',"],
    'a retiring member is removed from the in-sync set': [OWNERSHIP, "'it is being retired')"],
    'a replica that has made way is removed': [MEMBERSHIP, 'node: retire, reason: `the replica on'],
    'a lost replica is removed': [MEMBERSHIP, 'node: outside,'],
    'a replica makes way': [MEMBERSHIP, "return { change: 'retire-replica',"],
    'a replica that was to make way is kept': [MEMBERSHIP, "{ change: 'keep-replica',"],
  },
  R10: {
    'a compare-and-set is done': [WRITER, "? 'done'"],
    'it is refused': [WRITER, "isFinal ? 'refused'"],
    'its outcome is unknown': [WRITER, "isFinal ? 'refused' : 'unknown'"],
    'operations in one multi with a refused one are sent again': [
      GATHERED,
      'commitParts(session, half, fence)',
    ],
    'an image settles it': [OWNERSHIP, 'if (this.#change?.settledBy(image)) { this.#change = null;'],
    'it is issued again': [CHANGE, "return [{ kind: 'read-image' }, write];"],
    'a second one waits': [
      OWNERSHIP,
      'this.#phase.isStopped || this.#phase.isSealed) return; const { descriptor } = this.#image;',
    ],
    "a leader's outcome is unknown": [COMMIT, "if (error.maybeApplied) return { kind: 'unknown',"],
    'a leader is overtaken': [COMMIT, "? { kind: 'refused', error }"],
    'an old leader is fenced': [COMMIT, ": { kind: 'fenced' }"],
  },
  R11: {
    'a read is linearizable': [REPLICA, "return 'NOT_READY'; return null;"],
    'a read is refused without a lease, or before the committed entries are applied': [
      REPLICA,
      'this.#appliedSeq < this.#state.commitSeq || !this.leaseValid()',
      "return 'NOT_READY'; return null;",
    ],
    'an owner echoes a stamp': [SENDING, 'this.#readsAllowed ? follower.stamp'],
    'an owner without a lease echoes none': [SENDING, 'this.#readsAllowed ? follower.stamp : null'],
    'an echo of an earlier process does not count': [STALENESS, 'age > now) return;'],
    'the newest echo is covered': [STALENESS, 'this.#newest.commitSeq <= seq) {'],
    'only an older echo is covered': [STALENESS, 'else if (this.#oldest.commitSeq <= seq) {'],
    'a position in an error counts as seen': [
      'client/call',
      'this.context.seen.note(this.route.descriptor.id, seq);',
    ],
    'a replica that is behind what its reader has seen refuses the read': [
      SERVICE,
      "return host.refusal('BEHIND', `the replica is at",
    ],
  },
  R12: {
    'a failed sync ends the process': ['kvnode/storage/log/shared-log', 'this.#failure = error;'],
    'damage sets the directory aside': [
      'kvnode/process/data-directory',
      'return startAnew(directory, error, options);',
    ],
    'an older copy of a directory is set aside': [
      'kvnode/zk/joining',
      'deps.storage = await deps.replace(deps.storage, error);',
    ],
    'the old id of a directory that was set aside is gone': [
      'kvnode/zk/former-nodes',
      "if (record.mode !== 'gone') await this.#mark(",
    ],
    'an id of another directory that was copied here is not marked': [
      'kvnode/zk/former-nodes',
      'if (!hasGeneration(lineage, generationCodec.decode(generation.data))) {',
    ],
    'a generation is raised in the directory, then in ZooKeeper': [
      'kvnode/zk/generation',
      'await session.multi([await this.zkOperation(session)]);',
    ],
    'the log waits for room on a full disk': ['kvnode/storage/log/segments', 'waits = true;'],
    'a node with an unhealthy disk owns nothing': ['kvnode/health/disk-watch', 'if (problem !== null) {'],
    'a disk is healthy again': ['kvnode/health/disk-watch', 'this.#problemAt >= config.diskRecoveryMs) {'],
  },
  R13: {
    'a repeated write gets the answer of the first': [SESSIONS, 'if (answer !== null) return answer;'],
    'a client that is not known may have been forgotten': [
      SESSIONS,
      "base < this.#evictedThrough ? 'forgotten'",
    ],
    'a number may have been forgotten': [SESSIONS, "base < session.floor ? 'forgotten'"],
    'the oldest client is forgotten': [SESSIONS, 'this.#evicted.push(oldest);'],
    'the same bytes are sent again': [WRITE_CALL, 'this.#inDoubt = true;'],
    'a first attempt with a forgotten number takes a newer base': [
      WRITE_CALL,
      'this.lastError = error; this.#endNumber();',
    ],
    'a write that waits at a deposed owner is sent to the next owner': [
      CHANNEL,
      "const error = this.#unanswered(id, reason, 'UNREACHABLE');",
    ],
    'a retry with a forgotten number ends': [
      WRITE_CALL,
      'if (this.#inDoubt || this.#write === null) { this.end(error);',
    ],
    'a snapshot carries the sessions': [SENDER, '? await reader.sessions()'],
  },
  R14: {
    'a condition does not hold': ['kvnode/range/apply', 'if (revision !== ifRevision) return'],
    'a condition holds': [
      'kvnode/range/apply',
      'if (revision !== ifRevision',
      "return { outcome: { kind: 'conflict',",
    ],
    'a conflict is reported after commit': [HOST, "new Failure('CONFLICT',"],
    'a repeated write changes nothing': ['kvnode/range/range-state', "if (known !== 'new') {"],
  },
  S1: {
    'a split is requested': [RESHAPE, "change: 'request-split',"],
    'a merge is requested': [RESHAPE, "change: 'request-merge',"],
    'a request is withdrawn': [RESHAPE, "change: 'withdraw-request',"],
    'a merge waits until its ranges have the same owner': [RESHAPE, "return 'they have different owners';"],
  },
  S2: {
    'ranges are sealed': [REPLACER, 'this.#attempts.add({ request,'],
    'writes that waited are proposed': [REPLACER, 'host.proposeHeld(env.now()); touched(host);'],
    'ranges are unsealed, and tried again later': [REPLACER, 'this.#failures.set(range,'],
  },
  S3: { 'the owner sends the multi': [REPLACER, 'void this.#send(attempt, attempt.multi);'] },
  S4: {
    'the multi took effect': [REPLACER, 'decided([...parents,'],
    'an outcome is unknown, and the parents are read': [REPLACER, 'readAgain(range); return; }'],
    'an image says that the multi took effect': [
      REPLACER,
      "if (state === 'replaced') this.#attempts.delete(attempt);",
    ],
    'the multi is sent again': [
      REPLACER,
      '- multi.sentAt < RESEND_MS) return; void this.#send(attempt, multi);',
    ],
  },
  S5: {
    'the owner of the children deletes the parents': [ENDED, 'this.#replaced.delete(replaced); void'],
    'a node takes itself out': [ENDED, 'withoutHolder(descriptor, [self])'],
    'the leader deletes what nobody holds': ['coordinator/plan/ended-ranges', "kind: 'delete-range',"],
    'the leader takes nodes out': ['coordinator/plan/ended-ranges', "change: 'take-out',"],
  },
  S6: {
    'a node steps': [STEPPER, 'this.#step(here, replacement, images);'],
    'a log that is not whole is wiped': [STEPPER, 'wipe(parent.host, children); return true;'],
    'a step waits until the log is synced and applied': [STEPPER, 'this.#isComplete(parent))) return false;'],
    'a start completes a step': ['kvnode/range/unsettled', 'for (const child of step.children) begun.set('],
  },
  S7: {
    'a replica waits for the one in its way': [REPLICAS, 'this.#blocked.set('],
    'an orphan of a range that has ended is wiped': [
      REPLICAS,
      'host.replica.epochSeen <= endedIn) void this.#wipe(host, []);',
    ],
  },
  S8: {
    'the child of a split gets the sessions': [SESSIONS_MERGED, 'others.length === 0) return only;'],
    'a batch that a split has parted gets its answer': [HOST, "if (known !== 'new') return this.#reply({"],
    'sessions of two parents are joined': [SESSIONS_MERGED, 'merged.add(mergedSession('],
  },
  Sessions: {
    'a session without answered heartbeats is given up': [
      'common/zk/session',
      'this.end(`no heartbeat answered',
    ],
    'an abandoned session is closed, over its last link and by id': [
      'common/zk/session',
      'const overLink = last.close(CLOSE_MS_MAX);',
    ],
    'a link without answers is parked': ['common/zk/session', "link.park('heartbeat unanswered');"],
    'a server that is slow to answer a handshake gets more time': [
      'common/zk/dialer',
      'if (handshake.slow) slow++;',
    ],
  },
  Scrub: {
    'all replicas are equal': [SCRUB, 'this.#sound++;'],
    'replicas differ': [SCRUB, 'this.#mismatches++;'],
    'a node learns that its replica is damaged': [SCRUB, "kind: 'damage-verdict',"],
    'an owner is outvoted': [SCRUB, 'if (node === self) return this.#rebuild.begin('],
    'a check stops waiting for a replica that does not answer': [
      CHECKS,
      'Number.POSITIVE_INFINITY)) { return this.#end(',
    ],
    'a check is given up': [CHECKS, '#giveUp(running) { this.#remove(running);'],
    'a node gives up its data': [REBUILD, 'storage.reportDamage(reason);'],
    'a node whose data others need waits': [REBUILD, 'if (blocker !== null) { await'],
    'the files of a state store are verified': [SCRUB, 'this.#stateBytes += bytes;'],
  },
  Bounds: {
    'a connection accepts no more bytes': [
      CHANNEL,
      'this.#outbox.queuedBytes >= this.#config.queuedBytesMax) return false;',
    ],
    'a request finds a connection full': [CHANNEL, "return new Failure('OVERLOADED', `too many requests"],
    'a request is refused because too many answers wait': [
      CHANNEL,
      "new Failure('OVERLOADED', 'too many requests on",
    ],
    'too many entries of a range wait': [REPLICA, "return 'OVERLOADED';"],
    'too many bytes of a range wait': [HOST, "return 'too much waits to commit';"],
    'too many bytes of all ranges wait': [
      HOST,
      "return 'too much waits to commit in all ranges of the node';",
    ],
    'a write finds the disk full': [HOST, `return "the owner's disk is full";`],
    'a write finds the state store behind': [HOST, "return 'the state store is behind';"],
    'a follower stops where its state store is behind': [HOST, 'this.replica.ownedEpoch === null) break;'],
    'a window to a follower is full': [
      DUE,
      'if (follower.next <= log.index.lastSeq && follower.hasRoom',
      '(config.inflightBytesMax)) { return logReaches(',
    ],
    'the entries of a stuck range are copied to newer segments': [
      'kvnode/storage/log/retention',
      'this.#carry(replica);',
    ],
  },
};

export const BRANCHES: readonly Branch[] = Object.entries(RULES).flatMap(([rule, rows]) =>
  Object.entries(rows).map(([what, [file, text, but]]) => ({
    name: `${rule} ${what}`,
    file: `${file}.js`,
    text,
    ...(but === undefined ? {} : { but }),
  })),
);

/**
 * Branches that only guard against the unforeseen. No campaign has to reach them, but a unit test does
 * (test/unit/sim/rules.test.ts). ZooKeeper never shows a process anything older than it has seen, nor a new session anything older
 * than the session's start, and a connection keeps its messages in order. Only a ZooKeeper restored from a backup older than those
 * of the simulator can lead to the last branch.
 */
export const GUARDS: readonly string[] = [
  'R1 an older image is ignored',
  'R9 a replica is not created again at or below its tombstone',
];
