// Whether this node's disk is good enough to own ranges. It is not if the log waits for it longer than `diskStallMs`, or if it is
// full, and for `diskRecoveryMs` after that. An owner on such a disk would hold its ranges without serving them. So the
// node hands over what it owns (R8), and its acknowledgements say that nothing may be handed over to it.

import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { ReplicationConfig } from '../../common/model/config.ts';
import type { Storage } from '../storage/storage.ts';

export interface DiskWatchOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly storage: Pick<Storage, 'waitingSince' | 'full'>;
  readonly config: Pick<ReplicationConfig, 'diskStallMs' | 'diskRecoveryMs'>;
}

export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #checkedAt: number;
  /** When the disk last had a problem; null if it is healthy. */
  #problemAt: number | null = null;
  #problem: string | null = null;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
    this.#checkedAt = options.env.now();
  }

  get isHealthy(): boolean {
    return this.#problemAt === null;
  }

  /** What is wrong with the disk, or was wrong lately; null if it is healthy. */
  get problem(): string | null {
    return this.isHealthy ? null : this.#problem;
  }

  /** To be called often. */
  check(): void {
    const { env, logger, config } = this.#options;
    const now = env.now();
    const pausedMs = now - this.#checkedAt;
    this.#checkedAt = now;
    // After a pause of this process the disk may have answered, and the answer is not read yet.
    if (pausedMs > config.diskStallMs / 2) return;
    const problem = this.#findProblem(now);
    if (problem !== null) {
      if (this.#problemAt === null) logger.error({}, `${problem}: handing over what is owned here`);
      this.#problemAt = now;
      this.#problem = problem;
    } else if (this.#problemAt !== null && now - this.#problemAt >= config.diskRecoveryMs) {
      logger.info({}, 'the disk is healthy again: this node may own ranges');
      this.#problemAt = null;
    }
  }

  #findProblem(now: number): string | null {
    const { storage, config } = this.#options;
    if (storage.full) return 'the disk is full';
    const { waitingSince } = storage;
    const stalled = waitingSince !== null && now - waitingSince > config.diskStallMs;
    return stalled ? `the disk has not answered for ${config.diskStallMs} ms` : null;
  }
}
