// Decodes znodes whose data may be invalid. Invalid data says nothing about the cluster, so the former value stays, and no process
// ends because of it. It is logged once for each version of the znode, however often that version is read.

import type { Logger } from '../base/log.ts';
import { BadDataError } from '../model/fields.ts';
import type { ZkNode } from './store.ts';

export class ZnodeDecoder {
  readonly #logger: Logger;
  /** For each znode that could not be decoded at the last read: the version (mzxid) that was logged. */
  readonly #logged = new Map<string, number>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** What `decode` returns; if it throws BadDataError, `known`, which is the value before. */
  decode<T, K>(path: string, node: ZkNode, known: K, decode: () => T): T | K {
    try {
      const value = decode();
      this.#logged.delete(path);
      return value;
    } catch (error) {
      if (!(error instanceof BadDataError)) throw error;
      const reason = error.message;
      if (this.#logged.get(path) !== node.mzxid)
        this.#logger.error({ path, reason }, 'a znode cannot be decoded: its former value stays');
      this.#logged.set(path, node.mzxid);
      return known;
    }
  }

  /** To be called when the znode is not read any more. */
  forget(path: string): void {
    this.#logged.delete(path);
  }
}
