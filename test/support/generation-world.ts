// Node processes that only join and register, over twins of disk and ZooKeeper, for tests of kvnode/zk/generation.ts. It counts the
// durable changes of a process, on disk (node.json) and in ZooKeeper, so a test can crash the process after each of them.

import { DEFAULT_SESSION } from '../../common/model/config.ts';
import type { GenerationRecord } from '../../common/model/records.ts';
import type { Identity } from '../../common/zk/server-link.ts';
import type { Zk } from '../../common/zk/store.ts';
import { connectZk } from '../../common/zk/zk.ts';
import { clusterCodec, generationCodec, paths } from '../../common/zk/znodes.ts';
import { openDataDirectory, replaceDataDirectory } from '../../kvnode/process/data-directory.ts';
import { Stage } from '../../kvnode/process/stage.ts';
import type { Disk } from '../../kvnode/storage/disk.ts';
import type { Storage } from '../../kvnode/storage/storage.ts';
import { type JoiningDeps, join } from '../../kvnode/zk/joining.ts';
import { Registration } from '../../kvnode/zk/registration.ts';
import type { Process } from '../sim/world/host.ts';
import { World } from '../sim/world/world.ts';
import { ZkEnsemble } from '../sim/world/zk-ensemble.ts';
import { linksOf } from '../sim/world/zk-link.ts';
import { MemoryDisk } from '../suites/storage/memory-disk.ts';
import { noLock, openMemoryState, StateImage } from '../suites/storage/memory-state.ts';
import { SMALL_LIMITS } from '../suites/storage/world.ts';

const DIRECTORY = '/data';
const CLUSTER = 'c-1';

/** A data directory, or a copy of one. */
export class TwinDirectory {
  readonly disk: MemoryDisk;
  state: StateImage;
  /** The content of session.json. */
  formerSession: Identity | null = null;

  constructor(disk = new MemoryDisk(), state = new StateImage()) {
    this.disk = disk;
    this.state = state;
  }

  /** A copy without session.json, because that is only valid in its original directory. */
  copy(): TwinDirectory {
    return new TwinDirectory(
      this.disk.copy(),
      this.state.afterPowerCut(() => true),
    );
  }
}

export type Fate =
  | { readonly kind: 'registered'; readonly id: string; readonly setAside: boolean }
  | { readonly kind: 'ended'; readonly text: string }
  | { readonly kind: 'crashed' }
  | { readonly kind: 'waits' };

export interface TwinNode {
  readonly process: Process;
  fate: Fate;
  /** SIGTERM. */
  stop(): Promise<void>;
}

export class GenerationWorld {
  readonly world = new World(1);
  readonly ensemble: ZkEnsemble;
  /** The durable changes so far: `disk` (node.json, a directory set aside) or `zk` (generations, changed node records). */
  readonly effects: string[] = [];
  /** Called after each change, before its process knows that it is done. */
  onEffect: () => void = () => {};
  #hosts = 0;

  constructor() {
    this.ensemble = new ZkEnsemble(this.world, [this.world.makeHost('zk-1')]);
    const session = this.ensemble.openSession(1_000);
    const record = {
      format: 1,
      clusterId: CLUSTER,
      nextNamespaceId: 1,
      nextRangeId: 1,
      tickMs: null,
    } as const;
    const data = clusterCodec.encode(record);
    const folders = [paths.nodes, paths.lives, paths.generations, paths.events];
    this.ensemble.write(session, [
      ...folders.map(
        (path) => ({ kind: 'create', path, data: new Uint8Array(0), mode: 'persistent' }) as const,
      ),
      { kind: 'create', path: paths.cluster, data, mode: 'persistent' },
    ]);
    this.ensemble.onCommit = (changes) => {
      const counts = changes.some(
        ({ path, node }) =>
          node !== null &&
          (path.startsWith(`${paths.generations}/`) ||
            (path.startsWith(`${paths.nodes}/`) && node.version > 0)),
      );
      if (counts) this.#effect('zk');
    };
  }

  #effect(kind: string): void {
    this.effects.push(kind);
    this.onEffect();
  }

  async pass(ms: number): Promise<void> {
    const end = this.world.clock.now + ms;
    await this.world.clock.run(() => this.world.clock.now >= end);
  }

  /** The generation of a node in ZooKeeper. */
  generation(id: string): GenerationRecord | null {
    const node = this.ensemble.tree.get(paths.generation(id));
    return node === null ? null : generationCodec.decode(node.data);
  }

  holder(id: string): string | null {
    return this.ensemble.tree.get(paths.live(id))?.ephemeralOwner ?? null;
  }

  /** Starts a process on `directory`; it runs on after this returns. */
  start(directory: TwinDirectory): TwinNode {
    const process = this.world.makeHost(`node-${++this.#hosts}`).process;
    const node: TwinNode = { process, fate: { kind: 'waits' }, stop: async () => {} };
    process.onCrash = (error) => {
      node.fate = { kind: 'ended', text: error instanceof Error ? error.message : String(error) };
    };
    process.gate(() => void this.#main(directory, process, node).catch((error) => process.crash(error)))();
    return node;
  }

  async #main(directory: TwinDirectory, process: Process, node: TwinNode): Promise<void> {
    const { env, host } = process;
    const { logger } = host;
    const opening = {
      env,
      logger,
      limits: SMALL_LIMITS,
      lock: noLock,
      disk: this.#diskFor(directory, process),
      openState: (path: string) => openMemoryState(directory.state, path),
    };
    let setAside = false;
    const joining: JoiningDeps = {
      env,
      logger,
      stage: new Stage(),
      storage: await openDataDirectory(DIRECTORY, opening),
      replace: async (storage, reason) => {
        setAside = true;
        return replaceDataDirectory(DIRECTORY, storage, reason, opening);
      },
    };
    const zk = connectZk({
      connect: this.ensemble.connectString,
      config: { ...DEFAULT_SESSION, sessionMs: 2_000 },
      env,
      logger,
      former: directory.formerSession,
      identified: (identity) => {
        directory.formerSession = identity;
      },
      openLink: linksOf(this.ensemble, process),
    });
    await join(zk, joining);
    const { storage } = joining;
    const registration = this.#register(storage, zk, process, (registered) => {
      node.fate = registered ? { kind: 'registered', id: storage.nodeId, setAside } : { kind: 'waits' };
    });
    node.stop = async () => {
      await registration.close();
      await zk.close();
      await storage.close();
      process.kill('reset');
    };
  }

  #register(
    storage: Storage,
    zk: Zk,
    { env, host: { logger, name } }: Process,
    registered: (now: boolean) => void,
  ): Registration {
    return new Registration({
      zk,
      env,
      logger,
      storage,
      record: { id: storage.nodeId, name, zone: 'z', capacity: 1, mode: 'active' },
      live: { name, address: `${name}:7000`, startedAt: 0, version: 'test' },
      registered: (session) => registered(session !== null),
    });
  }

  #diskFor({ disk, state }: TwinDirectory, process: Process): Disk {
    return {
      makeDirectory: () => disk.makeDirectory(),
      list: (path) => [...disk.list(path), ...(path === DIRECTORY ? ['state'] : [])],
      read: (path) => disk.read(path),
      rename: (from, to) => {
        if (from === `${DIRECTORY}/state`) state.pairs = [];
        else disk.rename(from, to);
        this.#effect('disk');
      },
      remove: (path) => disk.remove(path),
      replace: async (path, bytes) => {
        await process.wait(0.5);
        await disk.replace(path, bytes);
        this.#effect('disk');
        await process.wait(0.5);
      },
      replaceNow: (path, bytes) => disk.replaceNow(path, bytes),
      syncDirectory: async (path) => {
        await process.wait(0.5);
        await disk.syncDirectory(path);
      },
      create: (path, size) => disk.create(path, size),
      open: (path) => disk.open(path),
    };
  }

  /** Crashes the process or its machine; its session lives on for a while. */
  crash(directory: TwinDirectory, node: TwinNode): void {
    node.process.kill('silent');
    directory.state.locked = false;
    if (node.fate.kind === 'waits') node.fate = { kind: 'crashed' };
  }
}
