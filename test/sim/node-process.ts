// A node, assembled as in kvnode/main.ts, over the twins of disk, ZooKeeper and network.

import type { ClusterRecord } from '../../common/model/records.ts';
import { Channel } from '../../common/net/channel.ts';
import type { Listener } from '../../common/net/transport.ts';
import type { Ended } from '../../common/process/children.ts';
import { ProcessExit } from '../../common/process/exit.ts';
import type { Zk } from '../../common/zk/store.ts';
import { connectZk } from '../../common/zk/zk.ts';
import { KvNode } from '../../kvnode/node.ts';
import { openDataDirectory, replaceDataDirectory } from '../../kvnode/process/data-directory.ts';
import { Stage } from '../../kvnode/process/stage.ts';
import { CorruptDataError } from '../../kvnode/storage/data-errors.ts';
import type { Storage } from '../../kvnode/storage/storage.ts';
import { admit } from '../../kvnode/zk/cluster-membership.ts';
import { type JoiningDeps, join } from '../../kvnode/zk/joining.ts';
import { Registration } from '../../kvnode/zk/registration.ts';
import { noLock } from '../suites/storage/memory-state.ts';
import type { AppliedLog } from './applied-log.ts';
import { NodeGuardian } from './node-guardian.ts';
import type { Settings } from './settings.ts';
import type { Host, Process } from './world/host.ts';
import { type DiskCopy, DiskFault, MachineDisk } from './world/machine-disk.ts';
import type { World } from './world/world.ts';
import type { ZkEnsemble } from './world/zk-ensemble.ts';
import { linksOf } from './world/zk-link.ts';

interface Running {
  readonly node: KvNode;
  readonly storage: Storage;
  readonly registration: Registration;
  readonly listener: Listener;
  readonly zk: Zk;
}

/** An address at which nobody listens. */
const NOWHERE = 'nowhere:1';

export interface NodeDeps {
  readonly world: World;
  readonly ensemble: ZkEnsemble;
  readonly settings: Settings;
  readonly applied: AppliedLog;
}

/**
 * When damage is detected. `for certain`: at the next start. `at the start`: at the next start if it concerns data that are still
 * needed. `latent`: when just these data are read.
 */
export type Damage = 'for certain' | 'at the start' | 'latent';

/** What dies. `container`: also the guardian. `power`: the machine, with all that was not synced. */
export type Death = 'process' | 'container' | 'power';

export class NodeProcess {
  readonly host: Host;
  readonly guardian: NodeGuardian;
  readonly disk: MachineDisk;
  readonly #deps: NodeDeps;
  #running: Running | null = null;
  /** The node id on this disk; null before the first start. */
  nodeId: string | null = null;
  /** The id under which it last joined the cluster. With a new disk it is the old disk's id until the node has joined. */
  joinedAs: string | null = null;
  /** It runs, starts or stops in order. */
  busy = false;
  /** A fault keeps it down. */
  down = false;
  /** It registers an address at which it does not listen. */
  wrongAddress = false;
  /** Something that was synced is missing or changed on its disk, and when the node must detect that; null: nothing. */
  damaged: Damage | null = null;
  /** The id on its disk when that was replaced by an older copy: no node may join under it again. */
  rolledBack: string | null = null;
  /** Its newest disk is gone, and an older copy of it was set aside. Nobody can know that the id never comes back. */
  newestDiskLost = false;
  /** The node id under which a row that no other replica has was put on its disk; null: none was. */
  plantedAs: string | null = null;

  constructor(deps: NodeDeps, host: Host) {
    this.#deps = deps;
    this.host = host;
    this.guardian = new NodeGuardian(deps, deps.world.makeHost(`${host.name}-guard`, host.machine));
    this.disk = new MachineDisk(deps.world);
  }

  /** Whether a row that no other replica has is on its disk. */
  get hasPlanted(): boolean {
    return this.plantedAs !== null && this.plantedAs === this.nodeId;
  }

  get node(): KvNode | null {
    return this.#running?.node ?? null;
  }

  get storage(): Storage | null {
    return this.#running?.storage ?? null;
  }

  start(): void {
    this.busy = true;
    this.guardian.watch((launch) => {
      const process = this.host.boot();
      process.onCrash = (error) => this.#crashed(error);
      process.gate(() => void this.#main(process, launch).catch((error) => process.crash(error)))();
    });
  }

  kill(kind: Death): void {
    const how = kind === 'power' ? 'silent' : 'reset';
    if (kind !== 'process') this.guardian.host.process.kill(how);
    this.host.process.kill(how);
    this.#dead(kind, { code: null, signal: 'SIGKILL' });
  }

  /** The machine loses its power and comes back with an older copy of its disk. */
  rollBackTo(copy: DiskCopy, id: string): void {
    if (this.busy) this.kill('power');
    this.disk.rollBackTo(copy);
    this.rolledBack = id;
    this.damaged = 'at the start';
  }

  /** Its guardian dies, and the node then stops in order. */
  loseGuardian(): void {
    this.guardian.host.process.kill('reset');
    this.stop();
  }

  /** Stops it as SIGTERM does. */
  stop(): void {
    const { process } = this.host;
    const running = this.#running;
    if (running === null) return this.kill('process');
    process.gate(() => void this.#stop(process, running).catch((error) => process.crash(error)))();
  }

  async #stop(process: Process, { node, registration, listener, zk, storage }: Running): Promise<void> {
    await registration.announceStop();
    await node.close();
    await registration.close();
    await listener.close();
    await zk.close();
    this.guardian.forget();
    await storage.close();
    process.kill('reset');
    this.#dead('process', { code: 0, signal: null });
  }

  /** Counts what the scrubs of the running node have found. To be called once, at the end of the node or of the run. */
  countChecks(): void {
    const { sound = 0, mismatches = 0, rows = 0 } = this.node?.scrub.stats ?? {};
    const { story } = this.#deps.world;
    story.count('scrub: all replicas equal', sound);
    story.count('scrub: replicas differ', mismatches);
    story.count('rows verified', rows);
  }

  #dead(kind: Death, ended: Ended): void {
    this.countChecks();
    this.#running = null;
    this.busy = false;
    this.disk.afterDeath(kind === 'power' ? 'power' : 'process');
    this.guardian.reap(ended);
  }

  #crashed(error: unknown): void {
    const { world } = this.#deps;
    const expected =
      error instanceof DiskFault || error instanceof ProcessExit || error instanceof CorruptDataError;
    const text = expected
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
    world.story.record(this.host.name, `ends: ${text}`, true);
    if (expected) world.story.count('node-ended-by-disk');
    else world.violation('process', `${this.host.name} crashed: ${text}`);
    this.#dead('process', { code: 1, signal: null });
  }

  /** Its disk was opened under the id that it had. Checks that this was allowed. */
  #checkContinues(id: string): void {
    const { world } = this.#deps;
    if (this.rolledBack !== null) return;
    if (this.damaged === 'for certain')
      world.violation('damage', `${this.host.name} continues as ${id} with what is left of its disk`);
    if (this.damaged === 'at the start')
      world.story.record(this.host.name, 'the damage concerned nothing that is needed', true);
  }

  async #main(process: Process, launch: string): Promise<void> {
    const { env } = process;
    const { logger } = this.host;
    const { world, ensemble, settings, applied } = this.#deps;
    const { directory } = this.disk;
    const opening = {
      env,
      logger,
      limits: settings.limits,
      disk: this.disk.diskFor(process),
      openState: this.disk.openStateFor(process),
      lock: noLock,
    };
    const use = (opened: Storage): Storage => {
      opened.onFailure((error) => process.crash(error));
      const setAside = opened.nodeId !== this.nodeId && this.nodeId !== null;
      if (setAside) {
        world.story.count('data-set-aside');
        if (this.hasPlanted) world.story.count('planted-row-set-aside');
      } else this.#checkContinues(opened.nodeId);
      if (this.rolledBack === null && (setAside || this.damaged !== 'latent')) this.damaged = null;
      this.nodeId = opened.nodeId;
      return applied.watch(this.host.name, opened);
    };
    const joining: JoiningDeps = {
      env,
      logger,
      stage: new Stage(),
      storage: use(await openDataDirectory(directory, opening)),
      replace: async (storage, reason) => {
        world.story.count('directory-set-aside-as-a-copy');
        this.newestDiskLost = true;
        return use(await replaceDataDirectory(directory, storage, reason, opening));
      },
    };
    let cluster: ClusterRecord | null = null;
    const zk = connectZk({
      connect: ensemble.connectString,
      config: settings.session,
      env,
      logger,
      tickMs: () => cluster?.tickMs ?? null,
      former: this.guardian.formerSession?.identity ?? null,
      identified: this.guardian.noteFor(process, launch),
      admit: (session) => admit(session, joining),
      openLink: linksOf(ensemble, process),
    });
    cluster = await join(zk, joining);
    const { clusterId } = cluster;
    const { storage } = joining;
    this.joinedAs = storage.nodeId;
    if (this.rolledBack === storage.nodeId)
      world.violation('rollback', `${this.host.name} joins with an older copy of its directory`);
    if (this.rolledBack !== null) this.damaged = null;
    this.rolledBack = null;
    const node = new KvNode({
      clusterId,
      version: 'sim',
      env,
      logger,
      zk,
      storage,
      transport: world.network.transportOf(process),
      config: settings.replication,
      channel: settings.channel,
      cpuMs: () => null,
    });
    const address = `${this.host.name}:${world.rng.pick([7000, 7000 + world.rng.below(100)])}`;
    const listener = world.network.listen(process, address, (connection) =>
      Channel.accept(connection, {
        env,
        log: logger,
        self: { clusterId, nodeId: node.id },
        handlers: node.handlers,
        turnEnd: node.turnEnd,
        config: settings.channel,
      }),
    );
    const registration = new Registration({
      zk,
      env,
      logger,
      storage,
      record: { id: node.id, name: this.host.name, zone: 'z', capacity: 1, mode: 'active' },
      live: {
        name: this.host.name,
        address: this.wrongAddress ? NOWHERE : address,
        startedAt: env.wallNow(),
        version: 'sim',
      },
      registered: (session) => node.useSession(session),
    });
    this.#running = { node, storage, registration, listener, zk };
  }
}
