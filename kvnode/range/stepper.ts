// Takes the children of a replaced range into the place of their parents on this node (docs/replication.md, S6, S7). A parent whose log
// is not whole, or not applied yet, is waited for as long as something of it is still being synced or applied. If it never will
// be whole, all parents here are wiped, and the children are made as R9 says.

import type { DescriptorImage } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import { CHILD_INC, type ReplacedParent, type Replacement } from '../../common/model/replacement.ts';
import type { ReplicaEvent } from '../replica/replica-messages.ts';
import type { RecoveredReplica, ReplicaMeta, Storage } from '../storage/storage.ts';
import type { DecodedSessions } from './dedupe/client-sessions.ts';
import { mergedSessions } from './dedupe/merged-sessions.ts';
import type { RangeHost } from './range-host.ts';

export interface StepperParts {
  readonly self: NodeId;
  readonly storage: Storage;
  host(range: RangeId): RangeHost | undefined;
  step(host: RangeHost, event: ReplicaEvent): void;
  touched(host: RangeHost): void;
  /** R9: drops the replica and clears its rows; then the children may be made. */
  wipe(host: RangeHost, children: readonly RangeId[]): void;
  /** The storage has made these children in the place of `parents`, whose replicas are gone. `images`: those that were read. */
  stepped(parents: readonly RangeHost[], children: readonly MadeChild[], images: Images): void;
  /** See Settling.ensure. Once it is settled, review() is called. */
  isSettled(range: RangeId): boolean;
  /** Something may have changed for a step that waits. */
  again(): void;
}

export interface MadeChild {
  readonly recovered: RecoveredReplica;
  /** S8. */
  readonly sessions: DecodedSessions;
}

/** The images of the parents of one replacement, as far as they were read: at least one. All say the same of it. */
export type Images = readonly [DescriptorImage, ...DescriptorImage[]];

/** A parent with its replica here. */
interface HeldParent extends ReplacedParent {
  readonly host: RangeHost;
}

export class Stepper {
  readonly #parts: StepperParts;
  /** By the first parent. */
  readonly #pending = new Map<RangeId, Images>();

  constructor(parts: StepperParts) {
    this.#parts = parts;
  }

  /** The image of a replaced range was read, and a replica of it is here. */
  begin(image: DescriptorImage): void {
    const first = image.descriptor.replacement?.parents[0];
    if (first === undefined) return;
    const others = (this.#pending.get(first.range) ?? []).filter(
      ({ descriptor }) => descriptor.id !== image.descriptor.id,
    );
    this.#pending.set(first.range, [image, ...others]);
    this.#parts.again();
  }

  /** To be called at the end of each turn. */
  review(): void {
    for (const [first, images] of this.#pending) {
      const { replacement } = images[0].descriptor;
      if (replacement === null || this.#advance(replacement, images)) this.#pending.delete(first);
    }
  }

  /** Returns whether there is nothing more to do. */
  #advance(replacement: Replacement, images: Images): boolean {
    const { host, wipe } = this.#parts;
    const here = replacement.parents.flatMap((parent) => {
      const held = host(parent.range);
      return held === undefined ? [] : [{ ...parent, host: held }];
    });
    if (here.length === 0) return true;
    if (here.some((parent) => parent.host.wiping)) return false;
    if (here.length < replacement.parents.length || !here.every((parent) => this.#mayHold(parent))) {
      const children = replacement.children.map(({ id }) => id);
      for (const parent of here) wipe(parent.host, children);
      return true;
    }
    if (!here.every((parent) => this.#isComplete(parent))) return false;
    this.#step(here, replacement, images);
    return true;
  }

  /** Whether the replica is the listed one and holds the final position, or may hold it once the log is synced. */
  #mayHold({ host, replicas, final }: HeldParent): boolean {
    const { self } = this.#parts;
    const { replica } = host;
    const inc = replicas.find(({ node }) => node === self)?.inc;
    if (inc !== replica.inc || replica.isVoid || host.foreign !== null) return false;
    return replica.holds(final) || replica.hasUnsynced;
  }

  /** Whether the parent has applied everything, and may be replaced now. */
  #isComplete({ host, range, final }: HeldParent): boolean {
    const { isSettled, step, touched } = this.#parts;
    if (!host.replica.holds(final)) return false;
    if (host.replica.commitSeq < final.seq || host.isOwner) step(host, { kind: 'ended', final });
    if (!isSettled(range)) return false;
    if (host.appliedSeq < final.seq) touched(host);
    return host.appliedSeq === final.seq;
  }

  #step(parents: readonly HeldParent[], replacement: Replacement, images: Images): void {
    const { storage, stepped, host } = this.#parts;
    // A child that was here before is skipped.
    const children = replacement.children.filter(
      ({ id }) => host(id) === undefined && !storage.tombstones.has(id),
    );
    const made = storage.replace({
      parents: parents.map(({ range, final }) => ({ range, final })),
      children: children.map((child) => metaOf(child, images[0])),
    });
    const tables = () => mergedSessions(parents.map((parent) => parent.host.state.sessions.copy()));
    stepped(
      parents.map((parent) => parent.host),
      made.map((recovered) => ({ recovered, sessions: tables() })),
      images,
    );
  }
}

function metaOf(
  { id, start, end }: Replacement['children'][number],
  { descriptor }: DescriptorImage,
): ReplicaMeta {
  const { namespace, namespaceId } = descriptor;
  return { range: id, inc: CHILD_INC, namespace, namespaceId, start, end };
}
