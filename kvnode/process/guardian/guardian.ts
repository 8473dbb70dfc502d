// The parent of a node process. A crashed process leaves its ZooKeeper session behind, and nobody may take over its ranges
// before that has ended: T later by itself, or milliseconds later if somebody who knows for certain that the process is
// dead closes it. The guardian knows: it has reaped it. It does nothing else, so there is little in it that could fail;
// and it holds nothing, so its own death is no failover: the node notices and stops in order (common/process/main.ts).

import { constants } from 'node:os';
import { backoffMs } from '../../../common/base/backoff.ts';
import { toHex } from '../../../common/base/bytes.ts';
import { delay, type Env } from '../../../common/base/env.ts';
import type { Logger } from '../../../common/base/log.ts';
import type { Child, Ended } from '../../../common/process/children.ts';
import type { CloseOutcome } from '../../../common/zk/close-session.ts';
import type { Identity } from '../../../common/zk/server-link.ts';
import type { LeftSession } from '../../zk/zk-session-file.ts';

export interface GuardianOptions {
  readonly env: Env;
  readonly logger: Logger;
  /** Starts a node process that writes `launch` beside its session (zk/zk-session-file.ts). */
  readonly start: (launch: string) => Pick<Child, 'pid' | 'ended' | 'stop'>;
  /** The session last written in the data directory. */
  readonly leftSession: () => Promise<LeftSession | null>;
  readonly closeSession: (identity: Identity) => Promise<CloseOutcome>;
  /** Whether a node that crashed is started again. */
  readonly restart: boolean;
  readonly stopRequested: Promise<unknown>;
}

/** Pauses before a node that crashed is started again. */
const RESTARTS = { minMs: 250, maxMs: 10_000 };
/** A node that ran so long crashed for a new reason: the next pause is the shortest again. */
const HEALTHY_MS = 30_000;
/** Longer than a node's own patience with its hand-overs; then it is killed. */
const STOP_MS_MAX = 8_000;

export class Guardian {
  readonly #options: GuardianOptions;
  #stopping = false;
  /** A node that never came up ends the guardian: it would not the next time either. */
  #wasUp = false;
  /** Pauses since a node last ran for long. */
  #pauses = 0;

  constructor(options: GuardianOptions) {
    this.#options = options;
    void options.stopRequested.then(() => {
      this.#stopping = true;
    });
  }

  /** Until the node has ended for good; its exit code, 128 + n after signal n. */
  async run(): Promise<number> {
    const { env, logger, restart, stopRequested } = this.#options;
    for (;;) {
      const startedAt = env.now();
      const code = await this.#runOnce();
      if (code === 0 || !restart || !this.#wasUp || this.#stopping) return code;
      if (env.now() - startedAt >= HEALTHY_MS) this.#pauses = 0;
      const pauseMs = backoffMs(RESTARTS, this.#pauses++);
      logger.warn({ code, pauseMs }, 'the node is started again');
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
    // One that ended by itself has said why.
    if (ended.signal !== null) logger.warn({ child: child.pid, signal: ended.signal }, 'the node was killed');
    await this.#closeSessionOf(launch);
    return exitCodeOf(ended);
  }

  /** Of a process that is reaped; what ended in order has left none. */
  async #closeSessionOf(launch: string): Promise<void> {
    const { env, logger, leftSession, closeSession } = this.#options;
    const left = await leftSession();
    if (left?.launch !== launch) return;
    this.#wasUp = true;
    const before = env.now();
    const outcome = await closeSession(left.identity);
    const ms = Math.round(env.now() - before);
    logger.info({ session: left.identity.id, outcome, ms }, 'the session that it left');
  }
}

function exitCodeOf({ code, signal }: Ended): number {
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
}
