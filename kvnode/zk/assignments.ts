// Finds the ranges that have a replica on this node. It reads every range's descriptor once and then watches those that list this
// node. Any other range is read again when something hints at it (such as an Append for a replica that is not here), in each
// new session, and on a slow poll. Images are passed on as they are read. The replica checks whether an image is newer (R1).

import { type Env, every, type Timer } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import { type DescriptorImage, incOf } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { Observer, Unsubscribe, Zk, ZkNode } from '../../common/zk/store.ts';
import { ZnodeDecoder } from '../../common/zk/znode-decoder.ts';
import { decodeImage, parseRangeName, paths } from '../../common/zk/znodes.ts';

/** Interval in which ranges without a replica here are read again, ms. */
const UNWATCHED_POLL_MS = 30_000;
/** Limit of concurrent reads. */
const READS_MAX = 32;
const RETRY_MS = 250;

export interface AssignmentsOptions {
  readonly self: NodeId;
  readonly zk: Zk;
  readonly env: Env;
  readonly logger: Logger;
  /** A descriptor was read. */
  readonly image: (image: DescriptorImage) => void;
  /** R9: the znode of a watched range is missing. That is no image, so nothing follows from it. */
  readonly missing: (range: RangeId) => void;
}

export class Assignments {
  readonly #options: AssignmentsOptions;
  readonly #decoder: ZnodeDecoder;
  readonly #namespaces: Observer;
  /** Observers of each namespace's ranges. */
  readonly #ranges = new Map<string, Observer>();
  readonly #namespaceOf = new Map<RangeId, string>();
  readonly #watched = new Map<RangeId, Observer>();
  readonly #toRead = new Set<RangeId>();
  readonly #poll: Timer;
  readonly #unsubscribe: Unsubscribe;
  #reading = 0;
  #retry: Timer | null = null;

  constructor(options: AssignmentsOptions) {
    const { zk, env, logger } = options;
    this.#options = options;
    this.#decoder = new ZnodeDecoder(logger);
    this.#namespaces = zk.observeChildren(paths.namespaces, (names) => this.#adoptNamespaces(names ?? []));
    this.#poll = every(env, UNWATCHED_POLL_MS, () => this.#readUnwatched());
    this.#unsubscribe = zk.onSession(() => this.#readUnwatched());
  }

  /** Watches the descriptor of a range that has a replica here. */
  watch(range: RangeId, namespace: string): void {
    this.#namespaceOf.set(range, namespace);
    if (this.#watched.has(range)) return;
    const observer = this.#options.zk.observeData(paths.range(namespace, range), (node) =>
      this.#learn(range, node),
    );
    this.#watched.set(range, observer);
  }

  unwatch(range: RangeId): void {
    this.#watched.get(range)?.close();
    this.#watched.delete(range);
  }

  /** This range may have a replica here, or its descriptor may have changed: it is read now. */
  hint(range: RangeId): void {
    const observer = this.#watched.get(range);
    if (observer !== undefined) return observer.kick();
    if (!this.#namespaceOf.has(range)) return this.#kickAll();
    this.#toRead.add(range);
    this.#readMore();
  }

  close(): void {
    this.#poll.cancel();
    this.#retry?.cancel();
    this.#unsubscribe();
    this.#namespaces.close();
    for (const observer of [...this.#ranges.values(), ...this.#watched.values()]) observer.close();
    this.#toRead.clear();
  }

  #kickAll(): void {
    this.#namespaces.kick();
    for (const observer of this.#ranges.values()) observer.kick();
  }

  #adoptNamespaces(names: readonly string[]): void {
    for (const [name, observer] of this.#ranges) {
      if (names.includes(name)) continue;
      observer.close();
      this.#ranges.delete(name);
    }
    for (const name of names) {
      if (this.#ranges.has(name)) continue;
      const observer = this.#options.zk.observeChildren(paths.ranges(name), (ranges) => {
        this.#adoptRanges(name, ranges ?? []);
      });
      this.#ranges.set(name, observer);
    }
  }

  #adoptRanges(namespace: string, names: readonly string[]): void {
    for (const name of names) {
      const range = parseRangeName(name);
      if (range === null || this.#namespaceOf.has(range)) continue;
      this.#namespaceOf.set(range, namespace);
      this.#toRead.add(range);
    }
    this.#readMore();
  }

  #readUnwatched(): void {
    for (const range of this.#namespaceOf.keys()) {
      if (!this.#watched.has(range)) this.#toRead.add(range);
    }
    this.#readMore();
  }

  #retryLater(): void {
    this.#retry ??= this.#options.env.after(RETRY_MS, () => {
      this.#retry = null;
      this.#readMore();
    });
  }

  /** A read that fails is tried again a little later, or in the next session. */
  #readMore(): void {
    const { session } = this.#options.zk;
    if (session === null) return;
    for (const range of this.#toRead) {
      if (this.#reading >= READS_MAX) return;
      const namespace = this.#namespaceOf.get(range);
      if (namespace === undefined) continue;
      this.#toRead.delete(range);
      this.#reading++;
      session.get(paths.range(namespace, range)).then(
        (node) => {
          this.#reading--;
          if (node === null) this.#namespaceOf.delete(range);
          else this.#learn(range, node);
          this.#readMore();
        },
        () => {
          this.#reading--;
          this.#toRead.add(range);
          this.#retryLater();
        },
      );
    }
  }

  #learn(range: RangeId, node: ZkNode | null): void {
    const { self, missing, image: received } = this.#options;
    if (node === null) return missing(range);
    const namespace = this.#namespaceOf.get(range) ?? '';
    // R9: nothing follows from a descriptor that cannot be decoded.
    const image = this.#decoder.decode(paths.range(namespace, range), node, null, () =>
      decodeImage(namespace, range, node),
    );
    if (image === null) return;
    if (incOf(image.descriptor, self) !== undefined) this.watch(range, image.descriptor.namespace);
    received(image);
  }
}
