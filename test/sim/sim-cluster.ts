// A complete cluster in one world: ZooKeeper, coordinators, nodes, clients and an administrator. It checks the range map and the
// events after every transaction of ZooKeeper.

import { present } from '../../common/base/assert.ts';
import type { Descriptor, DescriptorImage } from '../../common/model/descriptor.ts';
import type { NodeReport } from '../../common/model/records.ts';
import { reportOf } from '../../common/model/status.ts';
import { descriptorCodec, eventCodec, nodeCodec, parseRangeName, paths } from '../../common/zk/znodes.ts';
import { AdminProcess } from './admin-process.ts';
import { AppliedLog } from './applied-log.ts';
import { RangeMapChecker } from './checkers/range-map.ts';
import { ClientProcess } from './client-process.ts';
import { CoordinatorProcess, type LeaderStep } from './coordinator-process.ts';
import { Guest } from './guest.ts';
import { History } from './history.ts';
import { type NodeDeps, NodeProcess } from './node-process.ts';
import type { Settings } from './settings.ts';
import type { Host } from './world/host.ts';
import type { World } from './world/world.ts';
import { ZkEnsemble } from './world/zk-ensemble.ts';
import type { Change, ZkTree } from './world/zk-tree.ts';

const NODE_PATH = /^\/nodes\/([^/]+)$/;
const RANGE_PATH = /^\/namespaces\/[^/]+\/ranges\/([^/]+)$/;
const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

export class Cluster {
  readonly world: World;
  readonly settings: Settings;
  readonly ensemble: ZkEnsemble;
  readonly history = new History();
  readonly applied: AppliedLog;
  readonly nodes: readonly NodeProcess[];
  readonly coordinators: readonly CoordinatorProcess[];
  /** Also those of guests. */
  readonly clients: ClientProcess[];
  /** Namespaces that are made and dropped, the newest one last. */
  readonly guests: Guest[] = [];
  readonly admin: AdminProcess;
  /** Asks for many things at once, some of which wait for others. */
  readonly operator: AdminProcess;
  readonly keys: readonly string[];
  /** The descriptors as committed in ZooKeeper, by path. */
  readonly ranges = new Map<string, DescriptorImage>();
  readonly #deps: Omit<NodeDeps, 'applied'>;
  readonly #nodeIds = new Set<string>();
  /** Live nodes that the leader has noted in ZooKeeper as unreachable. */
  readonly noted = new Set<string>();
  /** Nodes that the leader has noted in ZooKeeper because their replicas make no progress in catching up. */
  readonly stuck = new Set<string>();
  readonly #rangeMap = new RangeMapChecker();
  /** The number of rows that a fault has put on one replica only. */
  plantedRows = 0;
  /** Called when a range was replaced (S3). */
  readonly onReplaced = new Set<(descriptor: Descriptor) => void>();
  /** What leaders have done, in order. */
  readonly leaderSteps: LeaderStep[] = [];
  /** How often ZooKeeper was restored from a backup. */
  timesRestored = 0;
  /** The number of events that report a replica that is ahead of ZooKeeper. */
  replicaAheadEvents = 0;
  /** Whether clients begin new operations. */
  working = true;

  constructor(world: World, settings: Settings) {
    this.world = world;
    this.settings = settings;
    this.applied = new AppliedLog(world);
    this.ensemble = new ZkEnsemble(world, hosts(world, 'zk', 3));
    this.ensemble.onCommit = (changes) => {
      this.#watchRanges(changes);
      this.#watchNodes(changes);
      this.guest?.watch(changes);
      this.#checkEvents(changes);
    };
    this.ensemble.onRestored = (tree) => this.#readAgain(tree);
    this.keys = Array.from({ length: settings.keys }, (_, index) => {
      const letter = ALPHABET[Math.floor((index * ALPHABET.length) / settings.keys)];
      return `${letter}/${String(index).padStart(3, '0')}`;
    });
    const deps = { world, settings, ensemble: this.ensemble };
    this.#deps = deps;
    this.nodes = hosts(world, 'node', settings.nodes).map(
      (host) => new NodeProcess({ ...deps, applied: this.applied }, host),
    );
    this.coordinators = hosts(world, 'coord', settings.coordinators).map(
      (host) => new CoordinatorProcess(deps, host, this.leaderSteps),
    );
    const { history, keys } = this;
    const workload = { namespace: 'default', tag: '', history, keys, isActive: () => this.working };
    this.clients = hosts(world, 'client', settings.clients).map(
      (host, index) => new ClientProcess(deps, workload, host, index % 2 === 1),
    );
    this.admin = new AdminProcess(deps, world.makeHost('admin'), 1);
    this.operator = new AdminProcess(deps, world.makeHost('operator'), Number.POSITIVE_INFINITY);
  }

  start(): void {
    for (const process of [...this.coordinators, ...this.nodes, ...this.clients]) process.start();
    for (const process of [this.admin, this.operator]) process.start();
    const { idleRanges } = this.settings;
    if (idleRanges === 0) return;
    const splitAt = Array.from({ length: idleRanges - 1 }, (_, index) => String(index).padStart(4, '0'));
    const request = {
      kind: 'create-namespace',
      name: 'idle',
      replicationFactor: 3,
      minInSync: null,
    } as const;
    this.admin.ask({ ...request, splitAt });
  }

  node(id: string): NodeProcess | undefined {
    return this.nodes.find(({ nodeId }) => nodeId === id);
  }

  /** The newest one. */
  get guest(): Guest | undefined {
    return this.guests.at(-1);
  }

  /** Starts the client of a new guest. Null: ZooKeeper may still have something of the one before. */
  addGuest(): Guest | null {
    if (this.ensemble.isEmptied || this.ensemble.tree.get(paths.namespace('guest')) !== null) return null;
    const former = this.guest;
    if (former !== undefined) {
      const { process } = former.client.host;
      // A fault that strikes its client would start it again.
      if (former.goneAt === null || !process.alive || process.paused) return null;
      process.kill('reset');
      this.clients.splice(this.clients.indexOf(former.client), 1);
    }
    const guest = new Guest(this.#deps, this.guests.length + 1, () => this.working);
    this.guests.push(guest);
    this.clients.push(guest.client);
    guest.client.start();
    return guest;
  }

  /** The ids of all nodes that ever existed. */
  get everyNodeId(): readonly string[] {
    return [...new Set([...this.#nodeIds, ...this.nodes.flatMap(({ nodeId }) => nodeId ?? [])])];
  }

  /** The ranges that serve, as they are in ZooKeeper. */
  get descriptors(): readonly Descriptor[] {
    return [...this.ranges.values()]
      .map(({ descriptor }) => descriptor)
      .filter(({ state }) => state === 'serving');
  }

  /** S5: the ranges that have ended, and whose descriptors are still there. */
  get ended(): readonly Descriptor[] {
    return [...this.ranges.values()]
      .map(({ descriptor }) => descriptor)
      .filter(({ state }) => state !== 'serving');
  }

  /** Whether all replicas on the node are in-sync. */
  hasNothingBehind(id: string): boolean {
    return this.descriptors.every(
      ({ replicas, inSync }) => inSync.includes(id) || !replicas.some(({ node }) => node === id),
    );
  }

  /** The reports of all nodes about their replicas; null while a node is not running. */
  get reports(): readonly NodeReport[] | null {
    const reports = this.nodes.flatMap(({ node }) => (node === null ? [] : [reportOf(node.status())]));
    return reports.length < this.nodes.length ? null : reports;
  }

  #readAgain(tree: ZkTree): void {
    this.timesRestored++;
    this.ranges.clear();
    this.noted.clear();
    this.#rangeMap.restored();
    const all = [...tree.paths].map((path) => ({ path, node: tree.get(path) }));
    this.#watchNodes(all);
    this.#watchRanges(all);
  }

  #watchNodes(changes: readonly Change[]): void {
    for (const { path, node } of changes) {
      const id = NODE_PATH.exec(path)?.[1];
      if (id === undefined) continue;
      this.#nodeIds.add(id);
      const noted = node === null ? null : (nodeCodec.decode(node.data).noted ?? null);
      this.#watchStuck(id, (noted?.stuckIn ?? null) !== null);
      const unreachable = noted?.unreachable ?? null;
      if (unreachable === null) this.noted.delete(id);
      else {
        if (!this.noted.has(id)) this.world.story.count('noted unreachable');
        if (unreachable.cutOff) this.world.story.count('noted cut off');
        this.noted.add(id);
      }
    }
  }

  #watchStuck(id: string, isStuck: boolean): void {
    if (this.stuck.has(id) === isStuck) return;
    this.world.story.count(isStuck ? 'noted stuck' : 'stuck note removed');
    if (isStuck) this.stuck.add(id);
    else this.stuck.delete(id);
  }

  #watchRanges(changes: readonly Change[]): void {
    let any = false;
    for (const { path, node } of changes) {
      const name = RANGE_PATH.exec(path)?.[1];
      if (name === undefined || parseRangeName(name) === null) continue;
      any = true;
      if (node === null) {
        this.ranges.delete(path);
        continue;
      }
      const image = descriptorCodec.image(node);
      this.#recordRange(this.ranges.get(path)?.descriptor ?? null, image.descriptor);
      this.ranges.set(path, image);
      this.guest?.learn(image.descriptor);
    }
    if (!any) return;
    this.#rangeMap.observe(`${this.world.clock.now} ms`, [...this.ranges.values()], this.admin.isRaising);
    for (const { checker, text } of this.#rangeMap.violations.splice(0)) this.world.violation(checker, text);
  }

  /** Checks that no event reports damage, or a restored ZooKeeper, unless a fault has caused that. */
  #checkEvents(changes: readonly Change[]): void {
    for (const { path, node } of changes) {
      if (node === null || !path.startsWith(paths.eventPrefix)) continue;
      const { kind, text } = eventCodec.decode(node.data);
      if (kind === 'node-gone') this.world.story.count('old id marked as gone');
      if (kind === 'conflict' && text.includes('ZooKeeper was restored')) {
        this.replicaAheadEvents++;
        this.world.story.count('event: replica ahead of ZooKeeper');
        if (this.timesRestored === 0) this.world.violation('replica ahead', `without a cause: ${text}`);
      }
      if (kind !== 'damage') continue;
      this.world.story.record('zk', text, true);
      this.world.story.count('event: damage');
      if (this.plantedRows === 0) this.world.violation('scrub', `without a cause: ${text}`);
    }
  }

  #recordRange(before: Descriptor | null, after: Descriptor): void {
    const { id, epoch, owner, inSync, replicas, state, parents } = after;
    const name = (node: string) => this.node(node)?.host.name ?? node;
    if (state !== 'serving') {
      const holders = replicas.map(({ node }) => name(node));
      this.world.story.record('zk', `range ${id} is ${state}, held by ${holders}`);
      if (before?.state === 'serving') this.world.story.count(`range ${state}`);
      if (before?.state === 'serving' && state === 'replaced')
        for (const listener of [...this.onReplaced]) listener(after);
      return;
    }
    if (before === null && parents.length > 0) {
      this.world.story.record('zk', `range ${id} comes of ${parents.map(({ range }) => range)}`);
      this.world.story.count('child made');
    }
    const what = before === null ? 'is created' : before.epoch === epoch ? 'changes' : 'has a new owner';
    this.world.story.record(
      'zk',
      `range ${id} ${what}: epoch ${epoch}, owner ${name(owner.node)}, in-sync ${inSync.map(name)}, ` +
        `replicas ${replicas.map(({ node }) => name(node))}`,
    );
    if (before !== null && before.epoch !== epoch) this.world.story.count('owner-changed');
    if (before !== null && before.inSync.length > inSync.length) this.world.story.count('in-sync-shrunk');
    if (before !== null && before.inSync.length < inSync.length) this.world.story.count('in-sync-grown');
    if (before !== null && before.replicas.length !== replicas.length)
      this.world.story.count('replicas-changed');
  }

  /** A client for the operations at the end of a run. */
  get anyClient(): ClientProcess {
    return present(this.clients[0], 'a client');
  }
}

function hosts(world: World, kind: string, count: number): readonly Host[] {
  return Array.from({ length: count }, (_, index) => world.makeHost(`${kind}-${index + 1}`));
}
