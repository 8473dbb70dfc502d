// Writes events of this node into the timeline, which people read. Most are written after the changes that they describe, many in one
// multi, and losing some does no harm. One that describes a multi of this node may be part of it.

import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { EventRecord } from '../../common/model/records.ts';
import { gatheredCount, type Part } from '../../common/zk/gathered.ts';
import type { Zk, ZkOp } from '../../common/zk/store.ts';
import { eventCodec, paths } from '../../common/zk/znodes.ts';

/** At most this many events wait while ZooKeeper is slow; further ones are dropped. The leader keeps only some hundreds. */
const WAITING_MAX = 1_024;

export class EventWriter {
  readonly #self: NodeId;
  readonly #zk: Zk;
  readonly #env: Env;
  readonly #logger: Logger;
  #waiting: Part[] = [];
  #writing = false;

  constructor(self: NodeId, zk: Zk, env: Env, logger: Logger) {
    this.#self = self;
    this.#zk = zk;
    this.#env = env;
    this.#logger = logger;
  }

  /** The event is written soon, in the order of reports. */
  report(event: Omit<EventRecord, 'at' | 'by'>): void {
    if (this.#waiting.length >= WAITING_MAX) return;
    this.#waiting.push([this.operation(event)]);
    if (this.#writing) return;
    this.#writing = true;
    this.#env.soon(() => void this.#writeAll());
  }

  /** The operation that writes the event, for a multi of the caller's. */
  operation(event: Omit<EventRecord, 'at' | 'by'>): ZkOp {
    const record: EventRecord = { at: this.#env.wallNow(), by: this.#self, ...event };
    const data = eventCodec.encode(record);
    return { kind: 'create', path: paths.eventPrefix, data, mode: 'persistent-sequential' };
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const events = this.#waiting.splice(0, gatheredCount(this.#waiting));
      try {
        await this.#zk.session?.multi(events.flat());
      } catch (error) {
        this.#logger.debug({ events: events.length, error: String(error) }, 'events not written');
      }
    }
    this.#writing = false;
  }
}
