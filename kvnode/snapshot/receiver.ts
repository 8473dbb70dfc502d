// Takes a snapshot in: chunk after chunk in order, each answered when its rows are with the state store, the last one
// when everything is durable. A few chunks wait meanwhile, as many as the sender has on their way. A chunk that comes again
// is answered again; a new snapshot starts over; one from an owner that is over is refused (R3). The replica is void in between.
// A snapshot that contradicts itself, or is of other keys than the replica's, is refused as well: nothing that another
// node sends may reach the rows of other ranges, or end this process.

import { AssertionError } from '../../common/base/assert.ts';
import { type Bytes, compareBytes, emptyBytes, equalBytes } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import { comparePositions, type NodeId, type Position, type RangeId } from '../../common/model/ids.ts';
import { compareEnds } from '../../common/model/key-range.ts';
import { copyOf, type OneWayBody, type SnapshotAck, type SnapshotChunk } from '../../common/wire/messages.ts';
import { decodeSessions } from '../range/dedupe/client-sessions.ts';
import type { RangeHost } from '../range/range-host.ts';
import type { SnapshotWriter, Storage } from '../storage/storage.ts';
import { rowsChecksum, sessionsChecksum } from './checksum.ts';

interface IncomingSnapshot {
  readonly snapshot: number;
  readonly from: NodeId;
  /** As the first chunk has it; all others must have the same. */
  readonly position: Position;
  /** Of the newest row. */
  lastKey: Bytes;
  /** Chunks below are with the state store. */
  nextIndex: number;
  /** Chunks below have come. */
  received: number;
  checksum: number;
  /** Null until the void record is durable. */
  writer: SnapshotWriter | null;
  /** Ends when all that has come is received in. */
  work: Promise<void>;
}

export interface SnapshotReceiverOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly storage: Storage;
  send(to: NodeId, body: OneWayBody): boolean;
  /** A snapshot was installed: the replica has something to say again. */
  touched(host: RangeHost): void;
}

export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  readonly #incoming = new Map<RangeId, IncomingSnapshot>();

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  receive(host: RangeHost, from: NodeId, chunk: SnapshotChunk): void {
    if (host.wiping || chunk.inc !== host.replica.inc) return;
    const fault = spanFault(host, chunk);
    if (fault !== null) return this.#refuse(from, chunk, fault);
    let incoming = this.#incoming.get(chunk.range);
    const other = incoming?.snapshot !== chunk.snapshot || chunk.epoch !== host.replica.epochSeen;
    // Nothing begins or ends while something is being received in: its sender repeats it.
    if (other && incoming !== undefined && incoming.nextIndex < incoming.received) return;
    if (incoming?.snapshot !== chunk.snapshot) {
      if (chunk.index !== 0) return this.#acknowledge(from, chunk, { refused: true });
      const decision = host.replica.offerSnapshot(from, chunk.epoch, chunk.position);
      this.#options.touched(host);
      if (decision === 'have') return this.#acknowledge(from, chunk, { installed: true });
      if (decision === 'refuse') return this.#acknowledge(from, chunk, { refused: true });
      incoming?.writer?.abandon();
      const { snapshot } = chunk;
      const work = Promise.resolve();
      const { position } = chunk;
      const counts = { nextIndex: 0, received: 0, checksum: 0 };
      incoming = { snapshot, from, position, lastKey: emptyBytes, ...counts, writer: null, work };
      this.#incoming.set(chunk.range, incoming);
      host.replica.becomeVoid();
    }
    if (chunk.epoch !== host.replica.epochSeen) {
      this.#drop(chunk.range);
      return this.#acknowledge(from, chunk, { refused: true });
    }
    if (chunk.index < incoming.received)
      return this.#acknowledge(from, chunk, { nextIndex: incoming.nextIndex });
    if (chunk.index > incoming.received) return;
    incoming.received++;
    const current = incoming;
    const kept = keepChunk(chunk);
    current.work = current.work.then(() => this.#install(host, current, kept));
  }

  /** The replica is being wiped, or the node stops. */
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
      incoming.checksum = sessionsChecksum(clientSessions, rowsChecksum(rows, incoming.checksum));
      if (incoming.checksum !== chunk.checksum) throw new Error(`chunk ${chunk.index} has another checksum`);
      checkFollows(incoming, chunk);
      // Before anything is final: what cannot be read must not be the state of this replica.
      const sessions = chunk.last ? decodeSessions(clientSessions, position.seq) : null;
      const bounds = { start: chunk.start, end: chunk.end };
      incoming.writer ??= await this.#options.storage.beginSnapshot(range, bounds, position);
      if (this.#incoming.get(range) !== incoming) return incoming.writer.abandon();
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
    this.#acknowledge(from, chunk, { refused: true });
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

/** A replica's keys are those that it was made with. */
function spanFault(host: RangeHost, { start, end }: SnapshotChunk): string | null {
  const same = equalBytes(start, host.meta.start) && compareEnds(end, host.meta.end) === 0;
  return same ? null : 'it is of other keys than this replica';
}

/** Throws where the chunk is not of the snapshot that has begun. That its own rows rise is the codec's to check. */
function checkFollows(incoming: IncomingSnapshot, { index, position, rows }: SnapshotChunk): void {
  if (comparePositions(position, incoming.position) !== 0)
    throw new Error(`chunk ${index} is of another position`);
  const first = rows[0]?.key;
  if (first === undefined) return;
  if (incoming.lastKey.length > 0 && compareBytes(incoming.lastKey, first) >= 0)
    throw new Error(`chunk ${index} goes back in the keys`);
  incoming.lastKey = copyOf(rows.at(-1)?.key ?? first);
}

/**
 * Rows are most of the message that they are views of, and keep it until the store has them; client sessions are little of it,
 * and stay.
 */
function keepChunk(chunk: SnapshotChunk): SnapshotChunk {
  const clientSessions = chunk.clientSessions.map(({ clientId, record }) => ({
    clientId: copyOf(clientId),
    record: copyOf(record),
  }));
  return { ...chunk, clientSessions };
}
