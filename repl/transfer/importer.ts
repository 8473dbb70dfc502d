// Writes rows to the cluster, many at a time but bounded by number and by bytes, through failovers. A put that must be
// tried again writes the same value, so an import may repeat one whose outcome is unknown, and may be run again as a
// whole. Rows of one key are written one after the other: the last one in the input is the one that stays.

import type { Client } from '../../client/api.ts';
import { toHex } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { describeError, Interrupted } from '../failures.ts';
import { interruptible, interruptibleRows } from '../interruption.ts';
import type { Item } from './item.ts';
import { patiently } from './retry.ts';
import type { Tally } from './tally.ts';

const ROWS_MAX = 256;
const BYTES_MAX = 8 * 1024 * 1024;

export interface ImportOptions {
  readonly env: Env;
  readonly signal: AbortSignal;
  /** How long one row may fail before the import gives up, ms. */
  readonly patienceMs: number;
}

type RowItem = Extract<Item, { kind: 'row' }>;

export class Importer {
  readonly #client: Pick<Client, 'put'>;
  readonly #options: ImportOptions;
  readonly #tally: Tally;
  /** By key, in hex: when its row is done. */
  readonly #writing = new Map<string, Promise<void>>();
  #bytes = 0;
  #failure: { readonly error: unknown } | null = null;
  /** Called when a row is done. */
  #wake: () => void = () => {};

  constructor(client: Pick<Client, 'put'>, options: ImportOptions, tally: Tally) {
    this.#client = client;
    this.#options = options;
    this.#tally = tally;
  }

  /** Resolves when every row is written or refused. @throws what made it give up; what is under way may still be written. */
  async run(items: AsyncIterable<Item>): Promise<void> {
    const { signal } = this.#options;
    try {
      for await (const item of interruptibleRows(signal, items)) {
        if (item.kind === 'refused') this.#tally.refuse(item.reason, item.from);
        else if (item.kind === 'skipped') this.#tally.skip(item.what);
        else await interruptible(signal, this.#admit(item));
        if (this.#failure !== null) break;
      }
      await interruptible(signal, this.#allDone());
    } catch (error) {
      if (error instanceof Interrupted) throw new Interrupted('interrupted: run it again to import the rest');
      throw error;
    }
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Resolves when the row is on its way. */
  async #admit(row: RowItem): Promise<void> {
    const id = toHex(row.key);
    await this.#writing.get(id);
    while (this.#failure === null && !this.#hasRoom(row)) await this.#nextDone();
    if (this.#failure !== null) return;
    this.#bytes += row.value.length;
    const done = this.#write(row).finally(() => {
      this.#writing.delete(id);
      this.#bytes -= row.value.length;
      this.#wake();
    });
    this.#writing.set(id, done);
  }

  #hasRoom(row: RowItem): boolean {
    const { size } = this.#writing;
    return size === 0 || (size < ROWS_MAX && this.#bytes + row.value.length <= BYTES_MAX);
  }

  #nextDone(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #allDone(): Promise<void> {
    await Promise.all(this.#writing.values());
  }

  /** Never rejects: a failure is kept and ends the import. */
  async #write(row: RowItem): Promise<void> {
    const onRetry = (error: RangekeeperError) => this.#tally.retry(describeError(error));
    try {
      await patiently({ ...this.#options, onRetry }, () => this.#client.put(row.key, row.value));
      this.#tally.done(row.value.length);
    } catch (error) {
      if (error instanceof RangekeeperError && error.code === 'INVALID_ARGUMENT')
        this.#tally.refuse(error.message, row.from);
      else this.#failure ??= { error };
    }
  }
}
