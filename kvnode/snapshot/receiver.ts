// Receives snapshots and installs them. The chunks of a snapshot are installed in order. Each is acknowledged when its
// rows are with the state store, the last one when everything is durable. As many chunks wait as the sender has in
// flight. All transfers to this node share one rate limit, so that several senders together are no faster than one: chunks
// that exceed it are acknowledged later. A repeated chunk is acknowledged again. A new snapshot starts over. A snapshot of an owner whose epoch is
// over is refused (R3). The replica is void from the first chunk until the last one is installed.
//
// A snapshot that contradicts itself, or has other keys than the replica, is refused too. Nothing that another node
// sends may reach the rows of other ranges, or end this process.

import { AssertionError } from '../../common/base/assert.ts';
import { type Bytes, compareBytes, emptyBytes } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { ReplicationConfig } from '../../common/model/config.ts';
import { comparePositions, type NodeId, type Position, type RangeId } from '../../common/model/ids.ts';
import { sameBounds } from '../../common/model/key-range.ts';
import { copyOf, type OneWayBody, type SnapshotAck, type SnapshotChunk } from '../../common/wire/messages.ts';
import { BackgroundRateLimiter, bytesOf, clientWork } from '../background-rate-limiter.ts';
import { type DecodedSessions, decodeSessions } from '../range/dedupe/client-sessions.ts';
import type { RangeHost } from '../range/range-host.ts';
import type { SnapshotWriter, Storage } from '../storage/storage.ts';
import { rowsChecksum, sessionsChecksum } from './checksum.ts';

interface IncomingSnapshot {
  readonly snapshot: number;
  readonly from: NodeId;
  /** The position in the first chunk. All other chunks must have the same. */
  readonly position: Position;
  /** The key of the last row so far. */
  lastKey: Bytes;
  /** Chunks below this index are with the state store. */
  nextIndex: number;
  /** Chunks below this index were received. */
  received: number;
  checksum: number;
  /** Null until the replica is void on the disk. */
  writer: SnapshotWriter | null;
  /** Resolves when all received chunks are installed. */
  work: Promise<void>;
}

export interface SnapshotReceiverOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly storage: Storage;
  readonly config: Pick<ReplicationConfig, 'snapshotBytesPerSecond'>;
  send(to: NodeId, body: OneWayBody): boolean;
  /** Called when the replica may have something to send. */
  touched(host: RangeHost): void;
}

const REFUSED: Partial<SnapshotAck> = { refused: true };

export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  readonly #incoming = new Map<RangeId, IncomingSnapshot>();
  readonly #pace: BackgroundRateLimiter;

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
    const { env, storage, config } = options;
    this.#pace = new BackgroundRateLimiter({
      env,
      bytesPerSecond: config.snapshotBytesPerSecond,
      clientWork: () => clientWork(storage.stats),
    });
  }

  receive(host: RangeHost, from: NodeId, chunk: SnapshotChunk): void {
    if (host.wiping || chunk.inc !== host.replica.inc) return;
    const fault = spanMismatch(host, chunk);
    if (fault !== null) return this.#refuse(from, chunk, fault);
    let incoming = this.#incoming.get(chunk.range);
    const isOther = incoming?.snapshot !== chunk.snapshot || chunk.epoch !== host.replica.epochSeen;
    // No snapshot begins or ends while chunks are being installed. The sender repeats the chunk.
    if (isOther && incoming !== undefined && incoming.nextIndex < incoming.received) return;
    if (incoming?.snapshot !== chunk.snapshot) {
      const ack = this.#offer(host, from, chunk);
      if (ack !== null) return this.#acknowledge(from, chunk, ack);
      incoming?.writer?.abandon();
      incoming = this.#begin(host, from, chunk);
    }
    if (chunk.epoch !== host.replica.epochSeen) {
      this.#drop(chunk.range);
      return this.#acknowledge(from, chunk, REFUSED);
    }
    if (chunk.index < incoming.received)
      return this.#acknowledge(from, chunk, { nextIndex: incoming.nextIndex });
    if (chunk.index > incoming.received) return;
    incoming.received++;
    const current = incoming;
    const kept = keepChunk(chunk);
    current.work = current.work.then(() => this.#install(host, current, kept));
  }

  /** Offers the snapshot that the chunk begins to the replica. Null if it is to be installed; else what to answer. */
  #offer(host: RangeHost, from: NodeId, chunk: SnapshotChunk): Partial<SnapshotAck> | null {
    if (chunk.index !== 0) return REFUSED;
    const decision = host.replica.offerSnapshot(from, chunk.epoch, chunk.position);
    this.#options.touched(host);
    if (decision === 'have') return { installed: true };
    return decision === 'refuse' ? REFUSED : null;
  }

  #begin(host: RangeHost, from: NodeId, { range, snapshot, position }: SnapshotChunk): IncomingSnapshot {
    const incoming: IncomingSnapshot = {
      ...{ snapshot, from, position, lastKey: emptyBytes, nextIndex: 0, received: 0, checksum: 0 },
      ...{ writer: null, work: Promise.resolve() },
    };
    this.#incoming.set(range, incoming);
    host.replica.becomeVoid();
    return incoming;
  }

  /** Called when the replica is wiped or the node stops. */
  abandon(range: RangeId): void {
    this.#drop(range);
  }

  #drop(range: RangeId): void {
    this.#incoming.get(range)?.writer?.abandon();
    this.#incoming.delete(range);
  }

  async #install(host: RangeHost, incoming: IncomingSnapshot, chunk: SnapshotChunk): Promise<void> {
    const { range, position, rows, clientSessions } = chunk;
    if (this.#incoming.get(range) !== incoming) return;
    try {
      const sessions = verifyChunk(incoming, chunk);
      const bounds = { start: chunk.start, end: chunk.end };
      incoming.writer ??= await this.#options.storage.beginSnapshot(range, bounds, position);
      if (this.#incoming.get(range) !== incoming) return incoming.writer.abandon();
      await this.#pace.acquire(bytesOf(rows));
      // Whoever has dropped it meanwhile has abandoned the writer.
      if (this.#incoming.get(range) !== incoming) return;
      await incoming.writer.add(rows);
      if (sessions !== null) await incoming.writer.finish(clientSessions);
      incoming.nextIndex = chunk.index + 1;
      if (sessions === null)
        return this.#acknowledge(incoming.from, chunk, { nextIndex: incoming.nextIndex });
      if (this.#incoming.get(range) === incoming) this.#incoming.delete(range);
      host.replica.installed(position);
      host.installed(position.seq, sessions);
      this.#acknowledge(incoming.from, chunk, { nextIndex: incoming.nextIndex, installed: true });
      this.#options.touched(host);
      this.#options.logger.info({ range, seq: position.seq, from: incoming.from }, 'snapshot installed');
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      if (this.#incoming.get(range) === incoming) this.#drop(range);
      this.#refuse(incoming.from, chunk, error instanceof Error ? error.message : String(error));
    }
  }

  #refuse(from: NodeId, chunk: SnapshotChunk, reason: string): void {
    this.#options.logger.warn({ range: chunk.range, from, reason }, 'snapshot refused');
    this.#acknowledge(from, chunk, REFUSED);
  }

  #acknowledge(to: NodeId, chunk: SnapshotChunk, what: Partial<SnapshotAck>): void {
    const { range, inc, epoch, snapshot } = chunk;
    this.#options.send(to, {
      kind: 'snapshot-ack',
      range,
      inc,
      epoch,
      snapshot,
      nextIndex: 0,
      installed: false,
      refused: false,
      ...what,
    });
  }
}

/** Why the chunk does not fit the keys of the replica, which never change. Null if it fits. */
function spanMismatch(host: RangeHost, { start, end }: SnapshotChunk): string | null {
  return sameBounds({ start, end }, host.meta) ? null : 'it has other keys than this replica';
}

/**
 * Verifies a chunk, before any of it is written. Returns the decoded client sessions of the last chunk; null for others.
 * Throws if the chunk does not fit the snapshot or cannot be decoded.
 */
function verifyChunk(incoming: IncomingSnapshot, chunk: SnapshotChunk): DecodedSessions | null {
  const { rows, clientSessions, position } = chunk;
  incoming.checksum = sessionsChecksum(clientSessions, rowsChecksum(rows, incoming.checksum));
  if (incoming.checksum !== chunk.checksum) throw new Error(`chunk ${chunk.index} has another checksum`);
  checkFollows(incoming, chunk);
  return chunk.last ? decodeSessions(clientSessions, position.seq) : null;
}

/**
 * Throws if the chunk does not follow the ones before it. The codec has checked that its own rows are in ascending
 * order.
 */
function checkFollows(incoming: IncomingSnapshot, { index, position, rows }: SnapshotChunk): void {
  if (comparePositions(position, incoming.position) !== 0)
    throw new Error(`chunk ${index} has another position`);
  const first = rows[0]?.key;
  if (first === undefined) return;
  if (incoming.lastKey.length > 0 && compareBytes(incoming.lastKey, first) >= 0)
    throw new Error(`chunk ${index} does not follow the keys before it`);
  incoming.lastKey = copyOf(rows.at(-1)?.key ?? first);
}

/**
 * Copies the client sessions of a chunk, which are a small part of its message, since they are kept for long. The rows
 * are most of the message; they are views of it until the store has them.
 */
function keepChunk(chunk: SnapshotChunk): SnapshotChunk {
  const clientSessions = chunk.clientSessions.map(({ clientId, record }) => ({
    clientId: copyOf(clientId),
    record: copyOf(record),
  }));
  return { ...chunk, clientSessions };
}
