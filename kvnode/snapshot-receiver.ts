// Takes a snapshot in: chunk after chunk in order, each answered when its rows are with the state store, the last one
// when everything is durable. A chunk that comes again is answered again; a new snapshot starts over; one from an owner
// that is over is refused (R3). The replica is void in between.

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
  nextIndex: number;
  checksum: number;
  /** Null until the void record is durable. */
  writer: SnapshotWriter | null;
  /** A chunk is being taken in: another one is ignored, its sender repeats it. */
  busy: boolean;
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
    if (install?.busy) return;
    if (install?.snapshot !== chunk.snapshot) {
      if (chunk.index !== 0) return this.#answer(from, chunk, { refused: true });
      const decision = host.replica.offerSnapshot(chunk.epoch, chunk.position);
      this.#options.touched(host);
      if (decision === 'have') return this.#answer(from, chunk, { installed: true });
      if (decision === 'refuse') return this.#answer(from, chunk, { refused: true });
      install?.writer?.abandon();
      install = { snapshot: chunk.snapshot, from, nextIndex: 0, checksum: 0, writer: null, busy: false };
      this.#installs.set(chunk.range, install);
      host.replica.becomeVoid();
    }
    if (chunk.epoch !== host.replica.epochSeen) {
      this.#drop(chunk.range);
      return this.#answer(from, chunk, { refused: true });
    }
    if (chunk.index < install.nextIndex) return this.#answer(from, chunk, { nextIndex: install.nextIndex });
    if (chunk.index === install.nextIndex) void this.#take(host, install, chunk);
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
    install.busy = true;
    // Views into a message that is gone after this turn.
    const rows = chunk.rows.map(({ key, value, revision }) => ({
      key: copyOf(key),
      value: copyOf(value),
      revision,
    }));
    const sessions = chunk.clientSessions.map(({ clientId, record }) => ({
      clientId: copyOf(clientId),
      record: copyOf(record),
    }));
    const { range, position, start, end } = chunk;
    const bounds = { start: copyOf(start), end: end === null ? null : copyOf(end) };
    try {
      install.checksum = sessionsChecksum(sessions, rowsChecksum(rows, install.checksum));
      if (install.checksum !== chunk.checksum) throw new Error(`chunk ${chunk.index} has another checksum`);
      install.writer ??= await this.#options.storage.beginSnapshot(range, bounds, position);
      await install.writer.add(rows);
      install.nextIndex = chunk.index + 1;
      if (!chunk.last) return this.#answer(install.from, chunk, { nextIndex: install.nextIndex });
      await install.writer.finish(sessions);
      this.#installs.delete(range);
      host.replica.installed(position);
      host.installed(position.seq, sessions);
      this.#answer(install.from, chunk, { nextIndex: install.nextIndex, installed: true });
      this.#options.touched(host);
      this.#options.logger.info({ range, seq: position.seq, from: install.from }, 'snapshot installed');
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      this.#options.logger.warn({ range, error: String(error) }, 'snapshot refused');
      this.#drop(range);
      this.#answer(install.from, chunk, { refused: true });
    } finally {
      install.busy = false;
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
