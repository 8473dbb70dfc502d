// The parent of a node process. A crashed process leaves its ZooKeeper session open, and nobody may take over its ranges before
// that session ends. It expires after T. It ends within milliseconds if somebody closes it who knows for certain that the
// process is dead. The guardian knows that, because it has reaped the process. It does little else, so little in it can fail.
// It holds no session and no data, so its own death causes no failover: the node notices and stops in order
// (common/process/main.ts).

import { constants } from 'node:os';
import { backoffMs } from '../../../common/base/backoff.ts';
import { toHex } from '../../../common/base/bytes.ts';
import { delay, type Env } from '../../../common/base/env.ts';
import type { Logger } from '../../../common/base/log.ts';
import type { Child, Ended } from '../../../common/process/children.ts';
import type { CloseOutcome } from '../../../common/zk/close-session.ts';
import type { Identity } from '../../../common/zk/server-link.ts';
import type { FormerSession } from '../../zk/zk-session-file.ts';

export interface GuardianOptions {
  readonly env: Env;
  readonly logger: Logger;
  /** Starts a node process, which writes `launch` into its session file (zk/zk-session-file.ts). */
  readonly start: (launch: string) => Pick<Child, 'pid' | 'ended' | 'stop'>;
  /** Reads the session file in the data directory. */
  readonly formerSession: () => Promise<FormerSession | null>;
  readonly closeSession: (identity: Identity) => Promise<CloseOutcome>;
  /** Whether a crashed node is restarted. */
  readonly restart: boolean;
  readonly stopRequested: Promise<unknown>;
}

/** Pauses before a crashed node is restarted. */
const RESTARTS = { minMs: 250, maxMs: 10_000 };
/** A node that ran for this long, ms, is restarted after the shortest pause: it crashed for a new reason. */
const HEALTHY_MS = 30_000;
/** A node that has not stopped after this, ms, is killed. Longer than a node waits for its hand-overs. */
const STOP_MS_MAX = 8_000;

export class Guardian {
  readonly #options: GuardianOptions;
  #stopping = false;
  /** A node that never opened a session is not restarted, because it would fail again. */
  #wasUp = false;
  /** Pauses since a node last ran for long. */
  #pauses = 0;

  constructor(options: GuardianOptions) {
    this.#options = options;
    void options.stopRequested.then(() => {
      this.#stopping = true;
    });
  }

  /** Resolves when the node has ended and is not restarted: its exit code, or 128 + n if signal n ended it. */
  async run(): Promise<number> {
    const { env, logger, restart, stopRequested } = this.#options;
    for (;;) {
      const startedAt = env.now();
      const code = await this.#runOnce();
      if (code === 0 || !restart || !this.#wasUp || this.#stopping) return code;
      if (env.now() - startedAt >= HEALTHY_MS) this.#pauses = 0;
      const pauseMs = backoffMs(RESTARTS, this.#pauses++);
      logger.warn({ code, pauseMs }, 'restarting the node');
      await Promise.race([delay(env, pauseMs), stopRequested]);
      if (this.#stopping) return code;
    }
  }

  async #runOnce(): Promise<number> {
    const { env, logger, start, stopRequested } = this.#options;
    const launch = toHex(env.randomBytes(8));
    const child = start(launch);
    void stopRequested.then(() => child.stop(STOP_MS_MAX));
    const ended = await child.ended;
    // A node that ended by itself has logged the reason.
    if (ended.signal !== null) logger.warn({ child: child.pid, signal: ended.signal }, 'the node was killed');
    await this.#closeSessionOf(launch);
    return exitCodeOf(ended);
  }

  /** Closes the session of a process that was reaped. A process that stopped in order has left none. */
  async #closeSessionOf(launch: string): Promise<void> {
    const { env, logger, formerSession, closeSession } = this.#options;
    const former = await formerSession();
    if (former?.launch !== launch) return;
    this.#wasUp = true;
    const before = env.now();
    const outcome = await closeSession(former.identity);
    const ms = Math.round(env.now() - before);
    logger.info(
      { session: former.identity.id, outcome, ms },
      'tried to close the session of the dead process',
    );
  }
}

function exitCodeOf({ code, signal }: Ended): number {
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
}
