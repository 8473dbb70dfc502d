// A process of its own that holds a lease and tells until when, so that a test can stall it as a whole (SIGSTOP).
// Arguments: connect string, path of the ephemeral, T in ms, tickTime in ms.

import { realEnv as env, every } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import { connectZk } from '../../common/zk/zk.ts';

/** `until` on each change; `answered`: after a stall of over a second, heartbeats are answered again or never will be. */
export interface HolderMessage {
  readonly kind: 'until' | 'answered';
  /** The lease, and the present, by this process's clock. */
  readonly until: number;
  readonly now: number;
}

const [connect = '', path = '', sessionMs = '', tickMs = ''] = process.argv.slice(2);

async function hold(): Promise<void> {
  const zk = connectZk({
    connect,
    config: { sessionMs: Number(sessionMs), heartbeatsPerSession: 6, leaseSlackMs: 100, pollMs: 5_000 },
    env,
    logger: silentLogger,
    tickMs: () => Number(tickMs),
  });
  const session = await zk.ready(10_000);
  await session.create(path, new Uint8Array(0), 'ephemeral');
  session.startLease(path);
  const tell = (kind: HolderMessage['kind']) => {
    const message: HolderMessage = { kind, until: session.leaseUntil(), now: env.now() };
    process.send?.(message);
  };
  let told = session.leaseUntil();
  let last = env.now();
  every(env, 5, async () => {
    const stalledMs = env.now() - last;
    last = env.now();
    if (session.leaseUntil() !== told) {
      told = session.leaseUntil();
      tell('until');
    }
    if (stalledMs < 1_000) return;
    // The overdue heartbeat is on its way before the second barrier, and answers come in order.
    try {
      await session.barrier();
      await session.barrier();
    } catch {
      // The session did not outlive the stall; its lease must not have either.
    }
    tell('answered');
  });
}

if (process.send !== undefined && connect !== '') await hold();
