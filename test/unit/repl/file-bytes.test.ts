// What an import makes of the bytes of a file: exactly these rows, or exactly this complaint with the line and nothing stored. No
// value is changed without a word. And any bytes come back through a file in every format.

import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { type Bytes, formatBytes, toBytes, toHex } from '../../../common/base/bytes.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { runTexts } from '../../support/repl-run.ts';

const MARK = '\uFEFF';
const directory = await mkdtemp(join(tmpdir(), 'rk-bytes-'));

/** A rows-or-complaint: `a=1` for each stored row in the form of formatBytes; or what stderr says, with `FILE` for the path. */
type Outcome = { readonly rows: readonly string[] } | { readonly says: string };

let files = 0;

const importing = test.macro({
  async exec(t, extension: 'csv' | 'ndjson', content: string | Bytes, outcome: Outcome) {
    const path = join(directory, `${++files}.${extension}`);
    await writeFile(path, content);
    const client = new MemoryClient();
    const { code, err } = await runTexts(client, [`import ${path}`]);
    const rows = client.rows.map(({ key, value }) => `${formatBytes(key)}=${formatBytes(value)}`);
    if ('rows' in outcome) t.deepEqual({ code, rows }, { code: 0, rows: outcome.rows });
    else {
      t.deepEqual({ code, rows }, { code: 1, rows: [] });
      t.deepEqual(
        err.split('\n').filter((line) => line.includes(path)),
        outcome.says.replaceAll('FILE', path).split('\n'),
      );
    }
  },
  title: (title, extension) => `${extension}: ${title}`,
});

const csv = (title: string, content: string | Bytes, ...rows: string[]) =>
  test(title, importing, 'csv', content, { rows });
const badCsv = (title: string, content: string | Bytes, says: string) =>
  test(title, importing, 'csv', content, { says });
const ndjson = (title: string, content: string | Bytes, ...rows: string[]) =>
  test(title, importing, 'ndjson', content, { rows });
const badNdjson = (title: string, content: string | Bytes, says: string) =>
  test(title, importing, 'ndjson', content, { says });
/** `text` in UTF-16, with or without its mark, the low byte first or last. */
const utf16 = (text: string, swapped = false): Bytes => {
  const bytes = Buffer.from(text, 'utf16le');
  return swapped ? bytes.swap16() : bytes;
};

csv('a byte order mark', `${MARK}key,value\na,1\n`, 'a=1');
csv('a byte order mark before a quote', `${MARK}"key","value"\na,1\n`, 'a=1');
csv('a second mark is part of the first key', `key,value\n${MARK}a,1\n`, '\\xef\\xbb\\xbfa=1');
csv('LF', 'key,value\na,1\nb,2\n', 'a=1', 'b=2');
csv('CR LF', 'key,value\r\na,1\r\nb,2\r\n', 'a=1', 'b=2');
csv('CR', 'key,value\ra,1\rb,2\r', 'a=1', 'b=2');
csv('LF first, then CR LF', 'key,value\na,NYC\r\nb,2\r\n', 'a=NYC', 'b=2');
csv('CR LF first, then LF', 'key,value\r\na,1\nb,2\n', 'a=1', 'b=2');
csv('LF first, then CR', 'key,value\na,1\rb,2\r', 'a=1', 'b=2');
csv('the last line has no end', 'key,value\r\na,1\nb,2', 'a=1', 'b=2');
csv('the last field is quoted and has no end', 'key,value\na,"1"', 'a=1');
csv('empty lines', '\r\n\nkey,value\n\n\r\na,1\n\rb,2\n\n', 'a=1', 'b=2');
csv('line ends inside quotes', 'key,value\na,"1\r2\n3\r\n4"\nb,2\r\n', 'a=1\\x0d2\\x0a3\\x0d\\x0a4', 'b=2');
csv('only a line end inside quotes', 'key,value\na,"\r"\n', 'a=\\x0d');
csv('quotes inside quotes', 'key,value\na,"say ""hi"""\n', 'a=say "hi"');
csv('blanks around a field', 'key,value\n a , 1 \n', ' a = 1 ');
csv('an empty value', 'key,value\na,\nb,""\n', 'a=', 'b=');
csv('headings in another order', 'note,value,key\nx,1,a\n', 'a=1');
csv('headings in quotes and with blanks', '"key", value\na,1\n', 'a=1');
csv('bytes that are no UTF-8', Buffer.from('key,value\na,\xfc\n', 'latin1'), 'a=\\xfc');
csv('text that looks like a formula or an escape', 'key,value\n=A1,\\x41\n', '=A1=\\\\x41');
csv('many digits', 'key,value\na,12345678901234567890.10\n', 'a=12345678901234567890.10');
csv('a file with nothing in it', '');
badCsv(
  'UTF-16 with its mark',
  utf16(`${MARK}key,value\na,1\n`),
  'FILE:1: UTF-16 or UTF-32 text: save the file as UTF-8',
);
badCsv(
  'UTF-16 of the other order',
  utf16(`${MARK}key,value\n`, true),
  'FILE:1: UTF-16 or UTF-32 text: save the file as UTF-8',
);
badCsv(
  'UTF-16 without a mark',
  utf16('key,value\na,1\n'),
  'FILE:1: UTF-16 or UTF-32 text: save the file as UTF-8',
);
badCsv(
  'no column value',
  'key,city\na,1\n',
  'FILE:1: the first line names no column value (nor value64), but: key, city',
);
badCsv(
  'semicolons',
  'key;value\na;1\n',
  'FILE:1: the first line names no column key (nor key64), but: key;value (a comma must stand between columns)',
);
badCsv('no headings', 'a,1\nb,2\n', 'FILE:1: the first line names no column key (nor key64), but: a, 1');
badCsv(
  'one heading twice',
  'key,value,value\na,1,2\n',
  'FILE:1: the first line names the column value twice',
);
badCsv('a field too many', 'key,value\r\n\r\na,1,2\r\n', 'refused: FILE:3: not as many fields as headings');
badCsv(
  'a field too few, after lines in quotes',
  '"key","value"\n"","1\r\n2"\na\n',
  'refused: FILE:2: empty key\nrefused: FILE:4: not as many fields as headings',
);
badCsv('a line of blanks', 'key,value\n  \n', 'refused: FILE:2: not as many fields as headings');
badCsv('both forms of a value', 'key,value,value64\na,1,MQ==\n', 'refused: FILE:2: both value and value64');
badCsv('base64 that is none', 'key,value64\na,1\n', 'refused: FILE:2: value64 is not base64');
badCsv(
  'a quote in the middle',
  'key,value\na,5" pipe\n',
  'FILE:2: a quote inside a field that does not begin with one',
);
badCsv(
  'text after a quote',
  'key,value\na,"5" pipe\n',
  'FILE:2: text after a closing quote; a quote inside a quoted field is written twice',
);
badCsv('a quote that is not closed', 'key,value\n\na,"1\nb,2\n', 'FILE:3: a quote is not closed');

const A1 = '{"key":"a","value":"1"}';
const B2 = '{"key":"b","value":"2"}';
ndjson('a byte order mark', `${MARK}${A1}\n`, 'a=1');
ndjson('LF, CR LF and CR', `${A1}\r\n${B2}\r{"key":"c","value":"3"}\n`, 'a=1', 'b=2', 'c=3');
ndjson('the last line has no end', `${A1}\n${B2}`, 'a=1', 'b=2');
ndjson('empty lines and blanks', `\n \t\r\n ${A1} \r\r\n\n${B2}\n\n`, 'a=1', 'b=2');
ndjson('line ends in escapes', '{"key":"a\\r","value":"1\\r\\n"}\n', 'a\\x0d=1\\x0d\\x0a');
ndjson(
  'other fields, also twice, and deeper ones of the same name',
  '{"x":{"key":"y","key":"z"},"key":"a","x":[{"value":1}],"value":"1"}\n',
  'a=1',
);
ndjson('braces and quotes in strings', '{"key":"{\\"key\\":","value":"},\\\\"}\n', '{"key":=},\\\\');
ndjson('a surrogate pair in escapes', '{"key":"a","value":"\\ud83d\\ude00"}\n', 'a=😀');
ndjson('a zero', '{"key":"a","value":"\\u0000"}\n', 'a=\\x00');
badNdjson(
  'UTF-16 with its mark',
  utf16(`${MARK}${A1}\n`),
  'FILE:1: UTF-16 or UTF-32 text: save the file as UTF-8',
);
badNdjson('UTF-16 without a mark', utf16(A1), 'FILE:1: UTF-16 or UTF-32 text: save the file as UTF-8');
badNdjson(
  'bytes that are no UTF-8',
  Buffer.from('{"key":"a","value":"\xfc"}\n', 'latin1'),
  'refused: FILE:1: not UTF-8',
);
badNdjson(
  'half a surrogate pair',
  '\n{"key":"a","value":"\\ud800"}\n',
  'refused: FILE:2: value is not well-formed Unicode',
);
badNdjson('a key twice', '\r\r\n{"key":"a","key":"b","value":"1"}\n', 'refused: FILE:3: key is there twice');
badNdjson(
  'a value twice, once in escapes',
  '{"key":"a","value":"1","valu\\u0065":"2"}\n',
  'refused: FILE:1: value is there twice',
);
badNdjson(
  'a number, which may lose digits',
  '{"key":"a","value":12345678901234567890}\n',
  'refused: FILE:1: value is not a string',
);
badNdjson('no value', '{"key":"a"}\n', 'refused: FILE:1: no value');
badNdjson('two objects in a line', `${A1} ${B2}\n`, 'refused: FILE:1: not JSON');
badNdjson('a line that was cut', '{"key":"a","val', 'refused: FILE:1: not JSON');
badNdjson('a mark in the middle', `\n${MARK}${A1}\n`, 'refused: FILE:2: not JSON');

/** Random bytes, or text with what the formats treat in a special way. */
const content = fc.oneof(
  fc
    .string({ unit: fc.constantFrom(...'a=@+-",;\r\n\t\0\\x41\ufeffé😀\u2028 ') })
    .map((text) => toBytes(text)),
  fc.string().map((text) => toBytes(`${MARK}${text}`)),
  fc.uint8Array({ maxLength: 40 }),
);
const stored = fc.array(
  fc.tuple(
    content.filter((key) => key.length > 0),
    content,
  ),
  { maxLength: 12 },
);

for (const extension of ['csv', 'ndjson']) {
  test(`${extension}: any bytes come back from an exported file, and a second export is the same file`, async (t) => {
    const [first, second] = [join(directory, `first.${extension}`), join(directory, `second.${extension}`)];
    const dump = (client: MemoryClient) => client.rows.map(({ key, value }) => [toHex(key), toHex(value)]);
    await fc.assert(
      fc.asyncProperty(stored, async (rows) => {
        const [from, to] = [new MemoryClient(), new MemoryClient()];
        for (const [key, value] of rows) await from.put(key, value);
        t.is((await runTexts(from, [`export ${first}`])).code, 0);
        t.is((await runTexts(to, [`import ${first}`, `export ${second}`])).code, 0);
        t.deepEqual(dump(to), dump(from));
        t.deepEqual(await readFile(second), await readFile(first));
      }),
      { numRuns: 60 },
    );
  });
}
