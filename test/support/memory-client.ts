// A `Client` over a sorted array in this process, for unit tests of the REPL and the web page that need no cluster. It keeps the
// contract of client/api.ts (limits, revisions, conditions, cursors). A test adds faults through `beforeCall` and stale answers
// through `staleness`.

import type {
  BatchOp,
  Client,
  ClientEvents,
  Deleted,
  Found,
  Freshness,
  Key,
  KeyRow,
  NamespaceOptions,
  NamespaceView,
  NodeView,
  Provenance,
  RaiseOptions,
  ReadOptions,
  ScanOptions,
  ScanPage,
  ScanPageOptions,
  ScanRow,
  WriteOptions,
  Written,
} from '../../client/api.ts';
import { namespaceNameOf } from '../../client/arguments.ts';
import { requestedNamespace } from '../../client/create-namespace.ts';
import {
  type Bytes,
  compareBytes,
  emptyBytes,
  equalBytes,
  fromHex,
  prefixEnd,
  toBytes,
  toHex,
} from '../../common/base/bytes.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { LIMITS } from '../../common/model/config.ts';
import { type DescriptorImage, defaultMinInSync } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import { contains, type KeyRange } from '../../common/model/key-range.ts';
import type { RaisedEpochs } from '../../common/model/raise-epochs.ts';
import type { RangeCheck } from '../../common/model/range-check.ts';
import type { NodeStatus } from '../../common/model/status.ts';

export type MemoryCall = {
  readonly method: keyof Client;
  readonly key: Bytes | null;
  readonly value?: Bytes;
};

export class MemoryClient implements Client {
  readonly namespace: string;
  /** In key order. */
  rows: KeyRow[] = [];
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
    this.namespace = namespace;
  }

  async put(key: Key, value: Key, options: WriteOptions = {}): Promise<Written> {
    const [k, v] = [checkKey(key), checkValue(value)];
    await this.#enter({ method: 'put', key: k, value: v });
    this.#expectRevision(k, options.ifRevision);
    return this.#write([{ put: { key: k, value: v } }]);
  }

  async get(key: Key, options: ReadOptions = {}): Promise<Found | null> {
    const k = checkKey(key);
    await this.#enter({ method: 'get', key: k });
    const row = this.#find(k);
    if (row === undefined) return null;
    return { value: row.value, revision: row.revision, ...this.#freshness(options), ...this.#provenance(k) };
  }

  async delete(key: Key, options: WriteOptions = {}): Promise<Deleted> {
    const k = checkKey(key);
    await this.#enter({ method: 'delete', key: k });
    this.#expectRevision(k, options.ifRevision);
    const existed = this.#find(k) !== undefined;
    return { ...this.#write([{ delete: { key: k } }]), existed };
  }

  async batch(ops: readonly BatchOp[]): Promise<Written> {
    await this.#enter({ method: 'batch', key: null });
    for (const op of ops) {
      if ('put' in op) this.#expectRevision(checkKey(op.put.key), op.put.ifRevision);
      else if ('delete' in op) this.#expectRevision(checkKey(op.delete.key), op.delete.ifRevision);
      else this.#expectRevision(checkKey(op.check.key), op.check.revision);
    }
    return this.#write(ops);
  }

  async *scan(options: ScanOptions = {}): AsyncIterableIterator<ScanRow> {
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    let cursor: string | null = null;
    while (left > 0) {
      const page: ScanPage = await this.scanPage({ ...options, limit: Math.min(left, 100), cursor });
      for (const row of page.rows) yield { ...row, stale: page.stale, staleMs: page.staleMs };
      if (page.cursor === null) return;
      left -= page.rows.length;
      cursor = page.cursor;
    }
  }

  async scanPage(options: ScanPageOptions = {}): Promise<ScanPage> {
    const bounds = boundsOf(options);
    await this.#enter({ method: 'scanPage', key: bounds.start });
    const limit = options.limit ?? 100;
    const reverse = options.reverse === true;
    const inside = this.rows.filter((row) => contains(bounds, row.key));
    if (reverse) inside.reverse();
    const from = typeof options.cursor === 'string' ? fromHex(options.cursor) : null;
    const rest =
      from === null ? inside : inside.filter((row) => compareBytes(row.key, from) * (reverse ? -1 : 1) > 0);
    const valueBytesMax = options.keysOnly === true ? 0 : options.valueBytesMax;
    const rows = pageOf(rest.slice(0, limit), valueBytesMax ?? Number.POSITIVE_INFINITY);
    const last = rows.at(-1);
    return {
      rows,
      cursor: last === undefined || rows.length === rest.length ? null : toHex(last.key),
      ...this.#freshness(options),
    };
  }

  async count(
    options: Omit<ScanOptions, 'limit' | 'reverse' | 'keysOnly' | 'valueBytesMax'> = {},
  ): Promise<number> {
    const bounds = boundsOf(options);
    await this.#enter({ method: 'count', key: bounds.start });
    return this.rows.filter((row) => contains(bounds, row.key)).length;
  }

  ranges(): readonly DescriptorImage[] {
    return this.images;
  }

  async refresh(): Promise<void> {
    await this.#enter({ method: 'refresh', key: null });
  }

  nodes(): readonly NodeView[] {
    return this.views;
  }

  locate(key: Key): DescriptorImage | undefined {
    return this.images.find(({ descriptor }) => contains(descriptor, toBytes(key)));
  }

  async namespaces(): Promise<readonly NamespaceView[]> {
    await this.#enter({ method: 'namespaces', key: null });
    return this.namespaceViews;
  }

  async createNamespace(name: string, options: NamespaceOptions = {}): Promise<NamespaceView> {
    const { replicationFactor, minInSync, splitAt } = requestedNamespace(name, options);
    await this.#enter({ method: 'createNamespace', key: null });
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
  async inNamespace(namespace: string): Promise<Client> {
    namespaceNameOf(namespace);
    await this.#enter({ method: 'inNamespace', key: null });
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
  async forgetNode(node: NodeId): Promise<string> {
    await this.#enter({ method: 'forgetNode', key: null });
    const view = this.views.find(({ id }) => id === node);
    if (view?.live !== null) throw new RangekeeperError('REFUSED', `${node} is live`);
    this.views = this.views.filter(({ id }) => id !== node);
    return `${node} is forgotten`;
  }

  async nodeStatus(node: NodeId): Promise<NodeStatus> {
    await this.#enter({ method: 'nodeStatus', key: null });
    const status = this.statuses.get(node);
    if (status === undefined) throw new RangekeeperError('UNREACHABLE', `node ${node} does not answer`);
    return status;
  }

  async raiseEpochs(options: RaiseOptions = {}): Promise<RaisedEpochs> {
    await this.#enter({ method: 'raiseEpochs', key: null });
    this.raises.push(options);
    return this.raised;
  }

  async checkRange(range: RangeId): Promise<RangeCheck> {
    await this.#enter({ method: 'checkRange', key: null });
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

  async #enter(call: MemoryCall): Promise<void> {
    if (this.closed) throw new RangekeeperError('CLOSED', 'the client is closed');
    await this.beforeCall(call);
  }

  #find(key: Bytes): KeyRow | undefined {
    const row = this.rows[this.#place(key)];
    return row !== undefined && equalBytes(row.key, key) ? row : undefined;
  }

  /** Index of the first row at or after `key`. */
  #place(key: Bytes): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes((this.rows[middle] as KeyRow).key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #expectRevision(key: Bytes, expected: number | undefined): void {
    const revision = this.#find(key)?.revision ?? 0;
    if (expected === undefined || expected === revision) return;
    throw new RangekeeperError('CONFLICT', `revision is ${revision}, not ${expected}`, { revision });
  }

  #write(ops: readonly BatchOp[]): Written {
    this.revision += 1;
    const revision = this.revision;
    let touched = emptyBytes;
    for (const op of ops) {
      if ('check' in op) continue;
      touched = checkKey('put' in op ? op.put.key : op.delete.key);
      const rows = 'put' in op ? [{ key: touched, value: checkValue(op.put.value), revision }] : [];
      this.rows.splice(this.#place(touched), this.#find(touched) === undefined ? 0 : 1, ...rows);
    }
    return { revision, ...this.#provenance(touched) };
  }

  #freshness(options: ReadOptions): Freshness {
    return options.read === undefined || options.read === 'linearizable'
      ? { stale: false, staleMs: 0 }
      : this.staleness;
  }

  #provenance(key: Bytes): Provenance {
    const descriptor = this.locate(key)?.descriptor;
    return {
      range: descriptor?.id ?? 1,
      epoch: descriptor?.epoch ?? 1,
      node: descriptor?.owner.node ?? 'n-1',
    };
  }
}

function checkKey(key: Key): Bytes {
  const bytes = toBytes(key);
  if (bytes.length === 0) throw new RangekeeperError('INVALID_ARGUMENT', 'the key is empty');
  if (bytes.length > LIMITS.keyBytesMax)
    throw new RangekeeperError(
      'INVALID_ARGUMENT',
      `the key has ${bytes.length} bytes, at most ${LIMITS.keyBytesMax}`,
    );
  return bytes;
}

function checkValue(value: Key): Bytes {
  const bytes = toBytes(value);
  if (bytes.length > LIMITS.valueBytesMax)
    throw new RangekeeperError(
      'INVALID_ARGUMENT',
      `the value has ${bytes.length} bytes, at most ${LIMITS.valueBytesMax}`,
    );
  return bytes;
}

/** The rows, with values cut to `max` bytes, that fit on a page: at least one. */
function pageOf(rows: readonly KeyRow[], max: number): readonly KeyRow[] {
  const page: KeyRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    const cut = cutRow(row, max);
    bytes += cut.key.length + cut.value.length;
    if (bytes > LIMITS.pageBytesMax && page.length > 0) return page;
    page.push(cut);
  }
  return page;
}

function cutRow(row: KeyRow, max: number): KeyRow {
  const { value } = row;
  return value.length <= max ? row : { ...row, value: value.slice(0, max), valueLength: value.length };
}

function boundsOf(options: Pick<ScanOptions, 'prefix' | 'start' | 'end'>): KeyRange {
  if (options.prefix !== undefined) {
    if (options.start !== undefined || options.end !== undefined)
      throw new RangekeeperError('INVALID_ARGUMENT', 'prefix does not go with start or end');
    const prefix = toBytes(options.prefix);
    return { start: prefix, end: prefixEnd(prefix) };
  }
  return {
    start: options.start === undefined ? emptyBytes : toBytes(options.start),
    end: options.end === undefined ? null : toBytes(options.end),
  };
}
