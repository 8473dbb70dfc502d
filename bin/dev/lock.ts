// A lock on a directory that needs only the file system, and ends with its process. A process that wants the lock listens on a Unix
// socket of its own, `dev.lock.<id>`. Then it connects to all other such sockets in the directory, and asks whether their process
// holds the lock or tries to get it. If a socket refuses the connection, its process has ended, and the socket is removed.
//
// Two processes cannot both get the lock: each listens before it looks, so of two that try at the same time at least one finds the
// other. One of them gets it: among those that try, all but the one with the lowest id yield.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { toHex } from '../../common/base/bytes.ts';
import { delay, realEnv } from '../../common/base/env.ts';

/** The path of a Unix socket may have 104 bytes on macOS, and 108 on Linux. */
const SOCKET_PATH_MAX = 100;
const ID_BYTES = 4;
/** Time between two looks at rivals that must yield. */
const POLL_MS = 5;
/** A process that listens but does not answer in this time, such as a stopped one, counts as holding the lock. */
const ANSWER_MS = 1_000;

/** What a rival does. `going`: it closed the connection without an answer. Asked again, it is gone. */
type RivalState = 'holds' | 'tries' | 'going' | 'gone';

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

  /** Null if another process has the lock. Rejects if no socket can be made. */
  static async take(directory: string): Promise<DirectoryLock | null> {
    const prefix = socketPrefix(directory);
    for (;;) {
      const lock = new DirectoryLock(prefix + toHex(realEnv.randomBytes(ID_BYTES)));
      await lock.#listen();
      const outcome = await lock.#compete(prefix);
      if (outcome === 'taken') return lock;
      lock.release();
      if (outcome === 'yielded') return null;
    }
  }

  /** Also removes the socket's file. */
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

  /** `lost`: a rival removed this socket in the moment before it listened. */
  async #compete(prefix: string): Promise<'taken' | 'yielded' | 'lost'> {
    for (;;) {
      const rivals = await rivalsOf(prefix, this.#path);
      const goesFirst = ({ path, state }: Rival) =>
        state === 'holds' || (state === 'tries' && path < this.#path);
      if (rivals.some(goesFirst)) return 'yielded';
      if (rivals.length === 0) break;
      await delay(realEnv, POLL_MS);
    }
    if (!existsSync(this.#path)) return 'lost';
    this.#holds = true;
    return 'taken';
  }
}

/**
 * What the error of a connection shows. With any other error, such as a missing permission, the rival counts as holding the
 * lock.
 */
const STATE_BY_ERROR: Readonly<Record<string, RivalState>> = {
  ECONNREFUSED: 'gone',
  ENOENT: 'gone',
  ECONNRESET: 'going',
  EPIPE: 'going',
};

interface Rival {
  readonly path: string;
  readonly state: RivalState;
}

async function rivalsOf(prefix: string, own: string): Promise<readonly Rival[]> {
  const folder = dirname(prefix);
  const paths = readdirSync(folder)
    .filter((name) => name.startsWith(basename(prefix)))
    .map((name) => join(folder, name))
    .filter((path) => path !== own);
  const asked = await Promise.all(paths.map(async (path) => ({ path, state: await ask(path) })));
  for (const { path, state } of asked) if (state === 'gone') rmSync(path, { force: true });
  return asked.filter(({ state }) => state !== 'gone');
}

function ask(path: string): Promise<RivalState> {
  return new Promise((resolve) => {
    let answer = '';
    const probe = connect(path);
    const timer = realEnv.after(ANSWER_MS, () => {
      finish('holds');
      probe.destroy();
    });
    const finish = (state: RivalState) => {
      timer.cancel();
      resolve(state);
    };
    probe.on('data', (data) => {
      answer += data;
    });
    probe.once('error', (error: Error & { code?: string }) =>
      finish(STATE_BY_ERROR[error.code ?? ''] ?? 'holds'),
    );
    probe.once('close', () => finish(answer === 'tries' || answer === 'holds' ? answer : 'going'));
  });
}

/** In the directory, or in the system's folder for temporary files if the path would be too long for a socket. */
function socketPrefix(directory: string): string {
  const inside = join(directory, 'dev.lock.');
  if (Buffer.byteLength(inside) + 2 * ID_BYTES <= SOCKET_PATH_MAX) return inside;
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  return join(tmpdir(), `rangekeeper-${hash}.lock.`);
}
