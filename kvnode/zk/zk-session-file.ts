// session.json: the ZooKeeper session of the node process that uses a data directory, with the password that closes it. It is read
// only by those who know that this process is dead: its guardian, which has reaped it, and the next process on the same
// directory, which holds the lock. `launch` is a random number that the guardian draws for each process that it starts, so that
// it never closes the session of another process. `place` says where the file was written, because in a copy of the directory
// the lock proves nothing about the process that owns the session. The file is not synced: after a power cut nobody
// needs it.

import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fromHex, toHex } from '../../common/base/bytes.ts';
import type { Logger } from '../../common/base/log.ts';
import type { Identity } from '../../common/zk/server-link.ts';
import { SESSION_FILE } from '../storage/files.ts';

/** Environment variable in which the guardian passes `launch`. Absent without a guardian. */
export const LAUNCH_VARIABLE = 'RANGEKEEPER_LAUNCH';

export interface FormerSession {
  readonly launch: string;
  readonly identity: Identity;
}

/** The session written last in this directory; null if there is no readable file, or if the directory is a copy. */
export async function readZkSession(directory: string): Promise<FormerSession | null> {
  try {
    return parse(await readFile(join(directory, SESSION_FILE), 'utf8'), await placeOf(directory));
  } catch {
    return null;
  }
}

/** Identifies this directory on this machine. A copy has another place. */
async function placeOf(directory: string): Promise<string> {
  const { dev, ino } = await stat(directory);
  return `${hostname()} ${dev} ${ino}`;
}

function parse(text: string, here: string): FormerSession | null {
  const { launch, place, session, password } = Object(JSON.parse(text));
  if (typeof launch !== 'string' || typeof session !== 'string' || typeof password !== 'string') return null;
  if (place !== here || !/^[0-9a-f]{16}$/.test(session)) return null;
  return { launch, identity: { id: session, password: fromHex(password) } };
}

export class ZkSessionFile {
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

  /** Replaces the file. Never rejects: without the file a crash is only noticed later. */
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

  /** To be called after the session was closed. */
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
