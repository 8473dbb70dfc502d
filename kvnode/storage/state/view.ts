// A consistent view of the rows of one replica at one moment: a snapshot of the state store, merged with the overlays
// of that moment. Neither changes, so the view can be read slowly while the replica applies more entries. Consistency
// checks use it, and other readers that need the rows of a range at a known seq.

import { compareBytes } from '../../../common/base/bytes.ts';
import type { Position } from '../../../common/model/ids.ts';
import { contains, type KeyRange } from '../../../common/model/key-range.ts';
import type { LoggedReplica } from '../log/logged-replicas.ts';
import type { ReplicaMeta, ReplicaView, Row, SessionRow } from '../storage.ts';
import type { StateCursor, StateSnapshot } from './engine.ts';
import { isPresent, type OverlayRow } from './overlay.ts';
import { ROW_PREFIX_BYTES, readRow, rowBounds } from './stored-keys.ts';

const CURSOR_BYTES = 256 * 1024;
const CURSOR_ROWS = 500;
/** Rows that are sorted in one turn of the event loop. */
const SORTED_PER_TURN = 1_000;

export interface ViewParts {
  readonly snapshot: StateSnapshot;
  /**
   * The rows of the overlays, newest overlay first, in any order within one. An overlay has each key once. They are all
   * rows of the namespace, also those of other ranges.
   */
  readonly overlays: readonly (readonly OverlayRow[])[];
  soon(task: () => void): void;
}

export class StateView implements ReplicaView {
  readonly meta: ReplicaMeta;
  readonly position: Position;
  readonly sessions: readonly SessionRow[];
  readonly #snapshot: StateSnapshot;
  readonly #cursor: StateCursor;
  readonly #overlays: MergedOverlays;
  /** Pairs that were read from the store. Those before `#taken` were returned. */
  #stored: Awaited<ReturnType<StateCursor['next']>> = [];
  #taken = 0;
  #storedEnds = false;
  #closed = false;

  constructor({ snapshot, overlays, soon }: ViewParts, replica: LoggedReplica) {
    this.meta = replica.meta;
    this.position = replica.applied;
    this.sessions = replica.sessions?.rows() ?? replica.recoveredSessions;
    this.#snapshot = snapshot;
    this.#cursor = snapshot.open({
      ...rowBounds(replica.span.namespaceId, replica.span),
      reverse: false,
      values: true,
      bytesMax: CURSOR_BYTES,
    });
    this.#overlays = new MergedOverlays(overlays, this.meta, soon);
  }

  async next(bytesMax: number): Promise<readonly Row[] | null> {
    await this.#overlays.sort();
    const rows: Row[] = [];
    for (let bytes = 0; bytes < bytesMax; ) {
      if (this.#taken === this.#stored.length && !this.#storedEnds) await this.#read();
      const row = this.#step();
      if (row === null) return rows.length === 0 ? null : rows;
      bytes += row.key.length + (row.value?.length ?? 0);
      if (isPresent(row)) rows.push(row);
    }
    return rows;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cursor.close();
    this.#snapshot.close();
  }

  async #read(): Promise<void> {
    this.#stored = await this.#cursor.next(CURSOR_ROWS);
    this.#taken = 0;
    this.#storedEnds = this.#stored.length === 0;
  }

  /**
   * The next row, or the next deletion. Null after the last. If the store and an overlay have the same key, the overlay
   * wins.
   */
  #step(): OverlayRow | null {
    const [key, value] = this.#stored[this.#taken] ?? [];
    const overlays = this.#overlays.first;
    if (key === undefined || value === undefined) {
      this.#overlays.step();
      return overlays;
    }
    const order = overlays === null ? -1 : compareBytes(key.subarray(ROW_PREFIX_BYTES), overlays.key);
    if (order <= 0) this.#taken++;
    if (order < 0) return readRow(key, value);
    this.#overlays.step();
    return overlays;
  }
}

/** Several overlays merged in key order, newest version only. */
class MergedOverlays {
  /** Overlays that are not sorted yet. */
  #waiting: readonly (readonly OverlayRow[])[];
  readonly #span: KeyRange;
  /** Sorted runs, newer ones first. Rows before `at` were returned. */
  readonly #runs: { readonly rows: readonly OverlayRow[]; at: number }[] = [];
  readonly #soon: ViewParts['soon'];
  #first: OverlayRow | null = null;

  constructor(overlays: readonly (readonly OverlayRow[])[], span: KeyRange, soon: ViewParts['soon']) {
    this.#waiting = overlays;
    this.#span = span;
    this.#soon = soon;
  }

  /**
   * Must be called before the first row is read. It sorts in slices, so that a large overlay does not block the event
   * loop.
   */
  async sort(): Promise<void> {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const rows of waiting) {
      for (let from = 0; from < rows.length; from += SORTED_PER_TURN) {
        const slice = rows.slice(from, from + SORTED_PER_TURN).filter(({ key }) => contains(this.#span, key));
        this.#runs.push({ rows: slice.sort((a, b) => compareBytes(a.key, b.key)), at: 0 });
        await new Promise<void>((resolve) => this.#soon(resolve));
      }
    }
    this.#first = this.#lowest();
  }

  /** The next row. Null after the last. */
  get first(): OverlayRow | null {
    return this.#first;
  }

  step(): void {
    const taken = this.#first;
    if (taken === null) return;
    for (const run of this.#runs) {
      const row = run.rows[run.at];
      if (row !== undefined && compareBytes(row.key, taken.key) === 0) run.at++;
    }
    this.#first = this.#lowest();
  }

  /** The row with the lowest key. If several have the same key, the one of the newest run. */
  #lowest(): OverlayRow | null {
    let lowest: OverlayRow | null = null;
    for (const { rows, at } of this.#runs) {
      const row = rows[at];
      if (row !== undefined && (lowest === null || compareBytes(row.key, lowest.key) < 0)) lowest = row;
    }
    return lowest;
  }
}
