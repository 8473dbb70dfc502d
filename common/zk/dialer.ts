// Gets a link to one of the servers of an ensemble, for a new session or for one that has lost its link. It tries one server after
// the other, each with a time limit, and pauses longer after each round. If servers accept connections and do not answer in time,
// they get more time in the next round, because they may only be slow. It remembers the newest transaction seen over any link, so
// that no later link or session can show this process an older state.

import { never } from '../base/assert.ts';
import { backoffMs, jittered } from '../base/backoff.ts';
import type { Env, Timer } from '../base/env.ts';
import type { Logger } from '../base/log.ts';
import { type Address, formatAddress } from '../model/address.ts';
import type { ConnectString } from '../model/connect-string.ts';
import type { Handshake, Identity, LinkOptions, OpenLink, ServerLink } from './server-link.ts';

export type DialOutcome = { kind: 'up'; link: ServerLink } | { kind: 'expired' };

export interface Dial {
  /** Stops. No outcome is reported after this. */
  cancel(): void;
}

const HANDSHAKE_MS_MIN = 500;
/** The longest time for a handshake, in session timeouts. */
const HANDSHAKE_SESSIONS_MAX = 2;
const PAUSE_MS_MIN = 20;
const PAUSE_MS_MAX = 500;

export class Dialer {
  readonly #env: Env;
  readonly #target: ConnectString;
  readonly #sessionMs: number;
  readonly #logger: Logger;
  readonly #servers: readonly Address[];
  readonly #openLink: OpenLink;
  #next = 0;
  #seenZxid = 0n;
  /** Why the last attempt failed, by server. */
  readonly #troubles = new Map<string, string>();

  constructor(target: ConnectString, sessionMs: number, env: Env, logger: Logger, openLink: OpenLink) {
    this.#target = target;
    this.#sessionMs = sessionMs;
    this.#env = env;
    this.#logger = logger;
    this.#openLink = openLink;
    this.#servers = shuffled(target.servers, env);
  }

  /**
   * Tries until it has an outcome or is cancelled.
   * @param identity null: a new session
   * @param closing the session is resumed to be closed ({@link LinkOptions.closing})
   */
  dial(identity: Identity | null, done: (outcome: DialOutcome) => void, closing = false): Dial {
    let attempts = 0;
    let slow = 0;
    let cancelled = false;
    let pause: Timer | null = null;
    let link: ServerLink | null = null;
    const attempt = () => {
      const dialed = this.#link({ identity, closing, handshakeMs: this.#handshakeMs(slow) }, (handshake) => {
        if (cancelled) return;
        switch (handshake.kind) {
          case 'up':
            this.#troubles.clear();
            done({ kind: 'up', link: dialed });
            return;
          case 'expired':
            done(handshake);
            return;
          case 'failed':
            if (handshake.slow) slow++;
            this.#troubles.set(formatAddress(dialed.server.host, dialed.server.port), handshake.reason);
            this.#logger.debug({ server: dialed.server, reason: handshake.reason }, 'no link to ZooKeeper');
            pause = this.#env.after(this.#pauseMs(++attempts), attempt);
            return;
          default:
            never(handshake);
        }
      });
      link = dialed;
    };
    attempt();
    return {
      cancel: () => {
        cancelled = true;
        pause?.cancel();
        link?.destroy('cancelled');
      },
    };
  }

  /** What is wrong with each server that was tried since the last link, in words. Empty: nothing is known. */
  get trouble(): string {
    return [...this.#troubles].map(([server, reason]) => `${server}: ${reason}`).join('; ');
  }

  /** To be called when a link has ended, to learn the newest transaction seen over it. */
  learn(link: ServerLink): void {
    if (link.seenZxid > this.#seenZxid) this.#seenZxid = link.seenZxid;
  }

  #link(
    what: Pick<LinkOptions, 'identity' | 'closing' | 'handshakeMs'>,
    report: (handshake: Handshake) => void,
  ): ServerLink {
    const server = this.#servers[this.#next++ % this.#servers.length] as Address;
    const options = {
      env: this.#env,
      server,
      root: this.#target.root,
      sessionMs: this.#sessionMs,
      seenZxid: this.#seenZxid,
      connectMs: this.#handshakeMs(0),
      ...what,
    };
    return this.#openLink(options, report);
  }

  /** The time for a handshake. It doubles with each round in which the servers were slow. */
  #handshakeMs(slow: number): number {
    const rounds = Math.floor(slow / this.#servers.length);
    const longest = HANDSHAKE_SESSIONS_MAX * this.#sessionMs;
    return Math.max(HANDSHAKE_MS_MIN, Math.min(longest, (this.#sessionMs / 3) * 2 ** rounds));
  }

  /** The pause before the next attempt. It doubles with each round. */
  #pauseMs(attempts: number): number {
    const rounds = Math.floor(attempts / this.#servers.length);
    const pauses = { minMs: PAUSE_MS_MIN, maxMs: Math.min(PAUSE_MS_MAX, this.#sessionMs / 8) };
    return jittered(backoffMs(pauses, rounds), this.#env);
  }
}

function shuffled<T>(items: readonly T[], env: Env): T[] {
  return items
    .map((item) => ({ item, order: env.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
