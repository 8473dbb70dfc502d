// `host:port,host:port/root`: the servers of an ensemble, and the znode under which all of a cluster's znodes are.

import { RangekeeperError } from '../base/errors.ts';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export interface ConnectString {
  readonly servers: readonly ServerAddress[];
  /** Without a slash at the end; empty: the root of ZooKeeper itself. */
  readonly root: string;
}

const DEFAULT_PORT = 2181;

/** Throws INVALID_ARGUMENT with the reason. IPv6 addresses stand in brackets. */
export function parseConnectString(text: string): ConnectString {
  const slash = text.indexOf('/');
  const hosts = slash === -1 ? text : text.slice(0, slash);
  const root = slash === -1 ? '' : text.slice(slash).replace(/\/$/, '');
  if (root !== '' && !isPath(root)) refuse(text, `${root} is not a path`);
  const servers = hosts.split(',').map((part) => parseServer(text, part.trim()));
  return { servers, root };
}

function parseServer(text: string, part: string): ServerAddress {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]\s]+))(?::([0-9]{1,5}))?$/.exec(part);
  if (match === null) refuse(text, `${JSON.stringify(part)} is not host:port`);
  const port = match[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (port < 1 || port > 65_535) refuse(text, `port ${port} is not between 1 and 65535`);
  return { host: match[1] ?? match[2] ?? '', port };
}

/** As ZooKeeper has it: names between single slashes, none empty, `.` or `..`. */
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
