// Whether this node's disk is fit to own ranges on. A disk that lets the log wait for longer than `diskStallMs`, or has no
// room left, is not, nor one that was so a moment ago: an owner on it would sit on its ranges, up only in name. The
// node hands over what it owns meanwhile (R8), and its acknowledgements tell the owners to hand nothing to it.

import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { ReplicationConfig } from '../../common/model/config.ts';
import type { Storage } from '../storage/storage.ts';

export interface DiskWatchOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly storage: Pick<Storage, 'waitingSince' | 'full'>;
  readonly config: Pick<ReplicationConfig, 'diskStallMs' | 'diskQuietMs'>;
}

export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #lookedAt: number;
  /** When the disk was last found unfit; null: it may own. */
  #troubleAt: number | null = null;
  #troubleText: string | null = null;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
    this.#lookedAt = options.env.now();
  }

  get fit(): boolean {
    return this.#troubleAt === null;
  }

  /** What is, or lately was, wrong with the disk; null: it is fit. */
  get trouble(): string | null {
    return this.fit ? null : this.#troubleText;
  }

  /** To be called often. */
  look(): void {
    const { env, logger, config } = this.#options;
    const now = env.now();
    const pausedFor = now - this.#lookedAt;
    this.#lookedAt = now;
    // After a pause of this process the disk's answer may be here and not read yet.
    if (pausedFor > config.diskStallMs / 2) return;
    const trouble = this.#trouble(now);
    if (trouble !== null) {
      if (this.#troubleAt === null) logger.error({}, `${trouble}: handing over what is owned here`);
      this.#troubleAt = now;
      this.#troubleText = trouble;
    } else if (this.#troubleAt !== null && now - this.#troubleAt >= config.diskQuietMs) {
      logger.info({}, 'the disk has been well for a while: ranges may be owned here again');
      this.#troubleAt = null;
    }
  }

  #trouble(now: number): string | null {
    const { storage, config } = this.#options;
    if (storage.full) return 'the disk is full';
    const { waitingSince } = storage;
    const stalled = waitingSince !== null && now - waitingSince > config.diskStallMs;
    return stalled ? `the disk has not answered for ${config.diskStallMs} ms` : null;
  }
}
