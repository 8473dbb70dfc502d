// `host:port` as flags, connect strings, znodes and log lines write it; an IPv6 host stands in brackets. This is the only
// parser of addresses. It takes exactly what a connection can be made to: a host that `new URL` refuses is no address here
// either, so that what passed a flag or a znode's decoder cannot fail later, where it is dialled.

import { RangekeeperError } from '../base/errors.ts';

export interface Address {
  /** Without brackets. */
  readonly host: string;
  /** 0, where one listens: any free port. */
  readonly port: number;
}

/** DNS names end there; so does every address that is worth storing. */
const HOST_LENGTH_MAX = 253;
const PORT_MAX = 65_535;
const NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?$/;

/** Throws RangekeeperError INVALID_ARGUMENT with one clear line. */
export function parseAddress(text: string): Address {
  const address = readAddress(text, null);
  if (address === null)
    throw new RangekeeperError('INVALID_ARGUMENT', `${JSON.stringify(text)} is not host:port`);
  return address;
}

/** Null for what is no address. `defaultPort`: for a text without a port; null: it must have one. */
export function readAddress(text: string, defaultPort: number | null): Address | null {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (host === undefined || port === null || port > PORT_MAX) return null;
  const isBracketed = match?.[1] !== undefined;
  return isHost(host, isBracketed) ? { host, port } : null;
}

/** An address that others can be told: it names one host and a port. */
export function isReachable({ host, port }: Address): boolean {
  return port > 0 && !isEveryAddress(host);
}

/** `0.0.0.0`, `::`: to listen there is to listen at every address of the machine; nobody can connect to it from elsewhere. */
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

/** The host as a URL has it, where each address is written in one way only; null: no URL can hold it. */
function normalized(host: string): string | null {
  try {
    return new URL(`ws://${bracketed(host)}/`).hostname;
  } catch {
    return null;
  }
}
