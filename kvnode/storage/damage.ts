// Reports damage that a running node finds (R12). It writes a durable mark, then it fails the log, which stops the
// process. The next start finds the mark and sets the data directory aside, even if it would not find the damage
// itself.
//
// All of it is synchronous: the caller is about to use the damaged data.

import { toBytes } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import { CorruptDataError } from './data-errors.ts';
import type { Disk } from './disk.ts';
import type { Paths } from './files.ts';

export class DamageReport {
  readonly #disk: Disk;
  readonly #paths: Paths;
  readonly #env: Env;
  #stop: (error: Error) => void = () => {};
  #reported = false;

  constructor(disk: Disk, paths: Paths, env: Env) {
    this.#disk = disk;
    this.#paths = paths;
    this.#env = env;
  }

  /** @param stop ends all use of the data directory; it may throw */
  begin(stop: (error: Error) => void): void {
    this.#stop = stop;
  }

  /** Reports damage. Only the first report counts. */
  report(error: CorruptDataError): void {
    if (this.#reported) return;
    this.#reported = true;
    const mark = { at: new Date(this.#env.wallNow()).toISOString(), reason: error.message };
    try {
      this.#disk.replaceNow(this.#paths.damage, toBytes(`${JSON.stringify(mark, null, 2)}\n`));
    } catch {
      // If the disk cannot store the mark, the next start meets the faulty disk itself.
    }
    this.#stop(error);
  }
}

/** Throws CorruptDataError if an earlier process has marked the data directory as damaged. */
export function checkDamageMark(disk: Disk, paths: Paths): void {
  const bytes = disk.read(paths.damage);
  if (bytes === null) return;
  throw new CorruptDataError(
    `an earlier process found damage: ${reasonIn(Buffer.from(bytes).toString('utf8'))}`,
  );
}

function reasonIn(text: string): string {
  try {
    return String(Object(JSON.parse(text)).reason);
  } catch {
    return text;
  }
}
