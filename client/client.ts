// The client of api.ts. It consists of the directory of ranges (directory.ts), what it shares with clients of other namespaces
// (cluster-connection.ts), and the calls under way (write-call.ts, read-call.ts, scanner.ts). ZooKeeper, transport and clock
// are passed in, so that the simulator runs this code.

import type { Env } from '../common/base/env.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import { LIMITS } from '../common/model/config.ts';
import type { Descriptor, DescriptorImage } from '../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import { isEmpty } from '../common/model/key-range.ts';
import type { RaisedEpochs } from '../common/model/raise-epochs.ts';
import type { RangeCheck } from '../common/model/range-check.ts';
import type { NodeStatus } from '../common/model/status.ts';
import type { Peers } from '../common/net/peers.ts';
import type { Mutation } from '../common/wire/messages.ts';
import { askLeader } from './admin.ts';
import { Admission } from './admission.ts';
import type {
  BatchOp,
  CallOptions,
  Client,
  ClientEvents,
  Deleted,
  Found,
  Key,
  NamespaceOptions,
  NamespaceView,
  NodeView,
  RaiseOptions,
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
  namespaceNameOf,
  readModeOf,
  revisionOf,
  valueBytes,
  valueBytesMaxOf,
} from './arguments.ts';
import { Call, type CallContext } from './call.ts';
import { type ClientWorld, ClusterConnection, type ConnectionUser } from './cluster-connection.ts';
import { createNamespace, requestedNamespace } from './create-namespace.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { Directory } from './directory.ts';
import { GetTask } from './get-task.ts';
import type { NodeHealth } from './health.ts';
import { Listeners } from './listeners.ts';
import { raiseEpochs } from './raise-epochs.ts';
import { checkRange } from './range-check.ts';
import { reachCluster, readNamespaces, readRanges } from './reach-cluster.ts';
import { read } from './read.ts';
import { type Piece, readPage, readPiece, type ScanPlan } from './scanner.ts';
import { Seen } from './seen.ts';
import { askStatus } from './status.ts';
import { WriteCall, type WriteOutcome, type WriteResult } from './write-call.ts';
import { Writers } from './writer.ts';

const PAGE_ROWS = 100;
/** How many rows `scan` reads at once. */
const SCAN_PAGE_ROWS = 1_000;

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

/** A client, real or simulated. Rejects with NO_CLUSTER or UNKNOWN_NAMESPACE, and then closes the world's `zk`. */
export async function openClient(world: ClientWorld, settings: ClientSettings): Promise<Client> {
  const { zk, env } = world;
  try {
    const { id, images } = await reachCluster(world, settings);
    const connection = new ClusterConnection(world, id);
    const client = new RangekeeperClient(connection, settings, images, true);
    if (await within(env, settings.connectMs, connection.nodes.loaded())) return client;
    await client.close();
    throw new RangekeeperError('NO_CLUSTER', 'the list of nodes could not be read from ZooKeeper in time');
  } catch (error) {
    await zk.close();
    throw error;
  }
}

/** Whether `promise` resolves within `ms`. */
function within(env: Env, ms: number, promise: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = env.after(ms, () => resolve(false));
    void promise.then(() => {
      timer.cancel();
      resolve(true);
    });
  });
}

class RangekeeperClient implements Client, CallContext, ConnectionUser {
  readonly namespace: string;
  readonly env: Env;
  readonly directory: Directory;
  readonly peers: Peers;
  readonly health: NodeHealth;
  readonly seen = new Seen();
  readonly writers: Writers;
  readonly pausing = new Set<Call>();
  closed = false;
  readonly #connection: ClusterConnection;
  readonly #settings: ClientSettings;
  /** It was made by `connect`, not by `inNamespace`, so closing it closes the connection. */
  readonly #isFirst: boolean;
  readonly #listeners: Listeners;
  readonly #admission = new Admission();

  /** `images`: every descriptor of the namespace, as just read. */
  constructor(
    connection: ClusterConnection,
    settings: ClientSettings,
    images: readonly DescriptorImage[],
    isFirst: boolean,
  ) {
    const { zk, env, log, peers, health } = connection;
    const { namespace } = settings;
    this.namespace = namespace;
    this.env = env;
    this.peers = peers;
    this.health = health;
    this.#connection = connection;
    this.#settings = settings;
    this.#isFirst = isFirst;
    this.writers = new Writers(env);
    this.#listeners = new Listeners(env);
    const changed = () => this.#rangesChanged();
    const ownerChanged = (range: Descriptor, before: NodeId) => this.#ownerChanged(range, before);
    this.directory = new Directory({ zk, env, log, namespace, changed, ownerChanged }, images);
    connection.join(this);
  }

  // ---- writes ----------------------------------------------------------------------------------------------------

  put(key: Key, value: Key, options: WriteOptions = {}): Promise<Written> {
    return this.#admitted(options, (deadlineMs) => {
      const ifRevision = revisionOf(options.ifRevision);
      const mutation = { kind: 'put', key: keyBytes(key), value: valueBytes(value), ifRevision } as const;
      return this.#write([mutation], deadlineMs, written);
    });
  }

  delete(key: Key, options: WriteOptions = {}): Promise<Deleted> {
    return this.#admitted(options, (deadlineMs) => {
      const ifRevision = revisionOf(options.ifRevision);
      return this.#write([{ kind: 'delete', key: keyBytes(key), ifRevision }], deadlineMs, deleted);
    });
  }

  batch(ops: readonly BatchOp[], options: CallOptions = {}): Promise<Written> {
    return this.#admitted(options, (deadlineMs) => this.#write(mutationsOf(ops), deadlineMs, written));
  }

  #write<T>(mutations: readonly Mutation[], deadlineMs: number, result: WriteResult<T>): Promise<T> {
    return WriteCall.run(this, mutations, deadlineMs, result);
  }

  // ---- reads -----------------------------------------------------------------------------------------------------

  get(key: Key, options: ReadOptions = {}): Promise<Found | null> {
    return this.#admitted(options, (deadlineMs) =>
      read(this, new GetTask(keyBytes(key), readModeOf(options.read), deadlineMs, this.#settings.fallbackMs)),
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
    const plan = this.#planOf(options, false);
    const bounds = boundsOf(options);
    const rows = Math.min(limitOf(options.limit) ?? PAGE_ROWS, LIMITS.pageRowsMax);
    const cursor = options.cursor ?? null;
    const at = cursor === null ? null : decodeCursor(cursor, bounds, plan.reverse);
    const keys = at === null ? bounds : plan.reverse ? { ...bounds, end: at } : { ...bounds, start: at };
    const deadlineMs = deadlineMsOf(options, this.#settings.deadlineMs);
    const now = this.env.now();
    if (!this.#admission.hasRoom(deadlineMs, now)) return refused();
    const deadline = now + deadlineMs;
    const page = await readPage(this, plan, keys, { rows, bytes: LIMITS.pageBytesMax, deadline });
    const next = page.rest === null ? null : plan.reverse ? page.rest.end : page.rest.start;
    return {
      rows: page.rows,
      cursor: next === null ? null : encodeCursor(bounds, plan.reverse, next),
      ...page.freshness,
    };
  }

  async count(
    options: Omit<ScanOptions, 'limit' | 'reverse' | 'keysOnly' | 'valueBytesMax'> = {},
  ): Promise<number> {
    const plan = this.#planOf(options, true);
    const deadlineMs = deadlineMsOf(options, this.#settings.deadlineMs);
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

  #planOf(options: ScanOptions, countOnly: boolean): ScanPlan {
    return {
      reverse: options.reverse === true,
      keysOnly: options.keysOnly === true || countOnly,
      countOnly,
      valueBytesMax: valueBytesMaxOf(options),
      mode: readModeOf(options.read),
      fallbackMs: this.#settings.fallbackMs,
    };
  }

  // ---- the cluster -----------------------------------------------------------------------------------------------

  ranges(): readonly DescriptorImage[] {
    return this.directory.images();
  }

  async refresh(): Promise<void> {
    this.#checkOpen();
    const known = this.directory.images();
    this.directory.replace(
      known,
      await readRanges(this.#connection.zk, this.#connection.log, this.namespace),
    );
  }

  nodes(): readonly NodeView[] {
    return this.#connection.nodes.views();
  }

  locate(key: Key): DescriptorImage | undefined {
    return this.directory.locate(keyBytes(key), false);
  }

  async namespaces(): Promise<readonly NamespaceView[]> {
    this.#checkOpen();
    return readNamespaces(this.#connection.zk, this.#connection.log);
  }

  async inNamespace(namespace: string): Promise<Client> {
    this.#checkOpen();
    const { zk, log } = this.#connection;
    const images = await readRanges(zk, log, namespaceNameOf(namespace));
    this.#checkOpen();
    return new RangekeeperClient(this.#connection, { ...this.#settings, namespace }, images, false);
  }

  async createNamespace(name: string, options: NamespaceOptions = {}): Promise<NamespaceView> {
    this.#checkOpen();
    const deadlineMs = deadlineMsOf(options, this.#settings.deadlineMs);
    return createNamespace(this.#connection, requestedNamespace(name, options), deadlineMs);
  }

  async nodeStatus(node: NodeId, options: CallOptions = {}): Promise<NodeStatus> {
    this.#checkOpen();
    return askStatus(this.peers, node, this.env.now() + deadlineMsOf(options, this.#settings.deadlineMs));
  }

  async forgetNode(node: NodeId, options: CallOptions = {}): Promise<string> {
    this.#checkOpen();
    const deadlineMs = deadlineMsOf(options, this.#settings.deadlineMs);
    return askLeader(this.#connection.zk, this.env, { kind: 'forget-node', node }, deadlineMs);
  }

  async raiseEpochs(options: RaiseOptions = {}): Promise<RaisedEpochs> {
    this.#checkOpen();
    const deadlineMs = deadlineMsOf(options, this.#settings.deadlineMs);
    const { zk, log } = this.#connection;
    const context = { env: this.env, log, zk, peers: this.peers, nodes: this.nodes() };
    const { force = false, dryRun = false } = options;
    return raiseEpochs(context, { force, dryRun, deadlineMs });
  }

  async checkRange(range: RangeId, options: CallOptions = {}): Promise<RangeCheck> {
    this.#checkOpen();
    return checkRange(this, range, deadlineMsOf(options, this.#settings.deadlineMs));
  }

  on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): () => void {
    return this.#listeners.on(event, listener);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.directory.close();
    this.#connection.leave(this);
    const connectionClosed = this.#isFirst ? this.#connection.close() : null;
    for (const call of [...this.pausing]) call.resume();
    await connectionClosed;
  }

  // ---- for the connection ----------------------------------------------------------------------------------------

  nodesChanged(): void {
    this.#listeners.changed('nodes');
  }

  zookeeperIs(connected: boolean): void {
    this.#listeners.zookeeperIs(connected);
  }

  // ---- for the calls ---------------------------------------------------------------------------------------------

  zookeeperSilentMs(): number | null {
    return this.#connection.zookeeperSilentMs();
  }

  begin(): void {
    this.#checkOpen();
    this.#admission.begun();
  }

  end(answered: boolean): void {
    this.#admission.ended(answered);
  }

  /** Starts a call if it is accepted. An error that `begin` throws becomes a rejection. */
  #admitted<T>(options: CallOptions, begin: (deadlineMs: number) => Promise<T>): Promise<T> {
    try {
      const deadlineMs = deadlineMsOf(options, this.#settings.deadlineMs);
      return this.#admission.hasRoom(deadlineMs, this.env.now()) ? begin(deadlineMs) : refused();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #checkOpen(): void {
    if (this.closed) throw new RangekeeperError('CLOSED', 'the client is closed');
  }

  #rangesChanged(): void {
    for (const call of [...this.pausing]) call.routesChanged();
    this.#listeners.changed('ranges');
  }

  /**
   * Requests that still wait at the previous owner are sent to the new one at once. The previous owner may stay reachable and yet
   * never answer them.
   */
  #ownerChanged(range: Descriptor, before: NodeId): void {
    const waits = (handler: object) => handler instanceof Call && handler.wasSentBefore(range);
    this.peers.giveUp(before, waits, `range ${range.id} has another owner in epoch ${range.epoch}`);
  }
}

/** Rejects once the caller listens: rejecting a promise that has no listener yet costs Node several times as much. */
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
