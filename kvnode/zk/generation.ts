// R12: recognises a data directory that is an older copy of itself, by a counter, the *generation*, that the directory and ZooKeeper
// both hold.
//
// Order [safety]: a generation is raised in the directory first, durably, and then in ZooKeeper by compare-and-set. So
// ZooKeeper never holds a generation that is not in the history of the directory that raised it, whatever crashes, whatever
// answer is lost, and whichever session a late write belongs to. If ZooKeeper holds a generation that this directory's
// history lacks, another directory has raised it, and this one is an older copy. The opposite proves nothing, and the new
// generation is written to ZooKeeper: either a crash came between the two steps, or ZooKeeper was restored to an older state.
//
// A process compares before it raises. Otherwise an old copy could catch up by crashing often enough. Raising in ZooKeeper and
// making the live znode are one multi (registration.ts). So a process that acknowledges anything as this node has raised, and a
// copy that is started beside the running node changes nothing in ZooKeeper.
//
// The generation is also raised while the node runs, and at an orderly stop, because a copy may be made at any time. A copy
// from which a crashed node lost less than RAISE_MS of work is not recognised.

import { toHex } from '../../common/base/bytes.ts';
import { delay, type Env, every, type Timer } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { GenerationRecord } from '../../common/model/records.ts';
import { EXIT, ProcessExit } from '../../common/process/exit.ts';
import { type Zk, ZkError, type ZkNode, type ZkOp, type ZkSession } from '../../common/zk/store.ts';
import { generationCodec, liveCodec, paths } from '../../common/zk/znodes.ts';
import type { Stage } from '../process/stage.ts';
import { CorruptDataError, isDiskFull } from '../storage/data-errors.ts';
import { hasGeneration, newestGeneration } from '../storage/lineage.ts';
import type { Storage } from '../storage/storage.ts';

/** How often a node raises its generation, ms. It costs one small write to the disk and one to ZooKeeper. */
export const RAISE_MS = 10_000;
const RETRY_MS = 250;
const WRITER_BYTES = 8;

type LineageStorage = Pick<Storage, 'nodeId' | 'lineage' | 'raiseGeneration'>;

interface GenerationDeps {
  readonly storage: LineageStorage;
  readonly env: Env;
  readonly logger: Logger;
}

interface CheckDeps extends GenerationDeps {
  /** Shows what the process waits for. */
  readonly stage: Stage;
}

// ---- at the start --------------------------------------------------------------------------------------------------

/**
 * Resolves once no other session is registered as this node, and ZooKeeper holds no generation that this directory's history
 * lacks. Rejects with CorruptDataError if it does: the directory must be set aside. Rejects with ProcessExit if another
 * process runs as this node, which shows when it raises the generation while this one waits.
 */
export async function checkGeneration(zk: Zk, deps: CheckDeps): Promise<void> {
  let rival: RivalSession | null = null;
  for (; ; await delay(deps.env, RETRY_MS)) {
    const { session } = zk;
    if (session === null) continue;
    try {
      const found = await readRegistered(session, deps.storage);
      if (found.holder === null) return refuseOlderCopy(found.known, deps.storage);
      if (await zk.closeFormer(found.holder)) continue;
      rival = sameRival(rival, found) ?? waitForRival(found, deps);
      refuseLivingRival(rival, found);
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
    }
  }
}

/** What ZooKeeper holds about this node. */
interface Registered {
  readonly known: GenerationRecord | null;
  /** The session of the live znode; null if there is none. */
  readonly holder: string | null;
  readonly address: string;
}

/** The live znode is read last. */
async function readRegistered(session: ZkSession, { nodeId }: LineageStorage): Promise<Registered> {
  const known = decode(await session.get(paths.generation(nodeId)));
  const live = await session.get(paths.live(nodeId));
  const address = live === null ? '' : String(Object(liveCodec.decode(live.data)).address);
  return { known, holder: live?.ephemeralOwner ?? null, address };
}

function refuseOlderCopy(known: GenerationRecord | null, { lineage }: LineageStorage): void {
  if (known === null || hasGeneration(lineage, known)) return;
  throw new CorruptDataError(
    `the data directory is an older copy: it is in generation ${lineage.generation}, and its node was in ` +
      `generation ${known.generation} already`,
  );
}

/** A session that holds the live znode and is not known to this directory. Its process may be dead. */
interface RivalSession {
  readonly holder: string;
  /** The generation when the session was first seen. */
  readonly known: GenerationRecord | null;
}

function sameRival(rival: RivalSession | null, { holder }: Registered): RivalSession | null {
  return rival?.holder === holder ? rival : null;
}

function waitForRival({ known, holder, address }: Registered, { logger, stage }: CheckDeps): RivalSession {
  stage.enter('waiting for the end of another session of this node');
  logger.warn(
    { session: holder, address },
    'another session is registered as this node: waiting until it ends',
  );
  return { holder: holder ?? '', known };
}

/** If the generation has risen meanwhile, the other process lives. */
function refuseLivingRival(rival: RivalSession, { known, address }: Registered): void {
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
    // Unreadable data says nothing about this directory. It will be overwritten.
    return null;
  }
}

// ---- while the node runs -------------------------------------------------------------------------------------------

/** Raises the generation of the data directory while this process runs. */
export class Generations {
  readonly #deps: GenerationDeps;
  /** Drawn at random: names this process in the directory's history. */
  readonly #writer: string;
  #raised = false;
  #raising = false;

  constructor(deps: GenerationDeps) {
    this.#deps = deps;
    this.#writer = toHex(deps.env.randomBytes(WRITER_BYTES));
  }

  /**
   * The operation that writes this process's generation to ZooKeeper, or checks that it is there. It belongs into the multi that
   * makes the live znode. Rejects with ProcessExit if another process has raised the generation meanwhile.
   */
  async zkOperation(session: ZkSession): Promise<ZkOp> {
    const { storage } = this.#deps;
    const path = paths.generation(storage.nodeId);
    const node = await session.get(path);
    const known = decode(node);
    refuseOvertaken(known, storage);
    if (!this.#raised) await storage.raiseGeneration(this.#writer);
    this.#raised = true;
    const own = newestGeneration(storage.lineage);
    if (own === null) throw new ProcessExit(EXIT.failed, 'kvnode: node.json has no generation');
    const data = generationCodec.encode(own);
    if (node === null) return { kind: 'create', path, data, mode: 'persistent' };
    if (known?.generation === own.generation) return { kind: 'check', path, version: node.version };
    return { kind: 'set', path, data, version: node.version };
  }

  /** Raises the generation every RAISE_MS, until `session` ends or the timer is cancelled. */
  keepRaising(session: ZkSession): Timer {
    const timer = every(this.#deps.env, RAISE_MS, () => uncaught(this.#deps.env, this.raise(session)));
    session.onEnd(() => timer.cancel());
    return timer;
  }

  /**
   * Raises the generation once: in the directory, then in ZooKeeper. If ZooKeeper or a full disk fails, the next raise makes up for
   * it. Rejects with ProcessExit as {@link zkOperation} does, and with the error of a broken disk, which ends the process.
   */
  async raise(session: ZkSession): Promise<void> {
    if (this.#raising) return;
    this.#raising = true;
    const { storage, logger } = this.#deps;
    try {
      await storage.raiseGeneration(this.#writer);
      await session.multi([await this.zkOperation(session)]);
    } catch (error) {
      if (!(error instanceof ZkError) && !isDiskFull(error)) throw error;
      if (!session.ended) logger.warn({ error: error.message }, 'the generation was not raised');
    } finally {
      this.#raising = false;
    }
  }
}

function refuseOvertaken(known: GenerationRecord | null, { lineage }: LineageStorage): void {
  if (known === null || hasGeneration(lineage, known)) return;
  throw new ProcessExit(
    EXIT.failed,
    `kvnode: another process has run as this node on another copy of this data directory: it raised generation ` +
      `${known.generation}, this one is in ${lineage.generation}`,
  );
}

/** If `work` rejects, the error ends the process, as an uncaught one does. */
export function uncaught(env: Env, work: Promise<void>): void {
  work.catch((error: unknown) =>
    env.soon(() => {
      throw error;
    }),
  );
}
