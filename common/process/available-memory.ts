// How much memory this machine has, and the limit of the container that this process is in: Linux control groups of version 1
// and 2. Limits count along the whole way up to the root, as the kernel counts.

import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';

export interface AvailableMemory {
  readonly machineBytes: number;
  /** null: there is none, or none that is below the machine's memory. */
  readonly containerBytes: number | null;
}

/** `root`: where /proc and /sys are, in tests another directory. */
export function availableMemory(root = '/', machineBytes = totalmem()): AvailableMemory {
  const limit = Math.min(...groupsOf(root).flatMap((group) => limitsOf(root, group)));
  return { machineBytes, containerBytes: limit < machineBytes ? limit : null };
}

/** A control group that bounds memory. */
interface Group {
  /** Where the hierarchy is mounted. */
  readonly mount: string;
  readonly path: string;
  /** Files with a limit in bytes. */
  readonly files: readonly string[];
}

/** By /proc/self/cgroup, whose lines are `number:controllers:path`; version 2 names no controllers. */
function groupsOf(root: string): Group[] {
  const groups: Group[] = [];
  for (const line of (read(root, 'proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers = '-', path = '/'] = /^[0-9]+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === '')
      groups.push({ mount: 'sys/fs/cgroup', path, files: ['memory.max', 'memory.high'] });
    if (controllers.split(',').includes('memory'))
      groups.push({ mount: 'sys/fs/cgroup/memory', path, files: ['memory.limit_in_bytes'] });
  }
  return groups;
}

/** In a container its own group is often mounted as the root, and its path is not there: then the root's limit counts. */
function limitsOf(root: string, { mount, path, files }: Group): number[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..');
  const limits: number[] = [];
  for (let depth = parts.length; depth >= 0; depth--) {
    for (const file of files) {
      const text = read(root, join(mount, ...parts.slice(0, depth), file))?.trim() ?? '';
      // `max` is no limit.
      if (/^[0-9]+$/.test(text)) limits.push(Number(text));
    }
  }
  return limits;
}

/** null: not there, or not for this process. */
function read(root: string, path: string): string | null {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return null;
  }
}
