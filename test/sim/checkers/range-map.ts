// Checker 6: the range map after each transaction of ZooKeeper, and each change of it. There is no hole and no overlap, an epoch
// has one owner, the in-sync set never falls below m, and new owners come from it only. It does not use the product's
// checkDescriptor, which may be what is broken.

import { compareBytes, equalBytes, formatBytes } from '../../../common/base/bytes.ts';
import type { Descriptor, DescriptorImage } from '../../../common/model/descriptor.ts';
import type { NamespaceId, RangeId } from '../../../common/model/ids.ts';
import { formatKeyRange } from '../../../common/model/key-range.ts';
import type { Violation } from '../history.ts';
import { groupBy } from './grouping.ts';

const CHECKER = 'range map';

export class RangeMapChecker {
  readonly violations: Violation[] = [];
  #images = new Map<RangeId, DescriptorImage>();
  /** Namespaces that are being dropped, or were. */
  readonly #dropped = new Set<NamespaceId>();

  /** To be called when ZooKeeper was restored to an older state: changes since the last observation mean nothing. */
  restored(): void {
    this.#images = new Map();
    this.#dropped.clear();
  }

  /**
   * @param when names the transaction in violations
   * @param images all descriptors after it
   * @param mayRaise an administrator has requested higher epochs, because ZooKeeper was restored
   */
  observe(when: string, images: readonly DescriptorImage[], mayRaise = false): void {
    const next = new Map(images.map((image) => [image.descriptor.id, image]));
    const found: string[] = [];
    for (const [id, { descriptor: before, version }] of this.#images) {
      const after = next.get(id);
      if (after === undefined) found.push(...vanished(before));
      else if (after.version !== version) {
        const wrong = change(before, after.descriptor);
        const isRaise = wrong.length > 0 && mayRaise && after.descriptor.epoch > before.epoch;
        found.push(...(isRaise ? raise(before, after.descriptor) : wrong));
      }
    }
    for (const [id, { descriptor }] of next) {
      if (!this.#images.has(id)) found.push(...born(descriptor, this.#images));
    }
    const descriptors = images.map(({ descriptor }) => descriptor);
    for (const descriptor of descriptors) found.push(...alone(descriptor));
    for (const { state, namespaceId } of descriptors) if (state === 'dropped') this.#dropped.add(namespaceId);
    for (const [id, ranges] of groupBy(descriptors, ({ namespaceId }) => namespaceId))
      if (!this.#dropped.has(id)) found.push(...cover(ranges));
    this.#images = next;
    for (const text of found) {
      this.violations.push({ checker: CHECKER, text: `${when}: ${text}`, operations: [] });
    }
  }
}

/** What is wrong with one descriptor by itself. */
function alone({ id, state, owner, replicas, inSync, minInSync, nextInc }: Descriptor): string[] {
  if (state !== 'serving')
    return inSync.length > 0 ? [`range ${id} is ${state}, and has in-sync members`] : [];
  const found: string[] = [];
  const say = (text: string) => found.push(`range ${id}: ${text}`);
  if (minInSync < 1 || inSync.length < minInSync) say(`${inSync.length} in-sync, m is ${minInSync}`);
  if (new Set(inSync).size < inSync.length) say('a node is in-sync twice');
  if (new Set(replicas.map(({ node }) => node)).size < replicas.length) say('a node has two replicas');
  for (const node of inSync) {
    if (!replicas.some((replica) => replica.node === node)) say(`in-sync ${node} has no replica`);
  }
  if (!inSync.includes(owner.node)) say(`owner ${owner.node} is not in-sync`);
  if (replicas.find(({ node }) => node === owner.node)?.inc !== owner.inc)
    say("the owner's inc is not that of its replica");
  if (replicas.some(({ inc }) => inc >= nextInc)) say('an inc at or above nextInc');
  return found;
}

/**
 * What is wrong with a change that raises an epoch after a restore. The restored in-sync set proves nothing, so any owner and
 * in-sync set may begin in any higher epoch.
 */
function raise(before: Descriptor, after: Descriptor): string[] {
  return after.nextInc < before.nextInc ? [`range ${before.id}: nextInc fell`] : [];
}

/** What is wrong with a change that one transaction made. */
function change(before: Descriptor, after: Descriptor): string[] {
  const found: string[] = [];
  const say = (text: string) => found.push(`range ${before.id}: ${text}`);
  if (before.state !== 'serving' && after.state !== before.state)
    say(`${before.state} became ${after.state}`);
  if (after.state !== 'serving') {
    if (after.epoch !== before.epoch) say('its epoch changed as it ended');
    if (after.replicas.some(({ node, inc }) => incIn(before, node) !== inc))
      say('a replica was added as it ended');
    return found;
  }
  const { owner, epoch } = after;
  if (epoch === before.epoch) {
    const same =
      owner.node === before.owner.node &&
      owner.session === before.owner.session &&
      owner.inc === before.owner.inc;
    if (!same)
      say(`epoch ${epoch} has two owners: ${JSON.stringify(before.owner)}, ${JSON.stringify(owner)}`);
  } else if (epoch !== before.epoch + 1) say(`epoch ${before.epoch} became ${epoch}`);
  else if (!before.inSync.includes(owner.node) || incIn(before, owner.node) !== owner.inc) {
    say(`epoch ${epoch} went to ${owner.node}, which was not in-sync`);
  }
  if (after.minInSync < before.minInSync) say(`m fell from ${before.minInSync} to ${after.minInSync}`);
  if (after.nextInc < before.nextInc) say('nextInc fell');
  for (const { node, inc } of after.replicas) {
    const known = incIn(before, node);
    if (known !== inc && inc < before.nextInc) say(`inc ${inc} of ${node} is used again`);
  }
  for (const { node, inc } of before.replicas) {
    if (before.inSync.includes(node) && incIn(after, node) !== inc)
      say(`in-sync ${node} was removed from the replicas`);
  }
  for (const node of after.inSync) {
    if (incIn(before, node) !== incIn(after, node)) say(`${node} became in-sync as it was added`);
  }
  return found;
}

function incIn({ replicas }: Descriptor, node: string): number | undefined {
  return replicas.find((replica) => replica.node === node)?.inc;
}

function vanished({ id, state }: Descriptor): string[] {
  return state === 'serving' ? [`range ${id} is gone, and was serving`] : [];
}

/** S3: what is wrong with a range that was just made in the place of others, which `images` has. */
function born(child: Descriptor, before: ReadonlyMap<RangeId, DescriptorImage>): string[] {
  const parents = child.parents.flatMap(({ range }) => before.get(range)?.descriptor ?? []);
  const direct = parents.filter(({ state }) => state === 'serving');
  if (direct.length === 0) return [];
  const found: string[] = [];
  const say = (text: string) => found.push(`range ${child.id}: ${text}`);
  const isCommon = (node: string) => direct.every(({ inSync }) => inSync.includes(node));
  if (!child.inSync.every(isCommon)) say('a member was not in-sync in every parent');
  if (child.inSync.length < Math.max(...direct.map(({ minInSync }) => minInSync)))
    say('fewer than m are in-sync');
  for (const { id, epoch, owner } of direct) {
    if (child.epoch <= epoch) say(`its epoch is not above that of range ${id}`);
    const isSame = owner.node === child.owner.node && owner.session === child.owner.session;
    if (!isSame) say(`its owner is not that of range ${id}`);
  }
  for (const { range, final } of child.parents)
    if (final.seq > child.base.seq) say(`it begins before the end of range ${range}`);
  return found;
}

/** The ranges of a namespace cover all keys without holes or overlaps. */
function cover(ranges: readonly Descriptor[]): string[] {
  const sorted = ranges
    .filter(({ state }) => state === 'serving')
    .sort((a, b) => compareBytes(a.start, b.start));
  const found: string[] = [];
  let end: Descriptor['end'] = new Uint8Array(0);
  for (const range of sorted) {
    if (end === null || compareBytes(range.start, end) < 0) {
      found.push(`range ${range.id} overlaps its neighbour: ${formatKeyRange(range)}`);
    } else if (!equalBytes(range.start, end)) {
      found.push(`a hole from ${formatBytes(end)} to ${formatBytes(range.start)}`);
    }
    end = range.end;
  }
  if (end !== null) found.push(`a hole from ${formatBytes(end)} to the end`);
  return found;
}
