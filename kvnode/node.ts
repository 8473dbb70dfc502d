// A node: its replicas, and what connects them to clients, to other nodes, to the disk and to ZooKeeper. Whatever happens (a frame,
// an answer of ZooKeeper, a sync, a tick) becomes an event of a replica. What replicas then request is done once a turn (turn.ts).

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
import { LivePeers } from './health/live-peers.ts';
import { countOwned, type OwnedCounts } from './health/readiness.ts';
import { stuckReplicas } from './health/stuck-replicas.ts';
import { IntentExecutor } from './intent-executor.ts';
import { nodeStatus } from './node-status.ts';
import { ackFrom } from './range/append-frames.ts';
import { NeededIncs } from './range/needed-incs.ts';
import { newReplica } from './range/new-replica.ts';
import { RangeHost } from './range/range-host.ts';
import { WaitingBytes } from './range/waiting-writes.ts';
import { Replica } from './replica/replica.ts';
import type { ReplicaEvent } from './replica/replica-messages.ts';
import { Scrub } from './scrub/scrub.ts';
import { SnapshotReceiver } from './snapshot/receiver.ts';
import { SnapshotSender } from './snapshot/sender.ts';
import type { RecoveredReplica, Storage } from './storage/storage.ts';
import { TickScheduler } from './tick-scheduler.ts';
import { Turn } from './turn.ts';
import { Assignments } from './zk/assignments.ts';
import { EventWriter } from './zk/event-writer.ts';

/** An orderly stop waits at most this long for the hand-overs, ms. */
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
  /** For the channels that this node opens. */
  readonly channel?: Partial<ChannelConfig>;
  /** Limit of concurrent scans of clients; default: that of ClientService. */
  readonly scansMax?: number;
}

export class KvNode {
  readonly id: NodeId;
  /** Shared by all channels of this node, accepted ones included. The turn flushes it. */
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
  readonly #livePeers: LivePeers;
  readonly #assignments: Assignments;
  readonly #events: EventWriter;
  readonly #clients: ClientService;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #disk: DiskWatch;
  readonly #ticks: TickScheduler;
  readonly #conflicts: ConflictWatch;
  readonly #neededIncs = new NeededIncs();
  readonly #startedAt: number;
  readonly #stampBase: number;
  // Handed to several parts.
  readonly #send = (to: NodeId, body: OneWayBody): boolean => this.#peers.send(to, body);
  readonly #touched = (host: RangeHost): void => this.#turn.touch(host);
  readonly #nameOf = (node: NodeId): string => this.#livePeers.nameOf(node);
  #session: ZkSession | null = null;
  /** From now on the node hands over whatever it owns. */
  #stopping = false;
  #closed = false;
  /** Called once the ranges are handed over, while close() waits for that. */
  #handedOver: (() => void) | null = null;

  constructor(options: NodeOptions) {
    checkReplication(options.config);
    const { env, logger, zk, storage, config } = options;
    this.#options = options;
    this.id = storage.nodeId;
    this.#env = env;
    this.#logger = logger;
    this.#storage = storage;
    this.#startedAt = env.wallNow();
    this.#stampBase = Math.floor(env.random() * 2 ** 50);
    this.turnEnd = new TurnEnd(env);
    this.#peers = this.#makePeers();
    this.#sender = new SnapshotSender({ env, logger, storage, config, send: this.#send });
    this.#receiver = new SnapshotReceiver({ env, logger, storage, send: this.#send, touched: this.#touched });
    this.#events = new EventWriter(this.id, zk, env, logger);
    this.#conflicts = new ConflictWatch({
      ...{ env, logger, events: this.#events, self: this.id, nameOf: this.#nameOf },
      replicas: () => this.#hosts.values(),
    });
    this.#turn = this.#makeTurn();
    this.#clients = this.#makeClientService();
    this.scrub = this.#makeScrub();
    this.#disk = new DiskWatch({ env, logger, storage, config });
    storage.onSynced((group) => this.#turn.synced(group));
    this.#livePeers = this.#makeLivePeers();
    for (const replica of storage.recovered) this.#adopt(replica);
    this.#assignments = this.#makeAssignments();
    this.#ticks = new TickScheduler(env, config, () => this.#tick(false));
  }

  // ---- its parts ---------------------------------------------------------------------------------------------------

  #makePeers(): Peers {
    const { env, logger, transport, clusterId, channel } = this.#options;
    return new Peers({
      ...{ turnEnd: this.turnEnd, env, log: logger, transport, self: { clusterId, nodeId: this.id } },
      handlers: {
        opened: (channel) => this.#opened(channel),
        received: (channel, body) => this.#received(channel, body),
      },
      ...(channel === undefined ? {} : { channel }),
    });
  }

  #makeTurn(): Turn {
    const { env, zk, logger } = this.#options;
    const { turnEnd } = this;
    const intents = new IntentExecutor({
      ...{ self: this.id, zk, logger, events: this.#events, conflicts: this.#conflicts },
      ...{ sender: this.#sender, nameOf: this.#nameOf },
      step: (host, event) => this.#step(host, event),
      readAgain: (range) => this.#assignments.hint(range),
      readNodeAgain: (node) => this.#livePeers.readAgain(node),
    });
    return new Turn({
      ...{ env, turnEnd, intents, send: this.#send },
      reschedule: (host) => this.#ticks.reschedule(host),
      ended: () => this.#turnEnded(),
    });
  }

  #makeClientService(): ClientService {
    const { env, storage, scansMax } = this.#options;
    return new ClientService({
      ...{ env, storage, scansMax, touched: this.#touched },
      host: (range) => this.#usable(range),
      status: () => this.status(),
      check: (host, request) => this.scrub.check(host, request),
    });
  }

  #makeScrub(): Scrub {
    const { env, logger, storage, config } = this.#options;
    return new Scrub({
      ...{ env, logger, self: this.id, storage, config, events: this.#events },
      ...{ send: this.#send, touched: this.#touched, nameOf: this.#nameOf },
      hosts: () => this.#hosts.values(),
      session: () => this.#session,
      leaseValid: () => this.#leaseValid(),
    });
  }

  #makeLivePeers(): LivePeers {
    const { env, logger, zk } = this.#options;
    return new LivePeers({
      ...{ self: this.id, env, logger, zk, peers: this.#peers },
      changed: () => this.#liveChanged(),
      ownReport: (isLive) => ({
        stuck: stuckReplicas(this.#hosts.values(), isLive, this.#sender, env.now()),
        unhealthy: this.unhealthyReason,
        ...this.#neededIncs.report,
      }),
    });
  }

  #makeAssignments(): Assignments {
    const { env, logger, zk, storage } = this.#options;
    const assignments = new Assignments({
      ...{ self: this.id, zk, env, logger },
      image: (image) => this.#learn(image),
      missing: (range) => this.#missing(range),
    });
    for (const { range, namespace } of storage.recovered) assignments.watch(range, namespace);
    return assignments;
  }

  // ---- what others call --------------------------------------------------------------------------------------------

  /** The handlers of accepted connections. */
  get handlers(): ChannelHandlers {
    return {
      opened: (channel) => this.#opened(channel),
      request: (channel, id, body) => this.#clients.serve(channel, id, body),
      received: (channel, body) => this.#received(channel, body),
    };
  }

  /** The session in which this node's live znode exists; null if there is none. R1: every ownership ends with its session. */
  useSession(session: ZkSession | null): void {
    if (this.#session !== null && this.#session !== session) this.#stepAll({ kind: 'session-ended' });
    this.#session = session;
    this.#livePeers.useSession(session);
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
      ...{ unreachable: this.#livePeers.unreachable, unhealthy: this.unhealthyReason },
    });
  }

  /** Why this node should own nothing; null if its disk works, and has worked for a while, and its data is not known to be damaged. */
  get unhealthyReason(): string | null {
    return this.scrub.unhealthyReason ?? this.#disk.problem;
  }

  ownedCounts(): OwnedCounts {
    return countOwned(this.id, this.#hosts.values());
  }

  /** R8: hands over every owned range, within HAND_OVER_MS, then stops serving. The storage stays open. */
  async close(): Promise<void> {
    this.#stopping = true;
    await this.#handOverAll();
    this.#closed = true;
    this.#ticks.close();
    this.#conflicts.close();
    this.scrub.close();
    this.#turn.close();
    this.#stepAll({ kind: 'session-ended' });
    this.#turn.run();
    this.#assignments.close();
    this.#livePeers.close();
    this.#peers.close();
  }

  // ---- steps -------------------------------------------------------------------------------------------------------

  /** There is an owned range that somebody else could take over. */
  get #canHandOver(): boolean {
    return [...this.#hosts.values()].some(({ replica }) => replica.hasSuccessor);
  }

  #step(host: RangeHost, event: ReplicaEvent): void {
    this.#turn.step(host, event);
  }

  #stepAll(event: ReplicaEvent): void {
    for (const host of this.#hosts.values()) this.#step(host, event);
  }

  /** Ticks the replicas that are due. An unhealthy or stopping node asks every owner to hand over. */
  #tick(allOwners: boolean): void {
    this.#disk.check();
    const leaves = this.unhealthyReason !== null || this.#stopping;
    const { due, pausedMs } = this.#ticks.beginTick(this.#hosts.values(), allOwners || leaves);
    for (const host of due) {
      if (leaves) this.#step(host, { kind: 'hand-over' });
      this.#step(host, { kind: 'tick', heartbeatMs: this.#ticks.heartbeatMs, pausedMs });
    }
  }

  #turnEnded(): void {
    if (this.#handedOver !== null && !this.#canHandOver) this.#handedOver();
  }

  /** R8. */
  async #handOverAll(): Promise<void> {
    if (!this.#canHandOver) return;
    const done = new Promise<void>((resolve) => {
      this.#handedOver = resolve;
    });
    const timedOut = new Promise<void>((resolve) => {
      this.#env.after(HAND_OVER_MS, resolve);
    });
    this.#stepAll({ kind: 'hand-over' });
    await Promise.race([done, timedOut]);
    this.#handedOver = null;
  }

  // ---- other nodes -------------------------------------------------------------------------------------------------

  /** Either direction counts: what is sent over one connection of a pair of nodes is answered over the other. */
  #opened({ peerNode }: Channel): void {
    if (peerNode === '') return;
    for (const host of this.#hosts.values())
      this.#turn.stepLazily(host, { kind: 'connected', node: peerNode });
  }

  #received(channel: Channel, body: OneWayBody): void {
    if (this.#closed) return;
    const from = channel.peerNode;
    const host = this.#usable(body.range);
    if (host === undefined && this.#hosts.has(body.range)) return;
    const toFollower = body.kind === 'append' || body.kind === 'snapshot-chunk';
    // R9: replicas are made only from the descriptor. But the sender knows a descriptor that this node has not read yet.
    if (toFollower && (host === undefined || host.replica.inc < body.inc)) this.#assignments.hint(body.range);
    if (host === undefined) return;
    switch (body.kind) {
      case 'append':
        return this.#turn.stepLazily(host, { kind: 'append', from, message: body });
      case 'append-ack':
        return this.#turn.stepLazily(host, { kind: 'append-ack', from, message: ackFrom(body) });
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
    this.#stepAll({ kind: 'live', nodes: this.#livePeers.standings });
    this.#tick(true);
  }

  // ---- replicas ----------------------------------------------------------------------------------------------------

  get #sessionId(): SessionId | null {
    return this.#session === null || this.#session.ended ? null : this.#session.id;
  }

  /** R11, the lease [safety]: must be called at the moment of use. */
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
      isHealthy: () => this.unhealthyReason === null,
      stampBase: this.#stampBase,
    });
    const host = new RangeHost({
      ...{ replica, meta: recovered, storage, appliedSeq: recovered.applied.seq },
      ...{ config: this.#options.config, waitingOnNode: this.#waiting, checks: this.scrub },
    });
    this.#hosts.set(range, host);
    this.#step(host, { kind: 'live', nodes: this.#livePeers.standings });
    return host;
  }

  /** The host may serve and receive. Not before its descriptor was read, because that may turn out to be another range's. */
  #usable(range: RangeId): RangeHost | undefined {
    const host = this.#hosts.get(range);
    return host?.isOwn ? host : undefined;
  }

  /** R9: a replica is wiped only for an image that is newer than its addition and does not list it, and made only from one that does. */
  #learn(image: DescriptorImage): void {
    if (this.#closed) return;
    const { descriptor } = image;
    const inc = incOf(descriptor, this.id);
    const host = this.#hosts.get(descriptor.id);
    this.#conflicts.notMade(descriptor.id, null);
    if (host?.wiping) return;
    if (host !== undefined) {
      host.orphan = false;
      host.checkDescriptor(descriptor);
      this.#neededIncs.learn(descriptor.id, host.foreign === null ? inc : undefined, host.replica.inc);
      if (host.foreign !== null) return this.#step(host, { kind: 'session-ended' });
      if (host.isRemovedBy(descriptor, inc)) void this.#wipe(host);
      else this.#step(host, { kind: 'image', image, session: this.#sessionId });
      return;
    }
    this.#neededIncs.learn(descriptor.id, inc, (this.#storage.tombstones.get(descriptor.id)?.inc ?? 0) + 1);
    if (inc !== undefined && descriptor.state === 'serving') this.#create(image, inc);
  }

  #create(image: DescriptorImage, inc: number): void {
    const { id } = image.descriptor;
    const made = newReplica(image.descriptor, inc, this.#storage);
    if (typeof made === 'string') return this.#conflicts.notMade(id, made);
    this.#storage.createReplica(made, made.base, made.epochSeen);
    const host = this.#adopt(made);
    host.checkDescriptor(image.descriptor);
    this.#logger.info({ range: id, inc }, 'replica made');
    this.#step(host, { kind: 'image', image, session: this.#sessionId });
  }

  /** R9: the descriptor no longer lists this replica, and never will again under this inc. */
  async #wipe(host: RangeHost): Promise<void> {
    const { range } = host.meta;
    this.#step(host, { kind: 'session-ended' });
    this.#turn.run();
    host.wiping = true;
    this.#turn.remove(host);
    this.#receiver.abandon(range);
    this.#logger.info({ range, inc: host.replica.inc }, 'replica removed: wiping it');
    await this.#storage.wipe(range);
    this.#hosts.delete(range);
    this.#assignments.unwatch(range);
    this.#assignments.hint(range);
  }

  /** R9: a missing znode is no image (ZooKeeper was reset, or the root is wrong). Nothing is wiped for it. */
  #missing(range: RangeId): void {
    const host = this.#hosts.get(range);
    if (host === undefined || host.orphan) return;
    host.orphan = true;
    this.#logger.warn({ range }, 'the descriptor of a replica here is missing: kept as an orphan');
    this.#step(host, { kind: 'session-ended' });
  }
}
