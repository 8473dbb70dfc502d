// What every client does with data (client/api.ts), told as stories. The real client and its twin in memory pass them, with inputs in
// every form.

import type { ExecutionContext } from 'ava';
import type { Client, ScanOptions, ScanRow } from '../../../client/api.ts';
import { formatBytes, toBytes } from '../../../common/base/bytes.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import type { DataClient } from './input-forms.ts';

/** A client, and how its promises settle. */
export interface ClientUnderTest {
  readonly client: Client;
  readonly settled: <T>(promise: Promise<T>) => Promise<T>;
}

export type Story = (
  t: ExecutionContext,
  client: DataClient,
  settled: ClientUnderTest['settled'],
) => Promise<void>;

const KEYS = ['a', 'p', 'p/1', 'p/2', 'p\u{1f600}', 'q', 'z'];

const textOf = ({ key, value }: Pick<ScanRow, 'key' | 'value'>): string =>
  `${formatBytes(key)}=${formatBytes(value)}`;

async function collect(rows: AsyncIterable<ScanRow>): Promise<string[]> {
  const texts: string[] = [];
  for await (const row of rows) texts.push(textOf(row));
  return texts;
}

async function refused(promise: Promise<unknown>): Promise<RangekeeperError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof RangekeeperError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

const scans: readonly (readonly [ScanOptions, readonly string[]])[] = [
  [{}, KEYS],
  [{ prefix: 'p' }, ['p', 'p/1', 'p/2', 'p\u{1f600}']],
  [{ prefix: 'p/' }, ['p/1', 'p/2']],
  [{ prefix: 'p\u{1f600}' }, ['p\u{1f600}']],
  [{ start: 'p/2', end: 'z' }, ['p/2', 'p\u{1f600}', 'q']],
  [{ prefix: 'p/', reverse: true }, ['p/2', 'p/1']],
  [{ prefix: 'x' }, []],
];

async function written(client: DataClient): Promise<void> {
  await Promise.all(KEYS.map((key) => client.put(key, `of ${key}`)));
}

export const STORIES: Readonly<Record<string, Story>> = {
  'a value is found under its key': async (t, client, settled) => {
    await settled(written(client));
    for (const key of KEYS) {
      const found = await settled(client.get(key));
      t.is(found?.text(), `of ${key}`);
      t.deepEqual(found?.value, toBytes(`of ${key}`), 'and it is a plain Uint8Array');
    }
    t.is(await settled(client.get('absent')), null);
  },

  'scans, pages and counts find what is in their bounds': async (t, client, settled) => {
    await settled(written(client));
    for (const [options, keys] of scans) {
      const expected = keys.map((key) => textOf({ key: toBytes(key), value: toBytes(`of ${key}`) }));
      t.deepEqual(await settled(collect(client.scan({ ...options }))), expected);
      const pages: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<DataClient['scanPage']>> = await settled(
          client.scanPage({ ...options, limit: 2, cursor }),
        );
        pages.push(...page.rows.map(textOf));
        cursor = page.cursor;
      } while (cursor !== null);
      t.deepEqual(pages, expected);
      const { reverse: _, ...bounds } = options;
      t.is(await settled(client.count(bounds)), keys.length);
    }
  },

  'a write with a condition is applied, or names the key in its way': async (t, client, settled) => {
    const { revision } = await settled(client.put('a', '1', { ifRevision: 0 }));
    await settled(client.put('a', '2', { ifRevision: revision }));
    const error = await refused(settled(client.put('a', '3', { ifRevision: revision })));
    t.like(error, { code: 'CONFLICT', applied: 'no' });
    t.is(formatBytes(error.details.key ?? toBytes('none')), 'a');
    t.is((await settled(client.get('a')))?.text(), '2');
    t.true((await settled(client.delete('a'))).existed);
    t.false((await settled(client.delete('a'))).existed);
  },

  'a batch is applied as a whole, or names the key in its way': async (t, client, settled) => {
    await settled(client.put('b1', 'old'));
    const ops = () => [
      { put: { key: 'b2', value: 'new', ifRevision: 0 } },
      { check: { key: 'b3', revision: 0 } },
      { delete: { key: 'b1' } },
    ];
    const { revision } = await settled(client.batch(ops()));
    t.deepEqual(await settled(collect(client.scan({ prefix: 'b' }))), ['b2=new']);
    const error = await refused(
      settled(client.batch([{ delete: { key: 'b2' } }, { check: { key: 'b3', revision: 9 } }])),
    );
    t.is(error.message, 'the key b3 is absent, not at revision 9');
    t.like(error.details, { revision: 0, index: 1 });
    t.deepEqual(error.details.key, toBytes('b3'));
    const second = await refused(settled(client.batch(ops())));
    t.is(second.message, `the key b2 is at revision ${revision}, not absent`);
    t.deepEqual(await settled(collect(client.scan({ prefix: 'b' }))), ['b2=new']);
  },
};
