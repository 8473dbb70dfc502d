// Ending a ZooKeeper session from outside by its id and password, so that its ephemerals vanish now and not after its
// timeout. Only for a session whose process is known to be dead, or that this process gave up itself: whoever still
// lives in it relies on its lease. Closing is the session's own act in ZooKeeper's eyes, so it can hit no other
// session's znodes, as deleting them could.

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
  /** T, ms; after so long without an answer the session has ended by itself. */
  readonly sessionMs: number;
  readonly env: Env;
  readonly logger: Logger;
  /** The real one unless a twin is given. */
  readonly openLink?: OpenLink;
}

const openRealLink: OpenLink = (options, report) => new Link(options, report);

/** `closed`: by this call. `over`: it had ended before. `unreachable`: no server answered in time. */
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
 * Attaches to the session in a link of its own and closes it; resolves after about `timeoutMs` at the latest. What is sent closes the
 * session also where no answer comes back.
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
