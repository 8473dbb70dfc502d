// The verbs for many keys: scan, count.

import type { Client, ScanOptions } from '../../client/api.ts';
import { type Answer, bytes, type Column, flag, number, type Row } from '../answer.ts';
import type { Arguments, Parameter } from '../arguments.ts';
import { UsageError } from '../failures.ts';
import type { Call, Verb } from '../session.ts';
import {
  ask,
  BOUND_OPTIONS,
  boundOptions,
  Oldest,
  READ_OPTION,
  readOptions,
  remarkDetail,
  remarkStaleness,
} from './verb.ts';

const PREFIX: Parameter = { name: 'PREFIX', kind: 'key', optional: true };

const KEY_COLUMN: Column = { name: 'key', bytes: true };
const COLUMNS: readonly Column[] = [
  KEY_COLUMN,
  { name: 'revision' },
  { name: 'value', bytes: true },
  { name: 'stale', hidden: true },
  { name: 'staleMs', hidden: true },
];
const KEYS_ONLY_COLUMNS = COLUMNS.filter(({ name }) => name !== 'value' && name !== 'revision');

const scan: Verb = {
  name: 'scan',
  summary: 'list keys and values in order of the keys',
  details:
    'With PREFIX, only keys with this prefix. Rows are shown as they are read. A page of rows is a snapshot of its range; the scan as a\n' +
    'whole is not. With --keys the output is one key for each line, without headings. At a prompt it stops at each screenful, unless\n' +
    '--limit says how many rows to show.',
  parameters: [PREFIX],
  options: [
    ...BOUND_OPTIONS,
    { name: 'limit', value: { name: 'N', kind: 'integer' }, help: 'show at most N rows' },
    { name: 'reverse', help: 'from the last key to the first' },
    { name: 'keys', help: 'keys only' },
    READ_OPTION,
  ],
  check(args): void {
    bounds(args);
  },
  async run(call): Promise<Answer> {
    const options = scanOptions(call.args);
    const client = await ask(call, async (connected) => connected);
    const keysOnly = options.keysOnly === true;
    return {
      kind: 'rows',
      columns: keysOnly ? KEYS_ONLY_COLUMNS : COLUMNS,
      rows: scanRows(call, client, options),
      headings: !keysOnly,
      paged: options.limit === undefined,
    };
  },
};

function scanOptions(args: Arguments): ScanOptions {
  const limit = args.integerOrNone('limit');
  return {
    ...bounds(args),
    ...readOptions(args),
    ...(limit === undefined ? {} : { limit }),
    reverse: args.has('reverse'),
    keysOnly: args.has('keys'),
  };
}

/** @throws UsageError */
function bounds(args: Arguments): Pick<ScanOptions, 'prefix' | 'start' | 'end'> {
  const given = ['PREFIX', 'prefix'].filter((name) => args.has(name));
  if (given.length === 2) throw new UsageError('give PREFIX or --prefix, not both');
  if (given.length === 1 && (args.has('start') || args.has('end')))
    throw new UsageError('--prefix does not go with --start or --end');
  return args.has('PREFIX') ? { prefix: args.bytes('PREFIX') } : boundOptions(args);
}

async function* scanRows(call: Call, client: Client, options: ScanOptions): AsyncIterableIterator<Row> {
  let rows = 0;
  const oldest = new Oldest();
  if (options.limit === 0) return;
  for await (const row of client.scan(options)) {
    rows += 1;
    oldest.add(row);
    const [key, revision, value] = [bytes(row.key), number(row.revision), bytes(row.value)];
    const freshness = [flag(row.stale), number(row.staleMs)];
    yield options.keysOnly === true ? [key, ...freshness] : [key, revision, value, ...freshness];
  }
  remarkDetail(call, rows === 1 ? '1 row' : `${rows} rows`);
  remarkStaleness(call, oldest.freshness);
}

const count: Verb = {
  name: 'count',
  summary: 'count keys, all or those with a prefix',
  parameters: [PREFIX],
  options: [...BOUND_OPTIONS, READ_OPTION],
  check(args): void {
    bounds(args);
  },
  async run(call): Promise<Answer> {
    const options = { ...bounds(call.args), ...readOptions(call.args) };
    const total = await ask(call, (client) => client.count(options));
    return { kind: 'record', columns: [{ name: 'count' }], row: [number(total)], text: String(total) };
  },
};

export const SCAN_VERBS: readonly Verb[] = [scan, count];
