// session.json: the ZooKeeper session of the node process that uses a data directory, with what it takes to close it.
// Two read it, each only when it knows that process to be dead: its guardian, which has reaped it, and the next process
// on the same directory, which holds the lock. `launch` is drawn by the guardian for each process that it starts, so
// that it never takes another process's session for its child's. `place` is where it was written: in a copy of the
// directory the lock proves nothing about the process that the session belongs to. Not synced: after a power cut nobody
// needs it.

import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fromHex, toHex } from '../../common/base/bytes.ts';
import type { Logger } from '../../common/base/log.ts';
import type { Identity } from '../../common/zk/server-link.ts';
import { SESSION_FILE } from '../storage/files.ts';

/** Names the process to its guardian; absent where there is none. */
export const LAUNCH_VARIABLE = 'RANGEKEEPER_LAUNCH';

export interface LeftSession {
  readonly launch: string;
  readonly identity: Identity;
}

/** The session that was written last, here; null where there is none that can be read. */
export async function readSession(directory: string): Promise<LeftSession | null> {
  try {
    return parse(await readFile(join(directory, SESSION_FILE), 'utf8'), await placeOf(directory));
  } catch {
    return null;
  }
}

/** This directory on this machine, and no copy of it. */
async function placeOf(directory: string): Promise<string> {
  const { dev, ino } = await stat(directory);
  return `${hostname()} ${dev} ${ino}`;
}

function parse(text: string, here: string): LeftSession | null {
  const { launch, place, session, password } = Object(JSON.parse(text));
  if (typeof launch !== 'string' || typeof session !== 'string' || typeof password !== 'string') return null;
  if (place !== here || !/^[0-9a-f]{16}$/.test(session)) return null;
  return { launch, identity: { id: session, password: fromHex(password) } };
}

export class SessionFile {
  readonly #directory: string;
  readonly #path: string;
  readonly #launch: string;
  readonly #logger: Logger;
  #last: Promise<void> = Promise.resolve();

  constructor(directory: string, launch: string, logger: Logger) {
    this.#directory = directory;
    this.#path = join(directory, SESSION_FILE);
    this.#launch = launch;
    this.#logger = logger;
  }

  /** Replaces what was there. Never rejects: without the file a crash is only noticed later. */
  write({ id, password }: Identity): Promise<void> {
    return this.#then(async () => {
      const place = await placeOf(this.#directory);
      const text = JSON.stringify({ launch: this.#launch, place, session: id, password: toHex(password) });
      const temporary = `${this.#path}.new`;
      await rm(temporary, { force: true });
      await writeFile(temporary, `${text}\n`, { mode: 0o600 });
      await rename(temporary, this.#path);
    });
  }

  /** After an orderly end of the session. */
  remove(): Promise<void> {
    return this.#then(() => rm(this.#path, { force: true }));
  }

  #then(action: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(action).catch((error: unknown) => {
      this.#logger.warn({ error: String(error) }, 'the session file could not be changed');
    });
    return this.#last;
  }
}
