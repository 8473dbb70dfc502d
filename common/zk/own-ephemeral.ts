// Making an ephemeral of one's own when the path may still be held by one's past, and when answers may get lost. A live
// znode is never deleted to make room: a fresh one has version 0 as well, so a delete by version can hit the next
// session's. What holds the path ends with its session, which is waited for, or closed where it was this process's.

import { assert } from '../base/assert.ts';
import { equalBytes } from '../base/bytes.ts';
import { delay, type Env } from '../base/env.ts';
import {
  type Unsubscribe,
  type Zk,
  ZkError,
  type ZkFailure,
  type ZkNode,
  type ZkOp,
  type ZkSession,
} from './store.ts';

export interface OwnDeps {
  readonly zk: Zk;
  readonly session: ZkSession;
  readonly env: Env;
}

const RETRY_MS = 50;

/** Operations that take effect together with the creation, or not at all; asked for anew at each attempt. */
export type Beside = () => Promise<readonly ZkOp[]>;

const NOTHING_BESIDE: Beside = async () => [];

/**
 * Makes the ephemeral `path` in this session, however long an earlier session holds it. Throws ZkError `ended` when the
 * session ends first, the error that waiting cannot cure (`no-node`: no parent), or what `beside` throws.
 */
export async function createOwnEphemeral(
  deps: OwnDeps,
  path: string,
  data: Uint8Array,
  beside = NOTHING_BESIDE,
): Promise<void> {
  for (;;) {
    const creation: ZkOp = { kind: 'create', path, data, mode: 'ephemeral' };
    const made = await attempt(deps.session.multi([creation, ...(await beside())]));
    if (made.kind === 'done') return;
    if (made.failure === 'node-exists' && (await takeOver(deps, path, data))) return;
    await delay(deps.env, RETRY_MS);
  }
}

/** True: the znode is this session's, made by an attempt whose answer was lost. False: try again. */
async function takeOver({ zk, session }: OwnDeps, path: string, data: Uint8Array): Promise<boolean> {
  const read = await attempt(session.get(path));
  if (read.kind === 'failed' || read.value === null) return false;
  const holder = read.value;
  if (holder.ephemeralOwner === null) throw new ZkError('node-exists', path);
  if (holder.ephemeralOwner === session.id) {
    if (equalBytes(holder.data, data)) return true;
    return (await attempt(session.set(path, data, holder.version))).kind === 'done';
  }
  if (!(await zk.closeFormer(holder.ephemeralOwner))) await untilReleased(zk, session, path, holder);
  return false;
}

/** Until the znode is gone or another, or this session has ended. */
function untilReleased(zk: Zk, session: ZkSession, path: string, holder: ZkNode): Promise<void> {
  return new Promise((resolve) => {
    let forget: Unsubscribe = () => {};
    const finish = () => {
      observer.close();
      forget();
      resolve();
    };
    const observer = zk.observeData(path, (node) => {
      if (node?.czxid !== holder.czxid) finish();
    });
    forget = session.onEnd(finish);
  });
}

/**
 * Makes an ephemeral sequential znode `prefix` + number in this session, once: `prefix` contains the session's id, so that
 * after a lost answer the znode is found and adopted. Gives its path. Errors as {@link createOwnEphemeral}.
 */
export async function createOwnSequential(
  { session, env }: OwnDeps,
  prefix: string,
  data: Uint8Array,
): Promise<string> {
  assert(prefix.includes(session.id), 'the prefix tells the session');
  for (;;) {
    const made = await attempt(createOrAdopt(session, prefix, data));
    if (made.kind === 'done') return made.value;
    await delay(env, RETRY_MS);
  }
}

/** The barrier comes after whatever an earlier attempt may have left under way; then what there is can be seen. */
async function createOrAdopt(session: ZkSession, prefix: string, data: Uint8Array): Promise<string> {
  const slash = prefix.lastIndexOf('/');
  const folder = prefix.slice(0, slash);
  await session.barrier();
  const names = await session.children(folder === '' ? '/' : folder);
  const own = names?.find((name) => name.startsWith(prefix.slice(slash + 1)));
  return own === undefined ? session.create(prefix, data, 'ephemeral-sequential') : `${folder}/${own}`;
}

type Attempt<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly failure: ZkFailure };

/** Gives the failures after which another attempt makes sense, and throws the others. */
async function attempt<T>(operation: Promise<T>): Promise<Attempt<T>> {
  try {
    return { kind: 'done', value: await operation };
  } catch (error) {
    if (error instanceof ZkError && mayStillSucceed(error)) return { kind: 'failed', failure: error.failure };
    throw error;
  }
}

/** Whether another attempt may succeed: there was no answer, or another session's znode was in the way. */
function mayStillSucceed({ kind, failure }: ZkError): boolean {
  return kind === 'unanswered' || failure === 'node-exists' || failure === 'bad-version';
}
