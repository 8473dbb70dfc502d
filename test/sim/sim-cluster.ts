// A whole cluster in one world: ZooKeeper, coordinators, nodes, clients, and the eyes that watch the range map at every
// transaction.

import { present } from '../../common/base/assert.ts';
import type { Descriptor, DescriptorImage } from '../../common/model/descriptor.ts';
import type { NodeReport } from '../../common/model/records.ts';
import { reportOf } from '../../common/model/status.ts';
import { descriptorCodec, eventCodec, nodeCodec, parseRangeName, paths } from '../../common/zk/znodes.ts';
import { AdminProcess } from './admin-process.ts';
import { AppliedLog } from './applied-log.ts';
import { RangeMapChecker } from './checkers/range-map.ts';
import { ClientProcess } from './client-process.ts';
import { CoordinatorProcess } from './coordinator-process.ts';
import { History } from './history.ts';
import { NodeProcess } from './node-process.ts';
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
  readonly clients: readonly ClientProcess[];
  readonly admin: AdminProcess;
  readonly keys: readonly string[];
  /** As committed in ZooKeeper. */
  readonly ranges = new Map<string, DescriptorImage>();
  readonly #nodeIds = new Set<string>();
  /** Live nodes that the leader has noted as out of reach, in ZooKeeper. */
  readonly noted = new Set<string>();
  /** Nodes that the leader has noted because replicas there catch up with nothing, in ZooKeeper. */
  readonly stuck = new Set<string>();
  readonly #rangeMap = new RangeMapChecker();
  /** Rows that a fault has put on one replica only. */
  plantedRows = 0;
  /** How often ZooKeeper went back to an older copy. */
  timesGoneBack = 0;
  /** Events that tell of a replica that is ahead of ZooKeeper. */
  misfits = 0;
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
      this.#watchEvents(changes);
    };
    this.ensemble.onGoneBack = (tree) => this.#readAgain(tree);
    this.keys = Array.from({ length: settings.keys }, (_, index) => {
      const letter = ALPHABET[Math.floor((index * ALPHABET.length) / settings.keys)];
      return `${letter}/${String(index).padStart(3, '0')}`;
    });
    const deps = { world, settings, ensemble: this.ensemble };
    this.nodes = hosts(world, 'node', settings.nodes).map(
      (host) => new NodeProcess({ ...deps, applied: this.applied }, host),
    );
    this.coordinators = hosts(world, 'coord', settings.coordinators).map(
      (host) => new CoordinatorProcess(deps, host),
    );
    const workload = { history: this.history, keys: this.keys, wanted: () => this.working };
    this.clients = hosts(world, 'client', settings.clients).map(
      (host, index) => new ClientProcess(deps, workload, host, index % 2 === 1),
    );
    this.admin = new AdminProcess(deps, world.makeHost('admin'));
  }

  start(): void {
    for (const process of [...this.coordinators, ...this.nodes, ...this.clients, this.admin]) process.start();
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

  /** Of every node that there ever was. */
  get everyNodeId(): readonly string[] {
    return [...new Set([...this.#nodeIds, ...this.nodes.flatMap(({ nodeId }) => nodeId ?? [])])];
  }

  /** The ranges as they are in ZooKeeper, in no order that matters. */
  get descriptors(): readonly Descriptor[] {
    return [...this.ranges.values()].map(({ descriptor }) => descriptor);
  }

  /** No replica on the node is outside its in-sync set. */
  hasNothingBehind(id: string): boolean {
    return this.descriptors.every(
      ({ replicas, inSync }) => inSync.includes(id) || !replicas.some(({ node }) => node === id),
    );
  }

  /** What every node says of its replicas; null while one of them is not up. */
  get reports(): readonly NodeReport[] | null {
    const reports = this.nodes.flatMap(({ node }) => (node === null ? [] : [reportOf(node.status())]));
    return reports.length < this.nodes.length ? null : reports;
  }

  #readAgain(tree: ZkTree): void {
    this.timesGoneBack++;
    this.ranges.clear();
    this.noted.clear();
    this.#rangeMap.goneBack();
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
    this.world.story.count(isStuck ? 'noted stuck' : 'note of stuck taken back');
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
      this.#tell(this.ranges.get(path)?.descriptor ?? null, image.descriptor);
      this.ranges.set(path, image);
    }
    if (!any) return;
    this.#rangeMap.observe(`${this.world.clock.now} ms`, [...this.ranges.values()], this.admin.isRaising);
    for (const { checker, text } of this.#rangeMap.violations.splice(0)) this.world.violation(checker, text);
  }

  /** No replica is accused, and none says that ZooKeeper was restored, without a cause. */
  #watchEvents(changes: readonly Change[]): void {
    for (const { path, node } of changes) {
      if (node === null || !path.startsWith(paths.eventPrefix)) continue;
      const { kind, text } = eventCodec.decode(node.data);
      if (kind === 'node-gone') this.world.story.count('old id marked as gone');
      if (kind === 'conflict' && text.includes('ZooKeeper was restored')) {
        this.misfits++;
        this.world.story.count('event of a misfit');
        if (this.timesGoneBack === 0) this.world.violation('misfit', `without a cause: ${text}`);
      }
      if (kind !== 'damage') continue;
      this.world.story.tell('zk', text, true);
      this.world.story.count('event of damage');
      if (this.plantedRows === 0) this.world.violation('scrub', `without a cause: ${text}`);
    }
  }

  #tell(before: Descriptor | null, { id, epoch, owner, inSync, replicas }: Descriptor): void {
    const name = (node: string) => this.node(node)?.host.name ?? node;
    const of = before === null ? 'is made' : before.epoch === epoch ? 'changes' : 'has a new owner';
    this.world.story.tell(
      'zk',
      `range ${id} ${of}: epoch ${epoch}, owner ${name(owner.node)}, in-sync ${inSync.map(name)}, ` +
        `replicas ${replicas.map(({ node }) => name(node))}`,
    );
    if (before !== null && before.epoch !== epoch) this.world.story.count('owner-changed');
    if (before !== null && before.inSync.length > inSync.length) this.world.story.count('in-sync-shrunk');
    if (before !== null && before.inSync.length < inSync.length) this.world.story.count('in-sync-grown');
    if (before !== null && before.replicas.length !== replicas.length)
      this.world.story.count('replicas-changed');
  }

  /** A client that can be asked now. */
  get anyClient(): ClientProcess {
    return present(this.clients[0], 'a client');
  }
}

function hosts(world: World, kind: string, count: number): readonly Host[] {
  return Array.from({ length: count }, (_, index) => world.makeHost(`${kind}-${index + 1}`));
}
