// `host:port` in flags, connect strings, znodes and log lines. An IPv6 host is written in brackets. This is the only parser of
// addresses. It accepts only what a connection can be made to: a host that `new URL` refuses is refused here as well, so that an
// address which passed a flag or a znode's decoder does not fail later, when it is dialled.

import { RangekeeperError } from '../base/errors.ts';

export interface Address {
  /** Without brackets. */
  readonly host: string;
  /** 0 in an address to listen on: any free port. */
  readonly port: number;
}

/** The length of the longest DNS name. */
const HOST_LENGTH_MAX = 253;
export const PORT_MAX = 65_535;
const NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?$/;

/** Throws RangekeeperError INVALID_ARGUMENT with a message of one line. */
export function parseAddress(text: string): Address {
  const address = readAddress(text, null);
  if (address === null)
    throw new RangekeeperError('INVALID_ARGUMENT', `${JSON.stringify(text)} is not host:port`);
  return address;
}

/** Null if `text` is not an address. @param defaultPort for a text without a port; null: the text must have one */
export function readAddress(text: string, defaultPort: number | null): Address | null {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (host === undefined || port === null || port > PORT_MAX) return null;
  const isBracketed = match?.[1] !== undefined;
  return isHost(host, isBracketed) ? { host, port } : null;
}

/** Whether others can connect to the address: it names one host and a port. */
export function isReachable({ host, port }: Address): boolean {
  return port > 0 && !isEveryAddress(host);
}

/**
 * Whether the host is `0.0.0.0`, `::` or the like, which mean all addresses of the machine. Other machines cannot connect to it.
 */
export function isEveryAddress(host: string): boolean {
  const name = normalized(host);
  return name === '0.0.0.0' || name === '[::]' || name === '[::ffff:0:0]';
}

export function formatAddress(host: string, port: number): string {
  return `${bracketed(host)}:${port}`;
}

function isHost(host: string, isBracketed: boolean): boolean {
  if (host.length > HOST_LENGTH_MAX || normalized(host) === null) return false;
  return isBracketed ? host.includes(':') : NAME.test(host);
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** The host in the form that URLs have, in which each address has one spelling; null: not allowed in a URL. */
function normalized(host: string): string | null {
  try {
    return new URL(`ws://${bracketed(host)}/`).hostname;
  } catch {
    return null;
  }
}
