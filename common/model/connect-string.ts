// The connect string `host:port,host:port/root`: the servers of a ZooKeeper ensemble, and the znode that contains all znodes of the
// cluster. The flag --zk and the ZooKeeper client share this parser.

import { RangekeeperError } from '../base/errors.ts';
import { type Address, formatAddress, PORT_MAX, readAddress } from './address.ts';

export interface ConnectString {
  readonly servers: readonly Address[];
  /** Without a slash at its end. Empty: ZooKeeper's own root. */
  readonly root: string;
}

const DEFAULT_PORT = 2181;

/** Throws RangekeeperError INVALID_ARGUMENT with the reason, in one line. IPv6 addresses are written in brackets. */
export function parseConnectString(given: string): ConnectString {
  const text = given.trim();
  const slash = text.indexOf('/');
  const hosts = slash === -1 ? text : text.slice(0, slash);
  const root = slash === -1 ? '' : text.slice(slash).replace(/\/$/, '');
  if (root.includes(',')) refuse(text, `the root stands once, after the last server: ${oneRoot(text)}`);
  if (root !== '' && !isPath(root)) refuse(text, `${JSON.stringify(root)} is not a path`);
  const parts = hosts.split(',').map((part) => part.trim());
  return { servers: parts.map((part) => parseServer(text, part)), root };
}

/** The formatted form, as {@link parseConnectString} reads it. */
export function formatConnectString({ servers, root }: ConnectString): string {
  return servers.map(({ host, port }) => formatAddress(host, port)).join(',') + root;
}

/** For `a:1/r,b:2/r`: `a:1,b:2/r`. */
function oneRoot(text: string): string {
  const parts = text.split(',').map((part) => part.trim());
  const root = parts.map((part) => /\/[^/].*$/.exec(part)?.[0]).find((each) => each !== undefined);
  return parts.map((part) => part.replace(/\/.*$/, '')).join(',') + (root ?? '');
}

function parseServer(text: string, part: string): Address {
  if (part === '') refuse(text, 'a server is missing beside a comma, or before the root');
  const server = readAddress(part, DEFAULT_PORT);
  const port = Number(/:([0-9]+)$/.exec(part)?.[1] ?? DEFAULT_PORT);
  if (!(port >= 1 && port <= PORT_MAX))
    refuse(text, `the port of ${JSON.stringify(part)} is not from 1 to ${PORT_MAX}`);
  if (server === null) refuse(text, `${JSON.stringify(part)} is not host:port`);
  return server;
}

/** What ZooKeeper refuses in a path: control characters, private use, and whatever UTF-16 writes as a pair or as half of one. */
const REFUSED = /[\p{Cc}\u{d800}-\u{f8ff}\u{fff0}-\u{10ffff}]/u;

/** ZooKeeper's rule: names between single slashes, none of them empty, `.` or `..`. */
function isPath(path: string): boolean {
  const names = path.slice(1).split('/');
  return !REFUSED.test(path) && names.every((name) => name !== '' && name !== '.' && name !== '..');
}

function refuse(text: string, reason: string): never {
  throw new RangekeeperError(
    'INVALID_ARGUMENT',
    `ZooKeeper connect string ${JSON.stringify(text)}: ${reason} (expected host:port,host:port/root)`,
  );
}
