// Reads a namespace, or a prefix of it, row by row and hands each row to a sink that sets the pace. When a page fails
// because a range has lost its owner, that page is asked again: no row twice, none left out.

import type { Client, ReadOptions, ScanPage, ScanRow } from '../../client/api.ts';
import { type Bytes, prefixEnd } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import type { RangekeeperError } from '../../common/base/errors.ts';
import { describeError } from '../failures.ts';
import { patiently } from './retry.ts';
import type { Tally } from './tally.ts';

export interface ExportOptions {
  readonly env: Env;
  readonly signal: AbortSignal;
  readonly prefix: Bytes;
  readonly read: ReadOptions;
  /** How long one page may fail before the export gives up, ms. */
  readonly patienceMs: number;
}

const PAGE_ROWS = 1_000;

export async function* exportRows(
  client: Pick<Client, 'scanPage'>,
  options: ExportOptions,
  tally: Tally,
): AsyncIterableIterator<ScanRow> {
  const end = prefixEnd(options.prefix);
  const onRetry = (error: RangekeeperError) => tally.retry(describeError(error));
  let cursor: string | null = null;
  const bounds = { start: options.prefix, ...(end === null ? {} : { end }) };
  while (true) {
    const page: ScanPage = await patiently({ ...options, onRetry }, () =>
      client.scanPage({ ...options.read, ...bounds, limit: PAGE_ROWS, cursor }),
    );
    for (const row of page.rows) yield { ...row, stale: page.stale, staleMs: page.staleMs };
    if (page.cursor === null) return;
    cursor = page.cursor;
  }
}
