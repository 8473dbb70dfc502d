// How much memory this machine has, and the memory limit of the container that this process is in, if any. It reads Linux control
// groups of version 1 and 2. A group's limit and those of all its parents count, as in the kernel.

import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';

export interface AvailableMemory {
  readonly machineBytes: number;
  /** Null: there is no limit below the machine's memory. */
  readonly containerBytes: number | null;
}

/** @param root the directory that has /proc and /sys; tests use another one */
export function availableMemory(root = '/', machineBytes = totalmem()): AvailableMemory {
  const limit = Math.min(...groupsOf(root).flatMap((group) => limitsOf(root, group)));
  return { machineBytes, containerBytes: limit < machineBytes ? limit : null };
}

/** A control group that bounds memory. */
interface Group {
  /** The directory at which the hierarchy is mounted. */
  readonly mount: string;
  readonly path: string;
  /** Names of the files that hold a limit in bytes. */
  readonly files: readonly string[];
}

/** Reads /proc/self/cgroup, whose lines are `number:controllers:path`. A line of version 2 names no controllers. */
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

/** In a container its own group is often mounted as the root, and its path does not exist there. Then the root's limit counts. */
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

/** Null: the file does not exist, or this process may not read it. */
function read(root: string, path: string): string | null {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return null;
  }
}
