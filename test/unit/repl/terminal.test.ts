// What a terminal shows, and what a pipe gets: values, control characters, wide characters, and tables on narrow terminals.

import test from 'ava';
import fc from 'fast-check';
import { textWidth } from '../../../common/process/terminal-text.ts';
import { indentedJson } from '../../../repl/format/pretty-json.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { type RunSettings, runTexts } from '../../support/repl-run.ts';
import { descriptor, REPLICA, statusWith, twoNodes } from '../../support/two-node-client.ts';

const VALUE = new Uint8Array([0xff, 0x0a, 0x1b, 0x5b, 0x6d]);

interface Case extends RunSettings {
  readonly run: string;
  readonly out: string | Uint8Array;
}

const gives = test.macro({
  async exec(t, { run, out, ...settings }: Case) {
    const client = new MemoryClient();
    await client.put('b', VALUE);
    await client.put('j', '{"a":1.0,"a":[ ],"n":12345678901234567890}');
    await client.put('t', 'text');
    const result = await runTexts(client, [run], settings);
    t.is(result.err, '');
    t.deepEqual(result.outBytes, Buffer.from(out));
  },
  title: (_, { run, columns, output }: Case) =>
    `${run} ${columns === undefined ? 'in a pipe' : 'on a terminal'}${output === undefined ? '' : ` as ${output}`}`,
});

const PRETTY = '{\n  "a": 1.0,\n  "a": [],\n  "n": 12345678901234567890\n}\n';

test(gives, { run: 'get b', out: Buffer.concat([VALUE, Buffer.from('\n')]) });
test(gives, { run: 'get b', columns: 80, out: '\\xff\\x0a\\x1b[m\n' });
test(gives, { run: 'get b --raw', out: VALUE });
test(gives, { run: 'get b --raw', columns: 80, out: VALUE });
test(gives, { run: 'get b --raw', output: 'json', out: VALUE });
test(gives, { run: 'get t; get t --raw; get t', out: 'text\ntexttext\n' });
test(gives, { run: 'get j --pretty', out: PRETTY });
test(gives, { run: 'get j --pretty', columns: 80, out: PRETTY });
test(gives, { run: 'get b --pretty', columns: 80, out: '\\xff\\x0a\\x1b[m\n' });
test(gives, { run: 'get t --pretty', out: 'text\n' });

test('get --raw of an absent key ends with 3; --pretty goes with nothing else', async (t) => {
  const absent = await runTexts(new MemoryClient(), ['get x --raw']);
  t.deepEqual([absent.code, absent.out], [3, '']);
  t.is((await runTexts(new MemoryClient(), ['get x --raw --pretty'])).code, 64);
  t.is((await runTexts(new MemoryClient(), ['get x --pretty'], { output: 'json' })).code, 64);
});

test('indented JSON is what JSON.stringify makes of it, and the same as before', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      t.is(indentedJson(JSON.stringify(value)), JSON.stringify(value, null, 2));
    }),
  );
  t.is(indentedJson('{"a":'), null);
});

/** A cluster whose names, reasons, keys and values try to command the terminal. */
async function hostile(): Promise<MemoryClient> {
  const client = twoNodes();
  const evil = 'e\x1b[31m\u009b31m\u202e\nx';
  client.views = client.views.map((view) => ({
    ...view,
    record: view.record === null ? null : { ...view.record, name: `${evil}${view.id}`, zone: evil },
  }));
  client.statuses.set('n-a', { ...statusWith({ ...REPLICA, conflict: evil }), unhealthy: evil });
  client.namespaceViews = [{ name: evil, id: 1, replicationFactor: 3, minInSync: 2, ranges: 1 }];
  await client.put(evil, evil);
  return client;
}

const COMMANDS = [
  'nodes',
  'ranges',
  'where a',
  'status',
  'namespaces',
  'scan',
  'scan --keys',
  'status n-a',
  'get no\x1b',
];

for (const output of ['table', 'json', 'ndjson', 'csv'] as const) {
  test(`no control character reaches a terminal as ${output}`, async (t) => {
    for (const command of COMMANDS) {
      const { out, err } = await runTexts(await hostile(), [command], { output, columns: 200 });
      const isLine = output !== 'csv';
      t.notRegex(out.replaceAll(isLine ? '\n' : /\r?\n/g, ''), /[\p{C}\p{Zl}\p{Zp}]/u, command);
      t.notRegex(err.replaceAll('\n', ''), /[\p{C}\p{Zl}\p{Zp}]/u, command);
    }
  });
}

test('an error from outside is one line without control characters', async (t) => {
  const connect = async () => {
    throw new Error('no\x1b[2J\nway');
  };
  const { err } = await runTexts(new MemoryClient(), ['get a'], { connect });
  t.is(err, 'no\\u001b[2J\\u000away\n');
});

test('JSON is the same JSON, also where control characters are escaped', async (t) => {
  const client = await hostile();
  const { out } = await runTexts(client, ['scan'], { output: 'json', columns: 80 });
  t.is(JSON.parse(out)[0].value, 'e\x1b[31m\u009b31m\u202e\nx');
});

test('CSV in a pipe is exact, on a terminal it is made visible', async (t) => {
  const client = new MemoryClient();
  await client.put('k', 'a\x1b\u009b');
  const piped = await runTexts(client, ['get k'], { output: 'csv' });
  t.true(piped.out.includes('\r\nk,a\x1b\u009b,1,'));
  client.closed = false;
  const shown = await runTexts(client, ['get k'], { output: 'csv', columns: 80 });
  t.true(shown.out.includes('\r\nk,a\\u001b\\u009b,1,'));
  for (const columns of [undefined, 80]) {
    client.closed = false;
    const { out } = await runTexts(
      client,
      ['export - --format csv'],
      columns === undefined ? {} : { columns },
    );
    t.is(out.includes('\x1b'), columns === undefined);
  }
});

test('columns are aligned behind wide characters', async (t) => {
  const client = new MemoryClient();
  for (const key of ['ada', '日本', '👩‍👩‍👧x', 'größe']) await client.put(key, 'v');
  const { out } = await runTexts(client, ['scan'], { columns: 80 });
  const ends = out
    .split('\n')
    .slice(1, -1)
    .map((line) => textWidth(line));
  t.is(new Set(ends).size, 1, out);
});

test('a wide value is cut to the line', async (t) => {
  const client = new MemoryClient();
  await client.put('k', '日'.repeat(100));
  const { out } = await runTexts(client, ['scan'], { columns: 60 });
  const [, row = ''] = out.split('\n');
  t.true(textWidth(row) <= 60 && textWidth(row) >= 59, row);
  t.regex(row, /日… \(300 B\)$/);
});

test('a terminal of 0 columns is one whose width is not known', async (t) => {
  const client = new MemoryClient();
  await client.put('k', 'v'.repeat(60));
  const { out } = await runTexts(client, ['scan'], { columns: 0 });
  t.is(out, `KEY  REVISION  VALUE\nk           1  ${'v'.repeat(60)}\n`);
});

/** Three replicas with real names, bounds in the middle of the keys, and a problem. */
function wideCluster(): MemoryClient {
  const client = twoNodes();
  const [first] = client.views;
  if (first?.live == null || first.record === null) throw new Error('a live node');
  client.views = ['n-3f9a2c81', 'n-77b0d4e2', 'n-c1d2e3f4'].map((id, i) => ({
    id,
    record: { ...first.record, id, name: `kv-${i + 1}`, zone: 'rack-1', capacity: 1, mode: 'active' },
    live: i === 2 ? null : { ...first.live, id, session: `s-${i}`, address: `192.168.100.${i}:7400` },
  })) as MemoryClient['views'];
  const replicas = client.views.map(({ id }) => ({ node: id, inc: 1 }));
  const inSync = replicas.map(({ node }) => node);
  const owner = { node: 'n-3f9a2c81', session: 's-0', inc: 1 };
  const bounds = {
    start: Buffer.from('customers/europe/4711'),
    end: Buffer.from('customers/europe/9999/orders'),
  };
  client.images = [{ descriptor: { ...descriptor, ...bounds, owner, replicas, inSync }, version: 1 }];
  return client;
}

for (const command of ['ranges', 'nodes', 'status']) {
  test(`${command} fits 60 columns: some columns give way, and what is wrong gets a line of its own`, async (t) => {
    const { out, err } = await runTexts(wideCluster(), [command], { columns: 60 });
    for (const line of out.split('\n')) t.true(textWidth(line) <= 60, line);
    if (command === 'ranges') {
      t.regex(out, /^RANGE +START +END +STATE +OWNER/);
      t.regex(out, /custo\S*… /);
      t.regex(out, /\n {6}problem: kv-3 is down\n/);
      t.is(
        err,
        'no room for: parents, min in sync, epoch, replicas, owner live (--output json shows them)\n',
      );
    }
    if (command === 'status') t.regex(out, /\n {6}problem: down\n/);
  });

  test(`${command} has all columns where there is room`, async (t) => {
    const { out, err } = await runTexts(wideCluster(), [command], { columns: 160 });
    t.regex(out.split('\n')[0] ?? '', /(PROBLEM|REMARK)$/);
    t.notRegex(err, /no room/);
  });
}

test('a long problem is broken between words and not cut', async (t) => {
  const client = wideCluster();
  client.statuses.set('n-3f9a2c81', {
    ...statusWith(REPLICA),
    unhealthy: 'the disk of this node is full and nobody knows what to do about it',
  });
  const { out } = await runTexts(client, ['status'], { columns: 60 });
  t.regex(out.replaceAll(/\n */g, ' '), /the disk of this node is full and nobody knows what to do about it/);
  for (const line of out.split('\n')) t.true(textWidth(line) <= 60, line);
});

test('help is broken between words on a terminal', async (t) => {
  const { out } = await runTexts(new MemoryClient(), ['help', 'help get'], { columns: 60 });
  for (const line of out.split('\n')) t.true(textWidth(line) <= 60, line);
});
