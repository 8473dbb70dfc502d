// The shared log as one replica sees it. A class, and not an object made of functions for each replica: such objects share no
// hidden class, so that with a thousand of them each call looked its function up by name.

import type { Epoch, RangeId, Seq } from '../common/model/ids.ts';
import type { ReplicaLog } from './replica/log-state.ts';
import type { LogEntry, Storage } from './storage/storage.ts';

export class LogOfRange implements ReplicaLog {
  readonly #storage: Storage;
  readonly #range: RangeId;

  constructor(storage: Storage, range: RangeId) {
    this.#storage = storage;
    this.#range = range;
  }

  get gathering(): number {
    return this.#storage.gathering;
  }

  setEpochSeen(epoch: Epoch): void {
    this.#storage.setEpochSeen(this.#range, epoch);
  }

  append(entries: readonly LogEntry[]): void {
    this.#storage.append(this.#range, entries);
  }

  truncate(lastKept: Seq): void {
    this.#storage.truncate(this.#range, lastKept);
  }

  read(from: Seq, bytesMax: number): readonly LogEntry[] | null {
    return this.#storage.read(this.#range, from, bytesMax);
  }

  retainAfter(seq: Seq): void {
    this.#storage.retainAfter(this.#range, seq);
  }
}
