// Reads the rows of a namespace, or those with a prefix, at the pace of the consumer. If a page fails because a range has lost
// its owner, that page is read again, so that no row is repeated or left out.

import type { Client, ReadOptions, ScanPage, ScanRow } from '../../client/api.ts';
import { type Bytes, prefixEnd } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import type { RangekeeperError } from '../../common/base/errors.ts';
import { describeError } from '../failures.ts';
import { withRetries } from './retry.ts';
import type { Tally } from './tally.ts';

export interface ExportOptions {
  readonly env: Env;
  readonly signal: AbortSignal;
  readonly prefix: Bytes;
  readonly read: ReadOptions;
  /** How long a page may fail before the export gives up, ms. */
  readonly retryMsMax: number;
}

/** The data of a row. */
export type ExportedRow = Omit<ScanRow, 'text' | 'json'>;

const PAGE_ROWS = 1_000;

export async function* exportRows(
  client: Pick<Client, 'scanPage'>,
  options: ExportOptions,
  tally: Tally,
): AsyncIterableIterator<ExportedRow> {
  const end = prefixEnd(options.prefix);
  const onRetry = (error: RangekeeperError) => tally.retry(describeError(error));
  let cursor: string | null = null;
  const bounds = { start: options.prefix, ...(end === null ? {} : { end }) };
  while (true) {
    const page: ScanPage = await withRetries({ ...options, onRetry }, () =>
      client.scanPage({ ...options.read, ...bounds, limit: PAGE_ROWS, cursor }),
    );
    const { stale, staleMs } = page;
    for (const { key, value, revision } of page.rows) yield { key, value, revision, stale, staleMs };
    if (page.cursor === null) return;
    cursor = page.cursor;
  }
}
