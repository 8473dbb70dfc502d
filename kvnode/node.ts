// A node: its replicas, and what connects them to clients, to other nodes, to the disk and to ZooKeeper. Whatever happens (a frame,
// an answer of ZooKeeper, a sync, a tick) becomes an event of a replica. What replicas then request is done once a turn (turn.ts).

import { never } from '../common/base/assert.ts';
import type { Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import { checkReplication, type ReplicationConfig } from '../common/model/config.ts';
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
import { NodeLoad } from './load/node-load.ts';
import { nodeStatus } from './node-status.ts';
import { ackFrom } from './range/append-frames.ts';
import { EndedRanges } from './range/ended-ranges.ts';
import type { RangeHost } from './range/range-host.ts';
import { Replacer } from './range/replacer.ts';
import { adoptRecovered } from './range/unsettled.ts';
import type { ReplicaEvent } from './replica/replica-messages.ts';
import { Replicas } from './replicas.ts';
import { Scrub } from './scrub/scrub.ts';
import { SnapshotReceiver } from './snapshot/receiver.ts';
import { SnapshotSender } from './snapshot/sender.ts';
import type { Storage } from './storage/storage.ts';
import { TickScheduler } from './tick-scheduler.ts';
import { Turn } from './turn.ts';
import { Assignments } from './zk/assignments.ts';
import { DecisionWriter } from './zk/decision-writer.ts';
import { EventWriter } from './zk/event-writer.ts';
import { type LoadReport, loadReport } from './zk/load-report.ts';

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
  /** The CPU time of the process so far, ms. Null: not known. */
  readonly cpuMs: () => number | null;
}

export class KvNode {
  readonly id: NodeId;
  /** Shared by all channels of this node, accepted ones included. The turn flushes it. */
  readonly turnEnd: TurnEnd;
  readonly scrub: Scrub;
  readonly #options: NodeOptions;
  readonly #env: Env;
  readonly #storage: Storage;
  readonly #replicas: Replicas;
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
  readonly #load: NodeLoad;
  readonly #loadReport: LoadReport;
  readonly #startedAt: number;
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
    this.#storage = storage;
    this.#startedAt = env.wallNow();
    this.turnEnd = new TurnEnd(env);
    this.#peers = this.#makePeers();
    this.#sender = new SnapshotSender({ env, logger, storage, config, send: this.#send });
    this.#receiver = new SnapshotReceiver({
      ...{ env, logger, storage, config },
      ...{ send: this.#send, touched: this.#touched },
    });
    this.#events = new EventWriter(this.id, zk, env, logger);
    this.#conflicts = new ConflictWatch({
      ...{ env, logger, events: this.#events, self: this.id, nameOf: this.#nameOf },
      replicas: () => this.#replicas.hosts,
    });
    this.#turn = this.#makeTurn();
    this.#clients = this.#makeClientService();
    this.scrub = this.#makeScrub();
    this.#disk = new DiskWatch({ env, logger, storage, config });
    storage.onSynced((group) => this.#turn.synced(group));
    this.#livePeers = this.#makeLivePeers();
    this.#replicas = this.#makeReplicas();
    adoptRecovered(this.#replicas, storage, config);
    this.#assignments = this.#makeAssignments();
    this.#ticks = new TickScheduler(env, config, () => this.#tick(false));
    const hosts = () => this.#replicas.hosts;
    this.#load = new NodeLoad({ env, logger, storage, hosts, cpuMs: options.cpuMs });
    this.#loadReport = loadReport({ self: this.id, env, logger, record: () => this.#load.record() });
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

  #makeReplicas(): Replicas {
    const { env, logger, zk, storage, config } = this.#options;
    const parts = { self: this.id, env, logger, zk, storage, config };
    const host = (range: RangeId) => this.#replicas.get(range);
    const readAgain = (range: RangeId) => this.#assignments.hint(range);
    const unwatch = (range: RangeId) => this.#assignments.unwatch(range);
    return new Replicas({
      ...parts,
      ...{ turn: this.#turn, receiver: this.#receiver, conflicts: this.#conflicts, checks: this.scrub },
      replacer: new Replacer({
        ...{ ...parts, host, readAgain, touched: this.#touched },
        writer: new DecisionWriter(logger, this.#events),
        isSettled: (range) => this.#replicas.isSettled(range),
        mayBegin: () => this.#leaseValid() && !this.#stopping && this.unhealthyReason === null,
        session: () => this.#session,
        decided: (images) => this.#replicas.decided(images),
      }),
      ended: new EndedRanges({ ...parts, host, readAgain, unwatch }),
      assignments: () => this.#assignments,
      standings: () => this.#livePeers.standings,
      sessionId: () => this.#sessionId,
      leaseValid: () => this.#leaseValid(),
      isHealthy: () => this.unhealthyReason === null,
    });
  }

  #makeClientService(): ClientService {
    const { env, storage, scansMax } = this.#options;
    return new ClientService({
      ...{ env, storage, scansMax, touched: this.#touched },
      host: (range) => this.#replicas.usable(range),
      refusal: (range, key) => this.#replicas.refusal(range, key),
      status: () => this.status(),
      check: (host, request) => this.scrub.check(host, request),
    });
  }

  #makeScrub(): Scrub {
    const { env, logger, storage, config } = this.#options;
    return new Scrub({
      ...{ env, logger, self: this.id, storage, config, events: this.#events },
      ...{ send: this.#send, touched: this.#touched, nameOf: this.#nameOf },
      hosts: () => this.#replicas.hosts,
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
        stuck: stuckReplicas(this.#replicas.hosts, isLive, this.#sender, env.now()),
        unhealthy: this.unhealthyReason,
        ...this.#replicas.neededIncs,
      }),
    });
  }

  #makeAssignments(): Assignments {
    const { env, logger, zk, storage } = this.#options;
    const assignments = new Assignments({
      ...{ self: this.id, zk, env, logger },
      image: (image) => {
        if (!this.#closed) this.#replicas.learn(image);
      },
      missing: (range) => this.#replicas.missing(range),
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
    if (this.#session !== null && this.#session !== session) this.#replicas.sessionEnded();
    this.#session = session;
    this.#livePeers.useSession(session);
    this.#loadReport.useSession(session);
    if (session === null) return;
    for (const host of this.#replicas.hosts) {
      const { image } = host.replica;
      if (image !== null && host.foreign === null)
        this.#step(host, { kind: 'image', image, session: session.id });
      this.#assignments.hint(host.meta.range);
    }
  }

  status(): NodeStatus {
    return nodeStatus({
      ...{ node: this.id, version: this.#options.version, startedAt: this.#startedAt },
      ...{ env: this.#env, session: this.#session, storage: this.#storage, hosts: this.#replicas.hosts },
      ...{ unreachable: this.#livePeers.unreachable, unhealthy: this.unhealthyReason },
    });
  }

  /** Why this node should own nothing; null if its disk works, and has worked for a while, and its data is not known to be damaged. */
  get unhealthyReason(): string | null {
    return this.scrub.unhealthyReason ?? this.#disk.problem;
  }

  ownedCounts(): OwnedCounts {
    return countOwned(this.id, this.#replicas.hosts);
  }

  /** R8: hands over every owned range, within HAND_OVER_MS, then stops serving. The storage stays open. */
  async close(): Promise<void> {
    this.#stopping = true;
    await this.#handOverAll();
    this.#closed = true;
    this.#ticks.close();
    this.#conflicts.close();
    this.#load.close();
    this.#loadReport.close();
    this.scrub.close();
    this.#turn.close();
    this.#replicas.stepAll({ kind: 'session-ended' });
    this.#turn.run();
    this.#replicas.close();
    this.#assignments.close();
    this.#livePeers.close();
    this.#peers.close();
  }

  // ---- steps -------------------------------------------------------------------------------------------------------

  /** There is an owned range that somebody else could take over. */
  get #canHandOver(): boolean {
    return [...this.#replicas.hosts].some(({ replica }) => replica.hasSuccessor);
  }

  #step(host: RangeHost, event: ReplicaEvent): void {
    this.#turn.step(host, event);
  }

  /** Ticks the replicas that are due. An unhealthy or stopping node asks every owner to hand over. */
  #tick(allOwners: boolean): void {
    this.#disk.check();
    const leaves = this.unhealthyReason !== null || this.#stopping;
    const { due, pausedMs } = this.#ticks.beginTick(this.#replicas.hosts, allOwners || leaves);
    for (const host of due) {
      if (leaves) this.#step(host, { kind: 'hand-over' });
      this.#step(host, { kind: 'tick', heartbeatMs: this.#ticks.heartbeatMs, pausedMs });
    }
    this.#replicas.review();
  }

  #turnEnded(): void {
    this.#replicas.review();
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
    this.#replicas.stepAll({ kind: 'hand-over' });
    await Promise.race([done, timedOut]);
    this.#handedOver = null;
  }

  // ---- other nodes -------------------------------------------------------------------------------------------------

  /** Either direction counts: what is sent over one connection of a pair of nodes is answered over the other. */
  #opened({ peerNode }: Channel): void {
    if (peerNode === '') return;
    for (const host of this.#replicas.hosts)
      this.#turn.stepLazily(host, { kind: 'connected', node: peerNode });
  }

  #received(channel: Channel, body: OneWayBody): void {
    if (this.#closed) return;
    const from = channel.peerNode;
    const host = this.#replicas.usable(body.range);
    if (host === undefined && this.#replicas.get(body.range) !== undefined) return;
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
    this.#replicas.stepAll({ kind: 'live', nodes: this.#livePeers.standings });
    this.#tick(true);
  }

  // ---- its session -------------------------------------------------------------------------------------------------

  get #sessionId(): SessionId | null {
    return this.#session === null || this.#session.ended ? null : this.#session.id;
  }

  /** R11, the lease [safety]: must be called at the moment of use. */
  #leaseValid(): boolean {
    return this.#session !== null && this.#env.now() < this.#session.leaseUntil();
  }
}
