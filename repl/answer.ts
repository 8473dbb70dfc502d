// What a verb returns, independent of the output format: a record, rows, or text. The formatters in format/ write it as a
// table, JSON, NDJSON or CSV. A verb does not print its answer itself.

import type { Bytes } from '../common/base/bytes.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { ExitCode } from '../common/process/exit.ts';

export interface NodeName {
  readonly id: NodeId;
  /** The node's name for people, or its id if it has none. */
  readonly name: string;
}

export type Counts = Readonly<Record<string, number>>;

export type Cell =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Bytes }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'flag'; readonly flag: boolean }
  | { readonly kind: 'nodes'; readonly nodes: readonly NodeName[] }
  | { readonly kind: 'node'; readonly node: NodeName }
  | { readonly kind: 'counts'; readonly counts: Counts };

export const none: Cell = { kind: 'none' };
export const bytes = (value: Bytes | null): Cell => (value === null ? none : { kind: 'bytes', bytes: value });
export const text = (value: string | null): Cell => (value === null ? none : { kind: 'text', text: value });
export const number = (value: number | null): Cell =>
  value === null ? none : { kind: 'number', number: value };
export const flag = (value: boolean): Cell => ({ kind: 'flag', flag: value });
export const node = (value: NodeName): Cell => ({ kind: 'node', node: value });
export const nodes = (value: readonly NodeName[]): Cell => ({ kind: 'nodes', nodes: value });
export const counts = (value: Counts): Cell => ({ kind: 'counts', counts: value });

export interface Column {
  /** Field name in JSON and CSV; the table's heading is made from it. */
  readonly name: string;
  /** Its cells are byte strings. JSON and CSV show them as `name`, or in base64 as `name64` if they are not UTF-8. */
  readonly bytes?: true;
  /** Left out of the table: it would take too much room, or is shown on stderr. */
  readonly hidden?: true;
  /** How it gives way if the table is wider than the terminal. Absent: it does not. */
  readonly narrow?: Narrow;
}

/**
 * `below`: its cells get a line of their own below the row. `drop`: it is left out, the lowest `order` first. `shorten`: its cells are
 * cut to no fewer than `least` columns of the terminal, and end in `…`.
 */
export type Narrow =
  | { readonly kind: 'below' }
  | { readonly kind: 'drop'; readonly order: number }
  | { readonly kind: 'shorten'; readonly least: number };

/** One cell for each column. */
export type Row = readonly Cell[];

export type Answer =
  /** The verb has written its output itself. */
  | { readonly kind: 'written' }
  /** The session ends. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'text'; readonly text: string }
  /** These bytes in every format, and nothing else. */
  | { readonly kind: 'exact'; readonly bytes: Bytes }
  /** `text` is its form in the table format. Row null: nothing was found. */
  | {
      readonly kind: 'record';
      readonly columns: readonly Column[];
      readonly row: Row | null;
      readonly text: string;
      /** Its form in the table format in a pipe or a file, before a newline. Default: `text`. */
      readonly piped?: Bytes;
      /** Default 0. */
      readonly exit?: ExitCode;
    }
  | {
      readonly kind: 'rows';
      readonly columns: readonly Column[];
      readonly rows: AsyncIterable<Row>;
      /** Whether its table has headings. A plain list has none. */
      readonly headings: boolean;
      /** At a prompt it stops at each screenful. */
      readonly paged?: boolean;
      /** Called once the rows are written. Default 0. */
      readonly exit?: () => ExitCode;
    };

export async function* each<T>(items: Iterable<T>): AsyncIterableIterator<T> {
  yield* items;
}
