// Tells a data directory from an older copy of it (R12), by the start counter that the directory and ZooKeeper both hold.
//
// Order [safety]: a generation is raised in the directory first, durably, and then in ZooKeeper by compare-and-set. So
// ZooKeeper never holds a generation that is not in the history of the directory that raised it, whatever crashes,
// whatever answer is lost and whichever of the directory's sessions a late write belongs to. If ZooKeeper does hold one,
// this directory is not the one that raised it. The opposite proves nothing and is mended: a crash came between the two,
// or ZooKeeper was restored to an older state.
//
// A process compares first and raises then, or an old copy would catch up by crashing often enough. Raising in
// ZooKeeper and making the live znode are one multi (registration.ts): who acknowledges anything as this node has
// raised, and a copy that is started beside the running node changes nothing in ZooKeeper.
//
// The counter is raised while the node runs as well, and at an orderly stop, because a copy may be made at any time. A
// copy from which a crashed node lost less than RAISE_MS of work is not found out.

import { toHex } from '../../common/base/bytes.ts';
import { delay, type Env, every, type Timer } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { GenerationRecord } from '../../common/model/records.ts';
import { EXIT, ProcessExit } from '../../common/process/exit.ts';
import { type Zk, ZkError, type ZkNode, type ZkOp, type ZkSession } from '../../common/zk/store.ts';
import { generationCodec, liveCodec, paths } from '../../common/zk/znodes.ts';
import type { Stage } from '../process/stage.ts';
import { CorruptDataError, isDiskFull } from '../storage/errors.ts';
import { contains, newestOf } from '../storage/log/lineage.ts';
import type { Storage } from '../storage/storage.ts';

/** Two writes of some hundred bytes, one to the disk and one to ZooKeeper, so often a node. */
export const RAISE_MS = 10_000;
const RETRY_MS = 250;
const WRITER_BYTES = 8;

type NodeStorage = Pick<Storage, 'nodeId' | 'lineage' | 'raiseGeneration'>;

interface GenerationDeps {
  readonly storage: NodeStorage;
  readonly env: Env;
  readonly logger: Logger;
}

interface CheckDeps extends GenerationDeps {
  /** Shows what is waited for. */
  readonly stage: Stage;
}

// ---- at the start --------------------------------------------------------------------------------------------------

/**
 * Resolves once nobody else is registered as this node and ZooKeeper knows no generation that this directory has not
 * been in. Rejects with CorruptDataError where it does: the directory must be set aside. Rejects with ProcessExit where
 * another process runs as this node: that one is seen to raise the generation while this one waits.
 */
export async function checkGeneration(zk: Zk, deps: CheckDeps): Promise<void> {
  let rival: Rival | null = null;
  for (; ; await delay(deps.env, RETRY_MS)) {
    const { session } = zk;
    if (session === null) continue;
    try {
      const found = await look(session, deps.storage);
      if (found.holder === null) return judge(found.known, deps.storage);
      if (await zk.closeFormer(found.holder)) continue;
      rival = sameRival(rival, found) ?? metRival(found, deps);
      refuseBeside(rival, found);
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
    }
  }
}

/** What ZooKeeper has of this node. The live znode is read last. */
interface Found {
  readonly known: GenerationRecord | null;
  /** Session of the live znode; null: there is none. */
  readonly holder: string | null;
  readonly address: string;
}

async function look(session: ZkSession, { nodeId }: NodeStorage): Promise<Found> {
  const known = decode(await session.get(paths.generation(nodeId)));
  const live = await session.get(paths.live(nodeId));
  const address = live === null ? '' : String(Object(liveCodec.decode(live.data)).address);
  return { known, holder: live?.ephemeralOwner ?? null, address };
}

function judge(known: GenerationRecord | null, { lineage }: NodeStorage): void {
  if (known === null || contains(lineage, known)) return;
  throw new CorruptDataError(
    `the data directory is an older copy: it is in generation ${lineage.generation}, and its node was in ` +
      `generation ${known.generation} already`,
  );
}

/** A session that holds the live znode and is none of this directory's: it may be a dead predecessor's. */
interface Rival {
  readonly holder: string;
  readonly known: GenerationRecord | null;
}

function sameRival(rival: Rival | null, { holder }: Found): Rival | null {
  return rival?.holder === holder ? rival : null;
}

function metRival({ known, holder, address }: Found, { logger, stage }: CheckDeps): Rival {
  stage.enter('waiting for the end of another session of this node');
  logger.warn(
    { session: holder, address },
    'this node is registered by another session: waiting for its end',
  );
  return { holder: holder ?? '', known };
}

function refuseBeside(rival: Rival, { known, address }: Found): void {
  if (known?.generation === rival.known?.generation && known?.writer === rival.known?.writer) return;
  throw new ProcessExit(
    EXIT.failed,
    `kvnode: another process, at ${address}, runs as this node on another copy of this data directory; nothing was changed here`,
  );
}

function decode(node: ZkNode | null): GenerationRecord | null {
  if (node === null) return null;
  try {
    return generationCodec.decode(node.data);
  } catch {
    // Somebody's rubbish says nothing of this directory, and is written over.
    return null;
  }
}

// ---- while the node runs -------------------------------------------------------------------------------------------

/** One process's hold on the generation of its data directory. */
export class Generations {
  readonly #deps: GenerationDeps;
  readonly #writer: string;
  #raised = false;
  #raising = false;

  constructor(deps: GenerationDeps) {
    this.#deps = deps;
    this.#writer = toHex(deps.env.randomBytes(WRITER_BYTES));
  }

  /**
   * The operation that brings ZooKeeper to this process's generation, or checks that it is there: to be part of the
   * multi that makes the live znode. Rejects with ProcessExit where another process has raised meanwhile.
   */
  async mirror(session: ZkSession): Promise<ZkOp> {
    const { storage } = this.#deps;
    const path = paths.generation(storage.nodeId);
    const node = await session.get(path);
    const known = decode(node);
    refuseOvertaken(known, storage);
    if (!this.#raised) await storage.raiseGeneration(this.#writer);
    this.#raised = true;
    const own = newestOf(storage.lineage);
    if (own === null) throw new ProcessExit(EXIT.failed, 'kvnode: node.json has no generation');
    const data = generationCodec.encode(own);
    if (node === null) return { kind: 'create', path, data, mode: 'persistent' };
    if (known?.generation === own.generation) return { kind: 'check', path, version: node.version };
    return { kind: 'set', path, data, version: node.version };
  }

  /** Raises every RAISE_MS until `session` ends, or the timer is cancelled. */
  keepRaising(session: ZkSession): Timer {
    const timer = every(this.#deps.env, RAISE_MS, () => uncaught(this.#deps.env, this.raise(session)));
    session.onEnd(() => timer.cancel());
    return timer;
  }

  /**
   * One try: the directory, then ZooKeeper. What ZooKeeper or a full disk fails is made up for by the next one. Rejects
   * with ProcessExit as {@link mirror} does, and with the error of a disk that is broken: nobody catches that.
   */
  async raise(session: ZkSession): Promise<void> {
    if (this.#raising) return;
    this.#raising = true;
    const { storage, logger } = this.#deps;
    try {
      await storage.raiseGeneration(this.#writer);
      await session.multi([await this.mirror(session)]);
    } catch (error) {
      if (!(error instanceof ZkError) && !isDiskFull(error)) throw error;
      if (!session.ended) logger.warn({ error: error.message }, 'the generation was not raised');
    } finally {
      this.#raising = false;
    }
  }
}

function refuseOvertaken(known: GenerationRecord | null, { lineage }: NodeStorage): void {
  if (known === null || contains(lineage, known)) return;
  throw new ProcessExit(
    EXIT.failed,
    `kvnode: another process has run as this node on another copy of this data directory: it raised generation ` +
      `${known.generation}, this one is in ${lineage.generation}`,
  );
}

/** What `work` rejects with ends the process, as a thrown error does. */
export function uncaught(env: Env, work: Promise<void>): void {
  work.catch((error: unknown) =>
    env.soon(() => {
      throw error;
    }),
  );
}
