// The end of a replica on this node: its tombstone, and what the state store still has of it. First a durable tombstone says what is to be
// cleared. Then that is cleared, and a second tombstone says so. If it is interrupted, the next start resumes it.

import { assert } from '../../../common/base/assert.ts';
import { origin, type RangeId } from '../../../common/model/ids.ts';
import { isEmpty } from '../../../common/model/key-range.ts';
import { encodeTombstone, type Span, type TombstoneBody } from '../log/bodies.ts';
import type { LoggedReplica, LoggedReplicas } from '../log/logged-replicas.ts';
import { RECORD_TYPES } from '../log/record.ts';
import type { SharedLog } from '../log/shared-log.ts';
import type { AppliedState } from './applied-state.ts';
import type { CheckedEngine } from './checked-engine.ts';

export interface RemovalParts {
  readonly log: SharedLog;
  readonly replicas: LoggedReplicas;
  readonly state: AppliedState;
  readonly engine: CheckedEngine;
}

export class Removal {
  readonly #parts: RemovalParts;

  constructor(parts: RemovalParts) {
    this.#parts = parts;
  }

  /** Logs that the replica ends, and that its position, its sessions and the rows in `pending` are to be cleared. */
  begin({ range, inc, epochSeen }: LoggedReplica, pending: Span): void {
    this.#record(range, { inc, epochSeen, pending, stateBatch: this.#parts.engine.newestBatch });
  }

  /** Clears what the tombstone of `range` says. */
  async finish(range: RangeId): Promise<void> {
    const { log, engine, replicas, state } = this.#parts;
    const tombstone = replicas.tombstones.get(range);
    assert(tombstone !== undefined && tombstone.pending !== null, 'a tombstone of something to clear');
    const { inc, epochSeen, pending } = tombstone;
    if (isEmpty(pending)) await log.flushed();
    else await this.clear(range, pending);
    await this.guard(state.forget(range));
    this.#record(range, { inc, epochSeen, pending: null, stateBatch: engine.newestBatch });
  }

  /** Resumes what was interrupted. */
  async resume(): Promise<void> {
    const tombstones = [...this.#parts.replicas.tombstones.values()];
    for (const { range, pending } of tombstones) if (pending !== null) await this.finish(range);
  }

  /** Syncs what is logged, writes the overlay to the store, and then clears the rows in the span, and the sessions. */
  async clear(range: RangeId, span: Span): Promise<void> {
    const { log, state } = this.#parts;
    await log.flushed();
    await this.guard(state.flush());
    await this.guard(state.clear(range, span));
  }

  /** If the store cannot write, the disk has failed (R12). */
  async guard(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#parts.log.fail(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  #record(range: RangeId, body: TombstoneBody): void {
    this.#parts.log.put(RECORD_TYPES.tombstone, range, origin, encodeTombstone(body));
    this.#parts.replicas.recordTombstone(range, body);
  }
}
