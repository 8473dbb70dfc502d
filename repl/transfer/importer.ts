// Writes rows to the cluster, many at once but bounded by number and by bytes, and retries through failovers. A repeated put
// writes the same value, so the importer may repeat a put whose outcome is unknown, and the user may run the import again. Rows
// of one key are written one after the other, so that the last one in the input remains.

import type { Client } from '../../client/api.ts';
import { toHex } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { describeError, Interrupted } from '../failures.ts';
import { interruptible, interruptibleRows } from '../interruption.ts';
import type { Item } from './item.ts';
import { withRetries } from './retry.ts';
import type { Tally } from './tally.ts';

const ROWS_MAX = 256;
const BYTES_MAX = 8 * 1024 * 1024;

export interface ImportOptions {
  readonly env: Env;
  readonly signal: AbortSignal;
  /** How long a row may fail before the import gives up, ms. */
  readonly retryMsMax: number;
}

type RowItem = Extract<Item, { kind: 'row' }>;

export class Importer {
  readonly #client: Pick<Client, 'put'>;
  readonly #options: ImportOptions;
  readonly #tally: Tally;
  /** For each key that is being written, in hex: a promise of the end of its write. */
  readonly #writing = new Map<string, Promise<void>>();
  #bytes = 0;
  #failure: { readonly error: unknown } | null = null;
  /** Called when a write ends. */
  #wake: () => void = () => {};

  constructor(client: Pick<Client, 'put'>, options: ImportOptions, tally: Tally) {
    this.#client = client;
    this.#options = options;
    this.#tally = tally;
  }

  /** Resolves when every row is written or refused. @throws the error that made it give up; rows under way may still be written. */
  async run(items: AsyncIterable<Item>): Promise<void> {
    const { signal } = this.#options;
    try {
      for await (const item of interruptibleRows(signal, items)) {
        if (item.kind === 'refused') this.#tally.refuse(item.reason, item.from);
        else if (item.kind === 'skipped') this.#tally.skip(item.what);
        else await interruptible(signal, this.#startWrite(item));
        if (this.#failure !== null) break;
      }
      await interruptible(signal, this.#allDone());
    } catch (error) {
      if (error instanceof Interrupted) throw new Interrupted('interrupted: run it again to import the rest');
      throw error;
    }
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Starts writing the row, once there is room for it. */
  async #startWrite(row: RowItem): Promise<void> {
    const id = toHex(row.key);
    await this.#writing.get(id);
    while (this.#failure === null && !this.#hasRoom(row)) await this.#nextWriteEnd();
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

  #nextWriteEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #allDone(): Promise<void> {
    await Promise.all(this.#writing.values());
  }

  /** Never rejects. A failure is kept, and ends the import. */
  async #write(row: RowItem): Promise<void> {
    const onRetry = (error: RangekeeperError) => this.#tally.retry(describeError(error));
    try {
      await withRetries({ ...this.#options, onRetry }, () => this.#client.put(row.key, row.value));
      this.#tally.done(row.value.length);
    } catch (error) {
      if (error instanceof RangekeeperError && error.code === 'INVALID_ARGUMENT')
        this.#tally.refuse(error.message, row.from);
      else this.#failure ??= { error };
    }
  }
}
