// A lock on a directory that needs nothing but the file system and dies with its process. Whoever wants it listens on a Unix
// socket of its own, `dev.lock.<id>`, and then asks all others that it finds there whether they hold the lock or only try to
// get it. A socket that nobody answers on is left from a process that is gone, however that ended, and is removed.
//
// Two cannot both get it: each listens before it looks, so of two that try at one moment at least one finds the other. One
// does: of those that try, all but the lowest id give way.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { toHex } from '../../common/base/bytes.ts';
import { delay, realEnv } from '../../common/base/env.ts';

/** Addresses of Unix sockets end at 104 bytes on macOS, 108 on Linux. */
const SOCKET_PATH_MAX = 100;
const ID_BYTES = 4;
/** Between two looks at those that have to give way. */
const POLL_MS = 5;
/** Who listens but does not answer in time, such as a stopped process, holds the lock. */
const ANSWER_MS = 1_000;

/** `going`: it closed before it could say: asked again, it is gone. */
type Standing = 'holds' | 'tries' | 'going' | 'gone';

export class DirectoryLock {
  readonly #server: Server;
  readonly #path: string;
  #holds = false;

  private constructor(path: string) {
    this.#path = path;
    this.#server = createServer((connection) => {
      connection.on('error', () => {});
      connection.end(this.#holds ? 'holds' : 'tries');
    });
  }

  /** Null: another process has it. Rejects where no socket can be made. */
  static async take(directory: string): Promise<DirectoryLock | null> {
    const prefix = socketPrefix(directory);
    for (;;) {
      const lock = new DirectoryLock(prefix + toHex(realEnv.randomBytes(ID_BYTES)));
      await lock.#listen();
      const outcome = await lock.#compete(prefix);
      if (outcome === 'taken') return lock;
      lock.release();
      if (outcome === 'given way') return null;
    }
  }

  /** The socket's file goes with it. */
  release(): void {
    this.#server.close();
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#path, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** `lost`: somebody took this one for left over in the moment before it listened. */
  async #compete(prefix: string): Promise<'taken' | 'given way' | 'lost'> {
    for (;;) {
      const rivals = await rivalsOf(prefix, this.#path);
      const isFirst = ({ path, standing }: Rival) =>
        standing === 'holds' || (standing === 'tries' && path < this.#path);
      if (rivals.some(isFirst)) return 'given way';
      if (rivals.length === 0) break;
      await delay(realEnv, POLL_MS);
    }
    if (!existsSync(this.#path)) return 'lost';
    this.#holds = true;
    return 'taken';
  }
}

/** What an attempt to ask tells; any other error is somebody whom this process may not even ask. */
const STANDING_BY_ERROR: Readonly<Record<string, Standing>> = {
  ECONNREFUSED: 'gone',
  ENOENT: 'gone',
  ECONNRESET: 'going',
  EPIPE: 'going',
};

interface Rival {
  readonly path: string;
  readonly standing: Standing;
}

async function rivalsOf(prefix: string, own: string): Promise<readonly Rival[]> {
  const folder = dirname(prefix);
  const paths = readdirSync(folder)
    .filter((name) => name.startsWith(basename(prefix)))
    .map((name) => join(folder, name))
    .filter((path) => path !== own);
  const asked = await Promise.all(paths.map(async (path) => ({ path, standing: await ask(path) })));
  for (const { path, standing } of asked) if (standing === 'gone') rmSync(path, { force: true });
  return asked.filter(({ standing }) => standing !== 'gone');
}

function ask(path: string): Promise<Standing> {
  return new Promise((resolve) => {
    let told = '';
    const probe = connect(path);
    const timer = realEnv.after(ANSWER_MS, () => {
      finish('holds');
      probe.destroy();
    });
    const finish = (standing: Standing) => {
      timer.cancel();
      resolve(standing);
    };
    probe.on('data', (data) => {
      told += data;
    });
    probe.once('error', (error: Error & { code?: string }) =>
      finish(STANDING_BY_ERROR[error.code ?? ''] ?? 'holds'),
    );
    probe.once('close', () => finish(told === 'tries' || told === 'holds' ? told : 'going'));
  });
}

/** In the directory, or where its path is too long for a socket's, in the system's folder for temporary files. */
function socketPrefix(directory: string): string {
  const inside = join(directory, 'dev.lock.');
  if (Buffer.byteLength(inside) + 2 * ID_BYTES <= SOCKET_PATH_MAX) return inside;
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  return join(tmpdir(), `rangekeeper-${hash}.lock.`);
}
