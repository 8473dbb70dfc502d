// The applied state of all ranges: what LevelDB holds, and over it what was applied since (the overlay). A change is visible
// from the moment it is applied; it is written behind, with many others and merged by key, in one synced batch
// that also says through where each range is applied.
//
// Two rules keep that honest. A batch waits until this node's own log has synced all that was logged when the overlay
// was frozen: LevelDB never holds an entry that the log could still lose. And a scan which began before a batch was written
// keeps the overlays from then on, so that it still finds what its cursor does not see.

import type { Bytes } from '../../../common/base/bytes.ts';
import type { Env, Timer } from '../../../common/base/env.ts';
import type { NamespaceId, Position, RangeId } from '../../../common/model/ids.ts';
import type { KeyRange } from '../../../common/model/key-range.ts';
import { Caches } from '../cache/caches.ts';
import type { LeafCache } from '../cache/leaf-cache.ts';
import type { RowCache } from '../cache/row-cache.ts';
import type { Span } from '../log/bodies.ts';
import type { LoggedReplica } from '../log/logged-replicas.ts';
import { keyText } from '../rows/key-text.ts';
import { scratchRowKey, scratchRowValue } from '../rows/scratch-buffer.ts';
import type { PageRequest, Row, RowChange } from '../storage.ts';
import type { StateBatch, StateEngine } from './engine.ts';
import { type NamespaceOverlay, Overlay, type OverlayRow } from './overlay.ts';
import { type MergedPage, mergePage } from './scan-page.ts';
import { addApplied, addSessions } from './snapshot.ts';
import { REVISION_BYTES, readRevision, rowBounds, sessionBounds } from './stored-keys.ts';
import { StoredScan } from './stored-scan.ts';
import type { ViewParts } from './view.ts';

export interface AppliedStateOptions {
  readonly env: Env;
  readonly engine: StateEngine;
  /** Resolves when all that is logged now is synced. */
  readonly logFlushed: () => Promise<void>;
  /** A batch is written when the overlay is as old, or as much was applied to it. */
  readonly flushMs: number;
  readonly flushBytes: number;
  readonly flushRows: number;
  /** Beyond it the state is saturated. */
  readonly overlayBytesMax: number;
  /** Of the store, kept in memory. */
  readonly cacheBytes: number;
  readonly onFlushed: () => void;
  readonly onFailure: (error: Error) => void;
}

/** Rows put into a batch in one turn of the event loop: some 0.3 ms, for which whoever waits for this node waits longer. */
const ROWS_PER_TURN = 64;
const CLEAR_ROWS = 2000;
/** So many times as rarely is written behind while a snapshot is taken in. */
const SLOW_FLUSH_FACTOR = 8;
/** Until so long after its last rows, ms. */
const SLOW_FLUSH_MS = 2_000;

export class AppliedState {
  readonly #options: AppliedStateOptions;
  readonly #engine: StateEngine;
  readonly #caches: Caches;
  #active = new Overlay();
  /** The one being written, if any. */
  #frozen: Overlay | null = null;
  #writing: Promise<void> | null = null;
  #timer: Timer | null = null;
  /** An instant of Env.now(). */
  #slowUntil = Number.NEGATIVE_INFINITY;
  /** Of each scan under way, the overlays that its cursor does not see, newest first. */
  readonly #scans = new Set<Overlay[]>();

  constructor(options: AppliedStateOptions) {
    this.#options = options;
    this.#engine = options.engine;
    this.#caches = new Caches(options.cacheBytes);
  }

  get overlayBytes(): number {
    return this.#active.bytes + (this.#frozen?.bytes ?? 0);
  }

  get rowCache(): Pick<RowCache, 'bytes' | 'hits' | 'misses'> {
    return this.#caches.rows;
  }

  get leafCache(): Pick<LeafCache, 'bytes' | 'hits' | 'misses'> {
    return this.#caches.leaves;
  }

  get saturated(): boolean {
    return this.overlayBytes > this.#options.overlayBytesMax;
  }

  get(namespaceId: NamespaceId, key: Bytes): Row | undefined {
    if (!this.#active.isEmpty || this.#frozen !== null) {
      const row = this.#active.get(namespaceId, key) ?? this.#frozen?.get(namespaceId, key);
      if (row !== undefined) return isRow(row) ? row : undefined;
    }
    const cached = this.#caches.rows.get(namespaceId, key);
    if (cached !== undefined) return cached;
    const stored = this.#engine.get(scratchRowKey(namespaceId, key));
    if (stored === undefined) return undefined;
    const row = { key, value: stored.subarray(REVISION_BYTES), revision: readRevision(stored) };
    this.#caches.rows.add(namespaceId, row);
    return row;
  }

  /** Rows of the store were replaced by others than this. */
  clearCaches(): void {
    this.#caches.clear();
  }

  apply(replica: LoggedReplica, position: Position, changes: readonly RowChange[]): void {
    const overlay = this.#active;
    const space = overlay.space(replica.span.namespaceId);
    for (const { key, value } of changes) overlay.set(space, { key, value, revision: position.seq });
    overlay.appliedThrough.set(replica, position);
    replica.applied = position;
    replica.committed = Math.max(replica.committed, position.seq);
    this.#schedule();
  }

  // ---- writing behind ------------------------------------------------------------------------------------------

  /** Resolves when all that is applied now is in the store, synced. */
  async flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
    if (this.#active.isEmpty) return;
    this.#writing = this.#writeActive();
    try {
      await this.#writing;
    } finally {
      this.#writing = null;
    }
  }

  /**
   * Rows of a snapshot go past the overlay, in key order, into tables that overlap nothing. A batch from here among them spans
   * them all, and LevelDB merges what it has of the snapshot once more with each.
   */
  slowDownFlushes(): void {
    this.#slowUntil = this.#options.env.now() + SLOW_FLUSH_MS;
  }

  #schedule(): void {
    const { flushBytes, flushRows, flushMs, env } = this.#options;
    const { bytes, appliedBytes, appliedRows } = this.#active;
    const much = appliedBytes >= flushBytes || appliedRows >= flushRows;
    if (!much && this.#timer !== null) return;
    const times = env.now() < this.#slowUntil ? SLOW_FLUSH_FACTOR : 1;
    // The rows themselves are never more in memory than else.
    const due = bytes >= flushBytes || appliedBytes >= times * flushBytes || appliedRows >= times * flushRows;
    if (much && due) this.#flushNow();
    else this.#timer ??= env.after(times * flushMs, () => this.#flushNow());
  }

  #flushNow(): void {
    this.#timer?.cancel();
    this.#timer = null;
    // What waits while a batch is written is looked at when that has ended.
    if (this.#writing !== null) return;
    this.flush().then(() => {
      if (!this.#active.isEmpty) this.#schedule();
    }, this.#options.onFailure);
  }

  async #writeActive(): Promise<void> {
    const overlay = this.#active;
    this.#active = new Overlay();
    overlay.freeze();
    this.#frozen = overlay;
    for (const layers of this.#scans) layers.unshift(this.#active);
    await this.#options.logFlushed();
    const batch = this.#engine.batch();
    await this.#fill(batch, overlay);
    await batch.write();
    this.#frozen = null;
    for (const [replica, position] of overlay.appliedThrough) replica.appliedSynced = position;
    this.#options.onFlushed();
  }

  /** In slices, so that a large batch does not hold up the event loop. */
  async #fill(batch: StateBatch, overlay: Overlay): Promise<void> {
    const { rows, leaves } = this.#caches;
    let left = ROWS_PER_TURN;
    for (const [namespaceId, space] of overlay.namespaces) {
      for (const row of space.rows) {
        const storedKey = scratchRowKey(namespaceId, row.key);
        const now = isRow(row) ? row : null;
        if (now !== null) batch.put(storedKey, scratchRowValue(now));
        else batch.delete(storedKey);
        // Ahead of the store: until that has the batch, the overlay answers.
        rows.update(namespaceId, row.key, now);
        if (!leaves.isEmpty) leaves.update(namespaceId, keyText(row.key), row.key, now);
        if (--left > 0) continue;
        await new Promise<void>((resolve) => this.#options.env.soon(resolve));
        left = ROWS_PER_TURN;
      }
    }
    for (const [replica, position] of overlay.appliedThrough) {
      addApplied(batch, replica, position);
    }
    for (const [replica, changes] of overlay.sessions) addSessions(batch, replica, changes);
  }

  /** The rows of a namespace as they are now (view.ts). */
  viewParts(namespaceId: NamespaceId): ViewParts {
    const overlays: (readonly OverlayRow[])[] = [];
    // Rows are never changed in place, but newer ones take their places until the overlay is frozen.
    const active = this.#active.namespaces.get(namespaceId)?.rows.slice();
    if (active !== undefined) overlays.push(active);
    const frozen = this.#frozen?.namespaces.get(namespaceId)?.rows;
    if (frozen !== undefined) overlays.push(frozen);
    // It may have some rows of the frozen overlay already, or all: they are the same.
    return { snapshot: this.#engine.snapshot(), overlays, soon: (task) => this.#options.env.soon(task) };
  }

  // ---- pages ---------------------------------------------------------------------------------------------------

  /** One page; `finish` runs in the turn in which it was read, and its result comes with it. */
  async scan<T>(
    namespaceId: NamespaceId,
    bounds: KeyRange,
    options: PageRequest,
    finish: (page: MergedPage) => T,
  ): Promise<T> {
    const layers = this.#frozen === null ? [this.#active] : [this.#active, this.#frozen];
    const stored = new StoredScan({
      ...{ engine: this.#engine, leaves: this.#caches.leaves, namespaceId, bounds, scan: options },
      unchanged: (start, end) => !layers.slice(1).some((layer) => layer.hasWithin(namespaceId, start, end)),
    });
    this.#scans.add(layers);
    try {
      for (let rowsMin = 0; ; ) {
        if (!stored.takeCached(rowsMin)) {
          await stored.read();
          continue;
        }
        const page = mergePage(overlaysOf(layers, namespaceId), stored, bounds, options);
        if (page !== null) return finish(page);
        rowsMin = stored.count + 1;
      }
    } finally {
      this.#scans.delete(layers);
      stored.close();
    }
  }

  /** Deletes the rows of a span and the sessions of a range from the store; nothing of them may be in the overlay. */
  async clear(range: RangeId, span: Span): Promise<void> {
    await this.#clear(sessionBounds(range));
    await this.#clear(rowBounds(span.namespaceId, span));
    this.clearCaches();
  }

  async #clear(bounds: { readonly start: Bytes; readonly end: Bytes }): Promise<void> {
    const cursor = this.#engine.open({ ...bounds, reverse: false, values: false, bytesMax: 1024 * 1024 });
    try {
      for (;;) {
        const pairs = await cursor.next(CLEAR_ROWS);
        if (pairs.length === 0) return;
        const batch = this.#engine.batch();
        for (const [key] of pairs) batch.delete(key);
        await batch.write();
      }
    } finally {
      cursor.close();
    }
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

function overlaysOf(layers: readonly Overlay[], namespaceId: NamespaceId): NamespaceOverlay[] {
  const namespaces = layers.map((overlay) => overlay.namespaces.get(namespaceId));
  return namespaces.filter((space) => space !== undefined);
}

function isRow(row: OverlayRow): row is OverlayRow & Row {
  return row.value !== null;
}
