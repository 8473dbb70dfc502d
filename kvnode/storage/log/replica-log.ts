// The log of one replica. Each change is logged first and takes effect afterwards.

import { assert } from '../../../common/base/assert.ts';
import { emptyBytes } from '../../../common/base/bytes.ts';
import type { Epoch, Position, Seq } from '../../../common/model/ids.ts';
import type { LogEntry, ReplicaLog } from '../storage.ts';
import type { LoggedReplica } from './logged-replicas.ts';
import { RECORD_TYPES } from './record.ts';
import type { SharedLog } from './shared-log.ts';

export class StoredReplicaLog implements ReplicaLog {
  readonly #log: SharedLog;
  readonly #replica: LoggedReplica;

  constructor(log: SharedLog, replica: LoggedReplica) {
    this.#log = log;
    this.#replica = replica;
  }

  get gathering(): number {
    return this.#log.gathering;
  }

  get base(): Position {
    return this.#replica.log.base;
  }

  get last(): Position {
    return this.#replica.log.last;
  }

  get lastSeq(): Seq {
    return this.#replica.log.lastSeq;
  }

  epochAt(seq: Seq): Epoch | undefined {
    return this.#replica.log.epochAt(seq);
  }

  has(position: Position): boolean {
    return this.#replica.log.has(position);
  }

  newestAtOrBefore(limit: Position): Position {
    return this.#replica.log.newestAtOrBefore(limit);
  }

  setEpochSeen(epoch: Epoch): void {
    const replica = this.#replica;
    assert(replica.leaving === null, `range ${replica.range} was replaced`);
    assert(epoch >= replica.epochSeen, 'epochSeen never falls');
    if (epoch === replica.epochSeen) return;
    this.#log.put(RECORD_TYPES.epochSeen, replica.range, { epoch, seq: 0 }, emptyBytes);
    replica.epochSeen = epoch;
  }

  append(entries: readonly LogEntry[]): void {
    const { range, log, committed } = this.#nonVoid;
    this.#log.append(range, log, entries, committed);
  }

  truncate(lastKept: Seq): void {
    const { range, log, committed } = this.#nonVoid;
    assert(lastKept >= committed, 'what is committed is never truncated');
    if (lastKept === log.lastSeq) return;
    const last = log.positionAt(lastKept);
    this.#log.put(RECORD_TYPES.truncate, range, last, emptyBytes);
    log.truncate(last);
  }

  read(from: Seq, bytesMax: number): readonly LogEntry[] | null {
    return this.#log.read(this.#replica.log, from, bytesMax);
  }

  retainAfter(seq: Seq): void {
    this.#replica.retainAfter = seq;
  }

  get #nonVoid(): LoggedReplica {
    const replica = this.#replica;
    assert(replica.leaving === null, `range ${replica.range} was replaced`);
    assert(!replica.void, `the replica of range ${replica.range} is void`);
    return replica;
  }
}
