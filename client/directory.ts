// The directory: the ranges and their owners, as this client knows them. It reads all descriptors of the namespace once. Then
// it watches the descriptors in use (range-watch.ts), and learns newer ones from the errors of nodes. An older image never
// replaces a newer one, and a range never takes keys back from those that replaced it (range-map.ts). If ZooKeeper does not answer,
// the directory keeps what it has, and errors of nodes still update it: reads and writes go on.
//
// What nodes say may be ahead of what ZooKeeper shows to this client. So a range that is missing there is forgotten only if ZooKeeper has
// shown it before.

import type { Bytes } from '../common/base/bytes.ts';
import type { Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { Descriptor, DescriptorImage } from '../common/model/descriptor.ts';
import { BadDataError } from '../common/model/fields.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import { RangeMap } from '../common/model/range-map.ts';
import type { Observer, Zk, ZkNode } from '../common/zk/store.ts';
import { ZnodeDecoder } from '../common/zk/znode-decoder.ts';
import { decodeImage, descriptorCodec, parseRangeName, paths } from '../common/zk/znodes.ts';
import { RangeWatch } from './range-watch.ts';

/** The least time between two reads of a descriptor, or of the list of ranges, that callers ask for. */
const REFRESH_MS = 50;
/** How many descriptors are read at once. */
const READS_AT_ONCE = 64;

export interface DirectoryOptions {
  readonly zk: Zk;
  readonly env: Env;
  readonly log: Logger;
  readonly namespace: string;
  /** Called after every change of the ranges. */
  readonly changed: () => void;
  /** Called when keys have a new owner, with the descriptor of their range and the node that owned them before. */
  readonly ownerChanged: (descriptor: Descriptor, before: NodeId) => void;
  /** Called when a range was replaced by others that are known, or was dropped. No call is sent to it any more. */
  readonly ended: (range: RangeId) => void;
}

export class Directory {
  readonly namespace: string;
  readonly #zk: Zk;
  readonly #env: Env;
  readonly #log: Logger;
  readonly #decoder: ZnodeDecoder;
  readonly #changed: () => void;
  readonly #ownerChanged: DirectoryOptions['ownerChanged'];
  readonly #hasEnded: DirectoryOptions['ended'];
  readonly #map = new RangeMap();
  /** The ranges that ZooKeeper has shown, and still does as far as is known. */
  #shown = new Set<RangeId>();
  /** Ranges that have ended, and whose znodes are still there: they are not read again. */
  readonly #ended = new Set<RangeId>();
  #dropped = false;
  readonly #watch: RangeWatch;
  readonly #names: Observer;
  /** When a range was last read again at a caller's request. */
  readonly #refreshed = new Map<RangeId, number>();
  #listedAt = Number.NEGATIVE_INFINITY;

  /** `images`: every descriptor of the namespace, as just read. */
  constructor(options: DirectoryOptions, images: readonly DescriptorImage[]) {
    this.namespace = options.namespace;
    this.#zk = options.zk;
    this.#env = options.env;
    this.#log = options.log;
    this.#decoder = new ZnodeDecoder(options.log);
    this.#changed = options.changed;
    this.#ownerChanged = options.ownerChanged;
    this.#hasEnded = options.ended;
    this.#watch = new RangeWatch(this.#env, (range) =>
      this.#zk.observeData(paths.range(this.namespace, range), (node) => this.#observed(range, node)),
    );
    this.#learnShown(images);
    this.#names = this.#zk.observeChildren(paths.ranges(this.namespace), (names) => {
      if (names === null) this.#namespaceGone();
      else void this.#list(names);
    });
  }

  /** The namespace was dropped, and nothing was learned since of another one of its name. */
  get isDropped(): boolean {
    return this.#dropped;
  }

  /** The range that holds `key`. @param use whether it is about to be used, and so should be watched */
  locate(key: Bytes, use: boolean): DescriptorImage | undefined {
    return this.#noteUse(this.#map.find(key), use);
  }

  /** The range that holds the last keys below `end`. */
  locateBelow(end: Bytes | null, use: boolean): DescriptorImage | undefined {
    return this.#noteUse(this.#map.findBelow(end), use);
  }

  #noteUse(image: DescriptorImage | undefined, use: boolean): DescriptorImage | undefined {
    if (use && image !== undefined) this.#watch.use(image.descriptor.id);
    return image;
  }

  /** In key order, without overlaps. */
  images(): readonly DescriptorImage[] {
    return this.#map.images;
  }

  /**
   * Takes over all ranges, as just read. @param known the ranges that were known when the read began; those that are missing from
   * `images` no longer exist
   */
  replace(known: readonly DescriptorImage[], images: readonly DescriptorImage[]): void {
    const present = new Set(images.map(({ descriptor }) => descriptor.id));
    for (const { descriptor } of known) {
      if (!present.has(descriptor.id)) this.#observed(descriptor.id, null);
    }
    this.#learnShown(images);
  }

  /** Learns the descriptor that a node's error carries. Ignores one that cannot be decoded. */
  learnHint(hint: { readonly data: Uint8Array; readonly version: number }): void {
    try {
      this.#learn(descriptorCodec.image(hint));
    } catch (error) {
      if (!(error instanceof BadDataError)) throw error;
      this.#log.warn(
        { namespace: this.namespace, reason: error.message },
        'ignoring a descriptor that cannot be decoded',
      );
    }
  }

  /** Reads a range's descriptor again, because it may be out of date; at most once in REFRESH_MS. */
  refresh(range: RangeId): void {
    const now = this.#env.now();
    if (now - (this.#refreshed.get(range) ?? Number.NEGATIVE_INFINITY) < REFRESH_MS) return;
    this.#refreshed.set(range, now);
    this.#readChildren(this.#map.get(range)?.descriptor);
    if (!this.#watch.kick(range)) void this.#read(range);
  }

  /** Reads the list of ranges again, because a key was in none of them; at most once in REFRESH_MS. */
  refreshList(): void {
    const now = this.#env.now();
    if (now - this.#listedAt < REFRESH_MS) return;
    this.#listedAt = now;
    void this.#readList();
  }

  close(): void {
    this.#watch.close();
    this.#names.close();
  }

  #observed(range: RangeId, node: ZkNode | null): void {
    if (node === null) {
      if (this.#shown.delete(range)) this.#forget(range);
      return;
    }
    this.#shown.add(range);
    const path = paths.range(this.namespace, range);
    const image = this.#decoder.decode(path, node, null, () => decodeImage(this.namespace, range, node));
    if (image !== null) this.#learn(image);
  }

  /** Learns images that were read from ZooKeeper together. Those that serve come first, so that no child is read again. */
  #learnShown(images: readonly DescriptorImage[]): void {
    for (const { descriptor } of images) this.#shown.add(descriptor.id);
    const serves = ({ descriptor }: DescriptorImage) => descriptor.state === 'serving';
    for (const image of images) if (serves(image)) this.#learn(image);
    for (const image of images) if (!serves(image)) this.#learn(image);
  }

  #learn(image: DescriptorImage): void {
    const { descriptor } = image;
    if (descriptor.namespace !== this.namespace || this.#ended.has(descriptor.id)) return;
    if (descriptor.state === 'dropped') return this.#learnDropped(descriptor);
    const learned = this.#map.learn(image);
    if (learned === null) return;
    this.#dropped = false;
    for (const range of learned.displaced) this.#end(range);
    // Their znodes may be gone before this client knew what replaced them.
    for (const { range } of descriptor.parents)
      if (this.#map.get(range) === undefined && !this.#ended.has(range)) this.#hasEnded(range);
    this.#changed();
    this.#readChildren(descriptor);
    const before = learned.overtaken.filter(({ epoch }) => epoch < descriptor.epoch);
    for (const node of new Set(before.map(({ owner }) => owner.node)))
      if (node !== descriptor.owner.node) this.#ownerChanged(descriptor, node);
  }

  #learnDropped({ id }: Descriptor): void {
    this.#map.forget(id);
    this.#end(id);
    this.#dropped = true;
    this.#changed();
  }

  /** Its ranges may have vanished before, one by one. */
  #namespaceGone(): void {
    this.#dropped = true;
    for (const range of [...this.#shown]) this.#observed(range, null);
    this.#changed();
  }

  /** Reads the children of a range that was replaced, if they are not known. Until they are, calls ask the owner that it had. */
  #readChildren(descriptor: Descriptor | undefined): void {
    const children = descriptor?.replacement?.children ?? [];
    void this.#readUnknown(children.map(({ id }) => id));
  }

  /** The range has no keys any more. */
  #end(range: RangeId): void {
    this.#ended.add(range);
    this.#release(range);
    this.#hasEnded(range);
  }

  /** The range's znode is gone. That does not say that the range has ended: ZooKeeper may have been emptied, and filled again later. */
  #forget(range: RangeId): void {
    this.#release(range);
    if (this.#map.forget(range)) this.#changed();
  }

  #release(range: RangeId): void {
    this.#watch.forget(range);
    this.#refreshed.delete(range);
    this.#decoder.forget(paths.range(this.namespace, range));
  }

  async #list(names: readonly string[]): Promise<void> {
    const present = new Set(names.map(parseRangeName).filter((id) => id !== null));
    for (const id of this.#shown) if (!present.has(id)) this.#forget(id);
    for (const id of this.#ended) if (!present.has(id)) this.#ended.delete(id);
    this.#shown = present;
    await this.#readUnknown([...present]);
  }

  async #readList(): Promise<void> {
    try {
      const names = await this.#zk.session?.children(paths.ranges(this.namespace));
      if (names === null) this.#namespaceGone();
      else if (names !== undefined) await this.#list(names);
    } catch (error) {
      this.#log.debug({ error: String(error) }, 'the list of ranges could not be read');
    }
  }

  /** Reads those of the ranges that are not known. */
  async #readUnknown(ranges: readonly RangeId[]): Promise<void> {
    const unknown = ranges.filter((id) => this.#map.get(id) === undefined && !this.#ended.has(id));
    const left = unknown.values();
    const readInTurn = async () => {
      for (const id of left) await this.#read(id);
    };
    await Promise.all(Array.from({ length: Math.min(unknown.length, READS_AT_ONCE) }, readInTurn));
  }

  /** Reads one descriptor. If that fails, the next request for it tries again. */
  async #read(range: RangeId): Promise<void> {
    try {
      const node = await this.#zk.session?.get(paths.range(this.namespace, range));
      if (node !== undefined) this.#observed(range, node);
    } catch (error) {
      this.#log.debug({ range, error: String(error) }, 'a descriptor could not be read');
    }
  }
}
