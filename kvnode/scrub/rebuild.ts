// How a node gives up its data when other replicas have outvoted one of its own: it marks its data directory as damaged and
// stops; the next start sets the directory aside and joins as a new node, which gets all its rows from others.
//
// The last good copy must never go that way [safety]. Two nodes may be told so at once, for different ranges, and each
// may hold what the other one is about to give up. So a node goes only
//
// - while it holds the one lock in ZooKeeper, an ephemeral that ends with its session, as its live znode does: the next node
//   that gets the lock finds this one no longer live;
// - when every range of which it has a replica is owned by another node that is live. An owner holds all that was
//   acknowledged, and an owner never goes: it hands over first. Beside this node there are live in-sync members enough (m),
//   so that the range stays writable, and one more lost disk loses nothing;
// - while its lease is valid, so that what it has read under the lock still holds.
//
// Until then it is unfit: it hands over what it owns and is given nothing (R8), as with a disk in trouble.

import type { Env, Timer } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import { type Descriptor, incOf } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { ZkError, type ZkNode, type ZkSession } from '../../common/zk/store.ts';
import { descriptorCodec, paths } from '../../common/zk/znodes.ts';
import type { RangeHost } from '../range/range-host.ts';
import type { ReplicaMeta, Storage } from '../storage/storage.ts';

/** Tried again after so long, ms. */
const RETRY_MS = 1_000;

const encoder = new TextEncoder();

export interface RebuildOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly self: NodeId;
  readonly storage: Pick<Storage, 'reportDamage'>;
  hosts(): Iterable<Pick<RangeHost, 'isOwner'> & { readonly meta: Pick<ReplicaMeta, 'namespace' | 'range'> }>;
  /** The session of this node's live znode; null: none. */
  session(): ZkSession | null;
  leaseValid(): boolean;
  /** For the timeline. */
  tell(text: string): void;
}

export class Rebuild {
  readonly #options: RebuildOptions;
  #reason: string | null = null;
  #blocker = '';
  #timer: Timer | null = null;
  #closed = false;

  constructor(options: RebuildOptions) {
    this.#options = options;
  }

  /** Why the data is to be given up; null: it is not. */
  get reason(): string | null {
    return this.#reason;
  }

  /** The data of this node is to be given up. The first reason counts. */
  begin(reason: string): void {
    if (this.#reason !== null || this.#closed) return;
    this.#reason = reason;
    this.#options.logger.error({ reason }, 'data of this node is damaged: it will be set aside and rebuilt');
    void this.#try(reason);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #try(reason: string): Promise<void> {
    const blocker = await this.#blockerOf(() => this.#give(reason));
    if (blocker === null || this.#closed) return;
    const { env, logger } = this.#options;
    if (blocker !== this.#blocker) logger.warn({ blocker }, 'the damaged data cannot be given up yet');
    this.#blocker = blocker;
    this.#timer = env.after(RETRY_MS, () => void this.#try(reason));
  }

  async #blockerOf(step: () => Promise<string | null>): Promise<string | null> {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      return error.message;
    }
  }

  /** What is in the way; null: nothing was, and the process is about to stop. */
  async #give(reason: string): Promise<string | null> {
    const { self, hosts, storage, session: current, leaseValid, tell } = this.#options;
    if ([...hosts()].some(({ isOwner }) => isOwner)) return 'this node owns ranges';
    const session = current();
    if (session === null) return 'there is no session';
    if (!(await isLocked(session, self))) return 'another node is giving up its data';
    const blocker = await this.#needed(session);
    if (blocker !== null) {
      await session.delete(paths.rebuilding, 0);
      return blocker;
    }
    tell(`sets its data aside and joins as a new node: ${reason}`);
    await session.barrier();
    if (this.#closed || current() !== session || session.ended || !leaseValid()) return 'there is no lease';
    storage.reportDamage(reason);
    return null;
  }

  /** Which replica on this node may be the last good one; null: none. Descriptors are read before the live znodes (R7). */
  async #needed(session: ZkSession): Promise<string | null> {
    const { self, hosts } = this.#options;
    for (const { meta } of hosts()) {
      const found = await session.get(paths.range(meta.namespace, meta.range));
      if (found === null) return `range ${meta.range} has no descriptor`;
      const descriptor = descriptorIn(found);
      if (descriptor === null) return `the descriptor of range ${meta.range} cannot be read`;
      const { owner } = descriptor;
      if (incOf(descriptor, self) === undefined) continue;
      if (owner.node === self) return `range ${meta.range} is owned here`;
      const live = await session.get(paths.live(owner.node));
      if (live?.ephemeralOwner !== owner.session) return `the owner of range ${meta.range} is not live`;
      // One that has just given up its own data is in-sync until the owner has noticed.
      const others = await liveAmong(
        session,
        descriptor.inSync.filter((node) => node !== self),
      );
      if (others < descriptor.minInSync) return `range ${meta.range} has too few other in-sync replicas`;
    }
    return null;
  }
}

async function liveAmong(session: ZkSession, nodes: readonly NodeId[]): Promise<number> {
  const found = await Promise.all(nodes.map((node) => session.get(paths.live(node))));
  return found.filter((live) => live !== null).length;
}

function descriptorIn(found: ZkNode): Descriptor | null {
  try {
    return descriptorCodec.decode(found.data);
  } catch {
    return null;
  }
}

async function isLocked(session: ZkSession, self: NodeId): Promise<boolean> {
  const found = await session.get(paths.rebuilding);
  if (found !== null) return found.ephemeralOwner === session.id;
  try {
    await session.create(paths.rebuilding, encoder.encode(JSON.stringify({ node: self })), 'ephemeral');
    return true;
  } catch (error) {
    if (error instanceof ZkError && error.failure === 'node-exists') return false;
    throw error;
  }
}
