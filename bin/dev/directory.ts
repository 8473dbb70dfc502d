// What `rangekeeper dev` keeps on disk, and the lock that keeps two of it apart. The lock is a listening Unix socket: the
// kernel ends it with the process, however that dies, so a lock that nobody holds is told from one that somebody does
// without guessing from process ids.
//
//   zookeeper/        ZooKeeper's configuration, log file and data
//   n1/ n2/ ...       a storage node each
//   logs/NAME.log     what the process says, since it was started; NAME.log.1 the run before
//   dev.json          addresses and process ids, while the cluster runs
//   dev.lock          the socket

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { EXIT, ProcessExit } from '../../common/process/exit.ts';

/** dev.json: how tools find the cluster without flags. */
export interface DevRecord {
  readonly pid: number;
  /** Connect string. */
  readonly zk: string;
  /** URL of the page. */
  readonly web: string;
  readonly processes: readonly { readonly name: string; readonly pid: number | null }[];
}

/** Addresses of Unix sockets end at 104 bytes on macOS, 108 on Linux. */
const SOCKET_PATH_MAX = 100;

export class DevDirectory {
  /** Absolute. */
  readonly path: string;
  readonly #lock: Server;

  /** What a run that was killed left behind; null after an orderly end. */
  readonly left: DevRecord | null;

  private constructor(path: string, lock: Server) {
    this.path = path;
    this.#lock = lock;
    this.left = readRecord(path);
  }

  /** Makes and locks it; throws {@link ProcessExit} with one line where that cannot be. */
  static async open(given: string): Promise<DevDirectory> {
    const path = resolve(given);
    try {
      mkdirSync(join(path, 'logs'), { recursive: true });
    } catch (error) {
      throw refused(`cannot use ${given} as data directory: ${reasonOf(error)}`);
    }
    return new DevDirectory(path, await lock(path, given));
  }

  get zookeeper(): string {
    return join(this.path, 'zookeeper');
  }

  get logs(): string {
    return join(this.path, 'logs');
  }

  node(name: string): string {
    return join(this.path, name);
  }

  /** Numbers of the nodes that have data here, rising. */
  nodeNumbers(): number[] {
    return readdirSync(this.path)
      .map((name) => Number(/^n([1-9][0-9]*)$/.exec(name)?.[1]))
      .filter((number) => !Number.isNaN(number))
      .sort((a, b) => a - b);
  }

  /** Removes all data; only what dev itself makes is touched. */
  clear(): void {
    for (const number of this.nodeNumbers()) rmSync(this.node(`n${number}`), { recursive: true });
    for (const name of [this.zookeeper, this.logs]) rmSync(name, { recursive: true, force: true });
    mkdirSync(this.logs);
  }

  /** The file for what a process says; the one of the run before is kept aside. */
  freshLog(name: string): string {
    const file = join(this.logs, `${name}.log`);
    if (existsSync(file)) renameSync(file, `${file}.1`);
    return file;
  }

  publish(record: DevRecord): void {
    const file = recordFile(this.path);
    writeFileSync(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`);
    renameSync(`${file}.new`, file);
  }

  close(): void {
    rmSync(recordFile(this.path), { force: true });
    this.#lock.close();
  }
}

function recordFile(path: string): string {
  return join(path, 'dev.json');
}

async function lock(path: string, given: string): Promise<Server> {
  const socket = socketPath(path);
  if (await answers(socket)) {
    throw refused(
      `${given} is in use by another rangekeeper dev${holderOf(path)}; stop it, or choose another --data`,
    );
  }
  rmSync(socket, { force: true });
  return new Promise((locked, failed) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', (error) => failed(refused(`cannot lock ${given}: ${reasonOf(error)}`)));
    server.listen(socket, () => locked(server));
  });
}

function socketPath(path: string): string {
  const inside = join(path, 'dev.lock');
  if (Buffer.byteLength(inside) <= SOCKET_PATH_MAX) return inside;
  return join(tmpdir(), `rangekeeper-${createHash('sha256').update(path).digest('hex').slice(0, 16)}.lock`);
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

function readRecord(path: string): DevRecord | null {
  try {
    return JSON.parse(readFileSync(recordFile(path), 'utf8')) as DevRecord;
  } catch {
    return null;
  }
}

/** Not known while the holder is still starting. */
function holderOf(path: string): string {
  const record = readRecord(path);
  return record === null ? '' : ` (pid ${record.pid})`;
}

function refused(reason: string): ProcessExit {
  return new ProcessExit(EXIT.failed, `rangekeeper dev: ${reason}`);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
