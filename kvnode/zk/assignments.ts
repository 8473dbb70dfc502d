// Which ranges have a replica on this node: reads every range's descriptor once, then watches those that name this node.
// A range that it does not watch is read again when something hints at it (an Append for a replica that is not here) and
// on a slow poll. Images are handed on as they are read; whether one is newer is the receiver's business (R1).

import { type Env, every, type Timer } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import { type DescriptorImage, incOf } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { Observer, Unsubscribe, Zk, ZkNode } from '../../common/zk/store.ts';
import { ZnodeDecoder } from '../../common/zk/znode-decoder.ts';
import { decodeImage, parseRangeName, paths } from '../../common/zk/znodes.ts';

/** Ranges without a replica here are read again so often, ms. */
const UNWATCHED_POLL_MS = 30_000;
/** Reads under way at once. */
const READS_MAX = 32;
const RETRY_MS = 250;

export interface AssignmentListener {
  image(image: DescriptorImage): void;
  /** The znode of a watched range is absent: no image, so nothing may be concluded from it (R9). */
  missing(range: RangeId): void;
}

export class Assignments {
  readonly #self: NodeId;
  readonly #zk: Zk;
  readonly #env: Env;
  readonly #decoder: ZnodeDecoder;
  readonly #listener: AssignmentListener;
  readonly #namespaces: Observer;
  readonly #children = new Map<string, Observer>();
  readonly #namespaceOf = new Map<RangeId, string>();
  readonly #watched = new Map<RangeId, Observer>();
  readonly #toRead = new Set<RangeId>();
  readonly #poll: Timer;
  readonly #unsubscribe: Unsubscribe;
  #reading = 0;
  #retry: Timer | null = null;

  constructor(self: NodeId, zk: Zk, env: Env, logger: Logger, listener: AssignmentListener) {
    this.#self = self;
    this.#zk = zk;
    this.#env = env;
    this.#decoder = new ZnodeDecoder(logger);
    this.#listener = listener;
    this.#namespaces = zk.observeChildren(paths.namespaces, (names) => this.#adoptNamespaces(names ?? []));
    this.#poll = every(env, UNWATCHED_POLL_MS, () => this.#readUnwatched());
    this.#unsubscribe = zk.onSession(() => this.#readUnwatched());
  }

  /** Watches the descriptor of a replica that is on this disk. */
  watch(range: RangeId, namespace: string): void {
    this.#namespaceOf.set(range, namespace);
    if (this.#watched.has(range)) return;
    const observer = this.#zk.observeData(paths.range(namespace, range), (node) => this.#learn(range, node));
    this.#watched.set(range, observer);
  }

  unwatch(range: RangeId): void {
    this.#watched.get(range)?.close();
    this.#watched.delete(range);
  }

  /** Something says that this range may concern this node, or that its descriptor changed: read it now. */
  hint(range: RangeId): void {
    const observer = this.#watched.get(range);
    if (observer !== undefined) return observer.kick();
    if (!this.#namespaceOf.has(range)) return this.#kickChildren();
    this.#toRead.add(range);
    this.#readMore();
  }

  close(): void {
    this.#poll.cancel();
    this.#retry?.cancel();
    this.#unsubscribe();
    this.#namespaces.close();
    for (const observer of [...this.#children.values(), ...this.#watched.values()]) observer.close();
    this.#toRead.clear();
  }

  #kickChildren(): void {
    this.#namespaces.kick();
    for (const observer of this.#children.values()) observer.kick();
  }

  #adoptNamespaces(names: readonly string[]): void {
    for (const [name, observer] of this.#children) {
      if (names.includes(name)) continue;
      observer.close();
      this.#children.delete(name);
    }
    for (const name of names) {
      if (this.#children.has(name)) continue;
      const observer = this.#zk.observeChildren(paths.ranges(name), (ranges) => {
        this.#adoptRanges(name, ranges ?? []);
      });
      this.#children.set(name, observer);
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
    this.#retry ??= this.#env.after(RETRY_MS, () => {
      this.#retry = null;
      this.#readMore();
    });
  }

  /** What fails stays to be read, a little later or with the next session. */
  #readMore(): void {
    const { session } = this.#zk;
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
    if (node === null) return this.#listener.missing(range);
    const namespace = this.#namespaceOf.get(range) ?? '';
    // Nothing may be concluded from what cannot be decoded (R9).
    const image = this.#decoder.decode(paths.range(namespace, range), node, null, () =>
      decodeImage(namespace, range, node),
    );
    if (image === null) return;
    if (incOf(image.descriptor, this.#self) !== undefined) this.watch(range, image.descriptor.namespace);
    this.#listener.image(image);
  }
}
