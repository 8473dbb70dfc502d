// Makes the persistent znodes that every cluster has: the root of the connect string, then the parents of the other znodes
// (SKELETON in znodes.ts).

import { emptyBytes } from '../base/bytes.ts';
import { ZkError, type ZkSession } from './store.ts';
import { SKELETON } from './znodes.ts';

/** Makes what is missing. Several processes may call it at once, and again after a failure. Rejects with ZkError. */
export async function ensureSkeleton(session: ZkSession): Promise<void> {
  await session.createRoot();
  for (const path of SKELETON) await ensurePersistent(session, path);
}

/** Whether all of them exist. */
export async function hasSkeleton(session: ZkSession): Promise<boolean> {
  const found = await Promise.all(SKELETON.map((path) => session.get(path)));
  return found.every((node) => node !== null);
}

async function ensurePersistent(session: ZkSession, path: string): Promise<void> {
  try {
    await session.create(path, emptyBytes, 'persistent');
  } catch (error) {
    if (!(error instanceof ZkError && error.failure === 'node-exists')) throw error;
  }
}
