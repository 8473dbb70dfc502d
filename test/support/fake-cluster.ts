// A scripted cluster for tests of the client: nodes on a network in memory, descriptors in a ZooKeeper in memory, and one set of
// rows for all nodes. A node answers as a real owner or replica does unless `behave` says otherwise.

import type { Client } from '../../client/api.ts';
import { type ClientSettings, DEFAULT_SETTINGS, openClient } from '../../client/client.ts';
import { type Bytes, compareBytes, emptyBytes, keyAfter, toBytes } from '../../common/base/bytes.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { silentLogger } from '../../common/base/log.ts';
import { DEFAULT_REPLICATION } from '../../common/model/config.ts';
import { type Descriptor, FRESH_RANGE } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import { contains, intersect, type KeyRange } from '../../common/model/key-range.ts';
import type { RangeCheck } from '../../common/model/range-check.ts';
import { replace } from '../../common/model/replace-ranges.ts';
import { Channel } from '../../common/net/channel.ts';
import { EncodedRows, type WireRow } from '../../common/wire/encoded-rows.ts';
import { replyFromError } from '../../common/wire/error-reply.ts';
import type {
  CheckRequest,
  GetRequest,
  Mutation,
  Operation,
  ReplyBody,
  RequestBody,
  ScanRequest,
  WriteRequest,
} from '../../common/wire/messages.ts';
import { decodeOperation } from '../../common/wire/operation.ts';
import {
  clusterCodec,
  descriptorCodec,
  liveCodec,
  namespaceCodec,
  nodeCodec,
  paths,
} from '../../common/zk/znodes.ts';
import type { WriteAnswer } from '../../kvnode/range/dedupe/answer-window.ts';
import { ClientSessions, type SessionLimits } from '../../kvnode/range/dedupe/client-sessions.ts';
import { MemoryNet } from './memory-net.ts';
import { MemoryZk } from './memory-zk.ts';
import { VirtualEnv } from './virtual-env.ts';

const CLUSTER_ID = 'c0ffee';

/**
 * What a node does with a request: it sends this reply, ignores the request (`silent`), does what a real node does (`default`), or
 * does that without a reply (`mute`).
 */
export type Behaviour = (request: RequestBody) => ReplyBody | 'silent' | 'default' | 'mute';

export class FakeNode {
  readonly id: NodeId;
  address = '';
  behave: Behaviour = () => 'default';
  /** All requests that it has received. */
  readonly requests: RequestBody[] = [];
  /** The staleMs of its stale answers. */
  staleMs: number | null = 5;
  /** Stale reads show the state of each range at this seq; null: the newest state. */
  appliedThrough: number | null = null;
  /** Ranges of which it has a void replica, so that it cannot answer stale reads. */
  readonly voids = new Set<RangeId>();
  /** It does not know of replacements yet: its replicas of parents answer stale reads. */
  hasStepped = true;

  constructor(id: NodeId) {
    this.id = id;
  }

  asked(kind: RequestBody['kind']): number {
    return this.requests.filter((request) => request.kind === kind).length;
  }
}

interface RangeState {
  descriptor: Descriptor;
  seq: number;
  /** The table of R13, so that writes are applied exactly once here, too. */
  readonly sessions: ClientSessions;
  /** S8: the tables of the ranges that it replaced. */
  readonly inherited?: readonly ClientSessions[];
}

export class FakeCluster {
  readonly env = new VirtualEnv();
  readonly net = new MemoryNet(this.env);
  readonly zk = new MemoryZk(this.env);
  readonly nodes = new Map<NodeId, FakeNode>();
  /** The rows of all namespaces, in key order. */
  rows: WireRow[] = [];
  /** Operations applied, in order. */
  readonly applied: ReturnType<typeof decodeOperation>[] = [];
  private readonly ranges = new Map<RangeId, RangeState>();
  private nextRange = 100;
  private readonly sessionBounds: SessionLimits;

  /** Starts nodes n-1 to n-3 with ranges divided at `splits`. Range i is owned by node n-i; after n-3 comes n-1 again. */
  constructor(splits: readonly string[] = [], sessionBounds: SessionLimits = DEFAULT_REPLICATION) {
    this.sessionBounds = sessionBounds;
    this.zk.put(
      paths.cluster,
      clusterCodec.encode({
        format: 1,
        clusterId: CLUSTER_ID,
        nextNamespaceId: 2,
        nextRangeId: 99,
        tickMs: null,
      }),
    );
    for (const id of ['n-1', 'n-2', 'n-3']) this.start(id);
    this.makeNamespace('default', 1);
    const bounds = [emptyBytes, ...splits.map(toBytes)];
    for (const [index, start] of bounds.entries()) {
      this.describe(index + 1, {
        start,
        end: bounds[index + 1] ?? null,
        owner: this.ownerOf(`n-${(index % 3) + 1}`),
      });
    }
  }

  /** Creates a namespace without ranges. */
  makeNamespace(name: string, id: number): void {
    const record = namespaceCodec.encode({ name, id, replicationFactor: 3, minInSync: 2 });
    this.zk.put(paths.namespace(name), record);
    this.zk.put(paths.ranges(name), emptyBytes);
  }

  node(id: NodeId): FakeNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  range(id: RangeId): Descriptor {
    return this.state(id).descriptor;
  }

  state(id: RangeId): RangeState {
    const state = this.ranges.get(id);
    if (state === undefined) throw new Error(`no range ${id}`);
    return state;
  }

  /** Starts or restarts a node at a new address, with a live znode. */
  start(id: NodeId): FakeNode {
    const node = this.nodes.get(id) ?? new FakeNode(id);
    this.nodes.set(id, node);
    node.address = this.net.listen((connection) =>
      Channel.accept(connection, {
        env: this.env,
        log: silentLogger,
        self: { clusterId: CLUSTER_ID, nodeId: id },
        handlers: { request: (channel, number, body) => this.serve(node, channel, number, body) },
      }),
    ).address;
    this.zk.put(paths.node(id), nodeCodec.encode({ id, name: id, zone: '', capacity: 1, mode: 'active' }));
    const live = { name: node.id, address: node.address, startedAt: 0, version: '0' };
    this.zk.put(paths.live(id), liveCodec.encode(live), `session-of-${id}`);
    return node;
  }

  /** Kills a node: its connections break at once, and its live znode stays. */
  kill(id: NodeId): void {
    this.net.kill(this.node(id).address);
  }

  /** Creates or changes a range. Watches of its znode fire unless `quietly` is set. */
  describe(id: RangeId, change: Partial<Descriptor>, quietly = false): Descriptor {
    const descriptor = { ...(this.ranges.get(id)?.descriptor ?? blank(id)), ...change };
    const {
      seq = 0,
      sessions = new ClientSessions(this.sessionBounds),
      ...others
    } = this.ranges.get(id) ?? {};
    this.ranges.set(id, { ...others, seq, sessions, descriptor });
    this.zk.put(paths.range(descriptor.namespace, id), descriptorCodec.encode(descriptor), null, quietly);
    return descriptor;
  }

  /** Makes another node the owner, in the next epoch. */
  promote(id: RangeId, node: NodeId, quietly = false): void {
    this.describe(id, { owner: this.ownerOf(node), epoch: this.range(id).epoch + 1 }, quietly);
  }

  /**
   * S3: splits one range at the keys, or merges two. The owner of the first parent owns the children.
   * @param quietly whether no watch fires, as if ZooKeeper were slow
   * @returns the ids of the children
   */
  replace(ids: readonly RangeId[], cuts: readonly string[] = [], quietly = false): readonly RangeId[] {
    const children = Array.from({ length: cuts.length + 1 }, () => this.nextRange++);
    const endings = ids.map((id, at) => {
      const { descriptor, seq } = this.state(id);
      const partner = ids[1 - at] ?? null;
      const reshape = { children, cuts: cuts.map(toBytes), partner, byHand: false, reason: 'a test' };
      return { descriptor: { ...descriptor, reshape }, final: { epoch: descriptor.epoch, seq } };
    });
    const { node, session } = this.range(ids[0] ?? 0).owner;
    const inherited = ids.flatMap((id) => [this.state(id).sessions, ...(this.state(id).inherited ?? [])]);
    const made = replace(endings, node, session);
    for (const descriptor of made.children) {
      const sessions = new ClientSessions(this.sessionBounds);
      this.ranges.set(descriptor.id, { descriptor, seq: descriptor.base.seq, sessions, inherited });
    }
    for (const descriptor of [...made.children, ...made.parents])
      this.describe(descriptor.id, descriptor, quietly);
    return children;
  }

  /** The range that serves this key. */
  holder(key: string): RangeId {
    for (const { descriptor } of this.ranges.values())
      if (descriptor.state === 'serving' && contains(descriptor, toBytes(key))) return descriptor.id;
    throw new Error(`nobody holds ${key}`);
  }

  async connect(settings: Partial<ClientSettings> = {}): Promise<Client> {
    const { env, zk, net: transport } = this;
    return env.until(
      openClient({ env, zk, transport, log: silentLogger }, { ...DEFAULT_SETTINGS, ...settings }),
    );
  }

  ownerOf(node: NodeId): Descriptor['owner'] {
    return { node, session: `session-of-${node}`, inc: 1 };
  }

  hint(id: RangeId): { data: Uint8Array; version: number } {
    const descriptor = this.range(id);
    return {
      data: descriptorCodec.encode(descriptor),
      version: this.zk.version(paths.range(descriptor.namespace, id)),
    };
  }

  // ---- serving ---------------------------------------------------------------------------------------------------

  private serve(node: FakeNode, channel: Channel, id: number, body: RequestBody): void {
    node.requests.push(body.kind === 'write' ? { ...body, operation: Buffer.from(body.operation) } : body);
    const behaviour = node.behave(body);
    if (behaviour === 'silent') return;
    if (behaviour === 'mute') this.answer(node, body);
    else channel.reply(id, behaviour === 'default' ? this.answer(node, body) : behaviour);
  }

  private answer(node: FakeNode, body: RequestBody): ReplyBody {
    if (body.kind === 'status')
      return { kind: 'status-reply', json: Buffer.from(JSON.stringify({ node: node.id })) };
    const state = this.ranges.get(body.range);
    const stale = (body.kind === 'get' || body.kind === 'scan') && body.mode === 'stale';
    if (state === undefined)
      return replyFromError(new RangekeeperError('NOT_OWNER', `no range ${body.range} here`));
    const child = this.childFor(state.descriptor, body);
    if (child !== null && !(stale && !node.hasStepped)) {
      const descriptor = this.hint(child);
      return replyFromError(new RangekeeperError('NOT_OWNER', 'it was replaced', { descriptor }));
    }
    if (stale && node.voids.has(body.range)) return replyFromError(new RangekeeperError('BEHIND', 'void'));
    const { owner, epoch } = state.descriptor;
    const isBegun = body.kind === 'check' && body.seq > 0;
    if (!stale && !isBegun && (owner.node !== node.id || epoch !== body.epoch)) {
      const descriptor = this.hint(body.range);
      return replyFromError(new RangekeeperError('NOT_OWNER', `${owner.node} owns it`, { descriptor }));
    }
    switch (body.kind) {
      case 'write':
        return this.write(state, body);
      case 'get':
        return this.get(node, state, body);
      case 'scan':
        return this.scan(node, state, body);
      case 'check':
        return this.check(state, body);
    }
  }

  /** The child of a replaced range that holds what is asked for; null: the range was not replaced. */
  private childFor({ replacement }: Descriptor, body: RequestBody): RangeId | null {
    const children = replacement?.children ?? [];
    const child = children.find((bounds) => {
      if (body.kind === 'get') return contains(bounds, body.key);
      if (body.kind === 'write') return contains(bounds, firstKey(body));
      if (body.kind !== 'scan') return true;
      return body.reverse ? endsIn(bounds, body.end) : contains(bounds, body.start);
    });
    return child?.id ?? children[0]?.id ?? null;
  }

  /** A check is under way when it is begun, and ended at the first question for its result. */
  private check({ descriptor, seq }: RangeState, asked: CheckRequest): ReplyBody {
    const verdict = asked.seq === 0 ? null : ('sound' as const);
    const { id: range, epoch, replicas } = descriptor;
    const rows = replicas.map(({ node }) => ({ node, rows: 1, checksum: 7, verdict }));
    const check: RangeCheck = { range, epoch, seq, verdict, replicas: rows };
    return { kind: 'check-reply', json: Buffer.from(JSON.stringify(check)) };
  }

  private write(state: RangeState, { operation }: WriteRequest): ReplyBody {
    const decoded = decodeOperation(Buffer.from(operation));
    const { descriptor } = state;
    const verdict = lookUp(state, decoded);
    const isOutside = !decoded.mutations.every(({ key }) => contains(descriptor, key));
    if (isOutside && verdict === 'new') return this.wrongRange(state);
    if (verdict === 'forgotten') {
      const seq = ++state.seq;
      return replyFromError(new RangekeeperError('CLIENT_FORGOTTEN', 'forgotten', { seq }));
    }
    const answer = verdict === 'new' ? this.applyAll(state, decoded) : verdict;
    if (answer.kind === 'written') return { ...answer, kind: 'write-reply' };
    const { revision, index } = answer;
    const details = { revision, seq: state.seq, ...(index === null ? {} : { index }) };
    return replyFromError(new RangekeeperError('CONFLICT', `revision is ${revision}`, details));
  }

  private applyAll(state: RangeState, operation: Operation): WriteAnswer {
    const seq = ++state.seq;
    const answer = this.decide(state, operation, seq);
    state.sessions.record(operation, seq, answer);
    return answer;
  }

  private decide({ descriptor }: RangeState, operation: Operation, seq: number): WriteAnswer {
    for (const [index, { key, ifRevision }] of operation.mutations.entries()) {
      const revision = this.find(key)?.revision ?? 0;
      if (ifRevision !== null && ifRevision !== revision) return { kind: 'conflict', revision, index };
    }
    this.applied.push(operation);
    let deleted = 0;
    for (const mutation of operation.mutations) deleted += this.apply(mutation, seq);
    return { kind: 'written', epoch: descriptor.epoch, revision: seq, deleted };
  }

  private apply(mutation: Mutation, revision: number): number {
    if (mutation.kind === 'check') return 0;
    const { key } = mutation;
    const existed = this.find(key) !== undefined;
    this.rows = this.rows.filter((row) => compareBytes(row.key, key) !== 0);
    if (mutation.kind === 'put') {
      this.rows.push({ key, value: mutation.value, revision });
      this.rows.sort((a, b) => compareBytes(a.key, b.key));
      return 0;
    }
    return existed ? 1 : 0;
  }

  private find(key: Bytes): WireRow | undefined {
    return this.rows.find((row) => compareBytes(row.key, key) === 0);
  }

  private get(node: FakeNode, state: RangeState, { key, mode, minSeq }: GetRequest): ReplyBody {
    const standing = this.standing(node, state, mode, minSeq);
    if (standing === null) return replyFromError(new RangekeeperError('BEHIND', 'not there yet'));
    const row = this.find(key);
    const visible = row !== undefined && row.revision <= standing.appliedSeq;
    const { value, revision } = visible ? row : { value: emptyBytes, revision: 0 };
    return { kind: 'get-reply', found: visible, value, revision, ...standing };
  }

  private scan(node: FakeNode, state: RangeState, request: ScanRequest): ReplyBody {
    const { descriptor } = state;
    const { reverse, limitRows, start, end } = request;
    const inside = reverse ? endsIn(descriptor, end) : contains(descriptor, start);
    if (!inside) return this.wrongRange(state);
    const standing = this.standing(node, state, request.mode, request.minSeq);
    if (standing === null) return replyFromError(new RangekeeperError('BEHIND', 'not there yet'));
    const bounds = intersect({ start, end }, descriptor);
    const isShown = ({ key, revision }: WireRow) => contains(bounds, key) && revision <= standing.appliedSeq;
    const all = this.rows.filter(isShown);
    if (reverse) all.reverse();
    const rows = all.slice(0, limitRows);
    const last = rows.at(-1)?.key;
    const isCut = rows.length < all.length && last !== undefined;
    const bound = reverse ? (isCut ? last : bounds.start) : isCut ? keyAfter(last) : bounds.end;
    return {
      kind: 'scan-reply',
      rows: EncodedRows.of(request.countOnly ? [] : rows),
      count: rows.length,
      bound,
      ...standing,
    };
  }

  private standing(node: FakeNode, { seq, descriptor: { epoch } }: RangeState, mode: string, minSeq: number) {
    if (mode === 'linearizable') return { epoch, stale: false, staleMs: null, appliedSeq: seq };
    const appliedSeq = Math.min(seq, node.appliedThrough ?? seq);
    return appliedSeq < minSeq ? null : { epoch, stale: true, staleMs: node.staleMs, appliedSeq };
  }

  private wrongRange({ descriptor }: RangeState): ReplyBody {
    const hint = this.hint(descriptor.id);
    return replyFromError(new RangekeeperError('WRONG_RANGE', 'other bounds', { descriptor: hint }));
  }
}

/** S8: what the range or one that it replaced has answered. */
function lookUp({ sessions, inherited = [] }: RangeState, operation: Operation) {
  for (const table of inherited) {
    const verdict = table.lookUp(operation);
    if (verdict !== 'new') return verdict;
  }
  return sessions.lookUp(operation);
}

function firstKey({ operation }: WriteRequest): Bytes {
  return decodeOperation(Buffer.from(operation)).mutations[0]?.key ?? emptyBytes;
}

function endsIn(descriptor: KeyRange, end: Bytes | null): boolean {
  if (end === null) return descriptor.end === null;
  return (
    compareBytes(descriptor.start, end) < 0 &&
    (descriptor.end === null || compareBytes(end, descriptor.end) <= 0)
  );
}

function blank(id: RangeId): Descriptor {
  return {
    namespace: 'default',
    namespaceId: 1,
    id,
    start: emptyBytes,
    end: null,
    epoch: 1,
    owner: { node: 'n-1', session: 'session-of-n-1', inc: 1 },
    replicas: ['n-1', 'n-2', 'n-3'].map((node) => ({ node, inc: 1 })),
    inSync: ['n-1', 'n-2', 'n-3'],
    minInSync: 2,
    state: 'serving',
    nextInc: 2,
    ...FRESH_RANGE,
    base: { epoch: 0, seq: 0 },
    transferTo: null,
    retire: null,
  };
}
