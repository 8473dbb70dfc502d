// Makes a session's own ephemeral, although an earlier session may still hold its path and answers may be lost. The znode of the
// earlier session is never deleted: a new znode has version 0 as well, so a deletion by version could hit that of the next session.
// Instead, the earlier session is closed if it was this process's own, and otherwise its end is awaited.

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

/** Operations that take effect together with the creation or not at all. Called at each attempt. */
export type Beside = () => Promise<readonly ZkOp[]>;

const NOTHING_BESIDE: Beside = async () => [];

/**
 * Makes the ephemeral `path` in this session, and waits while an earlier session holds it. Rejects with ZkError `ended` if the session
 * ends first, with an error that waiting cannot cure (`no-node`: there is no parent), or with what `beside` rejects with.
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

/** True: the znode is this session's, because an earlier attempt succeeded without an answer. False: try again. */
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

/** Resolves when the znode is gone or another one, or this session has ended. */
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

type Attempt<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly failure: ZkFailure };

/** Resolves with a failure if another attempt may succeed, and rejects with other errors. */
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
