// A cluster for tests of the planner, without data. It gives views to the planner and executes its steps as ZooKeeper would. Its
// nodes do what descriptors request: join the in-sync set, hand over, leave for another replica. Time is a number that tests advance.

import { assert, never, present } from '../../common/base/assert.ts';
import { compareBytes } from '../../common/base/bytes.ts';
import {
  checkDescriptor,
  type Descriptor,
  type DescriptorImage,
  isInSync,
  withInSync,
  withOwner,
  withoutHolder,
} from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { LoadRecord } from '../../common/model/load.ts';
import type {
  ClusterRecord,
  HealthRecord,
  LiveNode,
  NamespaceRecord,
  NeededInc,
  NodeMode,
  NodeRecord,
  Standing,
  TaskRequest,
} from '../../common/model/records.ts';
import { replace, replacementFault } from '../../common/model/replace-ranges.ts';
import {
  type ClusterView,
  requestsOf,
  type TaskImage,
  type Versioned,
} from '../../coordinator/cluster-view.ts';
import { recordWithNote } from '../../coordinator/commit.ts';
import { DEFAULT_PLAN, type PlanConfig } from '../../coordinator/config.ts';
import { Durations } from '../../coordinator/durations.ts';
import { HealthDurations } from '../../coordinator/health-durations.ts';
import { LoadHistory, type LoadReport } from '../../coordinator/load-history.ts';
import { plan } from '../../coordinator/plan.ts';
import type { RangeStep, Step } from '../../coordinator/step.ts';

/** A time longer than every wait in the default configuration, ms. */
export const IDLE_MS = 75_000;

export class SmallCluster {
  time = 0;
  cluster: Versioned<ClusterRecord> = {
    record: { format: 1, clusterId: '00112233445566aa', nextNamespaceId: 1, nextRangeId: 1, tickMs: null },
    version: 0,
  };
  readonly nodes = new Map<NodeId, Versioned<NodeRecord>>();
  readonly live = new Map<NodeId, LiveNode>();
  readonly namespaces = new Map<string, Versioned<NamespaceRecord>>();
  readonly unreadableNamespaces = new Set<string>();
  readonly setAside = new Set<string>();
  readonly ranges = new Map<RangeId, DescriptorImage>();
  readonly tasks = new Map<string, TaskImage>();
  /** By node: the nodes to which it reports that it cannot connect. */
  readonly unreachable = new Map<NodeId, Set<NodeId>>();
  /** Nodes whose new replicas make no progress in catching up. */
  readonly stuck = new Set<NodeId>();
  readonly unhealthy = new Set<NodeId>();
  /** By node: the replicas that it reports to need a certain inc. */
  readonly neededIncs = new Map<NodeId, readonly NeededInc[]>();
  /** By node: its load report. */
  readonly loadRecords = new Map<NodeId, LoadRecord>();
  readonly #loadHistory = new LoadHistory({ now: () => this.time }, DEFAULT_PLAN.coldCpu);
  readonly #requests = new Durations<RangeId>({ now: () => this.time });
  readonly #healthTimes = new HealthDurations({ now: () => this.time });
  readonly #since = new Map<NodeId, number>();
  readonly #ownedSince = new Map<RangeId, number>();
  #someNodeSince = 0;
  #sessions = 0;

  /** Starts or restarts a node, in a new session. */
  start(id: NodeId, options: { zone?: string; machine?: string; capacity?: number } = {}): void {
    if (this.live.size === 0) this.#someNodeSince = this.time;
    const record: NodeRecord = {
      id,
      name: id,
      zone: options.zone ?? '',
      ...(options.machine === undefined ? {} : { machine: options.machine }),
      capacity: options.capacity ?? 1,
      mode: 'active',
    };
    if (!this.nodes.has(id)) this.nodes.set(id, { record, version: 0 });
    const session = `s${++this.#sessions}`;
    this.live.set(id, { id, session, name: id, address: `${id}:1`, startedAt: 0, version: 'test' });
    this.#since.set(id, this.time);
  }

  stop(id: NodeId): void {
    this.live.delete(id);
    this.#since.set(id, this.time);
  }

  /** From now on `from` cannot connect to `to`; the other direction works. */
  cutOneWay(from: NodeId, to: NodeId): void {
    const known = this.unreachable.get(from) ?? new Set();
    this.unreachable.set(from, known.add(to));
  }

  /** From now on neither node can connect to the other. */
  cut(a: NodeId, b: NodeId): void {
    this.cutOneWay(a, b);
    this.cutOneWay(b, a);
  }

  /** Cuts this node off from all others. */
  isolate(id: NodeId): void {
    for (const other of this.nodes.keys()) if (other !== id) this.cut(id, other);
  }

  endFaults(): void {
    this.unreachable.clear();
    this.stuck.clear();
    this.unhealthy.clear();
  }

  setStanding(id: NodeId, standing: Standing): void {
    this.live.set(id, { ...present(this.live.get(id), id), standing });
  }

  areConnected(a: NodeId, b: NodeId): boolean {
    return !this.unreachable.get(a)?.has(b) && !this.unreachable.get(b)?.has(a);
  }

  /** The health reports of the live nodes. */
  get health(): ReadonlyMap<NodeId, HealthRecord> {
    return new Map([...this.live.keys()].map((id) => [id, this.#healthOf(id)]));
  }

  #healthOf(id: NodeId): HealthRecord {
    const stuck: Record<NodeId, RangeId[]> = {};
    for (const descriptor of this.descriptors) {
      if (descriptor.owner.node !== id) continue;
      for (const { node } of descriptor.replicas) {
        if (isInSync(descriptor, node) || !this.live.has(node) || this.#catchesUp(id, node)) continue;
        stuck[node] = [...(stuck[node] ?? []), descriptor.id];
      }
    }
    const unreachable = [...(this.unreachable.get(id) ?? [])].filter((node) => this.live.has(node)).sort();
    const neededIncs = this.neededIncs.get(id);
    return {
      unreachable,
      stuck,
      unhealthy: this.unhealthy.has(id) ? 'the disk is full' : null,
      ...(neededIncs === undefined ? {} : { neededIncs }),
    };
  }

  #catchesUp(owner: NodeId, node: NodeId): boolean {
    return this.areConnected(owner, node) && !this.stuck.has(node);
  }

  setMode(id: NodeId, mode: NodeMode): void {
    const { record, version } = present(this.nodes.get(id), id);
    this.nodes.set(id, { record: { ...record, mode }, version: version + 1 });
  }

  ask(id: string, request: TaskRequest): void {
    const record = { request, state: 'pending', progress: '', createdAt: this.tasks.size } as const;
    this.tasks.set(id, { id, record, version: 0 });
  }

  get descriptors(): readonly Descriptor[] {
    return [...this.ranges.values()].map((image) => image.descriptor);
  }

  view(): ClusterView {
    const images = [...this.ranges.values()];
    return {
      cluster: this.cluster,
      nodes: new Map(this.nodes),
      live: new Map(this.live),
      namespaces: new Map(this.namespaces),
      unreadableNamespaces: this.unreadableNamespaces,
      setAside: this.setAside,
      ranges: images.filter(isServing),
      otherRanges: images.filter((image) => !isServing(image)),
      rangeIds: new Set(this.ranges.keys()),
      requestedForMs: this.#requests.update(requestsOf(images)),
      loads: this.#loadHistory.update(this.#loadReports(), images.filter(isServing)),
      health: this.health,
      ...this.#healthTimes.update(this.nodes, this.live, this.health, images.filter(isServing)),
      tasks: [...this.tasks.values()].filter(({ record }) => ['pending', 'running'].includes(record.state)),
      sameForMs: new Map([...this.#since].map(([id, since]) => [id, this.time - since])),
      ownedForMs: new Map([...this.#ownedSince].map(([id, since]) => [id, this.time - since])),
      someNodeForMs: this.live.size === 0 ? 0 : this.time - this.#someNodeSince,
    };
  }

  /** Of live nodes. A report is written again with each change, so the present time is its version. */
  #loadReports(): ReadonlyMap<NodeId, LoadReport> {
    return new Map(
      [...this.loadRecords].flatMap(([node, record]): [NodeId, LoadReport][] => {
        const session = this.live.get(node)?.session;
        return session === undefined ? [] : [[node, { record, version: this.time, session }]];
      }),
    );
  }

  execute(step: Step): void {
    switch (step.kind) {
      case 'range':
        assert(
          this.ranges.get(step.after.id)?.version === step.before.version,
          'the step was planned on the present state',
        );
        this.learn(step.after);
        break;
      case 'create-namespace':
        assert(this.cluster.version === step.before.version, 'a plan creates at most one namespace');
        this.cluster = { record: step.after, version: this.cluster.version + 1 };
        this.namespaces.set(step.namespace.name, { record: step.namespace, version: 0 });
        for (const descriptor of step.ranges) this.learn(descriptor);
        break;
      case 'reshape':
        assert(this.cluster.version === step.before.version, 'a plan takes ids once');
        this.cluster = { record: step.after, version: this.cluster.version + 1 };
        for (const { after } of step.ranges) this.learn(after);
        break;
      case 'delete-range':
        this.ranges.delete(step.before.descriptor.id);
        break;
      case 'alter-namespace':
        this.namespaces.set(step.after.name, { record: step.after, version: step.before.version + 1 });
        break;
      case 'delete-namespace':
        this.namespaces.delete(step.before.record.name);
        break;
      case 'set-node-mode':
        this.setMode(step.after.id, step.after.mode);
        break;
      case 'note-node': {
        const { record, version } = step.before;
        // A step before it may have changed the record: ZooKeeper refuses this one, and it is planned again.
        if (this.nodes.get(record.id)?.version !== version) break;
        this.nodes.set(record.id, { record: recordWithNote(step, this.time), version: version + 1 });
        break;
      }
      case 'forget-node': {
        const { id } = step.before.record;
        assert(
          this.nodes.get(id)?.version === step.before.version,
          'the step was planned on the present state',
        );
        this.nodes.delete(id);
        this.#since.delete(id);
        break;
      }
      case 'task':
        break;
      default:
        never(step);
    }
    if (step.task === null) return;
    const { task, after } = step.task;
    this.tasks.set(task.id, { ...task, record: after, version: task.version + 1 });
  }

  learn(descriptor: Descriptor): void {
    checkDescriptor(descriptor);
    const known = this.ranges.get(descriptor.id);
    if (known?.descriptor.epoch !== descriptor.epoch) this.#ownedSince.set(descriptor.id, this.time);
    this.ranges.set(descriptor.id, { descriptor, version: (known?.version ?? -1) + 1 });
  }

  /** Lets each owner do what its descriptor requests, as far as possible. */
  nodesAct(): void {
    for (const id of [...this.ranges.keys()]) {
      // A merge before may have ended it.
      const { descriptor } = present(this.ranges.get(id), 'a range that only the leader deletes');
      if (descriptor.state !== 'serving') this.#holdersAct(descriptor);
      else if (!this.#isReplaced(descriptor)) {
        const after = this.#ownerActs(descriptor);
        if (after !== descriptor) this.learn(after);
      }
    }
  }

  /** S5: nodes that are live have stepped, or wiped their replicas. */
  #holdersAct(descriptor: Descriptor): void {
    const done = nodesOf(descriptor).filter((node) => this.live.has(node));
    if (done.length > 0) this.learn(withoutHolder(descriptor, done));
  }

  /** S2, S3: the owner replaces the range, if that is requested and it may. */
  #isReplaced(descriptor: Descriptor): boolean {
    const { reshape, owner } = descriptor;
    const partner = reshape?.partner ?? null;
    const other = partner === null ? undefined : this.ranges.get(partner)?.descriptor;
    if (reshape === null || this.live.get(owner.node)?.session !== owner.session) return false;
    if (partner !== null && other === undefined) return false;
    const parents = [descriptor, ...(other === undefined ? [] : [other])].sort((a, b) =>
      compareBytes(a.start, b.start),
    );
    const isOwner = parents.every((parent) => parent.owner.node === owner.node && parent.state === 'serving');
    const endings = parents.map((parent) => ({
      descriptor: parent,
      final: { epoch: parent.epoch, seq: 10 },
    }));
    const commits = parents.every(({ inSync }) => inSync.every((node) => this.live.has(node)));
    if (!isOwner || !commits || replacementFault(endings) !== null) return false;
    const replaced = replace(endings, owner.node, owner.session);
    for (const after of [...replaced.parents, ...replaced.children]) this.learn(after);
    return true;
  }

  /** Makes one plan, executes it, lets the nodes act unless they are idle, and advances time by `ms`. Returns the steps. */
  round(config: PlanConfig, ms: number, nodes: 'act' | 'idle' = 'act'): readonly Step[] {
    const steps = plan(this.view(), config);
    for (const step of steps) this.execute(step);
    if (nodes === 'act') this.nodesAct();
    this.time += ms;
    return steps;
  }

  /** Runs rounds until nothing has been planned for `idleMs`, and returns all steps. Fails if that never happens. */
  settle(config: PlanConfig, idleMs: number): readonly Step[] {
    const all: Step[] = [];
    const roundMs = 1_000;
    for (let idle = 0, rounds = 0; idle < idleMs; rounds++) {
      const steps = this.round(config, roundMs);
      all.push(...steps);
      idle = steps.length === 0 ? idle + roundMs : 0;
      assert(
        rounds < 2_000,
        `plans end at some time; the last one: ${steps.map((step) => step.reason).join('; ')}`,
      );
    }
    return all;
  }

  #ownerActs(descriptor: Descriptor): Descriptor {
    const { owner, transferTo, retire, replicas } = descriptor;
    if (this.live.get(owner.node)?.session !== owner.session) return descriptor;
    const transferee = transferTo === null ? undefined : this.live.get(transferTo);
    const takes =
      transferee !== undefined && transferee.standing !== 'stopping' && !this.unhealthy.has(transferee.id);
    if (takes && isInSync(descriptor, transferee.id))
      return withOwner(descriptor, transferee.id, transferee.session);
    const present = replicas.map((replica) => replica.node).filter((node) => this.live.has(node));
    const inTouch = present.filter((node) => node === owner.node || this.areConnected(owner.node, node));
    const joined = inTouch.filter((node) =>
      isInSync(descriptor, node) ? true : node !== retire && this.#catchesUp(owner.node, node),
    );
    const members =
      joined.length >= descriptor.minInSync ? joined : [...new Set([...descriptor.inSync, ...joined])];
    const othersIn = replicas.every(({ node }) => node === retire || members.includes(node));
    const makesWay =
      retire !== null && retire !== owner.node && othersIn && members.length > descriptor.minInSync;
    const inSync = makesWay ? members.filter((node) => node !== retire) : members;
    const same =
      inSync.length === descriptor.inSync.length && inSync.every((node) => isInSync(descriptor, node));
    return same ? descriptor : withInSync(descriptor, inSync);
  }
}

function isServing({ descriptor }: DescriptorImage): boolean {
  return descriptor.state === 'serving';
}

/** A cluster of `count` nodes n1, n2, ... in `zones` zones that have just started. */
export function started(count: number, zones = 1): SmallCluster {
  const cluster = new SmallCluster();
  for (let i = 1; i <= count; i++) cluster.start(`n${i}`, { zone: `z${i % zones}` });
  return cluster;
}

/** A cluster of `count` nodes that has created its ranges and spread them evenly. */
export function settled(count: number): SmallCluster {
  const cluster = started(count);
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  return cluster;
}

export function nodesOf(descriptor: Descriptor): readonly NodeId[] {
  return descriptor.replicas.map((replica) => replica.node).sort();
}

export function ownersOf(cluster: SmallCluster): readonly NodeId[] {
  return cluster.descriptors.map((descriptor) => descriptor.owner.node);
}

/** How often each of `nodes` is among `names`. */
export function counts(names: readonly NodeId[], nodes: Iterable<NodeId>): readonly number[] {
  return [...nodes].map((node) => names.filter((name) => name === node).length);
}

export function rangeSteps(steps: readonly Step[]): readonly RangeStep[] {
  return steps.filter((step) => step.kind === 'range');
}

export function changes(steps: readonly Step[]): readonly string[] {
  return steps.map((step) => (step.kind === 'range' ? step.change : step.kind));
}

/** The request for namespace `logs`. */
export function createTask(change: Partial<CreateRequest>): CreateRequest {
  const request = { name: 'logs', replicationFactor: 3, minInSync: null, splitAt: null };
  return { kind: 'create-namespace', ...request, ...change };
}

type CreateRequest = Extract<TaskRequest, { kind: 'create-namespace' }>;
