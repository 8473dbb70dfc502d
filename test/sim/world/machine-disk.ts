// A node's disk, built on the twins of the storage suite, which lose any part of what was not synced in a power cut. This adds
// time and faults: syncs take a while, stall or fail, and space runs out.

import { type Bytes, compareBytes } from '../../../common/base/bytes.ts';
import type { NamespaceId } from '../../../common/model/ids.ts';
import type { Disk, DiskFile } from '../../../kvnode/storage/disk.ts';
import { type Paths, parseSegmentName, pathsOf } from '../../../kvnode/storage/files.ts';
import { RecordCursor } from '../../../kvnode/storage/log/record.ts';
import { readNodeFile } from '../../../kvnode/storage/node-file.ts';
import { withChecksum } from '../../../kvnode/storage/state/checked-engine.ts';
import type { OpenState } from '../../../kvnode/storage/state/engine.ts';
import { putRowValue, rowKey, rowValueBytes } from '../../../kvnode/storage/state/stored-keys.ts';
import type { Row } from '../../../kvnode/storage/storage.ts';
import { MemoryDisk } from '../../suites/storage/memory-disk.ts';
import { openMemoryState, StateImage } from '../../suites/storage/memory-state.ts';
import type { Process } from './host.ts';
import type { World } from './world.ts';

/** The error of a faulty disk. A process that ends with it does what it should (R12). */
export class DiskFault extends Error {
  override readonly name = 'DiskFault';
  /** The error code that Node would give. */
  readonly code: 'EIO' | 'ENOSPC';

  constructor(code: 'EIO' | 'ENOSPC', message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

const DIRECTORY = '/data';
const PATHS: Paths = pathsOf(DIRECTORY);

/** A copy of a disk at one moment, as a snapshot of its volume has it. */
export interface DiskCopy {
  readonly disk: MemoryDisk;
  readonly state: StateImage;
}

export class MachineDisk {
  readonly directory = DIRECTORY;
  readonly #world: World;
  #disk = new MemoryDisk();
  #state = new StateImage();
  /** No sync ends before this instant of the world. */
  stalledUntil = 0;
  /** Each access takes up to this much longer, ms. */
  slowMs = 0;
  failing = false;
  full = false;

  constructor(world: World) {
    this.#world = world;
    this.#disk.hold();
  }

  // ---- what a process uses -----------------------------------------------------------------------------------------

  diskFor(process: Process): Disk {
    const disk = this.#disk;
    const io = (ms: number) => this.#io(process, ms);
    return {
      makeDirectory: () => disk.makeDirectory(),
      list: (path) => (path === DIRECTORY ? [...disk.list(path), 'state'] : disk.list(path)),
      read: (path) => disk.read(path),
      rename: (from, to) => {
        if (from === `${DIRECTORY}/state`) this.#state = new StateImage();
        else disk.rename(from, to);
      },
      remove: (path) => disk.remove(path),
      replace: async (path, bytes) => {
        await io(2);
        this.#checkSpace();
        await disk.replace(path, bytes);
      },
      replaceNow: (path, bytes) => disk.replaceNow(path, bytes),
      syncDirectory: async (path) => {
        await io(1);
        await disk.syncDirectory(path);
      },
      create: async (path, size) => {
        await io(4);
        this.#checkSpace();
        return this.#file(process, await disk.create(path, size));
      },
      open: (path) => this.#file(process, disk.open(path)),
    };
  }

  openStateFor(process: Process): OpenState {
    return (path) => {
      this.#state.beforeRead = () => this.#io(process, 1);
      return openMemoryState(this.#state, path);
    };
  }

  #file(process: Process, file: DiskFile): DiskFile {
    const disk = this.#disk;
    return {
      write: (parts: readonly Bytes[], at: number) => {
        // Space within the file is allocated already.
        const end = parts.reduce((sum, part) => sum + part.length, at);
        if (file.read(end - 1, 1).length === 0) this.#checkSpace();
        file.write(parts, at);
      },
      sync: async () => {
        const synced = file.sync();
        await this.#io(process, 1.5);
        if (this.failing) disk.syncError = new DiskFault('EIO', 'the disk failed to sync');
        disk.releaseOne();
        await synced;
      },
      read: (at, length) => file.read(at, length),
      shrink: (size) => file.shrink(size),
      close: () => file.close(),
    };
  }

  /** Resolves after about `ms`, later while the disk stalls, and never if the process has died by then. */
  async #io(process: Process, ms: number): Promise<void> {
    const world = this.#world;
    const more = this.slowMs + (world.chance(0.01) ? 30 : 0);
    await process.wait(world.between(0.3 * ms, ms) + world.between(0, more));
    const stall = this.stalledUntil - world.clock.now;
    if (stall > 0) await process.wait(stall);
  }

  #checkSpace(): void {
    if (this.full) throw new DiskFault('ENOSPC', 'the disk is full');
  }

  // ---- the end of a process ----------------------------------------------------------------------------------------

  /** `power`: any part of what was not synced is gone. `process`: the machine has it all. */
  afterDeath(kind: 'power' | 'process'): void {
    const chance = () => this.#world.chance(0.5);
    const unlucky = this.#world.chance(0.3);
    this.#state = this.#state.afterPowerCut(chance);
    if (kind === 'power' || this.failing) this.#disk = this.#disk.afterPowerCut(() => !unlucky && chance());
    else this.#disk.release();
    this.#disk.hold();
    this.failing = false;
  }

  /** Ends all faults of the disk; damage stays. */
  repair(): void {
    this.stalledUntil = 0;
    this.slowMs = 0;
    this.failing = false;
    this.full = false;
  }

  copy(): DiskCopy {
    const chance = () => this.#world.chance(0.5);
    return { disk: this.#disk.afterPowerCut(chance), state: this.#state.afterPowerCut(chance) };
  }

  /** Replaces the content by an older copy. No process may use the disk now. */
  rollBackTo({ disk, state }: DiskCopy): void {
    this.#disk = disk;
    this.#state = state;
    this.#disk.hold();
  }

  /** Whether the state store has anything from `start` on, before `end`. */
  hasWithin(start: Bytes, end: Bytes): boolean {
    const { pairs } = this.#state;
    return pairs.some(([key]) => compareBytes(key, start) >= 0 && compareBytes(key, end) < 0);
  }

  // ---- damage to what was synced: each gives false where there is too little to damage -----------------------------

  /** Puts a row with a valid checksum into the state store, so that only a comparison with other replicas shows it. */
  plantRow(namespaceId: NamespaceId, { key, value, revision }: Row): void {
    const stored = new Uint8Array(rowValueBytes(value));
    putRowValue(stored, revision, value);
    const storedKey = rowKey(namespaceId, key);
    const sealed = Uint8Array.from(withChecksum(storedKey, stored));
    this.#state.write({ operations: [{ key: storedKey, value: sealed }], synced: true });
    this.#state.flush();
  }

  /** Flips a bit of the log. */
  flipLogBit(): boolean {
    const path = this.#world.rng.pick(this.#logFiles());
    if (path === undefined) return false;
    const bytes = this.#disk.contentOf(path).slice();
    const used = bytes.findLastIndex((byte) => byte !== 0);
    if (used < 12 * 1024) return false;
    const at = this.#world.rng.below(Math.floor(used / 8));
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.#world.rng.below(8));
    this.#disk.setContent(path, bytes);
    return true;
  }

  /** One bit of a stored row, session, or position is not what was written. */
  flipStateBit(): boolean {
    const { rng } = this.#world;
    if (this.#state.pairs.length === 0) return false;
    this.#state.flipBit(rng.below(this.#state.pairs.length), rng.below(8 * 1024));
    return true;
  }

  /** A batch is gone and newer ones are there; false where there is none that a newer one follows. */
  loseStateBatch(): boolean {
    if (this.#state.batchesInLog < 2) return false;
    this.#state.loseBatch(this.#world.rng.below(this.#state.batchesInLog - 1));
    return true;
  }

  loseState(): boolean {
    if (this.#state.pairs.length === 0) return false;
    this.#state = new StateImage();
    return true;
  }

  loseStateFile(): boolean {
    this.#state.lostFile = 'CURRENT';
    return true;
  }

  loseNodeFile(): boolean {
    if (this.#logGroup === 0) return false;
    this.#lose(PATHS.node);
    return true;
  }

  /** All of the log of a node that has registered. */
  loseLog(): boolean {
    if (this.#logGroup === 0) return false;
    for (const path of this.#logFiles()) this.#lose(path);
    return true;
  }

  /**
   * The segment that is written to. False where nothing on the disk has to know of it yet: no newer one is prepared, and no
   * generation was raised since it was begun.
   */
  loseNewestSegment(): boolean {
    const files = this.#logFiles();
    const newest = files.findLast((path) => this.#firstGroup(path) > 0);
    if (newest === undefined) return false;
    if (newest === files.at(-1) && this.#firstGroup(newest) > this.#logGroup) return false;
    this.#lose(newest);
    return true;
  }

  /** The oldest segment, which may or may not still be needed. False if there is only one. */
  loseOldestSegment(): boolean {
    const [oldest, next] = this.#logFiles().filter((path) => this.#firstGroup(path) > 0);
    if (oldest === undefined || next === undefined) return false;
    this.#lose(oldest);
    return true;
  }

  #lose(path: string): void {
    void this.#disk.remove(path);
    void this.#disk.syncDirectory(path.slice(0, path.lastIndexOf('/')));
  }

  /** The logGroup in node.json; 0: no generation was ever raised here. */
  get #logGroup(): number {
    return readNodeFile(this.#disk, PATHS)?.logGroup ?? 0;
  }

  /** The number of the first group in a segment; 0: the segment is only prepared and has no complete group. */
  #firstGroup(path: string): number {
    const cursor = new RecordCursor(this.#disk.contentOf(path));
    const number = parseSegmentName(path.slice(path.lastIndexOf('/') + 1)) ?? 0;
    return cursor.isValid(number, 0) ? cursor.group : 0;
  }

  #logFiles(): readonly string[] {
    return this.#disk.paths.filter((path) => path.startsWith(`${PATHS.log}/`));
  }
}
