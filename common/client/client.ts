// The client itself: what api.ts promises, put together from the picture of the ranges (directory.ts), the connections
// (net/peers.ts) and the calls on their way (write-call.ts, read-call.ts, scanner.ts). ZooKeeper, transport and clock
// come from outside, so that the simulator runs this very code.

import type { Env } from '../base/env.ts';
import { RangekeeperError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { LIMITS } from '../model/config.ts';
import type { DescriptorImage } from '../model/descriptor.ts';
import type { NodeId } from '../model/ids.ts';
import { isEmpty } from '../model/key-range.ts';
import type { NamespaceRecord } from '../model/records.ts';
import type { NodeStatus } from '../model/status.ts';
import type { ChannelConfig } from '../net/channel.ts';
import { Peers } from '../net/peers.ts';
import type { Transport } from '../net/transport.ts';
import type { Mutation } from '../wire/messages.ts';
import type { Zk } from '../zk/store.ts';
import { Admission } from './admission.ts';
import type {
  BatchOp,
  CallOptions,
  Client,
  ClientEvents,
  Deleted,
  Found,
  Key,
  NodeView,
  ReadOptions,
  ScanOptions,
  ScanPage,
  ScanPageOptions,
  ScanRow,
  WriteOptions,
  Written,
} from './api.ts';
import {
  boundsOf,
  deadlineMsOf,
  keyBytes,
  limitOf,
  mutationsOf,
  readModeOf,
  revisionOf,
  valueBytes,
} from './arguments.ts';
import type { Call, CallContext } from './call.ts';
import { type Cluster, reachCluster, readNamespaces, readRanges } from './cluster.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { Directory } from './directory.ts';
import { GetTask } from './get-task.ts';
import { NodeHealth } from './health.ts';
import { Listeners } from './listeners.ts';
import { NodeList } from './node-list.ts';
import { read } from './read.ts';
import { type Piece, readPage, readPiece, type ScanPlan } from './scanner.ts';
import { Seen } from './seen.ts';
import { askStatus } from './status.ts';
import { WriteCall, type WriteOutcome, type WriteResult } from './write-call.ts';
import { Writers } from './writer.ts';

const PAGE_ROWS = 100;
/** Rows that `scan` asks for at once. */
const SCAN_PAGE_ROWS = 1_000;

/** The world that a client lives in. */
export interface ClientWorld {
  /** Closed with the client. */
  readonly zk: Zk;
  readonly transport: Transport;
  readonly env: Env;
  readonly log: Logger;
  readonly channel?: Partial<ChannelConfig>;
}

export interface ClientSettings {
  readonly namespace: string;
  readonly deadlineMs: number;
  readonly connectMs: number;
  readonly fallbackMs: number;
}

export const DEFAULT_SETTINGS: ClientSettings = {
  namespace: 'default',
  deadlineMs: 10_000,
  connectMs: 10_000,
  fallbackMs: 50,
};

/** A client over any world. Rejects with NO_CLUSTER or UNKNOWN_NAMESPACE; the world's `zk` is then closed as well. */
export async function openClient(world: ClientWorld, settings: ClientSettings): Promise<Client> {
  const { zk, env } = world;
  try {
    const cluster = await reachCluster(world, settings);
    const client = new RangekeeperClient(world, settings, cluster);
    if (await within(env, settings.connectMs, client.loaded())) return client;
    await client.close();
    throw new RangekeeperError('NO_CLUSTER', 'ZooKeeper did not tell the nodes in time');
  } catch (error) {
    await zk.close();
    throw error;
  }
}

/** Whether `promise` resolves in time. */
function within(env: Env, ms: number, promise: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = env.after(ms, () => resolve(false));
    void promise.then(() => {
      timer.cancel();
      resolve(true);
    });
  });
}

class RangekeeperClient implements Client, CallContext {
  readonly namespace: string;
  readonly env: Env;
  readonly directory: Directory;
  readonly peers: Peers;
  readonly health: NodeHealth;
  readonly seen = new Seen();
  readonly writers: Writers;
  readonly pausing = new Set<Call>();
  closed = false;
  private readonly zk: Zk;
  private readonly settings: ClientSettings;
  private readonly nodeList: NodeList;
  private readonly listeners: Listeners;
  private readonly admission = new Admission();

  constructor({ zk, transport, env, log, channel }: ClientWorld, settings: ClientSettings, cluster: Cluster) {
    this.namespace = settings.namespace;
    this.env = env;
    this.zk = zk;
    this.settings = settings;
    this.health = new NodeHealth(env);
    this.writers = new Writers(env);
    this.listeners = new Listeners(env);
    this.peers = new Peers({
      env,
      log,
      transport,
      self: { clusterId: cluster.id, nodeId: '' },
      handlers: { opened: ({ peerNode }) => this.health.returned(peerNode) },
      ...(channel === undefined ? {} : { channel }),
    });
    const { namespace } = settings;
    this.directory = new Directory(
      { zk, env, log, namespace, changed: () => this.rangesChanged() },
      cluster.images,
    );
    this.nodeList = new NodeList(zk, log, {
      changed: () => this.listeners.changed('nodes'),
      located: (node, live) => {
        this.peers.setAddress(node, live?.address ?? null);
        if (live === null) this.peers.doubt(node, 'its ZooKeeper session has ended');
      },
    });
    zk.onSession((session) => {
      this.listeners.zookeeperIs(true);
      session.onEnd(() => this.listeners.zookeeperIs(false));
    });
  }

  /** Resolves once the nodes are known. */
  loaded(): Promise<void> {
    return this.nodeList.loaded();
  }

  // ---- writes ----------------------------------------------------------------------------------------------------

  put(key: Key, value: Key, options: WriteOptions = {}): Promise<Written> {
    return this.admitted(options, (deadlineMs) => {
      const ifRevision = revisionOf(options.ifRevision);
      const mutation = { kind: 'put', key: keyBytes(key), value: valueBytes(value), ifRevision } as const;
      return this.write([mutation], deadlineMs, written);
    });
  }

  delete(key: Key, options: WriteOptions = {}): Promise<Deleted> {
    return this.admitted(options, (deadlineMs) => {
      const ifRevision = revisionOf(options.ifRevision);
      return this.write([{ kind: 'delete', key: keyBytes(key), ifRevision }], deadlineMs, deleted);
    });
  }

  batch(ops: readonly BatchOp[], options: CallOptions = {}): Promise<Written> {
    return this.admitted(options, (deadlineMs) => this.write(mutationsOf(ops), deadlineMs, written));
  }

  private write<T>(mutations: readonly Mutation[], deadlineMs: number, result: WriteResult<T>): Promise<T> {
    return WriteCall.run(this, mutations, deadlineMs, result);
  }

  // ---- reads -----------------------------------------------------------------------------------------------------

  get(key: Key, options: ReadOptions = {}): Promise<Found | null> {
    return this.admitted(options, (deadlineMs) =>
      read(this, new GetTask(keyBytes(key), readModeOf(options.read), deadlineMs, this.settings.fallbackMs)),
    );
  }

  async *scan(options: ScanOptions = {}): AsyncIterableIterator<ScanRow> {
    let left = limitOf(options.limit) ?? Number.POSITIVE_INFINITY;
    let cursor: string | null = null;
    while (left > 0) {
      const page: ScanPage = await this.scanPage({
        ...options,
        limit: Math.min(left, SCAN_PAGE_ROWS),
        cursor,
      });
      const { stale, staleMs } = page;
      for (const row of page.rows) yield { ...row, stale, staleMs };
      if (page.cursor === null) return;
      left -= page.rows.length;
      cursor = page.cursor;
    }
  }

  async scanPage(options: ScanPageOptions = {}): Promise<ScanPage> {
    const plan = this.planOf(options, false);
    const bounds = boundsOf(options);
    const rows = Math.min(limitOf(options.limit) ?? PAGE_ROWS, LIMITS.pageRowsMax);
    const cursor = options.cursor ?? null;
    const at = cursor === null ? null : decodeCursor(cursor, bounds, plan.reverse);
    const keys = at === null ? bounds : plan.reverse ? { ...bounds, end: at } : { ...bounds, start: at };
    const deadlineMs = deadlineMsOf(options, this.settings.deadlineMs);
    const now = this.env.now();
    if (!this.admission.hasRoom(deadlineMs, now)) return refused();
    const deadline = now + deadlineMs;
    const page = await readPage(this, plan, keys, { rows, bytes: LIMITS.pageBytesMax, deadline });
    const next = page.rest === null ? null : plan.reverse ? page.rest.end : page.rest.start;
    return {
      rows: page.rows,
      cursor: next === null ? null : encodeCursor(bounds, plan.reverse, next),
      ...page.freshness,
    };
  }

  async count(options: Omit<ScanOptions, 'limit' | 'reverse' | 'keysOnly'> = {}): Promise<number> {
    const plan = this.planOf(options, true);
    const deadlineMs = deadlineMsOf(options, this.settings.deadlineMs);
    const bounds = boundsOf(options);
    let count = 0;
    let rest = isEmpty(bounds) ? null : bounds;
    while (rest !== null) {
      const limits = {
        rows: LIMITS.pageRowsMax,
        bytes: LIMITS.pageBytesMax,
        deadline: this.env.now() + deadlineMs,
      };
      const piece: Piece = await readPiece(this, plan, rest, limits);
      count += piece.count;
      rest = piece.rest;
    }
    return count;
  }

  private planOf(options: ScanOptions, countOnly: boolean): ScanPlan {
    return {
      reverse: options.reverse === true,
      keysOnly: options.keysOnly === true || countOnly,
      countOnly,
      mode: readModeOf(options.read),
      fallbackMs: this.settings.fallbackMs,
    };
  }

  // ---- the cluster -----------------------------------------------------------------------------------------------

  ranges(): readonly DescriptorImage[] {
    return this.directory.images();
  }

  async refresh(): Promise<void> {
    this.checkOpen();
    const known = this.directory.images();
    this.directory.replace(known, await readRanges(this.zk, this.namespace));
  }

  nodes(): readonly NodeView[] {
    return this.nodeList.views();
  }

  locate(key: Key): DescriptorImage | undefined {
    return this.directory.locate(keyBytes(key), false);
  }

  async namespaces(): Promise<readonly NamespaceRecord[]> {
    this.checkOpen();
    return readNamespaces(this.zk);
  }

  async nodeStatus(node: NodeId, options: CallOptions = {}): Promise<NodeStatus> {
    this.checkOpen();
    return askStatus(this.peers, node, this.env.now() + deadlineMsOf(options, this.settings.deadlineMs));
  }

  on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): () => void {
    return this.listeners.on(event, listener);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.directory.close();
    this.nodeList.close();
    this.peers.close();
    for (const call of [...this.pausing]) call.resume();
    await this.zk.close();
  }

  // ---- for the calls ---------------------------------------------------------------------------------------------

  begin(): void {
    this.checkOpen();
    this.admission.begun();
  }

  end(answered: boolean): void {
    this.admission.ended(answered);
  }

  /** `begin`'s promise, if there is room for the call; what it throws at once becomes a rejection. */
  private admitted<T>(options: CallOptions, begin: (deadlineMs: number) => Promise<T>): Promise<T> {
    try {
      const deadlineMs = deadlineMsOf(options, this.settings.deadlineMs);
      return this.admission.hasRoom(deadlineMs, this.env.now()) ? begin(deadlineMs) : refused();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  private checkOpen(): void {
    if (this.closed) throw new RangekeeperError('CLOSED', 'the client is closed');
  }

  private rangesChanged(): void {
    for (const call of [...this.pausing]) call.routesChanged();
    this.listeners.changed('ranges');
  }
}

/** Not rejected before its asker listens: Node would look for who does not, at several times the cost. */
async function refused(): Promise<never> {
  await null;
  throw new RangekeeperError('OVERLOADED', 'this client has more calls under way than are answered in time');
}

function written({ reply, route }: WriteOutcome): Written {
  const { id: range, owner } = route.descriptor;
  return { revision: reply.revision, range, epoch: reply.epoch, node: owner.node };
}

function deleted(outcome: WriteOutcome): Deleted {
  return { ...written(outcome), existed: outcome.reply.deleted > 0 };
}
