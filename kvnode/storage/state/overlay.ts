// Rows that are applied and not yet in the state store, newest version only. A row is found by its key in one step; a
// scan gets the keys in order. One overlay takes changes while the one before it is written to the state store.
//
// No overlay refers to another one. Otherwise an old overlay that is not garbage-collected yet would keep all newer
// ones alive. Keys are sorted only when a scan comes, so writes alone never pay for it.

import type { Bytes } from '../../../common/base/bytes.ts';
import type { NamespaceId, Position, Seq } from '../../../common/model/ids.ts';
import { RowTable } from '../cache/row-table.ts';
import type { LoggedReplica } from '../log/logged-replicas.ts';
import { type KeyText, keyText, lowerBound } from '../rows/key-text.ts';
import type { Row, SessionChange } from '../storage.ts';

/** A row, or a deletion if `value` is null. It is immutable: a newer version replaces it. */
export interface OverlayRow {
  readonly key: Bytes;
  readonly value: Bytes | null;
  readonly revision: Seq;
}

/** Memory of a row in addition to its bytes, about, bytes. */
const ROW_OVERHEAD_BYTES = 200;
/** Up to this many new keys are inserted one by one; more are sorted and merged. */
const SPLICES_MAX = 256;

/** Whether it is a row, not a deletion. */
export function isPresent(row: OverlayRow): row is OverlayRow & Row {
  return row.value !== null;
}

function rowBytes({ key, value }: OverlayRow): number {
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

  /** Returns by how many bytes the overlay has grown. */
  set(row: OverlayRow): number {
    const before = this.#table.set(row);
    return before === undefined ? rowBytes(row) : rowBytes(row) - rowBytes(before);
  }

  /** All keys in order. The caller must not modify the array, and must not use it after the next `set`. */
  sorted(): readonly KeyText[] {
    const fresh = this.rows.slice(this.#sorted.length).map(({ key }) => keyText(key));
    if (fresh.length > SPLICES_MAX) {
      // Two sorted runs: the sort finds them and merges them in one pass.
      this.#sorted = this.#sorted.concat(fresh.sort()).sort();
    } else {
      for (const text of fresh) this.#sorted.splice(lowerBound(this.#sorted, text), 0, text);
    }
    return this.#sorted;
  }
}

export class Overlay {
  readonly namespaces = new Map<NamespaceId, NamespaceOverlay>();
  /** The replicas whose entries were applied to this overlay, with the last position of each. */
  readonly appliedThrough = new Map<LoggedReplica, Position>();
  /** Once the overlay is frozen: the changes of the client sessions of those replicas, through the same positions. */
  readonly sessions = new Map<LoggedReplica, readonly SessionChange[]>();
  /** Bytes of the rows in it. */
  bytes = 0;
  /**
   * Bytes of all rows that were set, also of those that were replaced. The log that a start has to replay grows with
   * these.
   */
  appliedBytes = 0;
  /** The number of rows that were set. The next scan may have to sort as many keys at once. */
  appliedRows = 0;

  get isEmpty(): boolean {
    return this.appliedThrough.size === 0;
  }

  /** From now on the overlay takes no changes. */
  freeze(): void {
    for (const replica of this.appliedThrough.keys()) {
      replica.frozenBytes = replica.appliedBytes;
      if (replica.sessions !== null) this.sessions.set(replica, replica.sessions.takeChanges());
    }
  }

  namespace(namespaceId: NamespaceId): NamespaceOverlay {
    let rows = this.namespaces.get(namespaceId);
    if (rows === undefined) {
      rows = new NamespaceOverlay();
      this.namespaces.set(namespaceId, rows);
    }
    return rows;
  }

  /** Whether it has a row or a deletion in [start, end). */
  hasWithin(namespaceId: NamespaceId, start: KeyText, end: KeyText | null): boolean {
    const sorted = this.namespaces.get(namespaceId)?.sorted() ?? [];
    const first = sorted[lowerBound(sorted, start)];
    return first !== undefined && (end === null || first < end);
  }

  /** `rows` must be of this overlay. */
  set(rows: NamespaceOverlay, row: OverlayRow): void {
    this.bytes += rows.set(row);
    this.appliedBytes += rowBytes(row);
    this.appliedRows++;
  }

  get(namespaceId: NamespaceId, key: Bytes): OverlayRow | undefined {
    return this.namespaces.get(namespaceId)?.get(key);
  }
}
