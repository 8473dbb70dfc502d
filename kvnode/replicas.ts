// The replicas on this node: how they are made, replaced and removed, by what their descriptors in ZooKeeper say (R9, S6, S7). The node
// feeds it images; what replicas then do is up to them.

import type { Bytes } from '../common/base/bytes.ts';
import type { Env } from '../common/base/env.ts';
import { type ErrorCode, Failure } from '../common/base/errors.ts';
import type { Logger } from '../common/base/log.ts';
import type { ReplicationConfig } from '../common/model/config.ts';
import { type Descriptor, type DescriptorImage, incOf } from '../common/model/descriptor.ts';
import type { Epoch, NodeId, RangeId, SessionId } from '../common/model/ids.ts';
import { contains } from '../common/model/key-range.ts';
import { replyFromError } from '../common/wire/error-reply.ts';
import type { ErrorReply } from '../common/wire/messages.ts';
import { firstKeyOf } from '../common/wire/operation.ts';
import type { ConflictWatch } from './health/conflict-watch.ts';
import type { DecodedSessions } from './range/dedupe/client-sessions.ts';
import type { EndedRanges } from './range/ended-ranges.ts';
import { NeededIncs } from './range/needed-incs.ts';
import { newReplica } from './range/new-replica.ts';
import { type CheckListener, RangeHost } from './range/range-host.ts';
import type { Replacer } from './range/replacer.ts';
import { Settling } from './range/settling.ts';
import { type Images, type MadeChild, Stepper } from './range/stepper.ts';
import { WaitingBytes } from './range/waiting-writes.ts';
import { Replica } from './replica/replica.ts';
import type { LiveStandings, ReplicaEvent } from './replica/replica-messages.ts';
import type { SnapshotReceiver } from './snapshot/receiver.ts';
import type { RecoveredReplica, Storage } from './storage/storage.ts';
import type { Turn } from './turn.ts';
import type { Assignments } from './zk/assignments.ts';

/** How many replaced ranges are remembered, so that their clients are told of the children. */
const SUCCESSORS_MAX = 1_000;

export interface ReplicasParts {
  readonly self: NodeId;
  readonly env: Env;
  readonly logger: Logger;
  readonly storage: Storage;
  readonly config: ReplicationConfig;
  readonly turn: Turn;
  readonly receiver: SnapshotReceiver;
  readonly conflicts: Pick<ConflictWatch, 'notMade'>;
  readonly checks: CheckListener;
  readonly assignments: () => Assignments;
  readonly replacer: Replacer;
  readonly ended: EndedRanges;
  readonly standings: () => LiveStandings;
  readonly sessionId: () => SessionId | null;
  readonly leaseValid: () => boolean;
  readonly isHealthy: () => boolean;
}

export class Replicas {
  readonly #parts: ReplicasParts;
  readonly #hosts = new Map<RangeId, RangeHost>();
  readonly #waiting = new WaitingBytes();
  readonly #neededIncs = new NeededIncs();
  readonly #settling: Settling;
  readonly #stepper: Stepper;
  readonly #stampBase: number;
  /** S7: images of ranges whose replicas cannot be made before another one here has gone. */
  readonly #blocked = new Map<RangeId, DescriptorImage>();
  /** Ranges with a replica here that were replaced, as descriptors of what came of them say, and the epoch of the last entry. */
  readonly #endedIn = new Map<RangeId, Epoch>();
  /** By replaced range: its children. The oldest is forgotten first. */
  readonly #successors = new Map<RangeId, readonly RangeId[]>();

  constructor(parts: ReplicasParts) {
    this.#parts = parts;
    const { self, env, storage, turn } = parts;
    this.#stampBase = Math.floor(env.random() * 2 ** 50);
    this.#settling = new Settling({ env, storage, settled: () => env.soon(() => this.review()) });
    this.#stepper = new Stepper({
      ...{ self, storage },
      isSettled: (range) => this.isSettled(range),
      host: (range) => this.#hosts.get(range),
      step: (host, event) => turn.step(host, event),
      touched: (host) => turn.touch(host),
      // Not in the turn that is just ending.
      wipe: (host, children) => env.soon(() => void this.#wipe(host, children)),
      stepped: (parents, children, images) => this.#stepped(parents, children, images),
      again: () => env.soon(() => this.#stepper.review()),
    });
  }

  get hosts(): Iterable<RangeHost> {
    return this.#hosts.values();
  }

  get(range: RangeId): RangeHost | undefined {
    return this.#hosts.get(range);
  }

  /** The host may serve and receive. Not before its descriptor was read, because that may turn out to be another range's. */
  usable(range: RangeId): RangeHost | undefined {
    const host = this.#hosts.get(range);
    return host?.isOwn ? host : undefined;
  }

  get neededIncs(): NeededIncs['report'] {
    return this.#neededIncs.report;
  }

  step(host: RangeHost, event: ReplicaEvent): void {
    this.#parts.turn.step(host, event);
  }

  stepAll(event: ReplicaEvent): void {
    for (const host of this.#hosts.values()) this.step(host, event);
  }

  /** See Settling.ensure. */
  isSettled(range: RangeId): boolean {
    return this.#settling.ensure(range);
  }

  close(): void {
    this.#settling.close();
  }

  /** R1: every ownership ends with its session. */
  sessionEnded(): void {
    this.stepAll({ kind: 'session-ended' });
    this.#parts.replacer.sessionEnded();
  }

  /** To be called at the end of each turn, and by the tick. */
  review(): void {
    this.#parts.replacer.review();
    this.#stepper.review();
    this.#parts.ended.review();
  }

  /** A replica that the storage has. */
  adopt(recovered: RecoveredReplica, sessions?: DecodedSessions): RangeHost {
    const { self, env, storage, config, leaseValid, isHealthy, checks, standings } = this.#parts;
    const { range } = recovered;
    const stampBase = this.#stampBase;
    const log = storage.logOf(range);
    const replica = new Replica({ self, recovered, log, config, leaseValid, isHealthy, stampBase });
    const host = new RangeHost({
      ...{ env, replica, meta: recovered, storage, appliedSeq: recovered.applied.seq },
      ...{ config, waitingOnNode: this.#waiting, checks },
      ...(sessions === undefined ? {} : { sessions }),
    });
    this.#hosts.set(range, host);
    this.step(host, { kind: 'live', nodes: standings() });
    return host;
  }

  // ---- images ------------------------------------------------------------------------------------------------------

  /** R9: a replica is wiped only for an image that is newer than its addition and does not list it, and made only from one that does. */
  learn(image: DescriptorImage): void {
    const { self, conflicts, sessionId } = this.#parts;
    const { descriptor } = image;
    const inc = incOf(descriptor, self);
    const host = this.#hosts.get(descriptor.id);
    conflicts.notMade(descriptor.id, null);
    this.#blocked.delete(descriptor.id);
    this.#learnLineage(descriptor);
    if (host?.wiping) return;
    if (host === undefined) return this.#learnOfOther(image, inc);
    host.orphan = false;
    host.checkDescriptor(descriptor);
    this.#neededIncs.learn(descriptor.id, host.foreign === null ? inc : undefined, host.replica.inc);
    if (host.foreign !== null) return this.step(host, { kind: 'session-ended' });
    this.#parts.replacer.learned(image);
    // So that the step does not have to wait for it.
    if (descriptor.reshape !== null) this.isSettled(descriptor.id);
    if (host.isRemovedBy(descriptor, inc)) void this.#wipe(host, []);
    else if (host.isReplacedBy(descriptor)) this.#stepper.begin(image);
    else this.step(host, { kind: 'image', image, session: sessionId() });
  }

  /** The image is of a range that has no replica here. */
  #learnOfOther(image: DescriptorImage, inc: number | undefined): void {
    const { storage, ended } = this.#parts;
    const { id, state } = image.descriptor;
    if (state !== 'serving') return ended.learned(image);
    this.#neededIncs.learn(id, inc, (storage.tombstones.get(id)?.inc ?? 0) + 1);
    if (inc !== undefined) this.#create(image, inc);
  }

  #create(image: DescriptorImage, inc: number): void {
    const { storage, conflicts, logger, sessionId } = this.#parts;
    const { descriptor } = image;
    const made = newReplica(descriptor, inc, storage);
    if (made.kind === 'refused') {
      conflicts.notMade(descriptor.id, made.text);
      return made.overlaps === null ? undefined : this.#block(image, made.overlaps);
    }
    const { replica } = made;
    storage.createReplica(replica, replica.base, replica.epochSeen, replica.void);
    const host = this.adopt(replica);
    host.checkDescriptor(descriptor);
    logger.info({ range: descriptor.id, inc }, 'replica made');
    this.step(host, { kind: 'image', image, session: sessionId() });
  }

  /** S7: the replica waits until the one of the range `other` has gone. If that has ended, its descriptor says what becomes of it. */
  #block(image: DescriptorImage, other: RangeId): void {
    const { conflicts, assignments } = this.#parts;
    this.#blocked.set(image.descriptor.id, image);
    if (!this.#endedIn.has(other)) return;
    conflicts.notMade(image.descriptor.id, null);
    assignments().hint(other);
  }

  #learnLineage({ parents }: Descriptor): void {
    for (const { range, final } of parents) {
      const host = this.#hosts.get(range);
      if (host === undefined) continue;
      this.#endedIn.set(range, final.epoch);
      this.#wipeIfEnded(host);
    }
  }

  /**
   * The descriptor of a range that has ended goes once no node that it listed holds a replica (S5). So one that is still here was removed
   * before that (R9), while this node was away.
   */
  #wipeIfEnded(host: RangeHost): void {
    const endedIn = this.#endedIn.get(host.range);
    if (host.orphan && endedIn !== undefined && host.replica.epochSeen <= endedIn) void this.#wipe(host, []);
  }

  /** R9: the descriptor no longer lists this replica, and never will again under this inc. */
  async #wipe(host: RangeHost, children: readonly RangeId[]): Promise<void> {
    if (host.wiping) return;
    const { turn, receiver, logger, storage, assignments } = this.#parts;
    const { range } = host.meta;
    this.step(host, { kind: 'session-ended' });
    turn.run();
    host.wiping = true;
    turn.remove(host);
    receiver.abandon(range);
    logger.info({ range, inc: host.replica.inc }, 'replica removed: wiping it');
    await storage.wipe(range);
    this.#hosts.delete(range);
    this.#endedIn.delete(range);
    assignments().unwatch(range);
    for (const id of [range, ...children]) assignments().hint(id);
    this.#unblock();
  }

  #unblock(): void {
    for (const image of [...this.#blocked.values()]) this.learn(image);
  }

  /** R9: a missing znode is no image (ZooKeeper was reset, or the root is wrong). Nothing is wiped for it. */
  missing(range: RangeId): void {
    const host = this.#hosts.get(range);
    if (host === undefined) return this.#parts.ended.missing(range);
    if (host.orphan) return;
    host.orphan = true;
    this.#parts.logger.warn({ range }, 'the descriptor of a replica here is missing: kept as an orphan');
    this.step(host, { kind: 'session-ended' });
    this.#wipeIfEnded(host);
  }

  // ---- replacement -------------------------------------------------------------------------------------------------

  /** S4: the multi that this node sent took effect. */
  decided(images: readonly DescriptorImage[]): void {
    this.#parts.ended.decided(images);
    const isChild = ({ descriptor }: DescriptorImage) => descriptor.state === 'serving';
    for (const image of images) if (!isChild(image)) this.learn(image);
    this.#stepper.review();
    for (const image of images) if (isChild(image)) this.learn(image);
  }

  #stepped(parents: readonly RangeHost[], children: readonly MadeChild[], images: Images): void {
    const { turn, receiver, logger, env, assignments, ended } = this.#parts;
    const { descriptor } = images[0];
    for (const host of parents) {
      host.wiping = true;
      turn.remove(host);
      receiver.abandon(host.range);
      this.#hosts.delete(host.range);
      this.#endedIn.delete(host.range);
      this.#remember(host.range, descriptor);
    }
    for (const image of images) ended.learned(image);
    for (const { recovered, sessions } of children) {
      const host = this.adopt(recovered, sessions);
      host.checkDescriptor({ ...descriptor, start: recovered.start, end: recovered.end });
      if (descriptor.owner.node !== this.#parts.self)
        this.step(host, { kind: 'announce', to: descriptor.owner.node });
      assignments().watch(recovered.range, recovered.namespace);
    }
    this.#unblock();
    const made = children.map(({ recovered }) => recovered.range);
    logger.info({ parents: parents.map(({ range }) => range), children: made }, 'replicas replaced');
    env.soon(() => {
      for (const host of parents)
        host.refuseHeld((operation) => this.refusal(host.range, firstKeyOf(operation)));
    });
    this.#settling.later();
  }

  #remember(range: RangeId, { replacement }: DescriptorImage['descriptor']): void {
    if (replacement === null) return;
    const children = replacement.children.map(({ id }) => id);
    this.#successors.set(range, children);
    const [oldest] = this.#successors.keys();
    if (this.#successors.size > SUCCESSORS_MAX && oldest !== undefined) this.#successors.delete(oldest);
  }

  /** The answer to a request for a range that has no replica here. It names the child of the range that has the key, if there is one. */
  refusal(range: RangeId, key: Bytes | null): ErrorReply {
    const code: ErrorCode = 'NOT_OWNER';
    const children = (this.#successors.get(range) ?? []).flatMap((id) => this.#hosts.get(id) ?? []);
    const child = children.find((host) => key === null || contains(host.meta, key));
    if (child !== undefined)
      return child.refusal(code, `range ${range} was replaced by range ${child.range}`);
    return replyFromError(new Failure(code, `range ${range} has no replica here`));
  }
}
