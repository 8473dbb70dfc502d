// The connect string `host:port,host:port/root`: the servers of a ZooKeeper ensemble, and the znode that contains all znodes of the
// cluster. The flag --zk and the ZooKeeper client share this parser.

import { RangekeeperError } from '../base/errors.ts';
import { type Address, readAddress } from './address.ts';

export interface ConnectString {
  readonly servers: readonly Address[];
  /** Without a slash at its end. Empty: ZooKeeper's own root. */
  readonly root: string;
}

const DEFAULT_PORT = 2181;

/** Throws RangekeeperError INVALID_ARGUMENT with the reason. IPv6 addresses are written in brackets. */
export function parseConnectString(text: string): ConnectString {
  const slash = text.indexOf('/');
  const hosts = slash === -1 ? text : text.slice(0, slash);
  const root = slash === -1 ? '' : text.slice(slash).replace(/\/$/, '');
  if (root !== '' && !isPath(root)) refuse(text, `${root} is not a path`);
  const servers = hosts.split(',').map((part) => parseServer(text, part.trim()));
  return { servers, root };
}

function parseServer(text: string, part: string): Address {
  const server = readAddress(part, DEFAULT_PORT);
  if (server === null || server.port === 0) refuse(text, `${JSON.stringify(part)} is not host:port`);
  return server;
}

/** ZooKeeper's rule: names between single slashes, none of them empty, `.` or `..`. */
function isPath(path: string): boolean {
  return path
    .slice(1)
    .split('/')
    .every((name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\0'));
}

function refuse(text: string, reason: string): never {
  throw new RangekeeperError(
    'INVALID_ARGUMENT',
    `ZooKeeper connect string ${JSON.stringify(text)}: ${reason} (expected host:port,host:port/root)`,
  );
}
