// What becomes of a znode that cannot be decoded: rubbish says nothing about the cluster, so what was known of the znode
// stays, and nobody's process ends. It is logged once for each version of the znode, however often that is read.

import type { Logger } from '../base/log.ts';
import { BadDataError } from '../model/fields.ts';
import type { ZkNode } from './store.ts';

export class ZnodeDecoder {
  readonly #logger: Logger;
  /** The version (mzxid) that was logged, of each znode that could not be decoded when it was last read. */
  readonly #logged = new Map<string, number>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** What `decode` gives. Where it throws BadDataError: `known`, which is what the znode held before. */
  decode<T, K>(path: string, node: ZkNode, known: K, decode: () => T): T | K {
    try {
      const value = decode();
      this.#logged.delete(path);
      return value;
    } catch (error) {
      if (!(error instanceof BadDataError)) throw error;
      const reason = error.message;
      if (this.#logged.get(path) !== node.mzxid)
        this.#logger.error({ path, reason }, 'a znode cannot be decoded: what was known of it stays');
      this.#logged.set(path, node.mzxid);
      return known;
    }
  }

  /** The znode is of no interest any more. */
  forget(path: string): void {
    this.#logged.delete(path);
  }
}
