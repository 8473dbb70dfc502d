// What `scan` returns: a generator of rows that `await using` can end.

import type { Scan, ScanRow } from './api.ts';

export class RowIterator implements Scan {
  readonly #rows: AsyncGenerator<ScanRow, undefined>;

  constructor(rows: AsyncGenerator<ScanRow, undefined>) {
    this.#rows = rows;
  }

  next(): Promise<IteratorResult<ScanRow>> {
    return this.#rows.next();
  }

  return(): Promise<IteratorResult<ScanRow>> {
    return this.#rows.return(undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
