// Replaces ranges that this node owns: splits and merges, as far as the multi that decides (docs/replication.md, S2 to S4). The leader
// requests it in the descriptors of the parents. A request stands until the leader withdraws it: what fails here is tried again
// after a pause.

import { present } from '../../common/base/assert.ts';
import type { Env } from '../../common/base/env.ts';
import type { Descriptor, DescriptorImage } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import { type Ending, replace, replacementFault } from '../../common/model/replace-ranges.ts';
import type { ReshapeRequest } from '../../common/model/replacement.ts';
import type { ZkSession } from '../../common/zk/store.ts';
import type { DecisionWriter } from '../zk/decision-writer.ts';
import type { RangeHost } from './range-host.ts';

/** S2: a range that cannot be replaced for so long is unsealed, so that a member that does not answer can be removed (R5), ms. */
const SEAL_MS_MAX = 500;
/** The pause after an attempt that failed, ms. It doubles, up to the last one. */
const PAUSES = { minMs: 200, maxMs: 5_000 };
/** S4: the multi is sent again after this time without an outcome, ms. */
const RESEND_MS = 200;

export interface ReplacerParts {
  readonly self: NodeId;
  readonly env: Env;
  readonly writer: DecisionWriter;
  host(range: RangeId): RangeHost | undefined;
  /** See Settling.ensure. Once it is settled, review() is called. */
  isSettled(range: RangeId): boolean;
  /** The node may begin a replacement: it is healthy, has a lease and does not stop. */
  mayBegin(): boolean;
  session(): ZkSession | null;
  /** The replica of the host must be asked at the end of this turn. */
  touched(host: RangeHost): void;
  readAgain(range: RangeId): void;
  /** The multi took effect. The images are those of the parents, then those of the children. */
  decided(images: readonly DescriptorImage[]): void;
}

/** The parents that are sealed for one request. */
interface Attempt {
  readonly request: ReshapeRequest;
  /** In key order. */
  readonly parents: readonly RangeHost[];
  readonly since: number;
  multi: Multi | null;
}

interface Multi {
  readonly parents: readonly DescriptorImage[];
  readonly children: readonly Descriptor[];
  readonly session: ZkSession;
  sentAt: number;
  isUnderWay: boolean;
}

export class Replacer {
  readonly #parts: ReplacerParts;
  /** Ranges whose newest image has a request. */
  readonly #requested = new Set<RangeId>();
  readonly #attempts = new Set<Attempt>();
  /** Failed attempts of a range, and when the next one may begin. */
  readonly #failures = new Map<RangeId, { count: number; until: number }>();

  constructor(parts: ReplacerParts) {
    this.#parts = parts;
  }

  /** An image of a range that has a replica here was learned. S4: one of any parent settles the multi. */
  learned({ descriptor, version }: DescriptorImage): void {
    const { id, state, reshape } = descriptor;
    if (state === 'serving' && reshape !== null) this.#requested.add(id);
    else this.#forget(id);
    for (const attempt of this.#attempts) {
      const sent = attempt.multi?.parents.find((parent) => parent.descriptor.id === id);
      if (sent === undefined || version <= sent.version) continue;
      if (state === 'replaced') this.#attempts.delete(attempt);
      else this.#giveUp(attempt);
    }
  }

  /** The range has no replica here any more. */
  #forget(range: RangeId): void {
    this.#requested.delete(range);
    this.#failures.delete(range);
  }

  /** Every ownership has ended with its session, so there is nothing to unseal. */
  sessionEnded(): void {
    for (const attempt of this.#attempts) this.#end(attempt);
  }

  /** To be called at the end of each turn, and by the tick. */
  review(): void {
    for (const range of this.#requested) this.#begin(range);
    for (const attempt of this.#attempts) this.#proceed(attempt);
  }

  #begin(range: RangeId): void {
    const { env, mayBegin } = this.#parts;
    if ((this.#failures.get(range)?.until ?? 0) > env.now() || this.#isAttempted(range) || !mayBegin())
      return;
    const parents = this.#parentsOf(range);
    const request = parents?.[0]?.replica.ownership?.image.descriptor.reshape ?? null;
    if (parents === null || request === null) return;
    if (!parents.every((parent) => this.#parts.isSettled(parent.range))) return;
    if (parents.every(({ replica }) => replica.ownership?.seal() === true))
      this.#attempts.add({ request, parents, since: env.now(), multi: null });
    else for (const { replica } of parents) replica.ownership?.unseal();
  }

  #isAttempted(range: RangeId): boolean {
    return [...this.#attempts].some(({ parents }) => parents.some((parent) => parent.range === range));
  }

  /** The parents in key order; null: they are not all owned here, or have no common request. */
  #parentsOf(range: RangeId): readonly RangeHost[] | null {
    const host = this.#parts.host(range);
    const request = host?.replica.ownership?.image.descriptor.reshape ?? null;
    if (host === undefined || request === null) return null;
    if (request.partner === null) return [host];
    const partner = this.#parts.host(request.partner);
    const other = partner?.replica.ownership?.image.descriptor.reshape ?? null;
    if (partner === undefined || other?.partner !== range || other.children[0] !== request.children[0])
      return null;
    return Buffer.compare(host.meta.start, partner.meta.start) < 0 ? [host, partner] : [partner, host];
  }

  #proceed(attempt: Attempt): void {
    const { multi } = attempt;
    if (multi !== null) return this.#resend(attempt, multi);
    const { env, mayBegin } = this.#parts;
    const isSealed = attempt.parents.every(({ replica }) => replica.isSealed);
    if (!isSealed || !mayBegin() || env.now() - attempt.since > SEAL_MS_MAX || this.#isWithdrawn(attempt))
      return this.#giveUp(attempt);
    const endings = attempt.parents.map(({ replica }) => replica.ownership?.ending ?? null);
    if (endings.every((ending) => ending !== null)) this.#decide(attempt, endings);
  }

  #isWithdrawn({ parents, request }: Attempt): boolean {
    return parents.some(({ replica }) => {
      const newest = replica.ownership?.image.descriptor.reshape ?? null;
      return newest === null || newest.children[0] !== request.children[0];
    });
  }

  /** S3. */
  #decide(attempt: Attempt, endings: readonly Ending[]): void {
    const { self, session } = this.#parts;
    const current = session();
    if (current === null || replacementFault(endings) !== null) return this.#giveUp(attempt);
    const { parents, children } = replace(endings, self, current.id);
    attempt.multi = {
      parents: attempt.parents.map(({ replica }, at) => ({
        descriptor: present(parents[at], 'a parent'),
        version: present(replica.ownership, 'a sealed parent').image.version,
      })),
      children,
      session: current,
      sentAt: 0,
      isUnderWay: false,
    };
    void this.#send(attempt, attempt.multi);
  }

  /** S4: until an image settles it, the same multi again. */
  #resend(attempt: Attempt, multi: Multi): void {
    if (multi.isUnderWay || this.#parts.env.now() - multi.sentAt < RESEND_MS) return;
    void this.#send(attempt, multi);
  }

  async #send(attempt: Attempt, multi: Multi): Promise<void> {
    const { env, writer, decided, readAgain } = this.#parts;
    multi.isUnderWay = true;
    multi.sentAt = env.now();
    const isDone = await writer.decide(multi.session, multi.parents, multi.children, attempt.request);
    multi.isUnderWay = false;
    if (!this.#attempts.has(attempt)) return;
    if (!isDone) {
      for (const { range } of attempt.parents) readAgain(range);
      return;
    }
    this.#attempts.delete(attempt);
    const parents = multi.parents.map(({ descriptor, version }) => ({ descriptor, version: version + 1 }));
    decided([...parents, ...multi.children.map((descriptor) => ({ descriptor, version: 0 }))]);
  }

  /** The parents that are still owned serve again, and the next attempt comes later. */
  #giveUp(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    const { env } = this.#parts;
    for (const { range } of attempt.parents) {
      const count = (this.#failures.get(range)?.count ?? 0) + 1;
      const pauseMs = Math.min(PAUSES.maxMs, PAUSES.minMs * 2 ** (count - 1));
      this.#failures.set(range, { count, until: env.now() + pauseMs });
    }
    this.#unseal(attempt);
  }

  #unseal({ parents }: Attempt): void {
    const { env, touched } = this.#parts;
    for (const host of parents) {
      host.replica.ownership?.unseal();
      host.proposeHeld(env.now());
      touched(host);
    }
  }

  #end(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    for (const host of attempt.parents) host.proposeHeld(this.#parts.env.now());
  }
}
