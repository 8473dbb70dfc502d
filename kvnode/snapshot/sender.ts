// Sends snapshots to learners that the log cannot bring up to date. The rows of one snapshot of LevelDB are sent in
// chunks. A few chunks are in flight at a time: so reading, sending and writing overlap, and a slow receiver still
// slows the sender down. The last chunk also has the client sessions of the same moment, which are bounded. The number
// of transfers to one node at a time is bounded, since a node that lost everything needs all of its ranges at once. All
// transfers from this node share one rate limit (background-rate-limiter.ts), as all to one node do (receiver.ts). An error ends the transfer; the owner
// starts another one.

import { present } from '../../common/base/assert.ts';
import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { ReplicationConfig } from '../../common/model/config.ts';
import type { Epoch, Inc, NodeId, RangeId } from '../../common/model/ids.ts';
import type { OneWayBody, SnapshotAck, SnapshotChunk } from '../../common/wire/messages.ts';
import { BackgroundRateLimiter, bytesOf, clientWork } from '../background-rate-limiter.ts';
import type { SnapshotReader, Storage } from '../storage/storage.ts';
import { rowsChecksum, sessionsChecksum } from './checksum.ts';

/** Chunks of one transfer that are sent and not acknowledged. */
const CHUNKS_IN_FLIGHT_MAX = 4;
/** Transfers to one node at a time. */
const TRANSFERS_MAX = 4;
/** Chunks are sent again after this time without an acknowledgement, ms. */
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
  readonly config: Pick<ReplicationConfig, 'snapshotChunkBytes' | 'snapshotBytesPerSecond'>;
  send(to: NodeId, body: OneWayBody): boolean;
}

interface Transfer {
  readonly target: SnapshotTarget;
  readonly id: number;
  /** Chunks that are sent and not acknowledged, in order. */
  readonly unacked: SnapshotChunk[];
  /** Whether it has a slot. */
  running: boolean;
  /**
   * When the receiver last acknowledged something new (Env.now(), ms). Before that: when the transfer began, or got its
   * slot.
   */
  progressAt: number;
  /** Set by the acknowledgement that ends the transfer. */
  outcome: 'installed' | 'refused' | null;
  /** Called at each acknowledgement. */
  onAck: () => void;
}

export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  readonly #transfers = new Map<string, Transfer>();
  readonly #queues = new Map<NodeId, SlotQueue>();
  readonly #pace: BackgroundRateLimiter;

  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
    const { env, storage, config } = options;
    this.#pace = new BackgroundRateLimiter({
      env,
      bytesPerSecond: config.snapshotBytesPerSecond,
      clientWork: () => clientWork(storage.stats),
    });
  }

  /**
   * Sends a snapshot of a range to a replica. True: the target has installed it durably. False: it failed, or another
   * transfer of the range to the node is in progress.
   */
  async transfer(target: SnapshotTarget): Promise<boolean> {
    const key = keyOf(target.range, target.node);
    if (this.#transfers.has(key)) return false;
    const transfer = this.#newTransfer(target);
    this.#transfers.set(key, transfer);
    await this.#acquireSlot(target.node);
    transfer.running = true;
    transfer.progressAt = this.#options.env.now();
    try {
      return await this.#run(transfer);
    } catch (error) {
      const { range, node, epoch } = target;
      this.#options.logger.warn({ range, node, epoch, error: String(error) }, 'snapshot transfer failed');
      return false;
    } finally {
      this.#transfers.delete(key);
      this.#releaseSlot(target.node);
    }
  }

  #newTransfer(target: SnapshotTarget): Transfer {
    const { env } = this.#options;
    return {
      target,
      id: 1 + Math.floor(env.random() * 2 ** 48),
      unacked: [],
      running: false,
      progressAt: env.now(),
      outcome: null,
      onAck: () => {},
    };
  }

  async #run(transfer: Transfer): Promise<boolean> {
    const reader = await this.#options.storage.openSnapshot(transfer.target.range);
    try {
      return await this.#sendAll(transfer, reader);
    } finally {
      reader.close();
    }
  }

  receiveAck(from: NodeId, ack: SnapshotAck): void {
    const transfer = this.#transfers.get(keyOf(ack.range, from));
    if (transfer?.id !== ack.snapshot) return;
    const { unacked } = transfer;
    if (unacked[0] !== undefined && unacked[0].index < ack.nextIndex)
      transfer.progressAt = this.#options.env.now();
    while (unacked[0] !== undefined && unacked[0].index < ack.nextIndex) unacked.shift();
    if (ack.installed) transfer.outcome = 'installed';
    else if (ack.refused) transfer.outcome = 'refused';
    transfer.onAck();
  }

  /**
   * When the node last made progress with the snapshot of this range (Env.now(), ms). While the transfer waits for a
   * slot, progress of others to the same node counts. Null if there is no transfer.
   */
  progressAt(range: RangeId, node: NodeId): number | null {
    const transfer = this.#transfers.get(keyOf(range, node));
    if (transfer === undefined || transfer.running) return transfer?.progressAt ?? null;
    let newest = transfer.progressAt;
    for (const { target, running, progressAt } of this.#transfers.values())
      if (running && target.node === node) newest = Math.max(newest, progressAt);
    return newest;
  }

  // ---- slots: a bounded number of transfers to one node --------------------------------------------------------------

  async #acquireSlot(node: NodeId): Promise<void> {
    const queue = this.#queues.get(node) ?? { running: 0, waiting: [] };
    this.#queues.set(node, queue);
    if (queue.running < TRANSFERS_MAX) queue.running++;
    else await new Promise<void>((resolve) => queue.waiting.push(resolve));
  }

  #releaseSlot(node: NodeId): void {
    const queue = present(this.#queues.get(node), 'a queue for the node');
    const next = queue.waiting.shift();
    if (next !== undefined) next();
    else if (--queue.running === 0) this.#queues.delete(node);
  }

  // ---- one transfer ------------------------------------------------------------------------------------------------

  async #sendAll(transfer: Transfer, reader: SnapshotReader): Promise<boolean> {
    const bytes = this.#options.config.snapshotChunkBytes;
    let checksum = 0;
    let rows = await reader.next(bytes);
    for (let index = 0; transfer.outcome === null; index++) {
      const following = rows === null ? null : await reader.next(bytes);
      // R13: rows and client sessions are of one moment.
      const clientSessions = following === null ? await reader.sessions() : [];
      await this.#pace.acquire(bytesOf(rows ?? []));
      if (transfer.outcome !== null) break;
      checksum = sessionsChecksum(clientSessions, rowsChecksum(rows ?? [], checksum));
      const last = following === null;
      const contents = { rows: rows ?? [], last, checksum, clientSessions };
      const chunk = chunkOf(transfer, reader, index, contents);
      transfer.unacked.push(chunk);
      this.#options.send(transfer.target.node, chunk);
      if (!(await this.#acknowledged(transfer, last ? 0 : CHUNKS_IN_FLIGHT_MAX - 1))) return false;
      rows = following;
    }
    return transfer.outcome === 'installed';
  }

  /**
   * Waits until at most `left` chunks are not acknowledged, or the transfer is over. With `left` 0 it waits for the
   * outcome. False if the receiver does not answer.
   */
  async #acknowledged(transfer: Transfer, left: number): Promise<boolean> {
    const { env, send } = this.#options;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; ) {
      if (transfer.outcome !== null || (left > 0 && transfer.unacked.length <= left)) return true;
      const timedOut = await new Promise<boolean>((resolve) => {
        const timer = env.after(RESEND_MS, () => resolve(true));
        transfer.onAck = () => {
          timer.cancel();
          resolve(false);
        };
      });
      attempt = timedOut ? attempt + 1 : 0;
      if (timedOut) for (const chunk of transfer.unacked) send(transfer.target.node, chunk);
    }
    return false;
  }
}

interface SlotQueue {
  /** Running transfers. */
  running: number;
  /** Waiting transfers, in order. */
  readonly waiting: (() => void)[];
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
