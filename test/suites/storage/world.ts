// The surroundings of a storage under test: a real directory with LevelDB, or twins in memory. The same suites run on
// both, so that a twin cannot differ.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realEnv } from '../../../common/base/env.ts';
import { silentLogger } from '../../../common/base/log.ts';
import { realDisk } from '../../../kvnode/storage/disk.ts';
import type { StorageLimits } from '../../../kvnode/storage/limits.ts';
import { openStorage, type StorageOptions } from '../../../kvnode/storage/open.ts';
import { openLevel } from '../../../kvnode/storage/state/level-engine.ts';
import type { Storage } from '../../../kvnode/storage/storage.ts';
import { MemoryDisk } from './memory-disk.ts';
import { noLock, openMemoryState, StateImage } from './memory-state.ts';

/** Small limits, so that little data makes many segments and batches. */
export const SMALL_LIMITS: Partial<StorageLimits> = {
  segmentBytes: 16 * 1024,
  tailBytesMax: 1,
  keepBytes: 32 * 1024,
  retainBytes: 96 * 1024,
  flushMs: 2,
  flushBytes: 16 * 1024,
};

export interface World {
  readonly directory: string;
  readonly options: StorageOptions;
  open(): Promise<Storage>;
  remove(): Promise<void>;
  /** Waits for `promise`. Moves the virtual clock, if there is one. */
  until<T>(promise: Promise<T>): Promise<T>;
}

export async function realWorld(limits: Partial<StorageLimits> = SMALL_LIMITS): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'rangekeeper-storage-'));
  const options = { env: realEnv, logger: silentLogger, limits, disk: realDisk, openState: openLevel };
  return {
    directory,
    options,
    open: () => openStorage(directory, options),
    remove: () => rm(directory, { recursive: true }),
    until: (promise) => promise,
  };
}

/** A world of twins. `afterPowerCut` returns what the next start finds. */
export class TwinWorld implements World {
  readonly directory = '/data';
  readonly disk: MemoryDisk;
  readonly image: StateImage;
  readonly options: StorageOptions;

  constructor(
    limits: Partial<StorageLimits> = SMALL_LIMITS,
    disk: MemoryDisk = new MemoryDisk(),
    image: StateImage = new StateImage(),
  ) {
    this.disk = disk;
    this.image = image;
    this.options = {
      env: realEnv,
      logger: silentLogger,
      limits,
      disk,
      openState: (path) => openMemoryState(image, path),
      lock: noLock,
    };
  }

  open(): Promise<Storage> {
    return openStorage(this.directory, this.options);
  }

  async remove(): Promise<void> {}

  until<T>(promise: Promise<T>): Promise<T> {
    return promise;
  }

  afterPowerCut(survives: () => boolean): TwinWorld {
    return new TwinWorld(
      this.options.limits,
      this.disk.afterPowerCut(survives),
      this.image.afterPowerCut(survives),
    );
  }
}
