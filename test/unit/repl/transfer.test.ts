// Import and export: round trips of any bytes, what is refused and why, directory trees, and retries after failures.

import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import test from 'ava';
import fc from 'fast-check';
import { type Bytes, formatBytes, toBytes, toHex } from '../../../common/base/bytes.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { CSV_HEADINGS, csvRow, readCsv } from '../../../repl/transfer/csv.ts';
import { type Item, rowItem } from '../../../repl/transfer/item.ts';
import { readLines } from '../../../repl/transfer/lines.ts';
import { ndjsonLine, readNdjson } from '../../../repl/transfer/ndjson.ts';
import { refusalOf } from '../../../repl/transfer/tree-writer.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { runTexts } from '../../support/repl-run.ts';

function directory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'rk-repl-'));
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A stream of pieces of `size` bytes, so that nothing can depend on where a chunk ends. */
function pieces(text: string | Bytes, size: number): Readable {
  const whole = Buffer.from(toBytes(text));
  const chunks: Buffer[] = [];
  for (let i = 0; i < whole.length; i += size) chunks.push(whole.subarray(i, i + size));
  return Readable.from(chunks, { objectMode: false });
}

type Reader = (input: Readable, name: string) => AsyncIterable<Item>;

const show = (items: readonly Item[]) =>
  items.map((item) => {
    if (item.kind === 'row') return `${formatBytes(item.key)}=${formatBytes(item.value)}`;
    return item.kind === 'refused' ? `${item.from}: ${item.reason}` : item.what;
  });

const dump = (client: MemoryClient) => client.rows.map(({ key, value }) => [toHex(key), toHex(value)]);

/** Random bytes, or text with the special characters of the formats. */
const content = fc.oneof(
  fc
    .string({ unit: fc.constantFrom(...'a=@+-",;\r\n\t\0\\x41\ufeffé😀\u2028 ') })
    .map((text) => toBytes(text)),
  fc.uint8Array({ maxLength: 40 }),
);
const rows = fc.array(
  fc.tuple(
    content.filter((key) => key.length > 0),
    content,
  ),
  { maxLength: 20 },
);

const roundTrip = test.macro({
  async exec(t, write: (rows: [Bytes, Bytes][]) => string, read: Reader) {
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 50 }), async (written, size) => {
        const items = await all(read(pieces(write(written), size), 'f'));
        const found = items.map((item) =>
          item.kind === 'row' ? [toHex(item.key), toHex(item.value)] : item,
        );
        t.deepEqual(
          found,
          written.map(([key, value]) => [toHex(key), toHex(value)]),
        );
      }),
    );
  },
  title: (title) => `any bytes come back from ${title}, no matter where chunks end`,
});

test('NDJSON', roundTrip, (list) => list.map(([k, v]) => ndjsonLine(k, v)).join(''), readNdjson);
test('CSV', roundTrip, (list) => CSV_HEADINGS + list.map(([k, v]) => csvRow(k, v)).join(''), readCsv);

const reading = test.macro({
  async exec(t, read: Reader, text: string | Bytes, expected: string[]) {
    t.deepEqual(show(await all(read(pieces(text, 7), 'f'))), expected);
  },
  title: (title) => title ?? '',
});

test(
  'NDJSON: strings, base64, other fields, blank lines, CRLF, a last line without end',
  reading,
  readNdjson,
  '\uFEFF{"key":"a","value":"1","x":2}\r\n\n{"value64":"/w==","key":"b"}\n  \n{"key64":"AA==","value":""}',
  ['a=1', 'b=\\xff', '\\x00='],
);
test(
  'NDJSON: each bad line is refused alone',
  reading,
  readNdjson,
  [
    '{"key":"a"}',
    '{"key":"a","value":1}',
    '{"value":"1"}',
    '[1]',
    'null',
    '{"key":"","value":"1"}',
    '{"key":"a","value64":"?"}',
    '{"key":"a","value64":"/w"}',
    '{"key":"a","key64":"YQ==","value":""}',
    '{"key":"\\ud800","value":"1"}',
    '{',
    '{"key":"z","value":"9"}',
  ].join('\n'),
  [
    'f:1: no value',
    'f:2: value is not a string',
    'f:3: no key',
    'f:4: not a JSON object',
    'f:5: not a JSON object',
    'f:6: empty key',
    'f:7: value64 is not base64',
    'f:8: value64 is not base64',
    'f:9: both key and key64',
    'f:10: key is not well-formed Unicode',
    'f:11: not JSON',
    'z=9',
  ],
);
test(
  'NDJSON: bytes that are not UTF-8 are refused, not replaced',
  reading,
  readNdjson,
  Buffer.from('{"key":"a","value":"\xff"}\n{"key":"b","value":""}', 'latin1'),
  ['f:1: not UTF-8', 'b='],
);
test(
  'CSV: headings in any order, other columns, quotes, line ends in fields',
  reading,
  readCsv,
  'value,note,key\n1,x,a\n"2,""3""\r\n4",,b\n\n5,y,c',
  ['a=1', 'b=2,"3"\\x0d\\x0a4', 'c=5'],
);
test('CSV: bytes are taken as they are', reading, readCsv, Buffer.from('key,value\r\na,\xff\r\n', 'latin1'), [
  'a=\\xff',
]);
test(
  'CSV: a row of another width, an empty key, bad base64',
  reading,
  readCsv,
  'key,value64\na\n,YQ==\nb,*\nc,YQ==\n',
  ['f:2: not as many fields as headings', 'f:3: empty key', 'f:4: value64 is not base64', 'c=a'],
);

test('CSV: it fails without a column key, and if quotes do not match', async (t) => {
  await t.throwsAsync(all(readCsv(pieces('k,value\n', 9), 'f')), { message: /names no column key/ });
  await t.throwsAsync(all(readCsv(pieces('key,value\na,"1\n', 9), 'f')), {
    message: 'f:2: a quote is not closed',
  });
});

test('a line that is too long is refused without being kept, and the next one is read', async (t) => {
  const lines = await all(readLines(pieces(`${'x'.repeat(1_000)}\nok\n`, 64), 100, 'lf'));
  t.deepEqual(lines, [
    { number: 1, problem: 'line too long' },
    { number: 2, text: 'ok', problem: null },
  ]);
});

test('the limits are those of the store', (t) => {
  const at = (key: number, value: number) => rowItem(new Uint8Array(key), new Uint8Array(value), '').kind;
  t.is(at(4096, 1 << 20), 'row');
  t.is(at(4097, 0), 'refused');
  t.is(at(1, (1 << 20) + 1), 'refused');
});

test('import counts rows, shows what it refused, and then ends with 1', async (t) => {
  const client = new MemoryClient();
  const stdin = '{"key":"a","value":"1"}\n{"key":"b"}\n{"key":"a","value":"2"}\n';
  const result = await runTexts(client, ['import -'], { stdin });
  t.is(result.code, 1);
  t.regex(
    result.out,
    /^imported 2 rows, 2 bytes of values, in [\d.]+ s\nrefused 1 \(1 no value\)\nretried 0\n$/,
  );
  t.regex(result.err, /^refused: stdin:2: no value\nimported 2 rows/);
  t.is(Buffer.from(client.rows[0]?.value ?? []).toString(), '2');
});

test('import as JSON gives the counts as fields', async (t) => {
  const stdin = 'key,value\na,1\n';
  const result = await runTexts(new MemoryClient(), ['import - --format csv'], { stdin, output: 'json' });
  t.is(result.code, 0);
  const { seconds, ...rest } = JSON.parse(result.out);
  t.is(typeof seconds, 'number');
  t.deepEqual(rest, { imported: 1, bytes: 1, refused: 0, refusedBy: {}, skipped: {}, retried: 0 });
});

test('export and import of files, in both formats, by the name of the file', async (t) => {
  const client = new MemoryClient();
  await client.put('a', new Uint8Array([0, 0xff]));
  await client.put(new Uint8Array([0xfe]), 'é');
  const path = await directory();
  for (const name of ['all.ndjson', 'all.csv']) {
    const file = join(path, name);
    t.is((await runTexts(client, [`export ${file}`])).code, 0);
    client.closed = false;
    const copy = new MemoryClient();
    t.is((await runTexts(copy, [`import ${file}`])).code, 0);
    t.deepEqual(dump(copy), dump(client));
  }
  t.deepEqual((await readdir(path)).sort(), ['all.csv', 'all.ndjson']);
  t.true((await readFile(join(path, 'all.csv'), 'utf8')).startsWith('key,value,key64,value64\r\n'));
});

test('export to stdout holds only rows, and with --prefix only those with the prefix', async (t) => {
  const client = new MemoryClient();
  for (const key of ['a', 'p/1', 'p/2', 'q']) await client.put(key, 'v');
  const result = await runTexts(client, ['export --prefix p/']);
  t.is(result.out, '{"key":"p/1","value":"v"}\n{"key":"p/2","value":"v"}\n');
  t.regex(result.err, /^exported 2 rows/);
});

test('an export that fails leaves no file that looks complete', async (t) => {
  const client = new MemoryClient();
  for (let i = 0; i < 1_500; i++) await client.put(`k${i}`, 'v');
  let pages = 0;
  client.beforeCall = () => {
    pages += 1;
    if (pages > 1) throw new RangekeeperError('INTERNAL', 'a defect');
  };
  const path = await directory();
  const result = await runTexts(client, [`export ${join(path, 'x')}`]);
  t.is(result.code, 1);
  t.deepEqual(await readdir(path), []);
});

test('an export goes on after a page failed for a while: no row is repeated or left out', async (t) => {
  const client = new MemoryClient();
  for (let i = 0; i < 2_500; i++) await client.put(`k${i}`, 'v');
  let calls = 0;
  client.beforeCall = () => {
    calls += 1;
    if (calls % 2 === 0) throw new RangekeeperError('NO_OWNER', 'for now');
  };
  const result = await runTexts(client, ['export']);
  t.is(result.code, 0);
  const keys = result.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).key);
  t.is(keys.length, 2_500);
  t.is(new Set(keys).size, 2_500);
});

test('a tree comes back as it was, also with names of any bytes', async (t) => {
  const from = await directory();
  await mkdir(join(from, 'd', 'e'), { recursive: true });
  await mkdir(join(from, 'empty'));
  await writeFile(join(from, 'd', 'e', 'deep.txt'), 'deep');
  await writeFile(join(from, 'nothing'), '');
  await writeFile(join(from, 'limit'), Buffer.alloc(1 << 20, 7));
  await writeFile(Buffer.concat([Buffer.from(`${from}/d/`), Buffer.from([0xff, 0x20, 0x0a])]), 'odd');
  const client = new MemoryClient();
  const imported = await runTexts(client, [`import --tree ${from} --prefix p/`], { output: 'json' });
  t.is(imported.code, 0, imported.err);
  t.is(JSON.parse(imported.out).imported, 4);
  t.deepEqual(
    client.rows.map(({ key }) => formatBytes(key)),
    ['p/d/e/deep.txt', 'p/d/\\xff \\x0a', 'p/limit', 'p/nothing'],
  );
  const to = join(await directory(), 'not', 'yet');
  client.closed = false;
  t.is((await runTexts(client, [`export --tree ${to} --prefix p/`])).code, 0);
  const again = new MemoryClient();
  await runTexts(again, [`import --tree ${to} --prefix p/`]);
  t.deepEqual(dump(again), dump(client));
});

test('import --tree: links are skipped, big and unreadable files are refused, and all are counted', async (t) => {
  const from = await directory();
  await writeFile(join(from, 'ok'), '1');
  await writeFile(join(from, 'big'), '');
  await truncate(join(from, 'big'), (1 << 20) + 1);
  await symlink('ok', join(from, 'link'));
  await symlink('.', join(from, 'loop'));
  await writeFile(join(from, 'script'), '#!/bin/sh\n', { mode: 0o755 });
  await writeFile(join(from, 'secret'), 's');
  await chmod(join(from, 'secret'), 0);
  const result = await runTexts(new MemoryClient(), [`import --tree ${from}`], { output: 'json' });
  const counts = JSON.parse(result.out);
  // Root can read any file.
  const unreadable = process.getuid?.() === 0 ? {} : { 'cannot be read (EACCES)': 1 };
  t.deepEqual(counts.refusedBy, { 'value over 1048576 bytes': 1, ...unreadable });
  t.deepEqual(counts.skipped, { 'symbolic link': 2, 'permission to execute a file': 1 });
  t.is(result.code, 1);
  t.regex(result.err, /refused: .*\/big: value over 1048576 bytes/);
});

test('the help of both verbs says that modes are not kept, and export gives files the usual mode', async (t) => {
  for (const verb of ['import', 'export']) {
    const { out } = await runTexts(new MemoryClient(), [`help ${verb}`]);
    t.regex(out, /\bmodes?\b[^.]*\bnot\b|\bnot\b[^.]*\bmode\b/, verb);
  }
  const from = await directory();
  await writeFile(join(from, 'script'), '#!/bin/sh\n', { mode: 0o755 });
  const client = new MemoryClient();
  t.is((await runTexts(client, [`import --tree ${from}`])).code, 0);
  const to = await directory();
  client.closed = false;
  t.is((await runTexts(client, [`export --tree ${to}`])).code, 0);
  t.is((await stat(join(to, 'script'))).mode & 0o111, 0);
});

test('import --tree fails if the path is not a directory', async (t) => {
  const path = join(await directory(), 'f');
  await writeFile(path, '');
  const result = await runTexts(new MemoryClient(), [`import --tree ${path}`]);
  t.is(result.code, 1);
  t.regex(result.err, /is not a directory/);
});

const escapes = test.macro({
  exec(t, path: string, refusal: string | null) {
    t.is(refusalOf(toBytes(path)), refusal);
  },
  title: (_, path) => `as a path: ${JSON.stringify(path)}`,
});

test(escapes, 'a/b.c/..d', null);
test(escapes, '', 'the key is the prefix itself');
test(escapes, '/etc/passwd', 'absolute path');
test(escapes, '../x', '.. in the path');
test(escapes, 'a/../../x', '.. in the path');
test(escapes, 'a/..', '.. in the path');
test(escapes, './a', '. in the path');
test(escapes, 'a//b', 'an empty part in the path');
test(escapes, 'a/', 'an empty part in the path');
test(escapes, 'a\x00b', 'a zero byte in the path');

test('export --tree writes nothing outside, follows no link, and counts what it refuses', async (t) => {
  const outside = await directory();
  const to = await directory();
  await symlink(outside, join(to, 'link'));
  await writeFile(join(outside, 'victim'), 'untouched');
  await symlink(join(outside, 'victim'), join(to, 'file-link'));
  const client = new MemoryClient();
  for (const key of [
    '../up',
    '/abs',
    'a',
    'a/b',
    'dir/f',
    'dir',
    'link/in',
    'file-link',
    `n/${'x'.repeat(300)}`,
    'z',
  ])
    await client.put(key, `value of ${key}`);
  const result = await runTexts(client, [`export --tree ${to}`], { output: 'json' });
  t.is(result.code, 1);
  t.deepEqual(JSON.parse(result.out).refusedBy, {
    '.. in the path': 1,
    'absolute path': 1,
    'a file or a link is where a directory must be': 3,
    'a link or a device is where the file must be': 1,
    'too long for the file system': 1,
  });
  t.deepEqual(await readdir(outside), ['victim']);
  t.is(await readFile(join(outside, 'victim'), 'utf8'), 'untouched');
  t.is(await readFile(join(to, 'a'), 'utf8'), 'value of a');
  t.is(await readFile(join(to, 'z'), 'utf8'), 'value of z');
});
