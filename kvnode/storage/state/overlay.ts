// Rows that are applied but not in the state store yet: newest version only, found by key in one step, in key order when a
// scan asks. One overlay takes changes while the one before it is written away. None knows another: a link from an old one,
// dead but not yet collected, to the next would keep every row that ever passed through alive for as long.
//
// Sorting waits until a scan comes, so writes alone never pay for it.

import type { Bytes } from '../../../common/base/bytes.ts';
import type { NamespaceId, Position, Seq } from '../../../common/model/ids.ts';
import { RowTable } from '../cache/row-table.ts';
import type { LoggedReplica } from '../log/logged-replicas.ts';
import { type KeyText, keyText, lowerBound } from '../rows/key-text.ts';
import type { SessionChange } from '../storage.ts';

/** A row, or its absence where `value` is null. Never changed: a newer version takes its place. */
export interface OverlayRow {
  readonly key: Bytes;
  readonly value: Bytes | null;
  readonly revision: Seq;
}

/** What a row costs beside its bytes, roughly. */
const ROW_OVERHEAD_BYTES = 200;
/** So many new keys are put in their places one by one; more are sorted in together. */
const SPLICES_MAX = 256;

function bytesOf({ key, value }: OverlayRow): number {
  return key.length + (value?.length ?? 0) + ROW_OVERHEAD_BYTES;
}

export class NamespaceOverlay {
  readonly #table = new RowTable<OverlayRow>();
  #sorted: KeyText[] = [];

  get rows(): readonly OverlayRow[] {
    return this.#table.rows;
  }

  get(key: Bytes): OverlayRow | undefined {
    return this.#table.get(key);
  }

  getByText(text: KeyText): OverlayRow | undefined {
    return this.#table.getByText(text);
  }

  /** Answers the bytes that were added. */
  set(row: OverlayRow): number {
    const before = this.#table.set(row);
    return before === undefined ? bytesOf(row) : bytesOf(row) - bytesOf(before);
  }

  /** All keys in order. Do not modify; the next `set` makes it stale. */
  sorted(): readonly KeyText[] {
    const fresh = this.rows.slice(this.#sorted.length).map(({ key }) => keyText(key));
    if (fresh.length > SPLICES_MAX) {
      // Two runs: the sort finds them and merges them in one pass.
      this.#sorted = this.#sorted.concat(fresh.sort()).sort();
    } else {
      for (const text of fresh) this.#sorted.splice(lowerBound(this.#sorted, text), 0, text);
    }
    return this.#sorted;
  }
}

export class Overlay {
  readonly namespaces = new Map<NamespaceId, NamespaceOverlay>();
  /** The replicas with entries applied in here, and through where once the overlay is frozen. */
  readonly appliedThrough = new Map<LoggedReplica, Position>();
  /** Once frozen: what has changed in the client sessions of those replicas through there. */
  readonly sessions = new Map<LoggedReplica, readonly SessionChange[]>();
  /** Of the rows in it. */
  bytes = 0;
  /** Of all rows that were set, those that newer ones replaced too: the log behind it grows with these. */
  appliedBytes = 0;
  /** How many they were: the first scan after them sorts as many keys at once. */
  appliedRows = 0;

  get isEmpty(): boolean {
    return this.appliedThrough.size === 0;
  }

  /** Takes no changes any more. */
  freeze(): void {
    for (const replica of this.appliedThrough.keys()) {
      if (replica.sessions !== null) this.sessions.set(replica, replica.sessions.takeChanges());
    }
  }

  space(namespaceId: NamespaceId): NamespaceOverlay {
    let space = this.namespaces.get(namespaceId);
    if (space === undefined) {
      space = new NamespaceOverlay();
      this.namespaces.set(namespaceId, space);
    }
    return space;
  }

  /** Whether a row of it, or the absence of one, is in [start, end). */
  hasWithin(namespaceId: NamespaceId, start: KeyText, end: KeyText | null): boolean {
    const sorted = this.namespaces.get(namespaceId)?.sorted() ?? [];
    const first = sorted[lowerBound(sorted, start)];
    return first !== undefined && (end === null || first < end);
  }

  /** `space` is one of its own. */
  set(space: NamespaceOverlay, row: OverlayRow): void {
    this.bytes += space.set(row);
    this.appliedBytes += bytesOf(row);
    this.appliedRows++;
  }

  get(namespaceId: NamespaceId, key: Bytes): OverlayRow | undefined {
    return this.namespaces.get(namespaceId)?.get(key);
  }
}
