// Which process listens on a TCP port of this machine, for an error message. Only Linux tells it, and only of processes that this
// user may look into.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** The state of a socket that listens, in /proc/net/tcp. */
const LISTEN = '0A';

/** `java (pid 123)`; null if that is not known. */
export function portHolder(port: number): string | null {
  const sockets = listeners(port);
  if (sockets.size === 0) return null;
  const pid = entries('/proc').find((name) => /^[0-9]+$/.test(name) && holdsOneOf(name, sockets));
  return pid === undefined ? null : `${textOf(join('/proc', pid, 'comm')).trim()} (pid ${pid})`;
}

/** What the links of file descriptors to these sockets say, such as `socket:[4711]`. */
function listeners(port: number): ReadonlySet<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = ['tcp', 'tcp6'].flatMap((name) => textOf(`/proc/net/${name}`).split('\n'));
  return new Set(
    rows
      .map((row) => row.trim().split(/\s+/))
      .filter(([, local = '', , state]) => local.endsWith(suffix) && state === LISTEN)
      .map((columns) => `socket:[${columns[9]}]`),
  );
}

function holdsOneOf(pid: string, sockets: ReadonlySet<string>): boolean {
  const folder = join('/proc', pid, 'fd');
  return entries(folder).some((name) => sockets.has(linkOf(join(folder, name))));
}

/** Processes end while they are looked at, and some belong to others. */
function orElse<T>(fallback: T, read: () => T): T {
  try {
    return read();
  } catch {
    return fallback;
  }
}

function entries(folder: string): string[] {
  return orElse<string[]>([], () => readdirSync(folder));
}

function textOf(file: string): string {
  return orElse('', () => readFileSync(file, 'utf8'));
}

function linkOf(path: string): string {
  return orElse('', () => readlinkSync(path));
}
