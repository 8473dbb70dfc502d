// The part of the client that is for administrators: what it asks of the leader, and of nodes about themselves. client.ts extends it.

import { formatBytes } from '../common/base/bytes.ts';
import type { Env } from '../common/base/env.ts';
import { Failure, RangekeeperError } from '../common/base/errors.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import type { RaisedEpochs } from '../common/model/raise-epochs.ts';
import type { RangeCheck } from '../common/model/range-check.ts';
import type { TaskRequest } from '../common/model/records.ts';
import type { NodeStatus } from '../common/model/status.ts';
import type { Peers } from '../common/net/peers.ts';
import { throwIfAborted } from './aborts.ts';
import { runTask } from './admin.ts';
import type { Administration, AlterOptions, ListedTask, Task, TaskOptions } from './admin-api.ts';
import { alteration, rangeIdOf, resolvedNode, splitKeysOf, taskIdOf, waitOf } from './admin-arguments.ts';
import type {
  AbortOptions,
  CallOptions,
  Key,
  NamespaceOptions,
  NamespaceView,
  NodeView,
  RaiseOptions,
} from './api.ts';
import { deadlineMsOf, flagOf, keyBytes, nameOf, namespaceNameOf, signalOf } from './arguments.ts';
import type { CallLimits } from './call.ts';
import type { ClusterConnection } from './cluster-connection.ts';
import { createNamespace, requestedNamespace } from './create-namespace.ts';
import type { Directory } from './directory.ts';
import { checkOptions, NO_OPTIONS } from './options.ts';
import { raiseEpochs } from './raise-epochs.ts';
import { checkRange } from './range-check.ts';
import { readNamespaces, withSession } from './reach-cluster.ts';
import { askStatus } from './status.ts';
import { readTasks } from './task-list.ts';
import { endingOf, untilEnded } from './until-aborted.ts';

const CLOSED = 'the client is closed';

type Method = Parameters<typeof checkOptions>[0];

export abstract class AdminClient implements Administration {
  readonly namespace: string;
  readonly env: Env;
  readonly peers: Peers;
  abstract readonly directory: Directory;
  closed = false;
  protected readonly connection: ClusterConnection;
  /** Ends the waits for tasks when the client closes. */
  protected readonly closing = new AbortController();
  /** Those of a call without options. */
  readonly #limits: CallLimits;

  constructor(connection: ClusterConnection, namespace: string, deadlineMs: number) {
    this.namespace = namespace;
    this.connection = connection;
    this.env = connection.env;
    this.peers = connection.peers;
    this.#limits = { deadlineMs, signal: undefined };
  }

  // ---- tasks -----------------------------------------------------------------------------------------------------

  async split(keys: Key | readonly Key[], options: TaskOptions = NO_OPTIONS): Promise<Task> {
    const request = { kind: 'split', namespace: this.namespace, keys: splitKeysOf(keys) } as const;
    return this.#task('split', request, options);
  }

  async merge(key: Key, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    const request = { kind: 'merge', namespace: this.namespace, key: formatBytes(keyBytes(key)) } as const;
    return this.#task('merge', request, options);
  }

  async move(range: RangeId, from: NodeId, to: NodeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    const nodes = { from: this.#node(from), to: this.#node(to) };
    return this.#task('move', { kind: 'move', range: rangeIdOf(range), ...nodes }, options);
  }

  async transfer(range: RangeId, node: NodeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    const request = { kind: 'transfer', range: rangeIdOf(range), to: this.#node(node) } as const;
    return this.#task('transfer', request, options);
  }

  async drain(node: NodeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#task('drain', { kind: 'drain', node: this.#node(node) }, options);
  }

  async undrain(node: NodeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#task('undrain', { kind: 'undrain', node: this.#node(node) }, options);
  }

  async decommission(node: NodeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#task('decommission', { kind: 'decommission', node: this.#node(node) }, options);
  }

  async forgetNode(node: NodeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#task('forgetNode', { kind: 'forget-node', node: this.#node(node) }, options);
  }

  async isolate(
    what: Key | RangeId,
    node: NodeId | null = null,
    options: TaskOptions = NO_OPTIONS,
  ): Promise<Task> {
    const to = node === null ? null : this.#node(node);
    const request: TaskRequest =
      typeof what === 'number'
        ? { kind: 'isolate', range: rangeIdOf(what), node: to }
        : { kind: 'isolate-key', namespace: this.namespace, key: formatBytes(keyBytes(what)), node: to };
    return this.#task('isolate', request, options);
  }

  async pin(range: RangeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#task('pin', { kind: 'pin', range: rangeIdOf(range), pinned: true }, options);
  }

  async unpin(range: RangeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#task('unpin', { kind: 'pin', range: rangeIdOf(range), pinned: false }, options);
  }

  async rebalance(options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#task('rebalance', { kind: 'rebalance' }, options);
  }

  async alterNamespace(name: string, options: AlterOptions = NO_OPTIONS): Promise<Task> {
    checkOptions('alterNamespace', options);
    return this.#task('alterNamespace', alteration(name, options), options);
  }

  async dropNamespace(name: string, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#task('dropNamespace', { kind: 'drop-namespace', name: namespaceNameOf(name) }, options);
  }

  async cancelTask(id: string, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#task('cancelTask', { kind: 'cancel', task: taskIdOf(id) }, options);
  }

  async tasks(options: AbortOptions = NO_OPTIONS): Promise<readonly ListedTask[]> {
    const { zk, log } = this.connection;
    return this.asked('tasks', options, () => withSession(zk, (session) => readTasks(session, log)));
  }

  async #task(method: Method, request: TaskRequest, options: TaskOptions): Promise<Task> {
    const { zk } = this.connection;
    const context = { zk, env: this.env, closing: this.closing.signal };
    // The signal ends only the wait, so `asked` does not get it.
    const { signal, ...others } = options;
    const run = ({ deadlineMs }: CallLimits) =>
      runTask(context, request, { ...waitOf(options), deadlineMs, signal: signalOf(signal) });
    return this.asked(method, others, run, 'OUTCOME_UNKNOWN');
  }

  #node(node: NodeId): NodeId {
    return resolvedNode(node, this.nodes());
  }

  // ---- namespaces, nodes and ranges ------------------------------------------------------------------------------

  nodes(): readonly NodeView[] {
    return this.connection.nodes.views();
  }

  async namespaces(options: AbortOptions = NO_OPTIONS): Promise<readonly NamespaceView[]> {
    const { zk, log } = this.connection;
    return this.asked('namespaces', options, () => readNamespaces(zk, log));
  }

  async createNamespace(name: string, options: NamespaceOptions = NO_OPTIONS): Promise<NamespaceView> {
    const create = (limits: CallLimits) =>
      createNamespace(this.connection, requestedNamespace(name, options), limits);
    return this.asked('createNamespace', options, create, 'OUTCOME_UNKNOWN');
  }

  async nodeStatus(node: NodeId, options: CallOptions = NO_OPTIONS): Promise<NodeStatus> {
    const id = nameOf('a node', node);
    return this.asked('nodeStatus', options, ({ deadlineMs }) =>
      askStatus(this.peers, id, this.env.now() + deadlineMs),
    );
  }

  async raiseEpochs(options: RaiseOptions = NO_OPTIONS): Promise<RaisedEpochs> {
    const { zk, log } = this.connection;
    const context = { env: this.env, log, zk, peers: this.peers, nodes: this.nodes() };
    const [force, dryRun] = [flagOf('force', options.force), flagOf('dryRun', options.dryRun)];
    const raise = (limits: CallLimits) => raiseEpochs(context, { force, dryRun, ...limits });
    return this.asked('raiseEpochs', options, raise, dryRun ? 'ABORTED' : 'OUTCOME_UNKNOWN');
  }

  async checkRange(range: RangeId, options: CallOptions = NO_OPTIONS): Promise<RangeCheck> {
    const id = rangeIdOf(range);
    return this.asked('checkRange', options, (limits) => checkRange(this, id, limits));
  }

  // ---- for the client --------------------------------------------------------------------------------------------

  /**
   * A call that is not one read or write. It checks the options, of which `begin` gets the limits. Their signal aborts when the call's
   * own does, and when the connection closes.
   * @param code how it ends if its signal aborts
   */
  protected async asked<T>(
    method: Method,
    options: CallOptions,
    begin: (limits: CallLimits) => Promise<T>,
    code: 'ABORTED' | 'OUTCOME_UNKNOWN' = 'ABORTED',
  ): Promise<T> {
    this.checkOpen();
    checkOptions(method, options);
    const { deadlineMs, signal } = this.limitsOf(options);
    throwIfAborted(signal);
    const closed = () =>
      code === 'ABORTED' ? new Failure('CLOSED', CLOSED) : new Failure(code, `${CLOSED}; the task goes on`);
    const endings = [
      { signal: this.connection.closing, failure: closed },
      ...(signal === undefined ? [] : [endingOf(signal, code)]),
    ];
    return untilEnded(endings, (ended) => begin({ deadlineMs, signal: ended }));
  }

  protected limitsOf(options: CallOptions): CallLimits {
    if (options === NO_OPTIONS) return this.#limits;
    const deadlineMs = deadlineMsOf(options, this.#limits.deadlineMs);
    return { deadlineMs, signal: signalOf(options.signal) };
  }

  protected checkOpen(): void {
    if (this.closed) throw new RangekeeperError('CLOSED', CLOSED);
  }
}
