// The ranges of a namespace, as one process knows them. A client routes its calls by it.
//
// Ranges are replaced, so what is known may overlap: a parent that was read long ago, and one of its children. Of the ranges that ever
// hold a key, each has a higher epoch than the one before (S3). So a key belongs to the known range that has the highest epoch: a child
// takes its keys from its parents, whichever was learned first. A parent keeps the keys of children that are not known yet. Whoever owned
// it knows them.

import { type Bytes, compareBytes, equalBytes } from '../base/bytes.ts';
import type { Descriptor, DescriptorImage } from './descriptor.ts';
import type { RangeId } from './ids.ts';
import { compareEnds, isBefore, type KeyRange, sameBounds } from './key-range.ts';
import { SortedKeys } from './sorted-keys.ts';

/** What changed when a range was learned. */
export interface Learned {
  /** Former images that lost keys to the new one: of the range itself, or of ranges that it replaced. */
  readonly overtaken: readonly Descriptor[];
  /** Ranges that have no key any more. It may be the new one itself, if others hold all its keys in higher epochs. */
  readonly displaced: readonly RangeId[];
}

/** To make the index costs as much as some searches without it do for each so many ranges. */
const SEARCHES_PER_INDEX = 8;

interface Index {
  readonly starts: SortedKeys;
  /** 1 for a piece whose end is the start of the next one. Then a key found by its start needs no check of the end. */
  readonly meetsNext: Uint8Array;
}

export class RangeMap {
  /** In key order, without overlaps. A range of which others hold some keys is there with what is left to it, piece by piece. */
  readonly #pieces: DescriptorImage[] = [];
  /** The ranges that have a piece, with all their keys. */
  readonly #byId = new Map<RangeId, DescriptorImage>();
  /** Null: bounds have changed since it was made. */
  #index: Index | null = null;
  /** How many keys were searched for without the index. */
  #searches = 0;
  #images: readonly DescriptorImage[] | null = null;

  /**
   * The ranges in key order, as an array that never changes. They do not overlap: a range of which others hold some keys is there with
   * the bounds of what is left to it.
   */
  get images(): readonly DescriptorImage[] {
    this.#images ??= [...this.#pieces];
    return this.#images;
  }

  /** With all its keys. Undefined: it is not known, or has no key any more. */
  get(id: RangeId): DescriptorImage | undefined {
    return this.#byId.get(id);
  }

  /** The range that holds `key`, with the bounds of what is left to it there; undefined: no known one does. */
  find(key: Bytes): DescriptorImage | undefined {
    if (this.#index === null && this.#searches++ < this.#pieces.length / SEARCHES_PER_INDEX)
      return this.#search(key);
    this.#index ??= indexOf(this.#pieces);
    const { starts, meetsNext } = this.#index;
    const at = starts.lastAtOrBelow(key);
    const image = this.#pieces[at];
    if (image === undefined) return undefined;
    return meetsNext[at] === 1 || isBefore(key, image.descriptor.end) ? image : undefined;
  }

  /** As {@link find}, without the index. */
  #search(key: Bytes): DescriptorImage | undefined {
    const image = this.#pieces[this.#firstEndingAbove(key)];
    return image !== undefined && compareBytes(image.descriptor.start, key) <= 0 ? image : undefined;
  }

  /** As {@link find}, for the last keys below `end`. */
  findBelow(end: Bytes | null): DescriptorImage | undefined {
    const image = this.#pieces[this.#firstAtOrAbove(end) - 1];
    return image !== undefined && compareEnds(image.descriptor.end, end) >= 0 ? image : undefined;
  }

  /** Learns an image of a range that serves, or that was replaced. Null: it changes nothing, as a newer one is known. */
  learn(image: DescriptorImage): Learned | null {
    const known = this.#byId.get(image.descriptor.id);
    if (known === undefined) return this.#lay(image);
    if (known.version >= image.version) return null;
    if (sameBounds(known.descriptor, image.descriptor)) return this.#renew(known, image);
    // Bounds never change: another range has the id. ZooKeeper was restored, or emptied.
    this.forget(known.descriptor.id);
    return this.#lay(image);
  }

  /** The range is gone. False: it was not known. */
  forget(id: RangeId): boolean {
    if (!this.#byId.delete(id)) return false;
    for (let at = this.#pieces.length - 1; at >= 0; at--)
      if (this.#pieces[at]?.descriptor.id === id) this.#pieces.splice(at, 1);
    this.#boundsChanged();
    return true;
  }

  /** A newer image of a known range takes the place of the former one. */
  #renew(known: DescriptorImage, image: DescriptorImage): Learned {
    const { id, start, end } = known.descriptor;
    this.#byId.set(id, image);
    this.#images = null;
    const until = this.#firstAtOrAbove(end);
    for (let at = this.#firstEndingAbove(start); at < until; at++) {
      const piece = this.#pieces[at];
      if (piece?.descriptor.id === id) this.#pieces[at] = clipped(image, piece.descriptor);
    }
    return { overtaken: [known.descriptor], displaced: [] };
  }

  /** Gives the range all its keys that no range with a higher epoch holds. */
  #lay(image: DescriptorImage): Learned {
    const { id, start, end } = image.descriptor;
    const from = this.#firstEndingAbove(start);
    const until = this.#firstAtOrAbove(end);
    const before = this.#pieces.slice(from, until);
    const after = laid(before, image);
    if (!after.some(({ descriptor }) => descriptor.id === id)) return { overtaken: [], displaced: [id] };
    this.#pieces.splice(from, until - from, ...after);
    this.#byId.set(id, image);
    this.#boundsChanged();
    const overtaken = before.filter((piece) => !after.includes(piece)).map(({ descriptor }) => descriptor);
    return { overtaken, displaced: this.#dropEmpty(overtaken) };
  }

  /** Drops those of the ranges that have no key any more. */
  #dropEmpty(ranges: readonly Descriptor[]): readonly RangeId[] {
    const ids = new Set(ranges.map(({ id }) => id));
    const empty = [...ids].filter((id) => !this.#hasPiece(id));
    for (const id of empty) this.#byId.delete(id);
    return empty;
  }

  #hasPiece(id: RangeId): boolean {
    const range = this.#byId.get(id)?.descriptor;
    if (range === undefined) return false;
    const until = this.#firstAtOrAbove(range.end);
    for (let at = this.#firstEndingAbove(range.start); at < until; at++)
      if (this.#pieces[at]?.descriptor.id === id) return true;
    return false;
  }

  /** Index of the first piece that ends above `start`. */
  #firstEndingAbove(start: Bytes): number {
    return this.#first(({ end }) => isBefore(start, end));
  }

  /** Index of the first piece that starts at or above `end`. */
  #firstAtOrAbove(end: Bytes | null): number {
    return this.#first((piece) => !isBefore(piece.start, end));
  }

  /** Index of the first piece for which `is` holds. It holds for all pieces behind that one. */
  #first(is: (piece: Descriptor) => boolean): number {
    let low = 0;
    let high = this.#pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (is((this.#pieces[middle] as DescriptorImage).descriptor)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #boundsChanged(): void {
    this.#index = null;
    this.#searches = 0;
    this.#images = null;
  }
}

/** The pieces, which are in order, with those of `image` among them. */
function laid(pieces: readonly DescriptorImage[], image: DescriptorImage): readonly DescriptorImage[] {
  const { start, end, epoch } = image.descriptor;
  const after: DescriptorImage[] = [];
  /** Where the next keys of `image` begin; null: it has no more. */
  let at: Bytes | null = start;
  let behind: DescriptorImage | null = null;
  for (const piece of pieces) {
    const { descriptor } = piece;
    if (descriptor.epoch > epoch) {
      if (at !== null && compareBytes(at, descriptor.start) < 0)
        after.push(clipped(image, { start: at, end: descriptor.start }));
      after.push(piece);
      at = descriptor.end;
      continue;
    }
    if (compareBytes(descriptor.start, start) < 0)
      after.push(clipped(piece, { start: descriptor.start, end: start }));
    if (end !== null && compareEnds(descriptor.end, end) > 0)
      behind = clipped(piece, { start: end, end: descriptor.end });
  }
  if (at !== null && isBefore(at, end)) after.push(clipped(image, { start: at, end }));
  if (behind !== null) after.push(behind);
  return after;
}

function clipped(image: DescriptorImage, bounds: KeyRange): DescriptorImage {
  const { descriptor, version } = image;
  if (sameBounds(descriptor, bounds)) return image;
  return { descriptor: { ...descriptor, start: bounds.start, end: bounds.end }, version };
}

function indexOf(pieces: readonly DescriptorImage[]): Index {
  const meetsNext = Uint8Array.from(pieces, ({ descriptor: { end } }, at) => {
    const next = pieces[at + 1]?.descriptor.start;
    return end !== null && next !== undefined && equalBytes(end, next) ? 1 : 0;
  });
  return { starts: new SortedKeys(pieces.map(({ descriptor }) => descriptor.start)), meetsNext };
}
