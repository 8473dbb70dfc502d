// Registers the node in ZooKeeper: its persistent record, the generation of its data directory (generation.ts), what becomes of
// the ids that the directory had before (former-nodes.ts), and in every session its live znode, on which the lease depends.
// The node gets the session only when the record, the generation and the live znode are written, and learns at once that the
// session has ended. The live znode says whether the node stays, drains or is about to stop, so that others see it before they
// hand anything over to it.

import { equalBytes } from '../../common/base/bytes.ts';
import { delay, type Env, type Timer } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { LiveRecord, NodeMode, NodeRecord, Standing, Unreachable } from '../../common/model/records.ts';
import { createOwnEphemeral } from '../../common/zk/own-ephemeral.ts';
import {
  type Observer,
  type Unsubscribe,
  type Zk,
  ZkError,
  type ZkNode,
  type ZkSession,
} from '../../common/zk/store.ts';
import { ZnodeDecoder } from '../../common/zk/znode-decoder.ts';
import { decodeNode, liveCodec, nodeCodec, paths } from '../../common/zk/znodes.ts';
import { isDiskFull } from '../storage/data-errors.ts';
import type { Storage } from '../storage/storage.ts';
import { FormerNodes } from './former-nodes.ts';
import { Generations, uncaught } from './generation.ts';

const RETRY_MS = 250;
/** An orderly stop waits at most this long for its announcement, ms. */
const ANNOUNCE_MS = 500;
/** An orderly stop waits at most this long until the generation is raised, ms. */
const LAST_RAISE_MS = 1_000;

export interface RegistrationOptions {
  readonly zk: Zk;
  readonly env: Env;
  readonly logger: Logger;
  readonly storage: Storage;
  /** The record of a new node. If ZooKeeper has one already, its mode stays, and so does what the leader has noted. */
  readonly record: NodeRecord;
  readonly live: Omit<LiveRecord, 'standing'>;
  /** Called with the session in which the live znode exists, and with null when that session ends. */
  readonly registered: (session: ZkSession | null) => void;
}

export class Registration {
  readonly #options: RegistrationOptions;
  readonly #generations: Generations;
  readonly #decoder: ZnodeDecoder;
  readonly #former: FormerNodes;
  readonly #unsubscribe: Unsubscribe;
  readonly #observer: Observer;
  /** The session in which the node is registered. */
  #session: ZkSession | null = null;
  #mode: NodeMode;
  #unreachable: Unreachable | null = null;
  #stopping = false;
  #raising: Timer | null = null;
  #closed = false;

  constructor(options: RegistrationOptions) {
    const { zk, record } = options;
    this.#options = options;
    this.#mode = record.mode;
    this.#generations = new Generations(options);
    this.#decoder = new ZnodeDecoder(options.logger);
    this.#former = new FormerNodes(options);
    this.#unsubscribe = zk.onSession((session) => uncaught(options.env, this.#register(session)));
    this.#observer = zk.observeData(paths.node(record.id), (node) => this.#learn(node));
  }

  /** What the leader has noted about this node's connections; null if nothing. */
  get unreachable(): Unreachable | null {
    return this.#unreachable;
  }

  /** Writes into the live znode that this node is about to stop. Resolves once it is written, or after ANNOUNCE_MS. */
  async announceStop(): Promise<void> {
    const { env } = this.#options;
    this.#stopping = true;
    await Promise.race([this.#writeStanding(), delay(env, ANNOUNCE_MS)]);
  }

  /** Raises the generation once more, so that copies of the directory that were made before count as older. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#former.close();
    this.#unsubscribe();
    this.#observer.close();
    this.#raising?.cancel();
    const session = this.#session;
    if (session === null || session.ended) return;
    await Promise.race([this.#generations.raise(session), delay(this.#options.env, LAST_RAISE_MS)]);
  }

  get #standing(): Standing {
    if (this.#stopping) return 'stopping';
    return this.#mode === 'active' ? 'staying' : 'draining';
  }

  async #register(session: ZkSession): Promise<void> {
    const { env, logger } = this.#options;
    let logged = '';
    while (!session.ended && !this.#closed) {
      try {
        await this.#makeLive(session);
        if (session.ended) return;
        this.#announce(session);
        uncaught(env, this.#former.settle(session));
        // The mode, or whether the node is stopping, may have changed meanwhile.
        return await this.#writeStanding();
      } catch (error) {
        if (!(error instanceof ZkError) && !isDiskFull(error)) throw error;
        if (session.ended) return;
        if (logged !== error.message) logger.warn({ error: error.message }, 'not registered yet');
        logged = error.message;
        await delay(env, RETRY_MS);
      }
    }
  }

  /** Writes the record, the generation and the live znode, and starts the lease. */
  async #makeLive(session: ZkSession): Promise<void> {
    const { zk, env, record, registered } = this.#options;
    const path = paths.live(record.id);
    await this.#writeRecord(session);
    const generation = async () => [await this.#generations.zkOperation(session)];
    await createOwnEphemeral({ zk, session, env }, path, this.#liveData(), generation);
    session.startLease(path);
    session.onEnd(() => {
      if (this.#session === session) this.#session = null;
      registered(null);
    });
  }

  #announce(session: ZkSession): void {
    const { logger, live, registered } = this.#options;
    this.#raising = this.#generations.keepRaising(session);
    logger.info({ session: session.id, address: live.address }, 'registered');
    this.#session = session;
    registered(session);
  }

  #liveData(): Uint8Array {
    return liveCodec.encode({ ...this.#options.live, standing: this.#standing });
  }

  /** The node decides name, zone, machine and capacity. The cluster decides the mode and the leader's notes, which are kept. */
  async #writeRecord(session: ZkSession): Promise<void> {
    const { record } = this.#options;
    const path = paths.node(record.id);
    const known = await session.get(path);
    if (known === null) {
      await session.create(path, nodeCodec.encode(record), 'persistent');
      return;
    }
    // A record that cannot be decoded is replaced.
    const { mode, noted } = this.#decoded(known) ?? { ...record, mode: this.#mode };
    const data = nodeCodec.encode({ ...record, mode, ...(noted === undefined ? {} : { noted }) });
    if (!equalBytes(data, known.data)) await session.set(path, data, known.version);
  }

  #learn(node: ZkNode | null): void {
    const session = this.#session;
    if (node === null) {
      // An administrator removed the record while the node came back. Without a record nobody would use the node.
      if (session !== null) void this.#eventually(session, () => this.#writeRecord(session));
      return;
    }
    const record = this.#decoded(node);
    if (record === null) return;
    const { mode, noted } = record;
    this.#unreachable = noted?.unreachable ?? null;
    this.#mode = mode;
    void this.#writeStanding();
  }

  /** Resolves once the live znode holds the present standing, or its session has ended. */
  #writeStanding(): Promise<void> {
    const session = this.#session;
    if (session === null) return Promise.resolve();
    const path = paths.live(this.#options.record.id);
    return this.#eventually(session, async () => {
      const found = await session.get(path);
      const data = this.#liveData();
      if (found === null || found.ephemeralOwner !== session.id || equalBytes(found.data, data)) return;
      await session.set(path, data, found.version);
    });
  }

  /** Retries `write` until it succeeds or the session has ended. */
  async #eventually(session: ZkSession, write: () => Promise<void>): Promise<void> {
    while (!session.ended && !this.#closed) {
      try {
        return await write();
      } catch (error) {
        if (!(error instanceof ZkError)) throw error;
        await delay(this.#options.env, RETRY_MS);
      }
    }
  }

  /** Null if the record cannot be decoded. Then what was known before stays. */
  #decoded(node: ZkNode): NodeRecord | null {
    const { id } = this.#options.record;
    return this.#decoder.decode(paths.node(id), node, null, () => decodeNode(id, node));
  }
}
