// Explains why there is no cluster where somebody looked for one: which address, which root, and what is there instead. It is used
// once, after a client could not connect.

import { RangekeeperError } from '../common/base/errors.ts';
import { type ConnectString, formatConnectString } from '../common/model/connect-string.ts';
import { BadDataError } from '../common/model/fields.ts';
import { type Zk, ZkError, type ZkSession } from '../common/zk/store.ts';
import { clusterCodec, paths } from '../common/zk/znodes.ts';

export interface Attempt {
  readonly target: ConnectString;
  /** The connection that was tried. */
  readonly zk: Zk;
  /** Makes another connection. */
  open(target: ConnectString): Zk;
}

/** What ZooKeeper holds around a root. */
export interface Surroundings {
  readonly hasCluster: boolean;
  /** The roots of the nearest clusters: below it, one level up, beside it, or further up. Without a slash at the end. */
  readonly near: readonly string[];
}

type Reader = Pick<ZkSession, 'get' | 'children'>;

const LOOK_MS = 2_000;
/** The maximum number of children of a znode that are looked at. */
const CHILDREN_MAX = 200;
const NAMED_MAX = 5;

/** As `opening`. If it rejects with NO_CLUSTER, the error says what is there. */
export async function explained<T>(opening: Promise<T>, attempt: Attempt): Promise<T> {
  let isReached = false;
  const forget = attempt.zk.onSession(() => {
    isReached = true;
  });
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof RangekeeperError && error.code === 'NO_CLUSTER')) throw error;
    const found = isReached ? await surroundings(attempt) : null;
    throw new RangekeeperError('NO_CLUSTER', describeAbsence(attempt.target, error.message, found));
  } finally {
    forget();
  }
}

/** Null: ZooKeeper has stopped to answer. */
async function surroundings({ target, open }: Attempt): Promise<Surroundings | null> {
  const zk = open({ ...target, root: '' });
  try {
    return await lookAround(await zk.ready(LOOK_MS), target.root);
  } catch (error) {
    if (error instanceof ZkError) return null;
    throw error;
  } finally {
    await zk.close();
  }
}

/** @param session reads from ZooKeeper's own root on. Rejects with ZkError. */
export async function lookAround(session: Reader, root: string): Promise<Surroundings> {
  if (await isCluster(session, root)) return { hasCluster: true, near: [] };
  for (let level: string | null = root; level !== null; level = parentOf(level)) {
    const names = (await session.children(level === '' ? '/' : level)) ?? [];
    const places = [level, ...names.slice(0, CHILDREN_MAX).map((name) => `${level}/${name}`)];
    const are = await Promise.all(places.map((place) => isCluster(session, place)));
    const near = places.filter((_, i) => are[i] === true);
    if (near.length > 0) return { hasCluster: false, near };
  }
  return { hasCluster: false, near: [] };
}

async function isCluster(session: Reader, root: string): Promise<boolean> {
  const node = await session.get(root + paths.cluster);
  if (node === null) return false;
  try {
    clusterCodec.decode(node.data);
    return true;
  } catch (error) {
    if (error instanceof BadDataError) return false;
    throw error;
  }
}

/** @param found null: ZooKeeper was not reached; then `reason` says why */
export function describeAbsence(target: ConnectString, reason: string, found: Surroundings | null): string {
  const where = `no cluster at ${formatConnectString(target)}${target.root === '' ? '/' : ''}`;
  if (found === null || found.hasCluster) return `${where}: ${reason}`;
  return `${where}: ZooKeeper is there, but has no cluster under ${shown(target.root)}${hint(target.root, found.near)}`;
}

function hint(root: string, near: readonly string[]): string {
  const [first, ...others] = near;
  if (first === undefined) return '; start a coordinator to make one, or give another root';
  const named = near.slice(0, NAMED_MAX).map(shown).join(', ');
  return others.length === 0
    ? `; there is a cluster ${direction(root, first)}: ${named}`
    : `; there are clusters nearby: ${named}${near.length > NAMED_MAX ? ', …' : ''}`;
}

function direction(root: string, place: string): string {
  if (parentOf(place) === root) return 'one level below';
  if (parentOf(root) === place) return 'one level up';
  return parentOf(place) === parentOf(root) ? 'beside it' : 'further up';
}

function shown(root: string): string {
  return root === '' ? '/' : root;
}

/** Null: it is ZooKeeper's own root. */
function parentOf(root: string): string | null {
  return root === '' ? null : root.slice(0, root.lastIndexOf('/'));
}
