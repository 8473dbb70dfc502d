// Closes a ZooKeeper session by its id and password, so that its ephemerals vanish at once and not after its timeout. This is only
// for a session whose process is known to be dead, or that this process has given up: a living process relies on its lease. To
// ZooKeeper, the session closes itself. So znodes of other sessions are safe, which deletions would not guarantee.

import type { Env } from '../base/env.ts';
import type { Logger } from '../base/log.ts';
import { parseConnectString } from '../model/connect-string.ts';
import { Dialer, type DialOutcome } from './dialer.ts';
import { Link } from './link.ts';
import type { Identity, OpenLink } from './server-link.ts';

export interface CloseOptions {
  /** `host:port,host:port/root` */
  readonly connect: string;
  readonly identity: Identity;
  /** T, ms. If no server answers for so long, the session has ended by itself. */
  readonly sessionMs: number;
  readonly env: Env;
  readonly logger: Logger;
  /** The real one unless a twin is given. */
  readonly openLink?: OpenLink;
}

const openRealLink: OpenLink = (options, report) => new Link(options, report);

/** `closed`: this call closed it. `over`: it had ended before. `unreachable`: no server answered in time. */
export type CloseOutcome = 'closed' | 'over' | 'unreachable';

export function closeSession({
  connect,
  identity,
  sessionMs,
  env,
  logger,
  openLink = openRealLink,
}: CloseOptions): Promise<CloseOutcome> {
  const dialer = new Dialer(parseConnectString(connect), sessionMs, env, logger, openLink);
  return closeThrough(dialer, identity, sessionMs, env);
}

/**
 * Resumes the session over a link of its own and closes it. Resolves after about `timeoutMs` at the latest. The request closes the
 * session even if no answer comes back.
 */
export function closeThrough(
  dialer: Dialer,
  identity: Identity,
  timeoutMs: number,
  env: Env,
): Promise<CloseOutcome> {
  return new Promise((resolve) => {
    const giveUp = env.after(timeoutMs, () => {
      dial.cancel();
      resolve('unreachable');
    });
    const closed = (outcome: DialOutcome) => {
      giveUp.cancel();
      if (outcome.kind === 'expired') resolve('over');
      else outcome.link.close(timeoutMs).then(() => resolve('closed'));
    };
    const dial = dialer.dial(identity, closed, true);
  });
}
