// `host:port`, as flags, znodes and log lines write it; an IPv6 host is in brackets.

import { RangekeeperError } from '../base/errors.ts';

export interface Address {
  readonly host: string;
  /** 0, where one listens: any free port. */
  readonly port: number;
}

/** Throws RangekeeperError INVALID_ARGUMENT with one clear line. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s/]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new RangekeeperError(
      'INVALID_ARGUMENT',
      `not an address: ${JSON.stringify(text)} (want host:port)`,
    );
  }
  return { host, port };
}

export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
