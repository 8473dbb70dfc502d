// An immutable map of the ranges of a namespace, or of a cluster, as one process knows them. To learn a descriptor gives a new map.
// An older image never replaces a newer one. The client routes its calls by it.

import { type Bytes, compareBytes, equalBytes } from '../base/bytes.ts';
import type { DescriptorImage } from './descriptor.ts';
import type { RangeId } from './ids.ts';
import { isBefore, overlaps } from './key-range.ts';
import { SortedKeys } from './sorted-keys.ts';

/** The ranges of one namespace, in order. */
interface Space {
  readonly images: readonly DescriptorImage[];
  readonly starts: SortedKeys;
  /** 1 for a range whose end is the start of the next one. Then a key found by its start needs no check of the end. */
  readonly meetsNext: Uint8Array;
}

export class RangeMap {
  static readonly empty = new RangeMap([]);

  /** In order of (namespace, start). Only ranges that serve are in it. */
  readonly images: readonly DescriptorImage[];
  /** By namespace. Made at the first search. */
  #spaces: ReadonlyMap<string, Space> | null = null;

  private constructor(images: readonly DescriptorImage[]) {
    this.images = images;
  }

  static of(images: Iterable<DescriptorImage>): RangeMap {
    let map = RangeMap.empty;
    for (const image of images) map = map.learn(image);
    return map;
  }

  get(id: RangeId): DescriptorImage | undefined {
    return this.images.find((image) => image.descriptor.id === id);
  }

  /** The range that contains `key`; undefined if the map has a gap there. */
  find(namespace: string, key: Bytes): DescriptorImage | undefined {
    this.#spaces ??= spacesOf(this.images);
    const space = this.#spaces.get(namespace);
    if (space === undefined) return undefined;
    const at = space.starts.lastAtOrBelow(key);
    const image = space.images[at];
    if (image === undefined) return undefined;
    return space.meetsNext[at] === 1 || isBefore(key, image.descriptor.end) ? image : undefined;
  }

  ofNamespace(namespace: string): readonly DescriptorImage[] {
    return this.images.filter((image) => image.descriptor.namespace === namespace);
  }

  /**
   * The map with this image, or this map itself if the image is not newer. If two ranges overlap, because one was split or merged
   * meanwhile, the one just learned stays.
   */
  learn(image: DescriptorImage): RangeMap {
    const { descriptor } = image;
    const known = this.get(descriptor.id);
    if (known !== undefined && known.version >= image.version) return this;
    const others = this.images.filter(
      ({ descriptor: other }) =>
        other.id !== descriptor.id &&
        !(other.namespace === descriptor.namespace && overlaps(other, descriptor)),
    );
    if (descriptor.state !== 'serving') return new RangeMap(this.images.filter((other) => other !== known));
    others.push(image);
    others.sort(
      ({ descriptor: a }, { descriptor: b }) =>
        compareNames(a.namespace, b.namespace) || compareBytes(a.start, b.start),
    );
    return new RangeMap(others);
  }

  /** The map without this range, whose znode is gone. */
  forget(id: RangeId): RangeMap {
    return this.get(id) === undefined
      ? this
      : new RangeMap(this.images.filter(({ descriptor }) => descriptor.id !== id));
  }
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function spacesOf(images: readonly DescriptorImage[]): Map<string, Space> {
  const spaces = new Map<string, Space>();
  for (const name of new Set(images.map(({ descriptor }) => descriptor.namespace))) {
    const own = images.filter(({ descriptor }) => descriptor.namespace === name);
    const meetsNext = Uint8Array.from(own, ({ descriptor: { end } }, at) => {
      const next = own[at + 1]?.descriptor.start;
      return end !== null && next !== undefined && equalBytes(end, next) ? 1 : 0;
    });
    spaces.set(name, {
      images: own,
      starts: new SortedKeys(own.map(({ descriptor }) => descriptor.start)),
      meetsNext,
    });
  }
  return spaces;
}
