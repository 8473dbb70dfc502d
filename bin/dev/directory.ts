// What `rangekeeper dev` keeps on disk, and the lock that keeps two of it apart (lock.ts). Only its user may look into it.
//
//   zookeeper/        ZooKeeper's configuration, log file and data
//   n1/ n2/ ...       a storage node each
//   logs/NAME.log     what the process says, since it was started; NAME.log.1 the run before
//   dev.json          addresses and process ids, while the cluster runs
//   dev.lock.ID       the lock, and who tries to get it

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EXIT, ProcessExit } from '../../common/process/exit.ts';
import { DirectoryLock } from './lock.ts';

/** dev.json: how tools find the cluster without flags. */
export interface DevRecord {
  readonly pid: number;
  /** Connect string. */
  readonly zk: string;
  /** URL of the page. */
  readonly web: string;
  readonly processes: readonly { readonly name: string; readonly pid: number | null }[];
}

/** For this user alone: what is kept here is other people's data. */
const PRIVATE = 0o700;

export class DevDirectory {
  /** Absolute. */
  readonly path: string;
  readonly #lock: DirectoryLock;

  /** What a run that was killed left behind; null after an orderly end. */
  readonly left: DevRecord | null;

  private constructor(path: string, lock: DirectoryLock) {
    this.path = path;
    this.#lock = lock;
    this.left = readRecord(path);
  }

  /** Makes and locks it; throws {@link ProcessExit} with one line where that cannot be. */
  static async open(given: string): Promise<DevDirectory> {
    const path = resolve(given);
    try {
      mkdirSync(join(path, 'logs'), { recursive: true, mode: PRIVATE });
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
    mkdirSync(this.logs, { mode: PRIVATE });
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
    this.#lock.release();
  }
}

function recordFile(path: string): string {
  return join(path, 'dev.json');
}

async function lock(path: string, given: string): Promise<DirectoryLock> {
  let taken: DirectoryLock | null;
  try {
    taken = await DirectoryLock.take(path);
  } catch (error) {
    throw refused(`cannot lock ${given}: ${reasonOf(error)}`);
  }
  if (taken !== null) return taken;
  throw refused(
    `${given} is in use by another rangekeeper dev${holderOf(path)}; stop it, or choose another --data`,
  );
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
