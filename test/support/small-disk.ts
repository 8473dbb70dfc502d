// A file system of a few megabytes that a test can fill. It is a tmpfs, if this process may mount one.

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

const BALLAST = 'ballast';

export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Mounts it at `path` until the test ends; null: mounting is not allowed. */
  static mount(t: ExecutionContext, path: string, megabytes: number): SmallDisk | null {
    mkdirSync(path, { recursive: true });
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]);
    if (mounted.status !== 0) return null;
    // A lazy unmount, because a process may still have open files there.
    t.teardown(() => spawnSync('umount', ['-l', path]));
    return new SmallDisk(path);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Fills it, except for `leftBytes`. */
  fill(leftBytes: number): void {
    this.free();
    writeFileSync(join(this.path, BALLAST), new Uint8Array(Math.max(0, this.freeBytes - leftBytes)));
  }

  /** Removes what fill() wrote. */
  free(): void {
    rmSync(join(this.path, BALLAST), { force: true });
  }
}
