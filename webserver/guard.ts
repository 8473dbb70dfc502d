// Who may ask. A page of another site must not reach this server through the visitor's browser: a foreign Host means
// DNS rebinding (their name, our address), a foreign Origin means a request from their page. Both are refused, on every
// path and on the WebSocket upgrade. Not an authentication: whoever reaches the port with these headers may use the API.

import { isIP } from 'node:net';

export interface Asked {
  /** The Host header. */
  readonly host: string | undefined;
  /** The Origin header. */
  readonly origin: string | undefined;
  /** The address that the connection arrived at; an IP address as Host cannot be rebound. */
  readonly localAddress: string | undefined;
}

const LOCAL_NAMES = ['localhost', '127.0.0.1', '::1'];

export class Guard {
  readonly #names: ReadonlySet<string>;

  /** `names`: host names or addresses, without port, beside those of this machine itself. */
  constructor(names: readonly string[]) {
    this.#names = new Set([...LOCAL_NAMES, ...names.map((name) => bare(name.toLowerCase()))]);
  }

  /** Null: welcome; else why not, in words. */
  refusal({ host, origin, localAddress }: Asked): string | null {
    const name = host === undefined ? null : hostName(host);
    if (name === null) return 'the Host header is missing or malformed';
    if (!this.#names.has(name) && !(isIP(name) !== 0 && name === mappedless(localAddress)))
      return `the host ${name} is not one of this server's (see --allow-host)`;
    if (origin !== undefined && originHost(origin) !== host?.toLowerCase())
      return `requests from ${origin} are not allowed`;
    return null;
  }
}

/** The name in a Host header, in lower case and without port and brackets; null where it is malformed. */
function hostName(host: string): string | null {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?$/.exec(host.toLowerCase());
  return match?.[1] === undefined ? null : bare(match[1]);
}

function bare(name: string): string {
  return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
}

function mappedless(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:/, '');
}

/** `host[:port]` of an Origin header; null for `null` and for anything that is no web origin. */
function originHost(origin: string): string | null {
  return /^https?:\/\/([^/@?#]+)$/.exec(origin.toLowerCase())?.[1] ?? null;
}
