// An immutable picture of a namespace's (or a cluster's) ranges, as a client knows it. Learning a descriptor gives a
// new map; an older image never replaces a newer one. Shared by client, web page and coordinator.

import { type Bytes, compareBytes } from '../base/bytes.ts';
import type { DescriptorImage } from './descriptor.ts';
import type { RangeId } from './ids.ts';
import { contains, overlaps } from './key-range.ts';

export class RangeMap {
  static readonly empty = new RangeMap([]);

  /** In order of (namespace, start). Ranges in state `dropped` or `absorbed` are not in it. */
  readonly images: readonly DescriptorImage[];

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

  /** The range that holds `key`, or undefined where the map has a gap. Binary search. */
  find(namespace: string, key: Bytes): DescriptorImage | undefined {
    let low = 0;
    let high = this.images.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { descriptor } = this.images[middle] as DescriptorImage;
      const order = compareNames(descriptor.namespace, namespace) || compareBytes(descriptor.start, key);
      if (order <= 0) low = middle + 1;
      else high = middle;
    }
    const image = this.images[low - 1];
    if (image === undefined || image.descriptor.namespace !== namespace) return undefined;
    return contains(image.descriptor, key) ? image : undefined;
  }

  ofNamespace(namespace: string): readonly DescriptorImage[] {
    return this.images.filter((image) => image.descriptor.namespace === namespace);
  }

  /**
   * The map with this image, or this very map where the image says nothing new. Of two ranges that overlap (one was
   * split or merged since), the one just learned stays.
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

  /** The map without this range: its znode is gone. */
  forget(id: RangeId): RangeMap {
    return this.get(id) === undefined
      ? this
      : new RangeMap(this.images.filter(({ descriptor }) => descriptor.id !== id));
  }
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
