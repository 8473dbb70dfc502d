// The ports that `rangekeeper dev` was told to use. One that is taken may be free in a moment, when the process of an earlier run has
// ended: that is waited for, with a line. After that one line says who has the port, and which flag chooses another.

import { delay, type Env } from '../../common/base/env.ts';
import { EXIT, ProcessExit } from '../../common/process/exit.ts';
import { isPortFree } from '../../common/zk/server-port.ts';
import { portHolder } from './port-holder.ts';

const WAIT_MS_MAX = 5_000;
const POLL_MS = 50;

export interface WantedPort {
  readonly host: string;
  readonly port: number;
  /** What wants it, for people. */
  readonly what: string;
  /** The flag that chooses another. */
  readonly flag: string;
}

/** Resolves when the port is free. Throws {@link ProcessExit} if it stays in use. @param say prints a line for people */
export async function untilFree(env: Env, wanted: WantedPort, say: (line: string) => void): Promise<void> {
  const { host, port, what, flag } = wanted;
  if (await isPortFree(host, port)) return;
  const holder = portHolder(port);
  const problem = `port ${port} on ${host}, wanted for ${what}, is in use${holder === null ? '' : ` by ${holder}`}`;
  say(`${problem}; waiting up to ${WAIT_MS_MAX / 1000} s for it`);
  const deadline = env.now() + WAIT_MS_MAX;
  while (env.now() < deadline) {
    await delay(env, POLL_MS);
    if (await isPortFree(host, port)) return;
  }
  throw new ProcessExit(
    EXIT.failed,
    `rangekeeper dev: ${problem}; choose another with ${flag} (0: any free one)`,
  );
}
