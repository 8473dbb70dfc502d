// A node whose data directory was set aside joins under a new id (R12). The record of its old id stays in ZooKeeper, and the leader
// would wait for `replaceAfterMs` before it replaces the replicas of the old id. This node knows that the old id never comes back.
// So it sets the mode of that record to `gone`, and the leader replaces the replicas at once.
//
// An id must not be marked as gone while its newest data may still exist elsewhere. So the record is left alone
//
// - while the old id has a live znode, unless that belongs to a dead process of this directory;
// - if ZooKeeper holds a generation of the old id that is not in the lineage of the directory that was set aside: that directory
//   was an older copy, and the node that used the newer one may only be down;
// - if one of these znodes cannot be decoded.
//
// The multi that sets the mode checks the version of the generation's znode. Every process raises the generation in the multi in
// which it first registers, so none can start to run as the old id in between. Nothing is stored: after a crash, a lost
// answer or a lost compare-and-set everything is read again, and a record with the mode `gone` is finished.

import { delay, type Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import { BadDataError } from '../../common/model/fields.ts';
import type { EventRecord, NodeRecord } from '../../common/model/records.ts';
import { type Zk, ZkError, type ZkNode, type ZkOp, type ZkSession } from '../../common/zk/store.ts';
import { decodeNode, eventCodec, generationCodec, nodeCodec, paths } from '../../common/zk/znodes.ts';
import { hasGeneration } from '../storage/lineage.ts';
import type { NodeFile } from '../storage/node-file.ts';
import type { Storage } from '../storage/storage.ts';

const RETRY_MS = 500;

export interface FormerNodesOptions {
  readonly zk: Zk;
  readonly env: Env;
  readonly logger: Logger;
  readonly storage: Pick<Storage, 'nodeId' | 'clusterId' | 'former'>;
}

export class FormerNodes {
  readonly #options: FormerNodesOptions;
  /** The old ids of this directory that are not settled yet. */
  readonly #open: Set<NodeFile>;
  #closed = false;

  constructor(options: FormerNodesOptions) {
    const { former, clusterId } = options.storage;
    this.#options = options;
    this.#open = new Set(former.filter((node) => node.clusterId === clusterId));
  }

  /** To be called once this node is registered in `session`. Resolves when every old id is settled, or the session has ended. */
  async settle(session: ZkSession): Promise<void> {
    await Promise.all([...this.#open].map((node) => this.#settle(session, node)));
  }

  close(): void {
    this.#closed = true;
  }

  async #settle(session: ZkSession, node: NodeFile): Promise<void> {
    const { env, logger } = this.#options;
    let logged = '';
    const logOnce = (text: string): void => {
      if (text !== logged) logger.warn({ id: node.nodeId }, text);
      logged = text;
    };
    for (; !session.ended && !this.#closed; await delay(env, RETRY_MS)) {
      try {
        if (!(await this.#attempt(session, node, logOnce))) continue;
        this.#open.delete(node);
        return;
      } catch (error) {
        if (error instanceof BadDataError) {
          logOnce(`the record of the old id is left alone, because a znode cannot be read: ${error.message}`);
          return;
        }
        if (!(error instanceof ZkError)) throw error;
        if (!session.ended) logOnce(`the old id is not marked as gone yet: ${error.message}`);
      }
    }
  }

  /**
   * Returns whether the old id is settled; if not, the caller tries again. Rejects with ZkError, also if another writer came first,
   * and with BadDataError.
   */
  async #attempt(session: ZkSession, node: NodeFile, log: (text: string) => void): Promise<boolean> {
    const { zk } = this.#options;
    const { nodeId, lineage } = node;
    const generation = await session.get(paths.generation(nodeId));
    // The old id was never registered, or an administrator has removed it. Nothing refers to it.
    if (generation === null) return true;
    if (!hasGeneration(lineage, generationCodec.decode(generation.data))) {
      log('the record of the old id is left alone: the directory that was set aside was an older copy');
      return true;
    }
    const live = await session.get(paths.live(nodeId));
    if (live !== null) {
      const isOwn = live.ephemeralOwner !== null && (await zk.closeFormer(live.ephemeralOwner));
      if (!isOwn) log('the record of the old id is left alone while another session is registered as it');
      return false;
    }
    const found = await session.get(paths.node(nodeId));
    if (found === null) return true;
    const record = decodeNode(nodeId, found);
    if (record.mode !== 'gone') await this.#mark(session, record, found, generation);
    return true;
  }

  async #mark(session: ZkSession, record: NodeRecord, found: ZkNode, generation: ZkNode): Promise<void> {
    const { env, logger, storage } = this.#options;
    const { id, name } = record;
    const text = `${name} (${id}) is gone for good: its data directory was set aside, and its disk is ${storage.nodeId} now`;
    const event: EventRecord = {
      ...{ at: env.wallNow(), by: storage.nodeId, kind: 'node-gone' },
      ...{ node: id, text },
    };
    const gone: NodeRecord = { ...record, mode: 'gone' };
    const ops: readonly ZkOp[] = [
      { kind: 'check', path: paths.generation(id), version: generation.version },
      { kind: 'set', path: paths.node(id), data: nodeCodec.encode(gone), version: found.version },
      {
        ...{ kind: 'create', path: paths.eventPrefix, mode: 'persistent-sequential' },
        data: eventCodec.encode(event),
      },
    ];
    await session.multi(ops);
    logger.info({ id }, 'the old id of this directory is marked as gone');
  }
}
