// How a node gives up its data after other replicas have outvoted one of its own. It marks its data directory as damaged and stops.
// The next start sets the directory aside and joins as a new node, which gets all its rows from the other nodes.
//
// The last good copy must never be given up [safety]. Two nodes may be outvoted at once, in different ranges, and each may hold
// the last good copy of what the other gives up. So a node gives up its data only
//
// - while it holds the one lock in ZooKeeper. The lock is an ephemeral of the same session as its live znode, so the next node
//   that gets the lock finds this one no longer live;
// - when every range of which it has a replica is owned by another live node. An owner holds everything that was acknowledged,
//   and an owner never gives up its data: it hands over first. Without this node, minInSync live in-sync members must remain,
//   so that the range stays writable;
// - while its lease is valid, so that what it has read under the lock still holds.
//
// Until then the node is unhealthy: it hands over what it owns and takes nothing over (R8), as with an unhealthy disk.

import type { Env, Timer } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import { type Descriptor, incOf } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { ZkError, type ZkNode, type ZkSession } from '../../common/zk/store.ts';
import { descriptorCodec, paths } from '../../common/zk/znodes.ts';
import type { RangeHost } from '../range/range-host.ts';
import type { ReplicaMeta, Storage } from '../storage/storage.ts';

/** Interval of attempts, ms. */
const RETRY_MS = 1_000;

const encoder = new TextEncoder();

export interface RebuildOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly self: NodeId;
  readonly storage: Pick<Storage, 'reportDamage'>;
  hosts(): Iterable<Pick<RangeHost, 'isOwner'> & { readonly meta: Pick<ReplicaMeta, 'namespace' | 'range'> }>;
  /** The session of this node's live znode; null if there is none. */
  session(): ZkSession | null;
  leaseValid(): boolean;
  /** Writes an event into the timeline. */
  report(text: string): void;
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

  /** Why the data must be given up; null if it need not be. */
  get reason(): string | null {
    return this.#reason;
  }

  /** The data of this node must be given up. Later reasons are ignored. */
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
    const blocker = await this.#attempt(reason);
    if (blocker === null || this.#closed) return;
    const { env, logger } = this.#options;
    if (blocker !== this.#blocker) logger.warn({ blocker }, 'the damaged data cannot be given up yet');
    this.#blocker = blocker;
    this.#timer = env.after(RETRY_MS, () => void this.#try(reason));
  }

  /** What is in the way; null if nothing was, and the process is about to stop. */
  async #attempt(reason: string): Promise<string | null> {
    try {
      return await this.#giveUpData(reason);
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      return error.message;
    }
  }

  async #giveUpData(reason: string): Promise<string | null> {
    const { self, hosts, storage, session: current, report } = this.#options;
    if ([...hosts()].some(({ isOwner }) => isOwner)) return 'this node owns ranges';
    const session = current();
    if (session === null) return 'there is no session';
    if (!(await lock(session, self))) return 'another node is giving up its data';
    const blocker = await this.#neededRange(session);
    if (blocker !== null) {
      await session.delete(paths.rebuilding, 0);
      return blocker;
    }
    await session.barrier();
    if (!this.#holds(session)) return 'there is no lease';
    report(`sets its data aside and joins as a new node: ${reason}`);
    // The process ends next: the event is in ZooKeeper before.
    await session.barrier();
    if (!this.#holds(session)) return 'there is no lease';
    storage.reportDamage(reason);
    return null;
  }

  /** What was read in this session still holds. */
  #holds(session: ZkSession): boolean {
    const { session: current, leaseValid } = this.#options;
    return !this.#closed && current() === session && !session.ended && leaseValid();
  }

  /** Why a replica on this node may be the last good one; null if none is. Descriptors are read before the live znodes (R7). */
  async #neededRange(session: ZkSession): Promise<string | null> {
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
      // A node that has just given up its own data may still be listed as in-sync, so only live nodes count.
      const others = await countLive(
        session,
        descriptor.inSync.filter((node) => node !== self),
      );
      if (others < descriptor.minInSync) return `range ${meta.range} has too few other in-sync replicas`;
    }
    return null;
  }
}

async function countLive(session: ZkSession, nodes: readonly NodeId[]): Promise<number> {
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

/** Returns whether this session holds the lock now. */
async function lock(session: ZkSession, self: NodeId): Promise<boolean> {
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
