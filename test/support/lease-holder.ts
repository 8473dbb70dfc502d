// A process of its own that holds a lease and reports its end, so that a test can stop the process (SIGSTOP).
// Arguments: connect string, path of the ephemeral znode, session timeout in ms, tickTime in ms.

import { realEnv as env, every } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import { connectZk } from '../../common/zk/zk.ts';

/** `until`: the lease has changed. `answered`: after a pause of over a second, heartbeats are answered again or never will be. */
export interface HolderMessage {
  readonly kind: 'until' | 'answered';
  /** The end of the lease, and the present time, both on this process's clock, ms. */
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
  const report = (kind: HolderMessage['kind']) => {
    const message: HolderMessage = { kind, until: session.leaseUntil(), now: env.now() };
    process.send?.(message);
  };
  let reported = session.leaseUntil();
  let last = env.now();
  every(env, 5, async () => {
    const stalledMs = env.now() - last;
    last = env.now();
    if (session.leaseUntil() !== reported) {
      reported = session.leaseUntil();
      report('until');
    }
    if (stalledMs < 1_000) return;
    // The overdue heartbeat is sent before the second barrier, and answers arrive in order.
    try {
      await session.barrier();
      await session.barrier();
    } catch {
      // The session ended during the pause, so its lease must have ended, too.
    }
    report('answered');
  });
}

if (process.send !== undefined && connect !== '') await hold();
