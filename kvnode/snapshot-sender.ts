// Brings a learner that the log cannot reach up to date: the rows of one LevelDB snapshot in chunks, one at a time, each
// acknowledged before the next, so that a slow receiver slows the sender and nothing piles up; with the last one the client
// sessions of the same moment, which are bounded. What goes wrong ends the transfer; the owner starts another one.

import { delay, type Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { ReplicationConfig } from '../common/model/config.ts';
import type { Epoch, Inc, NodeId, RangeId } from '../common/model/ids.ts';
import type { OneWayBody, SnapshotAck, SnapshotChunk } from '../common/wire/messages.ts';
import { rowsChecksum, sessionsChecksum } from './snapshot-checksum.ts';
import type { SnapshotReader, Storage } from './storage/storage.ts';

/** A chunk without an answer is sent again after so long, ms. */
const RESEND_MS = 1_000;
const ATTEMPTS_MAX = 10;

export interface SnapshotTarget {
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly node: NodeId;
  readonly inc: Inc;
}

export interface SnapshotSenderOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly storage: Storage;
  readonly config: Pick<ReplicationConfig, 'snapshotChunkBytes'>;
  send(to: NodeId, body: OneWayBody): boolean;
}

interface Transfer {
  readonly target: SnapshotTarget;
  readonly id: number;
  answered: (ack: SnapshotAck | null) => void;
}

export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  readonly #transfers = new Map<string, Transfer>();

  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
  }

  /** True: the target has installed it, durably. One transfer a target at a time; false at once for a second. */
  async transfer(target: SnapshotTarget): Promise<boolean> {
    const key = keyOf(target.range, target.node);
    if (this.#transfers.has(key)) return false;
    const id = 1 + Math.floor(this.#options.env.random() * 2 ** 48);
    const transfer: Transfer = { target, id, answered: () => {} };
    this.#transfers.set(key, transfer);
    const { range, node, epoch } = target;
    try {
      const reader = await this.#options.storage.openSnapshot(range);
      try {
        return await this.#sendAll(transfer, reader);
      } finally {
        reader.close();
      }
    } catch (error) {
      this.#options.logger.warn({ range, node, epoch, error: String(error) }, 'snapshot transfer failed');
      return false;
    } finally {
      this.#transfers.delete(key);
    }
  }

  receiveAck(from: NodeId, ack: SnapshotAck): void {
    const transfer = this.#transfers.get(keyOf(ack.range, from));
    if (transfer?.id === ack.snapshot) transfer.answered(ack);
  }

  async #sendAll(transfer: Transfer, reader: SnapshotReader): Promise<boolean> {
    const { snapshotChunkBytes } = this.#options.config;
    let checksum = 0;
    let rows = await reader.next(snapshotChunkBytes);
    for (let index = 0; ; index++) {
      const following = rows === null ? null : await reader.next(snapshotChunkBytes);
      // R13: rows and answers are of one moment.
      const clientSessions = following === null ? await reader.sessions() : [];
      checksum = sessionsChecksum(clientSessions, rowsChecksum(rows ?? [], checksum));
      const contents = { rows: rows ?? [], last: following === null, checksum, clientSessions };
      const chunk = chunkOf(transfer, reader, index, contents);
      const ack = await this.#exchange(transfer, chunk);
      if (ack === null || ack.refused) return false;
      if (ack.installed) return true;
      rows = following;
    }
  }

  /** Sends until the chunk is acknowledged; null: never. */
  async #exchange(transfer: Transfer, chunk: SnapshotChunk): Promise<SnapshotAck | null> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const answer = new Promise<SnapshotAck | null>((resolve) => {
        transfer.answered = (ack) => {
          if (ack === null || ack.refused || ack.installed || ack.nextIndex > chunk.index) resolve(ack);
        };
        void delay(this.#options.env, RESEND_MS).then(() => resolve(null));
      });
      this.#options.send(transfer.target.node, chunk);
      const ack = await answer;
      if (ack !== null) return ack;
    }
    return null;
  }
}

function keyOf(range: RangeId, node: NodeId): string {
  return `${range}/${node}`;
}

function chunkOf(
  { target, id }: Transfer,
  reader: SnapshotReader,
  index: number,
  contents: Pick<SnapshotChunk, 'rows' | 'last' | 'checksum' | 'clientSessions'>,
): SnapshotChunk {
  return {
    kind: 'snapshot-chunk',
    range: target.range,
    inc: target.inc,
    epoch: target.epoch,
    snapshot: id,
    index,
    position: reader.position,
    start: reader.meta.start,
    end: reader.meta.end,
    ...contents,
  };
}
