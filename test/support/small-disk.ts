// A file system of a few megabytes that a test can fill: a tmpfs, where this process may mount one.

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

  /** Mounted at `path` until the test ends; null where mounting is not allowed. */
  static mount(t: ExecutionContext, path: string, megabytes: number): SmallDisk | null {
    mkdirSync(path, { recursive: true });
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]);
    if (mounted.status !== 0) return null;
    // Lazily: a process may still have files open there.
    t.teardown(() => spawnSync('umount', ['-l', path]));
    return new SmallDisk(path);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Fills it, all but so much. */
  fill(leftBytes: number): void {
    this.free();
    writeFileSync(join(this.path, BALLAST), new Uint8Array(Math.max(0, this.freeBytes - leftBytes)));
  }

  /** Takes the filling out again. */
  free(): void {
    rmSync(join(this.path, BALLAST), { force: true });
  }
}
