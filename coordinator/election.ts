// How a coordinator becomes the leader. It joins the election queue (common/zk/election-queue.ts) and waits for the one before it.
// To be the first is not enough to write safely, because a leader that was frozen still believes that it is the first. So a new
// leader takes the next coordinator epoch by compare-and-set, and every write of its term checks that epoch.

import type { Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import { BadDataError } from '../common/model/fields.ts';
import type { CoordinatorRecord } from '../common/model/records.ts';
import { queueOf, standsInQueue } from '../common/zk/election-queue.ts';
import { type Zk, ZkError, type ZkNode, type ZkSession } from '../common/zk/store.ts';
import { coordinatorCodec, coordinatorEpochCodec, paths, sessionOfCoordinator } from '../common/zk/znodes.ts';
import type { Fence } from './commit.ts';
import { retryUnanswered } from './retry.ts';

export interface ElectionDeps {
  readonly zk: Zk;
  readonly env: Env;
  readonly logger: Logger;
  readonly record: CoordinatorRecord;
  readonly retryMs: number;
  /** Called when another coordinator stands before this one in the queue. */
  readonly standingBy: () => void;
}

/** Joins the queue, and resolves once this session leads. Rejects with ZkError `ended` if the session ends before. */
export async function campaign(session: ZkSession, deps: ElectionDeps): Promise<Fence> {
  for (;;) {
    const before = await retryUnanswered(session, deps.env, deps.retryMs, () =>
      findPredecessor(session, deps),
    );
    if (before === null) {
      const fence = await retryUnanswered(session, deps.env, deps.retryMs, () => takeEpoch(session));
      if (fence !== null) return fence;
    } else {
      deps.standingBy();
      deps.logger.info({ before }, 'standing by');
      await untilGone(deps.zk, session, paths.coordinator(before));
    }
  }
}

/** Leaves the queue, so that a fenced leader joins again at the end. Its znode may be gone already. */
export async function leaveQueue(session: ZkSession, deps: ElectionDeps): Promise<void> {
  await retryUnanswered(session, deps.env, deps.retryMs, async () => {
    await session.barrier();
    for (const name of await queue(session)) {
      if (sessionOfCoordinator(name) === session.id) await deleteIfThere(session, paths.coordinator(name));
    }
  });
}

async function deleteIfThere(session: ZkSession, path: string): Promise<void> {
  try {
    await session.delete(path, 0);
  } catch (error) {
    if (!(error instanceof ZkError && error.failure === 'no-node')) throw error;
  }
}

/** The coordinator before this session in the queue; null: this session is the first. Joins the queue if it is not in it. */
async function findPredecessor(session: ZkSession, deps: ElectionDeps): Promise<string | null> {
  // After a lost reply the znode may exist: behind the barrier, the list has it if it was made.
  await session.barrier();
  const names = await queue(session);
  const own = names.findIndex((name) => sessionOfCoordinator(name) === session.id);
  if (own >= 0) return nearest(session, names.slice(0, own));
  const prefix = paths.coordinatorPrefix(session.id);
  await session.create(prefix, coordinatorCodec.encode(deps.record), 'ephemeral-sequential');
  return findPredecessor(session, deps);
}

/** The names in the queue, the first one first. */
async function queue(session: ZkSession): Promise<readonly string[]> {
  return queueOf((await session.children(paths.coordinators)) ?? []);
}

/** The last of `names` that really stands in the queue; null: none does. */
async function nearest(session: ZkSession, names: readonly string[]): Promise<string | null> {
  for (const name of [...names].reverse()) {
    const node = await session.get(paths.coordinator(name));
    if (node !== null && standsInQueue(node)) return name;
  }
  return null;
}

/** Null: another coordinator took it at the same time; look at the queue again. */
async function takeEpoch(session: ZkSession): Promise<Fence | null> {
  const node = await session.get(paths.coordinatorEpoch);
  if (node === null) throw new ZkError('no-node', paths.coordinatorEpoch);
  const term = termIn(node) + 1;
  const data = coordinatorEpochCodec.encode({ term, leader: session.id });
  try {
    const version = await session.set(paths.coordinatorEpoch, data, node.version);
    return { session, version, term };
  } catch (error) {
    if (error instanceof ZkError && error.failure === 'bad-version') return null;
    throw error;
  }
}

/**
 * How many terms there have been, for people to read. If the data cannot be read, the znode's version serves: it rises by one
 * each term.
 */
function termIn({ data, version }: ZkNode): number {
  try {
    return coordinatorEpochCodec.decode(data).term;
  } catch (error) {
    if (!(error instanceof BadDataError)) throw error;
    return version;
  }
}

/** Resolves when the znode does not exist. Rejects when the session ends. */
function untilGone(zk: Zk, session: ZkSession, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const observer = zk.observeData(path, (node) => {
      if (node !== null) return;
      forget();
      observer.close();
      resolve();
    });
    const forget = session.onEnd(() => {
      observer.close();
      reject(new ZkError('ended', path));
    });
  });
}
