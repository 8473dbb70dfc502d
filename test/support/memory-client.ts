// A `Client` over a sorted array in this process, for unit tests of the REPL and the web page that need no cluster. It keeps the
// contract of client/api.ts (limits, revisions, conditions, cursors). A test adds faults through `beforeCall` and stale answers
// through `staleness`.

import { throwIfAborted } from '../../client/aborts.ts';
import type { Task, TaskOptions } from '../../client/admin-api.ts';
import type {
  AbortOptions,
  BatchOp,
  CallOptions,
  Client,
  ClientEvents,
  CountOptions,
  Deleted,
  Found,
  Freshness,
  Key,
  NamespaceOptions,
  NamespaceView,
  NodeView,
  Provenance,
  RaiseOptions,
  ReadMode,
  ReadOptions,
  Scan,
  ScanOptions,
  ScanPage,
  ScanPageOptions,
  ScanRow,
  WriteOptions,
  Written,
} from '../../client/api.ts';
import {
  boundsOf,
  keyBytes,
  limitOf,
  namespaceNameOf,
  ownKeyBytes,
  readModeOf,
} from '../../client/arguments.ts';
import { mutationsOf } from '../../client/batch.ts';
import { checkScan } from '../../client/checked-scan.ts';
import { conflictText } from '../../client/conflict.ts';
import { requestedNamespace } from '../../client/create-namespace.ts';
import { checkOptions, NO_OPTIONS } from '../../client/options.ts';
import { RowIterator } from '../../client/row-iterator.ts';
import { untilAborted } from '../../client/until-aborted.ts';
import { FoundValue, PageRow, type PlainRow, ScannedRow } from '../../client/values.ts';
import { type Bytes, compareBytes, emptyBytes, equalBytes, fromHex, toHex } from '../../common/base/bytes.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { LIMITS } from '../../common/model/config.ts';
import { type DescriptorImage, defaultMinInSync } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import { contains } from '../../common/model/key-range.ts';
import type { RaisedEpochs } from '../../common/model/raise-epochs.ts';
import type { RangeCheck } from '../../common/model/range-check.ts';
import type { NodeStatus } from '../../common/model/status.ts';
import { copyOf, type Mutation } from '../../common/wire/messages.ts';
import { MemoryAdmin } from './memory-admin.ts';

export type MemoryCall = {
  readonly method: keyof Client;
  readonly key: Bytes | null;
  readonly value?: Bytes;
};

export class MemoryClient extends MemoryAdmin implements Client {
  readonly namespace: string;
  /** In key order. */
  rows: PlainRow[] = [];
  revision = 0;
  closed = false;
  /** Runs before every call. If it throws, the call rejects with that error and applies nothing. */
  beforeCall: (call: MemoryCall) => void | Promise<void> = () => {};
  /** The freshness of answers to reads in the modes `fallback` and `stale`. */
  staleness: Freshness = { stale: true, staleMs: 120 };
  images: DescriptorImage[] = [];
  views: NodeView[] = [];
  statuses = new Map<NodeId, NodeStatus>();
  /** The results of checks, by range. */
  checks = new Map<RangeId, RangeCheck>();
  /** What `raiseEpochs` returns, and the options of its calls. */
  raised: RaisedEpochs = { ranges: [], silent: [] };
  readonly raises: RaiseOptions[] = [];
  namespaceViews: NamespaceView[] = [
    { name: 'default', id: 1, replicationFactor: 3, minInSync: 2, ranges: 1 },
  ];
  /** The clients that `inNamespace` has made, by namespace: the last one of each. */
  readonly others = new Map<string, MemoryClient>();
  readonly #listeners = new Map<keyof ClientEvents, Set<(connected: boolean) => void>>();

  constructor(namespace = 'default') {
    super();
    this.namespace = namespace;
  }

  async put(key: Key, value: Key, options: WriteOptions = NO_OPTIONS): Promise<Written> {
    checkOptions('put', options);
    const mutations = ownMutations([{ put: { key, value, ...conditionOf(options) } }]);
    for (const put of mutations)
      if (put.kind === 'put') await this.enter({ method: 'put', key: put.key, value: put.value }, options);
    return this.#write(mutations);
  }

  async get(key: Key, options: ReadOptions = NO_OPTIONS): Promise<Found | null> {
    checkOptions('get', options);
    const k = ownKeyBytes(key);
    const mode = readModeOf(options.read);
    await this.enter({ method: 'get', key: k }, options);
    const row = this.#find(k);
    return row === undefined ? null : new FoundValue(k, row, this.#provenance(k), this.#freshness(mode));
  }

  async delete(key: Key, options: WriteOptions = NO_OPTIONS): Promise<Deleted> {
    checkOptions('delete', options);
    const mutations = ownMutations([{ delete: { key, ...conditionOf(options) } }]);
    const k = mutations[0]?.key ?? emptyBytes;
    await this.enter({ method: 'delete', key: k }, options);
    const existed = this.#find(k) !== undefined;
    return { ...this.#write(mutations), existed };
  }

  async batch(ops: readonly BatchOp[], options: CallOptions = NO_OPTIONS): Promise<Written> {
    checkOptions('batch', options);
    const mutations = ownMutations(ops);
    await this.enter({ method: 'batch', key: null }, options);
    return this.#write(mutations);
  }

  scan(options: ScanOptions = NO_OPTIONS): Scan {
    checkOptions('scan', options);
    const { plan, bounds } = checkScan(options, { deadlineMs: 0, signal: options.signal }, 0, false);
    const { reverse, keysOnly, valueBytesMax, mode: read, signal } = plan;
    const { start, end } = bounds;
    const limit = limitOf(options.limit) ?? Number.POSITIVE_INFINITY;
    const cut = valueBytesMax === null ? {} : { valueBytesMax };
    const page = { start, ...(end === null ? {} : { end }), reverse, keysOnly, ...cut, read };
    return new RowIterator(this.#scanRows(signal === undefined ? page : { ...page, signal }, limit));
  }

  async *#scanRows(options: ScanPageOptions, limit: number): AsyncGenerator<ScanRow, undefined> {
    let left = limit;
    let cursor: string | null = null;
    while (left > 0) {
      const page: ScanPage = await this.scanPage({ ...options, limit: Math.min(left, 100), cursor });
      for (const row of page.rows) {
        throwIfAborted(options.signal);
        yield new ScannedRow(row, page);
      }
      if (page.cursor === null) return;
      left -= page.rows.length;
      cursor = page.cursor;
    }
  }

  async scanPage(options: ScanPageOptions = NO_OPTIONS): Promise<ScanPage> {
    checkOptions('scanPage', options);
    const { plan, bounds } = checkScan(options, { deadlineMs: 0, signal: options.signal }, 0, false);
    const { reverse, keysOnly, mode } = plan;
    const limit = limitOf(options.limit) ?? 100;
    const from = typeof options.cursor === 'string' ? fromHex(options.cursor) : null;
    await this.enter({ method: 'scanPage', key: bounds.start }, options);
    const inside = this.rows.filter((row) => contains(bounds, row.key));
    if (reverse) inside.reverse();
    const rest =
      from === null ? inside : inside.filter((row) => compareBytes(row.key, from) * (reverse ? -1 : 1) > 0);
    const valueBytesMax = keysOnly ? 0 : (plan.valueBytesMax ?? Number.POSITIVE_INFINITY);
    const rows = pageOf(rest.slice(0, limit), valueBytesMax);
    const last = rows.at(-1);
    return {
      rows: rows.map((row) => new PageRow(row)),
      cursor: last === undefined || rows.length === rest.length ? null : toHex(last.key),
      ...this.#freshness(mode),
    };
  }

  async count(options: CountOptions = NO_OPTIONS): Promise<number> {
    checkOptions('count', options);
    const bounds = boundsOf(options);
    await this.enter({ method: 'count', key: bounds.start }, options);
    return this.rows.filter((row) => contains(bounds, row.key)).length;
  }

  ranges(): readonly DescriptorImage[] {
    return this.images;
  }

  async refresh(options: AbortOptions = NO_OPTIONS): Promise<void> {
    checkOptions('refresh', options);
    await this.enter({ method: 'refresh', key: null }, options);
  }

  nodes(): readonly NodeView[] {
    return this.views;
  }

  locate(key: Key): DescriptorImage | undefined {
    const bytes = keyBytes(key);
    return this.images.find(({ descriptor }) => contains(descriptor, bytes));
  }

  async namespaces(options: AbortOptions = NO_OPTIONS): Promise<readonly NamespaceView[]> {
    checkOptions('namespaces', options);
    await this.enter({ method: 'namespaces', key: null }, options);
    return this.namespaceViews;
  }

  async createNamespace(name: string, options: NamespaceOptions = NO_OPTIONS): Promise<NamespaceView> {
    checkOptions('createNamespace', options);
    const { replicationFactor, minInSync, splitAt } = requestedNamespace(name, options);
    await this.enter({ method: 'createNamespace', key: null }, options);
    const { length } = this.namespaceViews;
    if (this.namespaceViews.some((view) => view.name === name))
      throw new RangekeeperError('REFUSED', `namespace ${name} exists already`);
    const replicas = replicationFactor ?? 3;
    const view = {
      ...{
        name,
        id: length + 1,
        replicationFactor: replicas,
        minInSync: minInSync ?? defaultMinInSync(replicas),
      },
      ranges: (splitAt?.length ?? 0) + 1,
    };
    this.namespaceViews.push(view);
    return view;
  }

  /** A client of the same cluster, with the rows that were written in that namespace. It is closed with this one. */
  async inNamespace(namespace: string, options: AbortOptions = NO_OPTIONS): Promise<Client> {
    checkOptions('inNamespace', options);
    namespaceNameOf(namespace);
    await this.enter({ method: 'inNamespace', key: null }, options);
    if (!this.namespaceViews.some(({ name }) => name === namespace)) {
      const names = this.namespaceViews.map(({ name }) => name).join(', ');
      throw new RangekeeperError(
        'UNKNOWN_NAMESPACE',
        `no namespace ${JSON.stringify(namespace)}; there are: ${names}`,
      );
    }
    const client = new MemoryClient(namespace);
    const { rows, revision } = namespace === this.namespace ? this : (this.others.get(namespace) ?? client);
    const { staleness, images, views, statuses, checks, namespaceViews } = this;
    Object.assign(client, { rows, revision, staleness, images, views, statuses, checks, namespaceViews });
    client.beforeCall = (call) => this.beforeCall(call);
    this.others.set(namespace, client);
    return client;
  }

  /** Forgets a node that is not live. */
  override async forgetNode(node: NodeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    const task = await super.forgetNode(node, options);
    const view = this.views.find(({ id }) => id === node);
    if (view?.live !== null) throw new RangekeeperError('REFUSED', `${node} is live`);
    if (options.dryRun !== true) this.views = this.views.filter(({ id }) => id !== node);
    return { ...task, progress: `${node} is forgotten` };
  }

  async nodeStatus(node: NodeId, options: CallOptions = NO_OPTIONS): Promise<NodeStatus> {
    checkOptions('nodeStatus', options);
    await this.enter({ method: 'nodeStatus', key: null }, options);
    const status = this.statuses.get(node);
    if (status === undefined) throw new RangekeeperError('UNREACHABLE', `node ${node} does not answer`);
    return status;
  }

  async raiseEpochs(options: RaiseOptions = NO_OPTIONS): Promise<RaisedEpochs> {
    checkOptions('raiseEpochs', options);
    await this.enter({ method: 'raiseEpochs', key: null }, options);
    this.raises.push(options);
    return this.raised;
  }

  async checkRange(range: RangeId, options: CallOptions = NO_OPTIONS): Promise<RangeCheck> {
    checkOptions('checkRange', options);
    await this.enter({ method: 'checkRange', key: null }, options);
    const check = this.checks.get(range);
    if (check === undefined) throw new RangekeeperError('INVALID_ARGUMENT', `there is no range ${range}`);
    return check;
  }

  on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Calls the listeners as a change in the cluster would. `connected` matters to `zookeeper` only. */
  emit(event: keyof ClientEvents, connected = true): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(connected);
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const other of this.others.values()) await other.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Rejects if the client is closed, if `beforeCall` does, and as soon as the signal aborts. */
  protected override async enter(call: MemoryCall, { signal }: AbortOptions): Promise<void> {
    if (this.closed) throw new RangekeeperError('CLOSED', 'the client is closed');
    await untilAborted(signal, async () => this.beforeCall(call));
  }

  #find(key: Bytes): PlainRow | undefined {
    const row = this.rows[this.#place(key)];
    return row !== undefined && equalBytes(row.key, key) ? row : undefined;
  }

  /** Index of the first row at or after `key`. */
  #place(key: Bytes): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes((this.rows[middle] as PlainRow).key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #write(mutations: readonly Mutation[]): Written {
    for (const [index, { key, ifRevision }] of mutations.entries()) {
      const revision = this.#find(key)?.revision ?? 0;
      if (ifRevision === null || ifRevision === revision) continue;
      const text = conflictText(key, revision, ifRevision);
      throw new RangekeeperError('CONFLICT', text, { revision, index, key });
    }
    this.revision += 1;
    const revision = this.revision;
    let touched = emptyBytes;
    for (const mutation of mutations) {
      if (mutation.kind === 'check') continue;
      touched = mutation.key;
      const rows = mutation.kind === 'put' ? [{ key: touched, value: mutation.value, revision }] : [];
      this.rows.splice(this.#place(touched), this.#find(touched) === undefined ? 0 : 1, ...rows);
    }
    return { revision, ...this.#provenance(touched) };
  }

  #freshness(mode: ReadMode): Freshness {
    return mode === 'linearizable' ? { stale: false, staleMs: 0 } : this.staleness;
  }

  #provenance(key: Bytes): Provenance {
    const image = this.images.find(({ descriptor }) => contains(descriptor, key));
    const descriptor = image?.descriptor;
    return {
      range: descriptor?.id ?? 1,
      epoch: descriptor?.epoch ?? 1,
      node: descriptor?.owner.node ?? 'n-1',
    };
  }
}

/** Mutations that do not depend on the caller's bytes. */
function ownMutations(ops: readonly BatchOp[]): readonly Mutation[] {
  return mutationsOf(ops).map((mutation) => {
    const key = copyOf(mutation.key);
    return mutation.kind === 'put'
      ? { ...mutation, key, value: copyOf(mutation.value) }
      : { ...mutation, key };
  });
}

/** The rows, with values cut to `max` bytes, that fit on a page: at least one. */
function pageOf(rows: readonly PlainRow[], max: number): readonly PlainRow[] {
  const page: PlainRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    const cut = cutRow(row, max);
    bytes += cut.key.length + cut.value.length;
    if (bytes > LIMITS.pageBytesMax && page.length > 0) return page;
    page.push(cut);
  }
  return page;
}

function cutRow(row: PlainRow, max: number): PlainRow {
  const { value } = row;
  return value.length <= max ? row : { ...row, value: value.slice(0, max), valueLength: value.length };
}

function conditionOf({ ifRevision }: WriteOptions): Pick<WriteOptions, 'ifRevision'> {
  return ifRevision === undefined ? {} : { ifRevision };
}
