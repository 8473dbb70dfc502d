// Takes a snapshot in: chunk after chunk in order, each answered when its rows are with the state store, the last one
// when everything is durable. A few chunks wait meanwhile, as many as the sender has on their way. A chunk that comes again
// is answered again; a new snapshot starts over; one from an owner that is over is refused (R3). The replica is void in between.

import { AssertionError } from '../common/base/assert.ts';
import type { Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import { copyOf, type OneWayBody, type SnapshotAck, type SnapshotChunk } from '../common/wire/messages.ts';
import type { RangeHost } from './range-host.ts';
import { rowsChecksum, sessionsChecksum } from './snapshot-checksum.ts';
import type { SnapshotWriter, Storage } from './storage/storage.ts';

interface Install {
  readonly snapshot: number;
  readonly from: NodeId;
  /** Chunks below are with the state store. */
  nextIndex: number;
  /** Chunks below have come. */
  taken: number;
  checksum: number;
  /** Null until the void record is durable. */
  writer: SnapshotWriter | null;
  /** Ends when all that has come is taken in. */
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
  readonly #installs = new Map<RangeId, Install>();

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  receive(host: RangeHost, from: NodeId, chunk: SnapshotChunk): void {
    if (host.wiping || chunk.inc !== host.replica.inc) return;
    let install = this.#installs.get(chunk.range);
    const other = install?.snapshot !== chunk.snapshot || chunk.epoch !== host.replica.epochSeen;
    // Nothing begins or ends while something is being taken in: its sender repeats it.
    if (other && install !== undefined && install.nextIndex < install.taken) return;
    if (install?.snapshot !== chunk.snapshot) {
      if (chunk.index !== 0) return this.#answer(from, chunk, { refused: true });
      const decision = host.replica.offerSnapshot(from, chunk.epoch, chunk.position);
      this.#options.touched(host);
      if (decision === 'have') return this.#answer(from, chunk, { installed: true });
      if (decision === 'refuse') return this.#answer(from, chunk, { refused: true });
      install?.writer?.abandon();
      const { snapshot } = chunk;
      const work = Promise.resolve();
      install = { snapshot, from, nextIndex: 0, taken: 0, checksum: 0, writer: null, work };
      this.#installs.set(chunk.range, install);
      host.replica.becomeVoid();
    }
    if (chunk.epoch !== host.replica.epochSeen) {
      this.#drop(chunk.range);
      return this.#answer(from, chunk, { refused: true });
    }
    if (chunk.index < install.taken) return this.#answer(from, chunk, { nextIndex: install.nextIndex });
    if (chunk.index > install.taken) return;
    install.taken++;
    const current = install;
    const kept = keepChunk(chunk);
    current.work = current.work.then(() => this.#take(host, current, kept));
  }

  /** The replica is being wiped, or the node stops. */
  abandon(range: RangeId): void {
    this.#drop(range);
  }

  #drop(range: RangeId): void {
    this.#installs.get(range)?.writer?.abandon();
    this.#installs.delete(range);
  }

  async #take(host: RangeHost, install: Install, chunk: SnapshotChunk): Promise<void> {
    const { range, position, rows, clientSessions } = chunk;
    if (this.#installs.get(range) !== install) return;
    try {
      install.checksum = sessionsChecksum(clientSessions, rowsChecksum(rows, install.checksum));
      if (install.checksum !== chunk.checksum) throw new Error(`chunk ${chunk.index} has another checksum`);
      const bounds = { start: chunk.start, end: chunk.end };
      install.writer ??= await this.#options.storage.beginSnapshot(range, bounds, position);
      if (this.#installs.get(range) !== install) return install.writer.abandon();
      await install.writer.add(rows);
      if (chunk.last) await install.writer.finish(clientSessions);
      install.nextIndex = chunk.index + 1;
      if (!chunk.last) return this.#answer(install.from, chunk, { nextIndex: install.nextIndex });
      if (this.#installs.get(range) === install) this.#installs.delete(range);
      host.replica.installed(position);
      host.installed(position.seq, clientSessions);
      this.#answer(install.from, chunk, { nextIndex: install.nextIndex, installed: true });
      this.#options.touched(host);
      this.#options.logger.info({ range, seq: position.seq, from: install.from }, 'snapshot installed');
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      this.#options.logger.warn({ range, error: String(error) }, 'snapshot refused');
      if (this.#installs.get(range) === install) this.#drop(range);
      this.#answer(install.from, chunk, { refused: true });
    }
  }

  #answer(to: NodeId, chunk: SnapshotChunk, what: Partial<SnapshotAck>): void {
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
