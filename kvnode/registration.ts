// The node's place in ZooKeeper: its lasting record, and in every session its live znode with the lease that hangs on
// it. Whoever uses the session hears of it only when both are there, and of its end at once.

import { delay, type Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { LiveRecord, NodeRecord } from '../common/model/records.ts';
import { createOwnEphemeral } from '../common/zk/own-ephemeral.ts';
import { type Unsubscribe, type Zk, ZkError, type ZkSession } from '../common/zk/store.ts';
import { liveCodec, nodeCodec, paths } from '../common/zk/znodes.ts';

const RETRY_MS = 250;

export interface RegistrationOptions {
  readonly zk: Zk;
  readonly env: Env;
  readonly logger: Logger;
  /** As it is made for a new node; of a known one the mode in ZooKeeper stays. */
  readonly record: NodeRecord;
  readonly live: LiveRecord;
  /** The session in which the live znode exists; null: there is none any more. */
  readonly registered: (session: ZkSession | null) => void;
}

export class Registration {
  readonly #options: RegistrationOptions;
  readonly #unsubscribe: Unsubscribe;
  #closed = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#unsubscribe = options.zk.onSession((session) => void this.#register(session));
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
  }

  async #register(session: ZkSession): Promise<void> {
    const { zk, env, logger, record, live, registered } = this.#options;
    const path = paths.live(record.id);
    while (!session.ended && !this.#closed) {
      try {
        await this.#writeRecord(session);
        await createOwnEphemeral({ zk, session, env }, path, liveCodec.encode(live));
        session.startLease(path);
        session.onEnd(() => registered(null));
        if (session.ended) return;
        logger.info({ session: session.id, address: live.address }, 'registered');
        registered(session);
        return;
      } catch (error) {
        if (!(error instanceof ZkError)) throw error;
        if (session.ended) return;
        logger.warn({ failure: error.failure, path: error.path }, 'not registered yet');
        await delay(env, RETRY_MS);
      }
    }
  }

  /** Name, zone and capacity are the node's to say, the mode is the cluster's. */
  async #writeRecord(session: ZkSession): Promise<void> {
    const { record } = this.#options;
    const path = paths.node(record.id);
    const known = await session.get(path);
    if (known === null) {
      await session.create(path, nodeCodec.encode(record), 'persistent');
      return;
    }
    const { mode } = nodeCodec.decode(known.data);
    const wanted = nodeCodec.encode({ ...record, mode });
    if (Buffer.compare(wanted, known.data) !== 0) await session.set(path, wanted, known.version);
  }
}
