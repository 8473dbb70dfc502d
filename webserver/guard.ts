// Decides which requests are allowed. A page of another site must not reach this server through a visitor's browser. A foreign
// Host header means DNS rebinding (their name, our address); a foreign Origin header means a request from their page. Both are
// refused on every path, and for the WebSocket upgrade. This is not authentication: any program that can reach the port may use
// the API.

import { isIP } from 'node:net';

export interface GuardedRequest {
  /** The Host header. */
  readonly host: string | undefined;
  /** The Origin header. */
  readonly origin: string | undefined;
  /** The local address of the connection. It is allowed as Host, because an IP address cannot be rebound. */
  readonly localAddress: string | undefined;
}

const LOCAL_NAMES = ['localhost', '127.0.0.1', '::1'];

export class Guard {
  readonly #names: ReadonlySet<string>;

  /** @param names allowed host names or addresses, without port, besides those of this machine */
  constructor(names: readonly string[]) {
    this.#names = new Set([...LOCAL_NAMES, ...names.map((name) => withoutBrackets(name.toLowerCase()))]);
  }

  /** Why the request is refused, in words; null: it is allowed. */
  refusal({ host, origin, localAddress }: GuardedRequest): string | null {
    const name = host === undefined ? null : hostName(host);
    if (name === null) return 'the Host header is missing or malformed';
    if (!this.#names.has(name) && !(isIP(name) !== 0 && name === withoutIpv4Mapping(localAddress)))
      return `the host ${name} is not one of this server's (see --allow-host)`;
    if (origin !== undefined && originHost(origin) !== host?.toLowerCase())
      return `requests from ${origin} are not allowed`;
    return null;
  }
}

/** The name in a Host header, in lower case, without port and brackets; null if the header is malformed. */
function hostName(host: string): string | null {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?$/.exec(host.toLowerCase());
  return match?.[1] === undefined ? null : withoutBrackets(match[1]);
}

function withoutBrackets(name: string): string {
  return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
}

function withoutIpv4Mapping(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:/, '');
}

/** `host[:port]` of an Origin header; null if it is not a web origin, such as `null`. */
function originHost(origin: string): string | null {
  return /^https?:\/\/([^/@?#]+)$/.exec(origin.toLowerCase())?.[1] ?? null;
}
