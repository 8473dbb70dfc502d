// The applied state of all ranges: the rows in LevelDB, and over them the changes that were applied since (the
// overlay). A change is visible as soon as it is applied. It is written behind: many changes, merged by key, in one
// synced batch. The batch also has the applied position of each range.
//
// Two rules keep this correct. First, a batch waits until this node's log has synced all that was logged when the
// overlay was frozen. So LevelDB never holds an entry that the log could still lose. Second, a scan that began before a
// batch was written keeps the overlays from its begin on. So it still finds what its cursor does not see.

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
import { isPresent, type NamespaceOverlay, Overlay, type OverlayRow } from './overlay.ts';
import { type MergedPage, mergePage } from './scan-page.ts';
import { addApplied, addSessions } from './snapshot.ts';
import { appliedKey, REVISION_BYTES, readRevision, rowBounds, sessionBounds } from './stored-keys.ts';
import { StoredScan } from './stored-scan.ts';
import type { ViewParts } from './view.ts';

export interface AppliedStateOptions {
  readonly env: Env;
  readonly engine: StateEngine;
  /** Resolves when all that is logged now is synced. */
  readonly logFlushed: () => Promise<void>;
  /** When a batch is written: the oldest change has waited `flushMs`, or `flushBytes` or `flushRows` were applied. */
  readonly flushMs: number;
  readonly flushBytes: number;
  readonly flushRows: number;
  /** Bytes of overlays above which the state is saturated. */
  readonly overlayBytesMax: number;
  /** Bytes of the caches of the store. */
  readonly cacheBytes: number;
  readonly onFlushed: () => void;
  readonly onFailure: (error: Error) => void;
}

/** Rows that are added to a batch in one turn of the event loop. The turn delays everybody who waits for this node. */
const ROWS_PER_TURN = 64;
const CLEAR_ROWS = 2000;
/** While a snapshot is installed, batches are written this many times less often. */
const SLOW_FLUSH_FACTOR = 8;
/** How long this lasts after the last rows of the snapshot, ms. */
const SLOW_FLUSH_MS = 2_000;

export class AppliedState {
  readonly #options: AppliedStateOptions;
  readonly #engine: StateEngine;
  readonly #caches: Caches;
  #active = new Overlay();
  /** The overlay that is being written to the store. */
  #frozen: Overlay | null = null;
  #writing: Promise<void> | null = null;
  #timer: Timer | null = null;
  /** A time of Env.now(), ms. */
  #slowUntil = Number.NEGATIVE_INFINITY;
  /** For each running scan, the overlays that its cursor does not see, newest first. */
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
      if (row !== undefined) return isPresent(row) ? row : undefined;
    }
    const cached = this.#caches.rows.get(namespaceId, key);
    if (cached !== undefined) return cached;
    const stored = this.#engine.get(scratchRowKey(namespaceId, key));
    if (stored === undefined) return undefined;
    const row = { key, value: stored.subarray(REVISION_BYTES), revision: readRevision(stored) };
    this.#caches.rows.add(namespaceId, row);
    return row;
  }

  /** Must be called after rows of the store were changed elsewhere. */
  clearCaches(): void {
    this.#caches.clear();
  }

  apply(replica: LoggedReplica, position: Position, changes: readonly RowChange[]): void {
    const overlay = this.#active;
    const rows = overlay.namespace(replica.span.namespaceId);
    for (const { key, value } of changes) {
      overlay.set(rows, { key, value, revision: position.seq });
      replica.appliedBytes += key.length + (value?.length ?? 0);
    }
    overlay.appliedThrough.set(replica, position);
    replica.applied = position;
    replica.committed = Math.max(replica.committed, position.seq);
    this.#schedule();
  }

  /** S6: the replica was made with the rows that are there. Its position and its sessions are written with the next batch. */
  begin(replica: LoggedReplica): void {
    this.#active.appliedThrough.set(replica, replica.applied);
    // Not at once: the table of sessions is filled in this turn.
    this.#timer ??= this.#options.env.after(this.#options.flushMs, () => this.#flushNow());
  }

  // ---- write-behind -------------------------------------------------------------------------------------------------

  /** Resolves when all that is applied now is in the store, synced. */
  flush(): Promise<void> {
    const flushed = this.#flush();
    const checkNew = (): void => {
      if (!this.#active.isEmpty) this.#schedule();
    };
    flushed.then(checkNew, () => {});
    return flushed;
  }

  async #flush(): Promise<void> {
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
   * Writes batches less often for a while. The rows of a snapshot bypass the overlay and arrive in key order, so
   * LevelDB puts them into tables that do not overlap. A batch from here spans all of these tables, and each such batch
   * makes LevelDB merge the rows of the snapshot once more.
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
    // `bytes` has its usual bound, so that the overlay never needs more memory than usual.
    const due = bytes >= flushBytes || appliedBytes >= times * flushBytes || appliedRows >= times * flushRows;
    if (much && due) this.#flushNow();
    else this.#timer ??= env.after(times * flushMs, () => this.#flushNow());
  }

  #flushNow(): void {
    this.#timer?.cancel();
    this.#timer = null;
    // The end of the present write checks for new changes.
    if (this.#writing !== null) return;
    this.flush().catch(this.#options.onFailure);
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
    for (const [replica, position] of overlay.appliedThrough) {
      replica.appliedSynced = position;
      replica.storedBytes = replica.frozenBytes;
      replica.hasState = true;
    }
    this.#options.onFlushed();
  }

  /** Adds the overlay to the batch, in slices, so that a large overlay does not block the event loop. */
  async #fill(batch: StateBatch, overlay: Overlay): Promise<void> {
    const { rows, leaves } = this.#caches;
    let left = ROWS_PER_TURN;
    for (const [namespaceId, space] of overlay.namespaces) {
      for (const row of space.rows) {
        const storedKey = scratchRowKey(namespaceId, row.key);
        const now = isPresent(row) ? row : null;
        if (now !== null) batch.put(storedKey, scratchRowValue(now));
        else batch.delete(storedKey);
        // The caches are updated before the store is. Until the batch is written, the overlay answers.
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

  /** The parts of a view of a namespace as it is now (view.ts). */
  viewParts(namespaceId: NamespaceId): ViewParts {
    const overlays: (readonly OverlayRow[])[] = [];
    // A row object never changes, but newer ones replace it in the active overlay: copy the array.
    const active = this.#active.namespaces.get(namespaceId)?.rows.slice();
    if (active !== undefined) overlays.push(active);
    const frozen = this.#frozen?.namespaces.get(namespaceId)?.rows;
    if (frozen !== undefined) overlays.push(frozen);
    // The store may already have rows of the frozen overlay: they are the same.
    return { snapshot: this.#engine.snapshot(), overlays, soon: (task) => this.#options.env.soon(task) };
  }

  // ---- pages ---------------------------------------------------------------------------------------------------

  /** Reads one page. `finish` runs in the turn in which the page is complete; the result is its result. */
  async scan<T>(
    namespaceId: NamespaceId,
    bounds: KeyRange,
    request: PageRequest,
    finish: (page: MergedPage) => T,
  ): Promise<T> {
    const layers = this.#frozen === null ? [this.#active] : [this.#active, this.#frozen];
    const stored = new StoredScan({
      ...{ engine: this.#engine, leaves: this.#caches.leaves, namespaceId, bounds, request },
      unchanged: (start, end) => !layers.slice(1).some((layer) => layer.hasWithin(namespaceId, start, end)),
    });
    this.#scans.add(layers);
    try {
      for (let rowsMin = 0; ; ) {
        while (!stored.takeCached(rowsMin)) await stored.read();
        const page = mergePage(overlaysOf(layers, namespaceId), stored, bounds, request);
        if (page !== null) return finish(page);
        rowsMin = stored.count + 1;
      }
    } finally {
      this.#scans.delete(layers);
      stored.close();
    }
  }

  /** Deletes the rows in a span and the sessions of a range from the store. The overlay must have nothing of them. */
  async clear(range: RangeId, span: Span): Promise<void> {
    await this.#clear(sessionBounds(range));
    await this.#clear(rowBounds(span.namespaceId, span));
    this.clearCaches();
  }

  /** Deletes position and sessions of a replica that has ended. */
  async forget(range: RangeId): Promise<void> {
    await this.#clear(sessionBounds(range));
    const batch = this.#engine.batch();
    batch.delete(appliedKey(range));
    await batch.write();
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
  const overlays = layers.map((overlay) => overlay.namespaces.get(namespaceId));
  return overlays.filter((overlay) => overlay !== undefined);
}
