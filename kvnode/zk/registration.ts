// The node's place in ZooKeeper: its lasting record, the generation of its data directory (generation.ts), what becomes of the
// ids that the directory had before (former-nodes.ts), and in every session its live znode with the lease that hangs on it.
// Whoever uses the session hears of it only when all are there, and of its end at once. The live znode says whether the node
// stays: others see in it that it drains or is about to stop, before they hand it anything.

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
import { isDiskFull } from '../storage/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { FormerNodes } from './former-nodes.ts';
import { Generations, uncaught } from './generation.ts';

const RETRY_MS = 250;
/** A stop waits no longer than this, ms, until it is announced. */
const ANNOUNCE_MS = 500;
/** An orderly stop waits no longer than this, ms, for the last generation. */
const LAST_RAISE_MS = 1_000;

export interface RegistrationOptions {
  readonly zk: Zk;
  readonly env: Env;
  readonly logger: Logger;
  readonly storage: Storage;
  /** As it is made for a new node; of a known one the mode in ZooKeeper stays, and what the leader has noted. */
  readonly record: NodeRecord;
  readonly live: Omit<LiveRecord, 'standing'>;
  /** The session in which the live znode exists; null: there is none any more. */
  readonly registered: (session: ZkSession | null) => void;
}

export class Registration {
  readonly #options: RegistrationOptions;
  readonly #generations: Generations;
  readonly #decoder: ZnodeDecoder;
  readonly #former: FormerNodes;
  readonly #unsubscribe: Unsubscribe;
  readonly #observer: Observer;
  /** Registered in it. */
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

  /** What the leader has noted of this node's connections. */
  get unreachable(): Unreachable | null {
    return this.#unreachable;
  }

  /** Tells everybody that this node is about to stop; resolves once ZooKeeper has it, or after a bounded wait. */
  async announceStop(): Promise<void> {
    const { env } = this.#options;
    this.#stopping = true;
    await Promise.race([this.#tellStanding(), delay(env, ANNOUNCE_MS)]);
  }

  /** Raises the generation once more: a copy of the directory that was made before is older than what stays here. */
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
    const { zk, env, logger, record, live, registered } = this.#options;
    const path = paths.live(record.id);
    let told = '';
    while (!session.ended && !this.#closed) {
      try {
        await this.#writeRecord(session);
        const generation = async () => [await this.#generations.mirror(session)];
        await createOwnEphemeral({ zk, session, env }, path, this.#liveData(), generation);
        session.startLease(path);
        session.onEnd(() => {
          if (this.#session === session) this.#session = null;
          registered(null);
        });
        if (session.ended) return;
        this.#raising = this.#generations.keepRaising(session);
        logger.info({ session: session.id, address: live.address }, 'registered');
        this.#session = session;
        registered(session);
        uncaught(env, this.#former.settle(session));
        // The mode or the intention to stop may have changed on the way.
        return await this.#tellStanding();
      } catch (error) {
        if (!(error instanceof ZkError) && !isDiskFull(error)) throw error;
        if (session.ended) return;
        if (told !== error.message) logger.warn({ error: error.message }, 'not registered yet');
        told = error.message;
        await delay(env, RETRY_MS);
      }
    }
  }

  #liveData(): Uint8Array {
    return liveCodec.encode({ ...this.#options.live, standing: this.#standing });
  }

  /** Name, zone and capacity are the node's to say, the mode and the note are the cluster's. */
  async #writeRecord(session: ZkSession): Promise<void> {
    const { record } = this.#options;
    const path = paths.node(record.id);
    const known = await session.get(path);
    if (known === null) {
      await session.create(path, nodeCodec.encode(record), 'persistent');
      return;
    }
    // One that cannot be decoded is written anew.
    const { mode, noted } = this.#decoded(known) ?? { ...record, mode: this.#mode };
    const wanted = nodeCodec.encode({ ...record, mode, ...(noted === undefined ? {} : { noted }) });
    if (!equalBytes(wanted, known.data)) await session.set(path, wanted, known.version);
  }

  #learn(node: ZkNode | null): void {
    const session = this.#session;
    if (node === null) {
      // An administrator had it forgotten as it came back: without its record nobody would use it.
      if (session !== null) void this.#eventually(session, () => this.#writeRecord(session));
      return;
    }
    const record = this.#decoded(node);
    if (record === null) return;
    const { mode, noted } = record;
    this.#unreachable = noted?.unreachable ?? null;
    this.#mode = mode;
    void this.#tellStanding();
  }

  /** Resolves once the live znode says what is so, or its session has ended. */
  #tellStanding(): Promise<void> {
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

  /** Until it succeeds, or the session has ended. */
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

  /** Null: it cannot be decoded, so what was known stays. */
  #decoded(node: ZkNode): NodeRecord | null {
    const { id } = this.#options.record;
    return this.#decoder.decode(paths.node(id), node, null, () => decodeNode(id, node));
  }
}
