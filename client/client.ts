// The client of api.ts. It consists of the directory of ranges (directory.ts), what it shares with clients of other namespaces
// (cluster-connection.ts), and the calls under way (write-call.ts, read-call.ts, scanner.ts). ZooKeeper, transport and clock
// are passed in, so that the simulator runs this code.

import { RangekeeperError } from '../common/base/errors.ts';
import { LIMITS } from '../common/model/config.ts';
import type { Descriptor, DescriptorImage } from '../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import { isEmpty, type KeyRange } from '../common/model/key-range.ts';
import type { Mutation } from '../common/wire/messages.ts';
import { Aborts, throwIfAborted } from './aborts.ts';
import { AdminClient } from './admin-client.ts';
import { Admission } from './admission.ts';
import type {
  AbortOptions,
  BatchOp,
  CallOptions,
  Client,
  ClientEvents,
  CountOptions,
  Deleted,
  Found,
  Key,
  ReadOptions,
  Scan,
  ScanOptions,
  ScanPage,
  ScanPageOptions,
  ScanRow,
  WriteOptions,
  Written,
} from './api.ts';
import {
  keyBytes,
  limitOf,
  namespaceNameOf,
  ownKeyBytes,
  readModeOf,
  revisionOf,
  valueBytes,
} from './arguments.ts';
import { mutationsOf } from './batch.ts';
import { Call, type CallContext, type CallLimits } from './call.ts';
import { type CheckedScan, checkScan } from './checked-scan.ts';
import { type ClientWorld, ClusterConnection, type ConnectionUser } from './cluster-connection.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { Directory } from './directory.ts';
import { GetTask } from './get-task.ts';
import type { NodeHealth } from './health.ts';
import { Listeners } from './listeners.ts';
import { checkOptions, NO_OPTIONS } from './options.ts';
import { reachCluster, readRanges } from './reach-cluster.ts';
import { read } from './read.ts';
import { RowIterator } from './row-iterator.ts';
import { type Piece, readPage, readPiece } from './scanner.ts';
import { Seen } from './seen.ts';
import { untilAborted, within } from './until-aborted.ts';
import { PageRow, ScannedRow } from './values.ts';
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

/** A client, real or simulated. Rejects with NO_CLUSTER, UNKNOWN_NAMESPACE or ABORTED, and then closes the world's `zk`. */
export async function openClient(
  world: ClientWorld,
  settings: ClientSettings,
  signal?: AbortSignal,
): Promise<Client> {
  try {
    return await untilAborted(signal, () => open(world, settings, signal));
  } catch (error) {
    await world.zk.close();
    throw error;
  }
}

async function open(world: ClientWorld, settings: ClientSettings, signal?: AbortSignal): Promise<Client> {
  const { id, images } = await reachCluster(world, settings, signal);
  const connection = new ClusterConnection(world, id);
  const client = new RangekeeperClient(connection, settings, images, true);
  if (await within(world.env, settings.connectMs, connection.nodes.loaded(), signal)) return client;
  await client.close();
  throw new RangekeeperError('NO_CLUSTER', 'the list of nodes could not be read from ZooKeeper in time');
}

class RangekeeperClient extends AdminClient implements Client, CallContext, ConnectionUser {
  readonly directory: Directory;
  readonly health: NodeHealth;
  readonly seen = new Seen();
  readonly writers: Writers;
  readonly aborts: Aborts;
  readonly pausing = new Set<Call>();
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
    const { namespace, deadlineMs } = settings;
    super(connection, namespace, deadlineMs);
    const { zk, env, log, peers, health } = connection;
    this.health = health;
    this.#settings = settings;
    this.#isFirst = isFirst;
    this.writers = new Writers(env);
    this.aborts = new Aborts(peers);
    this.#listeners = new Listeners(env);
    const changed = () => this.#rangesChanged();
    const ownerChanged = (range: Descriptor, before: NodeId) => this.#ownerChanged(range, before);
    const ended = (range: RangeId) => this.#rangeEnded(range);
    this.directory = new Directory({ zk, env, log, namespace, changed, ownerChanged, ended }, images);
    connection.join(this);
  }

  // ---- writes ----------------------------------------------------------------------------------------------------

  put(key: Key, value: Key, options: WriteOptions = NO_OPTIONS): Promise<Written> {
    return this.#admitted('put', options, (limits) => {
      const ifRevision = revisionOf(options.ifRevision);
      const mutation = { kind: 'put', key: keyBytes(key), value: valueBytes(value), ifRevision } as const;
      return this.#write([mutation], limits, written);
    });
  }

  delete(key: Key, options: WriteOptions = NO_OPTIONS): Promise<Deleted> {
    return this.#admitted('delete', options, (limits) => {
      const ifRevision = revisionOf(options.ifRevision);
      return this.#write([{ kind: 'delete', key: keyBytes(key), ifRevision }], limits, deleted);
    });
  }

  batch(ops: readonly BatchOp[], options: CallOptions = NO_OPTIONS): Promise<Written> {
    return this.#admitted('batch', options, (limits) => this.#write(mutationsOf(ops), limits, written));
  }

  #write<T>(mutations: readonly Mutation[], limits: CallLimits, result: WriteResult<T>): Promise<T> {
    return WriteCall.run(this, mutations, limits, result);
  }

  // ---- reads -----------------------------------------------------------------------------------------------------

  get(key: Key, options: ReadOptions = NO_OPTIONS): Promise<Found | null> {
    return this.#admitted('get', options, (limits) =>
      read(this, new GetTask(ownKeyBytes(key), readModeOf(options.read), limits, this.#settings.fallbackMs)),
    );
  }

  scan(options: ScanOptions = NO_OPTIONS): Scan {
    checkOptions('scan', options);
    const limit = limitOf(options.limit) ?? Number.POSITIVE_INFINITY;
    return new RowIterator(this.#rows(this.#checkedScan(options, false), limit));
  }

  async *#rows(scan: CheckedScan, limit: number): AsyncGenerator<ScanRow, undefined> {
    let left = limit;
    let rest: KeyRange | null = scan.bounds;
    while (rest !== null && left > 0) {
      const page: Piece = await this.#page(scan, rest, Math.min(left, SCAN_PAGE_ROWS));
      for (const row of page.rows) {
        throwIfAborted(scan.plan.signal);
        yield new ScannedRow(row, page.freshness);
      }
      left -= page.rows.length;
      rest = page.rest;
    }
  }

  async scanPage(options: ScanPageOptions = NO_OPTIONS): Promise<ScanPage> {
    checkOptions('scanPage', options);
    const scan = this.#checkedScan(options, false);
    const rows = Math.min(limitOf(options.limit) ?? PAGE_ROWS, LIMITS.pageRowsMax);
    const { bounds, plan } = scan;
    const cursor = options.cursor ?? null;
    const at = cursor === null ? null : decodeCursor(cursor, bounds, plan.reverse);
    const keys = at === null ? bounds : plan.reverse ? { ...bounds, end: at } : { ...bounds, start: at };
    const page = await this.#page(scan, keys, rows);
    const next = page.rest === null ? null : plan.reverse ? page.rest.end : page.rest.start;
    return {
      rows: page.rows.map((row) => new PageRow(row)),
      cursor: next === null ? null : encodeCursor(bounds, plan.reverse, next),
      ...page.freshness,
    };
  }

  #page({ plan, deadlineMs }: CheckedScan, keys: KeyRange, rows: number): Promise<Piece> {
    const now = this.env.now();
    if (!this.#admission.hasRoom(deadlineMs, now)) return refused();
    return readPage(this, plan, keys, { rows, bytes: LIMITS.pageBytesMax, deadline: now + deadlineMs });
  }

  async count(options: CountOptions = NO_OPTIONS): Promise<number> {
    checkOptions('count', options);
    const { plan, bounds, deadlineMs } = this.#checkedScan(options, true);
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

  #checkedScan(options: ScanOptions, countOnly: boolean): CheckedScan {
    return checkScan(options, this.limitsOf(options), this.#settings.fallbackMs, countOnly);
  }

  // ---- the cluster -----------------------------------------------------------------------------------------------

  ranges(): readonly DescriptorImage[] {
    return this.directory.images();
  }

  async refresh(options: AbortOptions = NO_OPTIONS): Promise<void> {
    const { zk, log } = this.connection;
    const known = this.directory.images();
    const images = await this.asked('refresh', options, () => readRanges(zk, log, this.namespace));
    this.directory.replace(known, images);
  }

  locate(key: Key): DescriptorImage | undefined {
    return this.directory.locate(keyBytes(key), false);
  }

  async inNamespace(namespace: string, options: AbortOptions = NO_OPTIONS): Promise<Client> {
    const { zk, log } = this.connection;
    const name = namespaceNameOf(namespace);
    const images = await this.asked('inNamespace', options, () => readRanges(zk, log, name));
    this.checkOpen();
    return new RangekeeperClient(this.connection, { ...this.#settings, namespace: name }, images, false);
  }

  on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): () => void {
    return this.#listeners.on(event, listener);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.closing.abort();
    this.directory.close();
    this.connection.leave(this);
    const connectionClosed = this.#isFirst ? this.connection.close() : null;
    for (const call of [...this.pausing]) call.resume();
    await connectionClosed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
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
    return this.connection.zookeeperSilentMs();
  }

  begin(): void {
    this.checkOpen();
    this.#admission.begun();
  }

  end(answered: boolean): void {
    this.#admission.ended(answered);
  }

  /** Starts a call if it is accepted. An error that `begin` throws becomes a rejection. */
  #admitted<T>(
    method: 'put' | 'delete' | 'batch' | 'get',
    options: CallOptions,
    begin: (limits: CallLimits) => Promise<T>,
  ): Promise<T> {
    try {
      checkOptions(method, options);
      const limits = this.limitsOf(options);
      return this.#admission.hasRoom(limits.deadlineMs, this.env.now()) ? begin(limits) : refused();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #rangesChanged(): void {
    for (const call of [...this.pausing]) call.routesChanged();
    this.#listeners.changed('ranges');
  }

  #rangeEnded(range: RangeId): void {
    this.seen.forget(range);
    this.writers.forget(range);
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
