// The data directory of `rangekeeper dev`, and its lock, so that only one process uses it (lock.ts). Only its user can read it.
//
//   zookeeper/        ZooKeeper's configuration, log file and data
//   n1/ n2/ ...       the data of each storage node
//   logs/NAME.log     the output of a process in this run; NAME.log.1 in the run before
//   dev.json          addresses and process ids, while the cluster runs
//   dev.lock.ID       a socket of each process that holds the lock or tries to get it

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EXIT, ProcessExit } from '../../common/process/exit.ts';
import { DirectoryLock } from './lock.ts';

/** The contents of dev.json, by which tools find the cluster without flags. */
export interface DevRecord {
  readonly pid: number;
  /** ZooKeeper's connect string. */
  readonly zk: string;
  /** URL of the page. */
  readonly web: string;
  readonly processes: readonly { readonly name: string; readonly pid: number | null }[];
}

/** Only for this user: the data here may be confidential. */
const PRIVATE = 0o700;

export class DevDirectory {
  /** Absolute. */
  readonly path: string;
  readonly #lock: DirectoryLock;

  /** The record that a killed run left behind; null after an orderly end. */
  readonly killedRun: DevRecord | null;

  private constructor(path: string, lock: DirectoryLock) {
    this.path = path;
    this.#lock = lock;
    this.killedRun = readRecord(path);
  }

  /** Makes the directory and locks it. Throws {@link ProcessExit} with one line if that fails. */
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

  /** The numbers of the nodes that have data here, in ascending order. */
  nodeNumbers(): number[] {
    return readdirSync(this.path)
      .map((name) => Number(/^n([1-9][0-9]*)$/.exec(name)?.[1]))
      .filter((number) => !Number.isNaN(number))
      .sort((a, b) => a - b);
  }

  /** Removes all data that dev has made, and nothing else. */
  clear(): void {
    for (const number of this.nodeNumbers()) rmSync(this.node(`n${number}`), { recursive: true });
    for (const name of [this.zookeeper, this.logs]) rmSync(name, { recursive: true, force: true });
    mkdirSync(this.logs, { mode: PRIVATE });
  }

  /** The file for a process's output. Renames the file of the run before. */
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

/** The pid of the process that holds the lock, in words; empty while that process is starting. */
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
