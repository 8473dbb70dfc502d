// The directory: the ranges and their owners, as this client knows them. It reads all descriptors of the namespace once. Then
// it watches the descriptors in use (range-watch.ts), and learns newer ones from the errors of nodes. An older image never
// replaces a newer one. If ZooKeeper does not answer, the directory keeps what it has, and errors of nodes still update it:
// reads and writes go on.

import { type Bytes, compareBytes } from '../common/base/bytes.ts';
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

export interface DirectoryOptions {
  readonly zk: Zk;
  readonly env: Env;
  readonly log: Logger;
  readonly namespace: string;
  /** Called after every change of the ranges. */
  readonly changed: () => void;
  /** Called when a range has a new owner, with its descriptor and the node that owned it before. */
  readonly ownerChanged: (descriptor: Descriptor, before: NodeId) => void;
}

export class Directory {
  readonly namespace: string;
  readonly #zk: Zk;
  readonly #env: Env;
  readonly #log: Logger;
  readonly #decoder: ZnodeDecoder;
  readonly #changed: () => void;
  readonly #ownerChanged: DirectoryOptions['ownerChanged'];
  #map = RangeMap.empty;
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
    this.#map = RangeMap.of(images);
    this.#watch = new RangeWatch(this.#env, (range) =>
      this.#zk.observeData(paths.range(this.namespace, range), (node) => this.#observed(range, node)),
    );
    this.#names = this.#zk.observeChildren(paths.ranges(this.namespace), (names) => {
      if (names !== null) void this.#list(names);
    });
  }

  /** The range that holds `key`. @param use whether it is about to be used, and so should be watched */
  locate(key: Bytes, use: boolean): DescriptorImage | undefined {
    return this.#noteUse(this.#map.find(this.namespace, key), use);
  }

  /** The range that holds the last keys below `end`. */
  locateBelow(end: Bytes | null, use: boolean): DescriptorImage | undefined {
    const below = ({ descriptor }: DescriptorImage) =>
      end === null || compareBytes(descriptor.start, end) < 0;
    return this.#noteUse(this.images().findLast(below), use);
  }

  #noteUse(image: DescriptorImage | undefined, use: boolean): DescriptorImage | undefined {
    if (use && image !== undefined) this.#watch.use(image.descriptor.id);
    return image;
  }

  /** In key order. */
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
      if (!present.has(descriptor.id)) this.#forget(descriptor.id);
    }
    for (const image of images) this.#learn(image);
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
    if (node === null) return this.#forget(range);
    const path = paths.range(this.namespace, range);
    const image = this.#decoder.decode(path, node, null, () => decodeImage(this.namespace, range, node));
    if (image !== null) this.#learn(image);
  }

  #learn(image: DescriptorImage): void {
    const { descriptor } = image;
    if (descriptor.namespace !== this.namespace) return;
    const before = this.#map.get(descriptor.id)?.descriptor;
    this.#setMap(this.#map.learn(image));
    if (before === undefined || before.epoch >= descriptor.epoch) return;
    if (before.owner.node !== descriptor.owner.node) this.#ownerChanged(descriptor, before.owner.node);
  }

  #forget(range: RangeId): void {
    this.#watch.forget(range);
    this.#refreshed.delete(range);
    this.#decoder.forget(paths.range(this.namespace, range));
    this.#setMap(this.#map.forget(range));
  }

  #setMap(map: RangeMap): void {
    if (map === this.#map) return;
    this.#map = map;
    this.#changed();
  }

  async #list(names: readonly string[]): Promise<void> {
    const present = new Set(names.map(parseRangeName));
    for (const { descriptor } of this.#map.images) {
      if (!present.has(descriptor.id)) this.#forget(descriptor.id);
    }
    for (const id of present) {
      if (id !== null && this.#map.get(id) === undefined) await this.#read(id);
    }
  }

  async #readList(): Promise<void> {
    try {
      const names = await this.#zk.session?.children(paths.ranges(this.namespace));
      if (names !== undefined && names !== null) await this.#list(names);
    } catch (error) {
      this.#log.debug({ error: String(error) }, 'the list of ranges could not be read');
    }
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
