// Finds the ranges of a view by their ids. A plan may ask for thousands.

import type { DescriptorImage } from '../../common/model/descriptor.ts';
import type { RangeId } from '../../common/model/ids.ts';
import type { ClusterView } from '../cluster-view.ts';

export class RangeIndex {
  readonly #view: ClusterView;
  #byId: ReadonlyMap<RangeId, DescriptorImage> | null = null;
  #parents: ReadonlySet<RangeId> | null = null;

  constructor(view: ClusterView) {
    this.#view = view;
  }

  /** In any state. */
  get(id: RangeId): DescriptorImage | undefined {
    this.#byId ??= new Map(this.#images().map((image) => [image.descriptor.id, image]));
    return this.#byId.get(id);
  }

  serving(id: RangeId): DescriptorImage | undefined {
    const image = this.get(id);
    return image?.descriptor.state === 'serving' ? image : undefined;
  }

  /** Whether a range that still exists was made from this one. */
  isParent(id: RangeId): boolean {
    this.#parents ??= new Set(
      this.#images()
        .filter(({ descriptor }) => this.#view.rangeIds.has(descriptor.id))
        .flatMap(({ descriptor }) => descriptor.parents.map(({ range }) => range)),
    );
    return this.#parents.has(id);
  }

  #images(): readonly DescriptorImage[] {
    return [...this.#view.ranges, ...this.#view.otherRanges];
  }
}
