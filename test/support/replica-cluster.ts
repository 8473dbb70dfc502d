// Three replicas of one range without a network, a disk or ZooKeeper. Messages, syncs and changes of the descriptor wait until the
// test executes them. A random walk executes them in any order, loses and repeats them, crashes nodes, which lose what was not
// synced, ends sessions, and checks after every step what docs/replication.md promises.

import { assert } from '../../common/base/assert.ts';
import { DEFAULT_REPLICATION } from '../../common/model/config.ts';
import {
  type Descriptor,
  type DescriptorImage,
  FRESH_RANGE,
  incOf,
  isInSync,
  withOwner,
  withoutReplica,
  withReplica,
} from '../../common/model/descriptor.ts';
import { type Inc, type NodeId, origin, type Seq, type SessionId } from '../../common/model/ids.ts';
import type { Standing } from '../../common/model/records.ts';
import { Replica } from '../../kvnode/replica/replica.ts';
import type {
  AppendMessage,
  Conflict,
  Intent,
  LiveStandings,
  Outgoing,
  Ready,
  ReplicaEvent,
} from '../../kvnode/replica/replica-messages.ts';
import { ENTRY_KINDS } from '../../kvnode/storage/storage.ts';
import { MemoryLog } from './memory-log.ts';

export const NODES = ['a', 'b', 'c'] as const;
export type NodeName = (typeof NODES)[number];

interface Member {
  readonly id: NodeId;
  /** The inc of the replica here, or of the last one (as its tombstone has it). */
  inc: Inc;
  /** The replica was removed and wiped. */
  absent: boolean;
  log: MemoryLog;
  replica: Replica;
  /** Null: down. */
  session: SessionId | null;
  /** The last group that is on disk. */
  syncedGroup: number;
  applied: Seq;
}

interface Mail extends Outgoing {
  readonly from: NodeId;
}

interface PendingCas {
  readonly from: NodeId;
  readonly session: SessionId;
  readonly intent: Intent & { kind: 'compare-and-set' };
}

export class ReplicaCluster {
  now = 1_000;
  readonly members = new Map<NodeId, Member>();
  mail: Mail[] = [];
  casInFlight: PendingCas[] = [];
  /** The member that is cut off from the others and from ZooKeeper; null: none. */
  cutOff: NodeId | null = null;
  /** The standing of each member that is about to leave or stop. */
  readonly standings = new Map<NodeId, Standing>();
  /** The others do not know the standings yet. A member that reads a live znode still sees its standing. */
  standingsUnseen = false;
  /** The reports of owners that commit nothing. */
  readonly stuck: (Intent & { kind: 'report-stuck' })[] = [];
  /** Members whose disk is unhealthy. */
  readonly unhealthy = new Set<NodeId>();
  /** The conflicts that members reported. */
  readonly reports: { readonly by: NodeId; readonly conflict: Conflict }[] = [];
  /** Writes acknowledged to clients: seq → payload. */
  readonly acknowledged = new Map<Seq, string>();
  /** The longest committed log ever seen, as epoch/payload. */
  readonly committed: string[] = [];
  #descriptor: Descriptor;
  #version = 0;
  readonly #history: DescriptorImage[] = [];
  readonly #liveSessions = new Set<SessionId>();
  readonly #holders = new Map<SessionId, NodeId>();
  /** Epoch, inc and commitSeq of the last Append from one member to another, by `from to to`. */
  readonly #lastTerms = new Map<string, string>();
  #sessions = 0;
  #payloads = 0;

  constructor(minInSync = 2) {
    const sessions = new Map<NodeId, SessionId>(NODES.map((id) => [id, this.#newSession(id)]));
    this.#descriptor = {
      namespace: 'default',
      namespaceId: 1,
      id: 1,
      start: new Uint8Array(0),
      end: null,
      epoch: 1,
      owner: { node: 'a', inc: 1, session: sessions.get('a') ?? '' },
      replicas: NODES.map((node, at) => ({ node, inc: at + 1 })),
      inSync: [...NODES],
      minInSync,
      state: 'serving',
      nextInc: 4,
      ...FRESH_RANGE,
      base: origin,
      transferTo: null,
      retire: null,
    };
    this.#history.push({ descriptor: this.#descriptor, version: 0 });
    for (const { node: id, inc } of this.#descriptor.replicas) {
      const log = new MemoryLog();
      const member: Member = {
        id,
        inc,
        absent: false,
        log,
        replica: this.#makeReplica(id, inc, log, 0),
        session: sessions.get(id) ?? null,
        syncedGroup: 0,
        applied: 0,
      };
      this.members.set(id, member);
    }
    for (const id of NODES) this.readDescriptor(id);
  }

  get descriptor(): Descriptor {
    return this.#descriptor;
  }

  member(id: NodeId): Member {
    const member = this.members.get(id);
    assert(member !== undefined, `no member ${id}`);
    return member;
  }

  // ---- actions -----------------------------------------------------------------------------------------------------

  readDescriptor(id: NodeId, age = 0): void {
    const image = this.#history[Math.max(0, this.#history.length - 1 - age)];
    assert(image !== undefined, 'there is an image');
    const { session } = this.member(id);
    if (this.cutOff === id || session === null) return;
    this.#adoptMembership(this.member(id), image.descriptor);
    this.step(id, { kind: 'live', nodes: this.#liveNodes() });
    this.step(id, { kind: 'image', image, session });
  }

  /** Proposes a write. Returns the seq at which it was appended, or the refusal. */
  write(id: NodeId): Seq | string {
    const { replica, absent } = this.member(id);
    if (absent) return 'NOT_OWNER';
    const payload = new TextEncoder().encode(`w${++this.#payloads}`);
    const seq = replica.propose(replica.ownedEpoch ?? 0, ENTRY_KINDS.operation, payload, this.now);
    this.#take(id);
    return seq;
  }

  /** Closes the gathering group, which is then written to disk. Later records belong to the next group. */
  seal(id: NodeId): void {
    this.member(id).log.seal();
  }

  /** Completes the sync of the oldest group that is being written. */
  sync(id: NodeId): void {
    const member = this.member(id);
    if (member.syncedGroup + 1 >= member.log.gathering) return;
    member.syncedGroup++;
    this.step(id, { kind: 'synced', group: member.syncedGroup });
  }

  syncAll(id: NodeId): void {
    this.seal(id);
    while (this.member(id).syncedGroup + 1 < this.member(id).log.gathering) this.sync(id);
  }

  deliver(at: number, options: { readonly keep?: boolean } = {}): void {
    const mail = this.mail[at];
    if (mail === undefined) return;
    if (options.keep !== true) this.mail.splice(at, 1);
    const { from, to, message } = mail;
    if (this.member(to).session === null || this.cutOff === from || this.cutOff === to) return;
    if (message.kind === 'append') this.step(to, { kind: 'append', from, message });
    else this.step(to, { kind: 'append-ack', from, message });
  }

  /** ZooKeeper executes a compare-and-set. @param isAnswered false: the answer is lost */
  applyCas(at: number, isAnswered: boolean): void {
    const [cas] = this.casInFlight.splice(at, 1);
    if (cas === undefined) return;
    const { next, expected } = cas.intent;
    const wins = this.#version === expected;
    if (wins) this.#install(next);
    const member = this.member(cas.from);
    if (member.session !== cas.session) return;
    const outcome = !isAnswered || this.cutOff === cas.from ? 'unknown' : wins ? 'done' : 'refused';
    this.step(cas.from, { kind: 'cas-outcome', expected, outcome });
    if (outcome === 'refused') this.readDescriptor(cas.from);
  }

  tick(ms: number): void {
    this.now += ms;
    for (const id of this.members.keys())
      this.step(id, { kind: 'tick', heartbeatMs: DEFAULT_REPLICATION.heartbeatMs, pausedMs: ms });
  }

  /** Crashes a member, which loses everything after its last sync. Its session lives until it expires. */
  crash(id: NodeId): void {
    this.member(id).session = null;
  }

  restart(id: NodeId): void {
    const member = this.member(id);
    if (member.session !== null) return;
    if (!member.absent) member.replica = this.#makeReplica(id, member.inc, member.log, member.syncedGroup);
    member.applied = 0;
    member.session = this.#newSession(id);
    this.readDescriptor(id);
  }

  /** The session ends in ZooKeeper. A running node learns of it later, but its lease is over. */
  expire(session: SessionId): void {
    this.#liveSessions.delete(session);
  }

  expireOwner(): void {
    this.expire(this.#descriptor.owner.session);
  }

  /** A running node whose session has ended gets a new one. */
  renewSession(id: NodeId): void {
    const member = this.member(id);
    if (member.session === null || this.#liveSessions.has(member.session) || this.cutOff === id) return;
    this.step(id, { kind: 'session-ended' });
    member.session = this.#newSession(id);
    this.readDescriptor(id);
  }

  /** Promotes a member (R7). Returns false if that is not possible, or not needed. */
  promote(choice: number): boolean {
    const { owner } = this.#descriptor;
    if (this.#liveSessions.has(owner.session)) return false;
    const candidates = [...this.members.values()].filter(
      ({ id, session }) =>
        id !== this.cutOff &&
        session !== null &&
        this.#liveSessions.has(session) &&
        isInSync(this.#descriptor, id),
    );
    const chosen = candidates[choice % Math.max(1, candidates.length)];
    if (chosen === undefined || chosen.session === null) return false;
    this.#install(withOwner(this.#descriptor, chosen.id, chosen.session));
    return true;
  }

  /** Removes a replica that is not in-sync (R9). */
  removeReplica(id: NodeId): void {
    if (incOf(this.#descriptor, id) === undefined || isInSync(this.#descriptor, id)) return;
    this.#install(withoutReplica(this.#descriptor, id));
  }

  addReplica(id: NodeId): void {
    if (incOf(this.#descriptor, id) === undefined) this.#install(withReplica(this.#descriptor, id));
  }

  handOver(id: NodeId): void {
    this.step(id, { kind: 'hand-over' });
  }

  /** Restarts and connects all members, and delivers everything until nothing more happens. */
  settle(): void {
    this.cutOff = null;
    for (const id of NODES) if (this.member(id).session === null) this.restart(id);
    for (const member of this.members.values()) {
      for (const session of this.#sessionsOf(member.id)) if (session !== member.session) this.expire(session);
      this.renewSession(member.id);
    }
    for (let round = 0; round < 60; round++) {
      while (this.casInFlight.length > 0) this.applyCas(0, true);
      this.promote(0);
      for (const id of NODES) this.addReplica(id);
      for (const id of NODES) this.readDescriptor(id);
      for (const id of NODES) this.syncAll(id);
      while (this.mail.length > 0) this.deliver(0);
      this.tick(DEFAULT_REPLICATION.heartbeatMs);
    }
  }

  // ---- effects -------------------------------------------------------------------------------------------------------

  step(id: NodeId, event: ReplicaEvent): void {
    const member = this.member(id);
    if (member.session === null || member.absent) return;
    member.replica.step(event, this.now);
    const isTaken = !LIGHT.has(event.kind) || member.replica.hasReady;
    const termsBefore = new Map(this.#lastTerms);
    const { messages, intents, lost } = this.#take(id);
    const isDue = ({ to, message }: Outgoing): boolean =>
      message.kind !== 'append' ||
      message.entries.length > 0 ||
      termsBefore.get(`${id} to ${to}`) !== termsOf(message);
    const late = messages.some(isDue) || intents.length > 0 || lost !== null;
    assert(isTaken || !late, `${id} had something to do after ${event.kind}, but hasReady was false`);
  }

  #take(id: NodeId): Ready {
    const member = this.member(id);
    const ready = member.replica.take(this.now);
    for (const outgoing of ready.messages) {
      this.mail.push({ ...outgoing, from: id });
      const { to, message } = outgoing;
      if (message.kind === 'append') this.#lastTerms.set(`${id} to ${to}`, termsOf(message));
    }
    this.#apply(member, ready.commitSeq);
    for (const intent of ready.intents) this.#executeIntent(member, intent);
    this.#checkReads(member);
    return ready;
  }

  #apply(member: Member, commitSeq: Seq): void {
    if (commitSeq <= member.applied) return;
    const owned = member.replica.ownedEpoch;
    for (const entry of member.log.entries.slice(member.applied, commitSeq)) {
      const text = `${entry.epoch}/${new TextDecoder().decode(entry.payload)}`;
      const known = this.committed[entry.seq - 1];
      assert(known === undefined || known === text, `P1: ${member.id} applies ${text} where ${known} was`);
      this.committed[entry.seq - 1] = text;
      if (owned !== null && entry.epoch === owned) this.acknowledged.set(entry.seq, text);
    }
    member.applied = commitSeq;
    member.replica.step({ kind: 'applied', seq: commitSeq }, this.now);
  }

  #executeIntent(member: Member, intent: Intent): void {
    if (member.session === null) return;
    switch (intent.kind) {
      case 'compare-and-set':
        this.casInFlight.push({ from: member.id, session: member.session, intent });
        return;
      case 'report-stuck':
        this.stuck.push(intent);
        return;
      case 'read-image':
        return this.readDescriptor(member.id);
      case 'read-session': {
        const { session } = this.member(intent.node);
        const takes = this.standings.get(intent.node) !== 'stopping';
        const live = takes && session !== null && this.#liveSessions.has(session) ? session : null;
        return this.step(member.id, { kind: 'session-read', node: intent.node, session: live });
      }
      case 'report-conflict':
        this.reports.push({ by: member.id, conflict: intent.conflict });
        return;
      case 'send-snapshot':
        assert(false, 'no log is compacted here, so nobody needs a snapshot');
    }
  }

  /** P4: a member that may serve a linearizable read has applied everything that was acknowledged. */
  #checkReads(member: Member): void {
    const { replica } = member;
    if (replica.ownedEpoch === null || replica.readRefusal(replica.ownedEpoch) !== null) return;
    const newest = Math.max(0, ...this.acknowledged.keys());
    assert(
      member.applied >= newest,
      `P4: ${member.id} would read at ${member.applied}, ${newest} is acknowledged`,
    );
  }

  /** I1: every in-sync member has every acknowledged write on disk. Call this between steps. */
  checkDurable(): void {
    for (const id of this.#descriptor.inSync) {
      const { log, syncedGroup } = this.member(id);
      const copy = durableCopy(log, syncedGroup);
      for (const [seq, text] of this.acknowledged) {
        assert(copy[seq - 1] === text, `I1: in-sync ${id} lacks ${text} at ${seq}`);
      }
    }
  }

  /** Does what a node does for R9: wipes a replica whose inc the image lacks, and creates one for a later inc. */
  #adoptMembership(member: Member, descriptor: Descriptor): void {
    const inc = incOf(descriptor, member.id);
    if (!member.absent && inc !== member.inc && descriptor.nextInc > member.inc) {
      this.step(member.id, { kind: 'session-ended' });
      member.absent = true;
    }
    if (!member.absent || inc === undefined || inc <= member.inc) return;
    const log = new MemoryLog(member.replica.epochSeen);
    const replica = this.#makeReplica(member.id, inc, log, 0);
    Object.assign(member, { inc, log, replica, absent: false, syncedGroup: 0, applied: 0 });
  }

  #install(next: Descriptor): void {
    assert(next.epoch >= this.#descriptor.epoch, 'epochs never fall');
    this.#descriptor = next;
    this.#version++;
    this.#history.push({ descriptor: next, version: this.#version });
  }

  #liveNodes(): LiveStandings {
    const live = [...this.members.values()].filter(
      ({ session }) => session !== null && this.#liveSessions.has(session),
    );
    const seen = this.standingsUnseen ? new Map<NodeId, Standing>() : this.standings;
    return new Map(live.map(({ id }) => [id, seen.get(id) ?? 'staying']));
  }

  #sessionsOf(id: NodeId): SessionId[] {
    return [...this.#liveSessions].filter((session) => this.#holders.get(session) === id);
  }

  #newSession(id: NodeId): SessionId {
    const session = `s${++this.#sessions}`;
    this.#liveSessions.add(session);
    this.#holders.set(session, id);
    return session;
  }

  #makeReplica(id: NodeId, inc: Inc, log: MemoryLog, syncedGroup: number): Replica {
    return new Replica({
      self: id,
      recovered: log.recover(syncedGroup, { range: 1, inc }),
      log,
      config: DEFAULT_REPLICATION,
      leaseValid: () => {
        const session = this.members.get(id)?.session ?? null;
        return session !== null && this.#liveSessions.has(session);
      },
      isHealthy: () => !this.unhealthy.has(id),
      stampBase: 0,
    });
  }
}

/** After these events a node takes the effects of a replica only if its hasReady is true. */
const LIGHT: ReadonlySet<ReplicaEvent['kind']> = new Set(['append', 'append-ack', 'synced', 'connected']);

/** An Append without entries that has the same terms as the one before says nothing new: only a tick needs to send it. */
function termsOf({ epoch, inc, commitSeq }: AppendMessage): string {
  return `${epoch}/${inc}/${commitSeq}`;
}

function durableCopy(log: MemoryLog, group: number): string[] {
  return log.durable(group).map(({ epoch, payload }) => `${epoch}/${new TextDecoder().decode(payload)}`);
}
