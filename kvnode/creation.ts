// R9: which replicas this node makes. Only those that a descriptor names, never at or below a tombstone's inc, and none that
// cannot stand beside what is on this disk already: a descriptor is read from outside, and may ask for anything.

import type { Logger } from '../common/base/log.ts';
import type { DescriptorImage } from '../common/model/descriptor.ts';
import { type Inc, origin, type RangeId } from '../common/model/ids.ts';
import type { ReplicaMeta, Storage } from './storage/storage.ts';

export class Creation {
  readonly #storage: Storage;
  readonly #logger: Logger;
  /** Versions of descriptors for which no replica could be made: said once each. */
  readonly #refused = new Map<RangeId, number>();

  constructor(storage: Storage, logger: Logger) {
    this.#storage = storage;
    this.#logger = logger;
  }

  /** Makes the replica that the descriptor names, empty and durable with the next sync. Null: none is made. */
  create({ descriptor, version }: DescriptorImage, inc: Inc): (ReplicaMeta & { epochSeen: number }) | null {
    const { id, namespace, namespaceId, start, end, base } = descriptor;
    const tombstone = this.#storage.tombstones.get(id);
    if (tombstone !== undefined && inc <= tombstone.inc) return null;
    const meta: ReplicaMeta = { range: id, inc, namespace, namespaceId, start, end };
    const fault = this.#fault(meta, base.seq);
    if (fault !== null) {
      if (this.#refused.get(id) !== version)
        this.#logger.error({ range: id, inc }, `no replica is made: ${fault}`);
      this.#refused.set(id, version);
      return null;
    }
    this.#refused.delete(id);
    const epochSeen = tombstone?.epochSeen ?? 0;
    this.#storage.createReplica(meta, base, epochSeen);
    this.#logger.info({ range: id, inc }, 'replica made');
    return { ...meta, epochSeen };
  }

  #fault(meta: ReplicaMeta, baseSeq: number): string | null {
    if (baseSeq !== origin.seq) return 'its log begins with a split, which this version does not know';
    const other = this.#storage.overlapping(meta);
    return other === null ? null : `its keys overlap those of range ${other} on this node`;
  }
}
