// A node: its replicas and what connects them to the world. Everything that happens (frames, ZooKeeper, syncs, ticks) only
// feeds a replica; what replicas want done is done once a turn (turn.ts).

import { never } from '../common/base/assert.ts';
import type { Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import { checkReplication, type ReplicationConfig } from '../common/model/config.ts';
import { type DescriptorImage, incOf } from '../common/model/descriptor.ts';
import type { NodeId, RangeId, SessionId } from '../common/model/ids.ts';
import type { NodeStatus } from '../common/model/status.ts';
import type { Channel, ChannelHandlers } from '../common/net/channel.ts';
import type { ChannelConfig } from '../common/net/channel-config.ts';
import { Peers } from '../common/net/peers.ts';
import type { Transport } from '../common/net/transport.ts';
import { TurnEnd } from '../common/net/turn-end.ts';
import type { OneWayBody } from '../common/wire/messages.ts';
import type { Zk, ZkSession } from '../common/zk/store.ts';
import { ClientService } from './client-service.ts';
import { ConflictWatch } from './health/conflict-watch.ts';
import { DiskWatch } from './health/disk-watch.ts';
import { Surroundings } from './health/live-peers.ts';
import { type Ownership, ownershipOf } from './health/readiness.ts';
import { stuckReplicas } from './health/stuck-replicas.ts';
import { Intents } from './intent-executor.ts';
import { nodeStatus } from './node-status.ts';
import { newReplica } from './range/new-replica.ts';
import { RangeHost } from './range/range-host.ts';
import { WaitingBytes } from './range/waiting-writes.ts';
import { ackFrom } from './range/wire.ts';
import type { ReplicaEvent } from './replica/events.ts';
import { Replica } from './replica/replica.ts';
import { Scrub } from './scrub/scrub.ts';
import { SnapshotReceiver } from './snapshot/receiver.ts';
import { SnapshotSender } from './snapshot/sender.ts';
import type { RecoveredReplica, Storage } from './storage/storage.ts';
import { TickPace } from './tick-scheduler.ts';
import { Turn } from './turn.ts';
import { Assignments } from './zk/assignments.ts';
import { EventWriter } from './zk/event-writer.ts';

/** An orderly stop waits no longer than this, ms, for the hand-overs. */
const HAND_OVER_MS = 2_000;

export interface NodeOptions {
  readonly clusterId: string;
  readonly version: string;
  readonly env: Env;
  readonly logger: Logger;
  readonly zk: Zk;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly config: ReplicationConfig;
  /** Of the channels that this node dials. */
  readonly channel?: Partial<ChannelConfig>;
  /** Scans of clients under way at once; absent: the default of ClientService. */
  readonly scansMax?: number;
}

export class KvNode {
  readonly id: NodeId;
  /** Of all channels of this node, accepted ones too: the turn sends what it has gathered. */
  readonly turnEnd: TurnEnd;
  readonly scrub: Scrub;
  readonly #options: NodeOptions;
  readonly #env: Env;
  readonly #logger: Logger;
  readonly #storage: Storage;
  readonly #hosts = new Map<RangeId, RangeHost>();
  readonly #waiting = new WaitingBytes();
  readonly #turn: Turn;
  readonly #peers: Peers;
  readonly #surroundings: Surroundings;
  readonly #assignments: Assignments;
  readonly #intents: Intents;
  readonly #clients: ClientService;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #disk: DiskWatch;
  readonly #pace: TickPace;
  readonly #conflicts: ConflictWatch;
  readonly #startedAt: number;
  readonly #stampBase: number;
  #session: ZkSession | null = null;
  /** It hands over whatever it owns. */
  #stopping = false;
  #closed = false;
  #idle: (() => void) | null = null;

  constructor(options: NodeOptions) {
    checkReplication(options.config);
    const { env, logger, zk, storage, transport, config } = options;
    this.#options = options;
    this.id = storage.nodeId;
    this.#env = env;
    this.#logger = logger;
    this.#storage = storage;
    this.#startedAt = env.wallNow();
    this.#stampBase = Math.floor(env.random() * 2 ** 50);
    this.turnEnd = new TurnEnd(env);
    this.#peers = new Peers({
      turnEnd: this.turnEnd,
      env,
      log: logger,
      transport,
      self: { clusterId: options.clusterId, nodeId: this.id },
      handlers: {
        opened: (channel) => this.#opened(channel),
        received: (channel, body) => this.#received(channel, body),
      },
      ...(options.channel === undefined ? {} : { channel: options.channel }),
    });
    const send = (to: NodeId, body: OneWayBody): boolean => this.#peers.send(to, body);
    const touched = (host: RangeHost): void => this.#turn.touch(host);
    this.#sender = new SnapshotSender({ env, logger, storage, config, send });
    const events = new EventWriter(this.id, zk, env, logger);
    const nameOf = (node: NodeId): string => this.#surroundings.nameOf(node);
    this.#conflicts = new ConflictWatch({
      ...{ env, logger, events, self: this.id, nameOf },
      replicas: () => this.#hosts.values(),
    });
    this.#intents = new Intents({
      ...{ self: this.id, zk, logger, events, conflicts: this.#conflicts, sender: this.#sender, nameOf },
      step: (host, event) => this.#step(host, event),
      readAgain: (range) => this.#assignments.hint(range),
      readNodeAgain: (node) => this.#surroundings.readAgain(node),
    });
    this.#turn = new Turn({
      ...{ env, turnEnd: this.turnEnd, intents: this.#intents, send },
      lookAgain: (host) => this.#pace.lookAgain(host),
      ended: () => this.#turnEnded(),
    });
    this.#receiver = new SnapshotReceiver({ env, logger, storage, send, touched });
    this.#clients = new ClientService({
      env,
      storage,
      host: (range) => this.#usable(range),
      touched,
      status: () => this.status(),
      scansMax: options.scansMax,
      check: (host, request) => this.scrub.check(host, request),
    });
    this.scrub = new Scrub({
      ...{ env, logger, self: this.id, storage, config, send, touched, events, nameOf },
      hosts: () => this.#hosts.values(),
      session: () => this.#session,
      leaseValid: () => this.#leaseValid(),
    });
    this.#disk = new DiskWatch({ env, logger, storage, config });
    storage.onSynced((group) => this.#turn.synced(group));
    this.#surroundings = new Surroundings({
      ...{ self: this.id, env, logger, zk, peers: this.#peers },
      changed: () => this.#liveChanged(),
      ownReport: (isLive) => ({
        stuck: stuckReplicas(this.#hosts.values(), isLive, this.#sender, env.now()),
        unfit: this.unfit,
      }),
    });
    for (const replica of storage.recovered) this.#adopt(replica);
    this.#assignments = new Assignments(this.id, zk, env, logger, {
      image: (image) => this.#learn(image),
      missing: (range) => this.#missing(range),
    });
    for (const { range, namespace } of storage.recovered) this.#assignments.watch(range, namespace);
    this.#pace = new TickPace(env, config, () => this.#tick(false));
  }

  /** What accepted connections are served with. */
  get handlers(): ChannelHandlers {
    return {
      opened: (channel) => this.#opened(channel),
      request: (channel, id, body) => this.#clients.serve(channel, id, body),
      received: (channel, body) => this.#received(channel, body),
    };
  }

  /** The session in which this node's live znode exists; null: none (R1: every ownership ends with it). */
  useSession(session: ZkSession | null): void {
    if (this.#session !== null && this.#session !== session) this.#stepAll({ kind: 'session-ended' });
    this.#session = session;
    this.#surroundings.useSession(session);
    if (session === null) return;
    for (const host of this.#hosts.values()) {
      const { image } = host.replica;
      if (image !== null && host.foreign === null)
        this.#step(host, { kind: 'image', image, session: session.id });
      this.#assignments.hint(host.meta.range);
    }
  }

  status(): NodeStatus {
    return nodeStatus({
      ...{ node: this.id, version: this.#options.version, startedAt: this.#startedAt },
      ...{ env: this.#env, session: this.#session, storage: this.#storage, hosts: this.#hosts.values() },
      ...{ unreachable: this.#surroundings.unreachable, unfit: this.unfit },
    });
  }

  /** Why nothing should be owned here, in words; null: the disk is well, and has been for a while, and the data is sound. */
  get unfit(): string | null {
    return this.scrub.unfit ?? this.#disk.trouble;
  }

  ownership(): Ownership {
    return ownershipOf(this.id, this.#hosts.values());
  }

  /** R8: hands every owned range over, as far as that goes in a while, then stops serving. The storage stays open. */
  async close(): Promise<void> {
    this.#stopping = true;
    await this.#handOverAll();
    this.#closed = true;
    this.#pace.close();
    this.#conflicts.close();
    this.scrub.close();
    this.#turn.close();
    this.#stepAll({ kind: 'session-ended' });
    this.#turn.run();
    this.#assignments.close();
    this.#surroundings.close();
    this.#peers.close();
  }

  // ---- steps -------------------------------------------------------------------------------------------------------

  /** There is a range to hand over, and somebody to hand it to. */
  get #handsOver(): boolean {
    return [...this.#hosts.values()].some(({ replica }) => replica.hasSuccessor);
  }

  #step(host: RangeHost, event: ReplicaEvent): void {
    this.#turn.step(host, event);
  }

  #stepAll(event: ReplicaEvent): void {
    for (const host of this.#hosts.values()) this.#step(host, event);
  }

  /** Owners have times to watch; whoever could not apply all that is committed tries again. */
  #tick(allOwners: boolean): void {
    this.#disk.look();
    const leaves = this.unfit !== null || this.#stopping;
    const { due, pausedMs } = this.#pace.begin(this.#hosts.values(), allOwners || leaves);
    for (const host of due) {
      if (leaves) this.#step(host, { kind: 'hand-over' });
      this.#step(host, { kind: 'tick', quietMs: this.#pace.quietMs, pausedMs });
    }
  }

  #turnEnded(): void {
    if (this.#idle !== null && !this.#handsOver) this.#idle();
  }

  /** R8. */
  async #handOverAll(): Promise<void> {
    if (!this.#handsOver) return;
    const done = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    const patience = new Promise<void>((resolve) => {
      this.#env.after(HAND_OVER_MS, resolve);
    });
    this.#stepAll({ kind: 'hand-over' });
    await Promise.race([done, patience]);
    this.#idle = null;
  }

  // ---- other nodes -------------------------------------------------------------------------------------------------

  /** One way of two: what is sent one way is answered the other, so each of them counts. */
  #opened({ peerNode }: Channel): void {
    if (peerNode === '') return;
    for (const host of this.#hosts.values())
      this.#turn.stepLightly(host, { kind: 'reachable', node: peerNode });
  }

  #received(channel: Channel, body: OneWayBody): void {
    if (this.#closed) return;
    const from = channel.peerNode;
    const host = this.#usable(body.range);
    if (host === undefined && this.#hosts.has(body.range)) return;
    const toFollower = body.kind === 'append' || body.kind === 'snapshot-chunk';
    // R9: a replica is made from a descriptor only, but somebody knows one that this node has not seen.
    if (toFollower && (host === undefined || host.replica.inc < body.inc)) this.#assignments.hint(body.range);
    if (host === undefined) return;
    switch (body.kind) {
      case 'append':
        return this.#turn.stepLightly(host, { kind: 'append', from, message: body });
      case 'append-ack':
        return this.#turn.stepLightly(host, { kind: 'append-ack', from, message: ackFrom(body) });
      case 'snapshot-chunk':
        return this.#receiver.receive(host, from, body);
      case 'snapshot-ack':
        return this.#sender.receiveAck(from, body);
      case 'replica-digest':
      case 'damage-verdict':
        return this.scrub.receive(host, from, body);
      default:
        return never(body);
    }
  }

  #liveChanged(): void {
    this.#stepAll({ kind: 'live', nodes: this.#surroundings.standings });
    this.#tick(true);
  }

  // ---- replicas ----------------------------------------------------------------------------------------------------

  get #sessionId(): SessionId | null {
    return this.#session === null || this.#session.ended ? null : this.#session.id;
  }

  /** R11, the lease [safety]: read at the moment of use. */
  #leaseValid(): boolean {
    return this.#session !== null && this.#env.now() < this.#session.leaseUntil();
  }

  #adopt(recovered: RecoveredReplica): RangeHost {
    const { range } = recovered;
    const storage = this.#storage;
    const replica = new Replica({
      self: this.id,
      recovered,
      log: storage.logOf(range),
      config: this.#options.config,
      leaseValid: () => this.#leaseValid(),
      diskFit: () => this.unfit === null,
      stampBase: this.#stampBase,
    });
    const host = new RangeHost({
      ...{ replica, meta: recovered, storage, appliedSeq: recovered.applied.seq },
      ...{ config: this.#options.config, waitingOnNode: this.#waiting, checks: this.scrub },
    });
    this.#hosts.set(range, host);
    this.#step(host, { kind: 'live', nodes: this.#surroundings.standings });
    return host;
  }

  /** What serves and receives: not before its descriptor was read, which may turn out to be another range's. */
  #usable(range: RangeId): RangeHost | undefined {
    const host = this.#hosts.get(range);
    return host?.isOwn ? host : undefined;
  }

  /** R9: wiped only on an image newer than the addition and lacking it; made only from an image that names it. */
  #learn(image: DescriptorImage): void {
    if (this.#closed) return;
    const { descriptor } = image;
    const inc = incOf(descriptor, this.id);
    const host = this.#hosts.get(descriptor.id);
    this.#conflicts.notMade(descriptor.id, null);
    if (host?.wiping) return;
    if (host !== undefined) {
      host.orphan = false;
      host.compare(descriptor);
      if (host.foreign !== null) return this.#step(host, { kind: 'session-ended' });
      if (host.isRemovedBy(descriptor, inc)) void this.#wipe(host);
      else this.#step(host, { kind: 'image', image, session: this.#sessionId });
      return;
    }
    if (inc !== undefined && descriptor.state === 'serving') this.#create(image, inc);
  }

  #create(image: DescriptorImage, inc: number): void {
    const { id } = image.descriptor;
    const made = newReplica(image.descriptor, inc, this.#storage);
    if (typeof made === 'string') return this.#conflicts.notMade(id, made);
    this.#storage.createReplica(made, made.base, made.epochSeen);
    const host = this.#adopt(made);
    host.compare(image.descriptor);
    this.#logger.info({ range: id, inc }, 'replica made');
    this.#step(host, { kind: 'image', image, session: this.#sessionId });
  }

  /** R9: this replica is no longer in the descriptor, nor can it come back with this inc. */
  async #wipe(host: RangeHost): Promise<void> {
    const { range } = host.meta;
    this.#step(host, { kind: 'session-ended' });
    this.#turn.run();
    host.wiping = true;
    this.#turn.forget(host);
    this.#receiver.abandon(range);
    this.#logger.info({ range, inc: host.replica.inc }, 'replica removed: wiping it');
    await this.#storage.wipe(range);
    this.#hosts.delete(range);
    this.#assignments.unwatch(range);
    this.#assignments.hint(range);
  }

  /** A missing znode is no image (ZooKeeper reset, wrong root): nothing is wiped for it (R9). */
  #missing(range: RangeId): void {
    const host = this.#hosts.get(range);
    if (host === undefined || host.orphan) return;
    host.orphan = true;
    this.#logger.warn({ range }, 'the descriptor of a replica here is missing: kept as an orphan');
    this.#step(host, { kind: 'session-ended' });
  }
}
