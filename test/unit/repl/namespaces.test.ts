// The verbs about namespaces: `namespace create`, `namespace list`, `use`, and what a session shows of the namespace it is in.

import test from 'ava';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { type RunSettings, runTexts } from '../../support/repl-run.ts';

interface Case extends RunSettings {
  readonly run: string;
  readonly out?: string;
  readonly err?: RegExp;
  readonly code?: number;
}

function withNodes(count: number): MemoryClient {
  const client = new MemoryClient();
  client.views = Array.from({ length: count }, (_, i) => {
    const id = `n-${i}`;
    const live = { id, session: `s-${i}`, name: id, address: '127.0.0.1:1', startedAt: 0, version: '1' };
    return { id, record: null, live };
  });
  return client;
}

const answers = test.macro({
  async exec(t, { run, out, err, code, ...settings }: Case) {
    const result = await runTexts(withNodes(3), [run], settings);
    t.is(result.code, code ?? 0, result.err);
    if (out !== undefined) t.is(result.out, out);
    if (err === undefined) t.is(result.err, '');
    else t.regex(result.err, err);
  },
  title: (_, { run, output }: Case) => `${run}${output === undefined ? '' : ` as ${output}`}`,
});

test(answers, {
  run: 'namespace create orders',
  out: 'namespace orders is made: 1 range with 3 replicas each, at least 2 in-sync for writes\n',
});
test(answers, {
  run: 'namespace create orders --replicas 2 --min-in-sync 2 --ranges 4',
  output: 'json',
  out: '{"name":"orders","id":2,"replicationFactor":2,"minInSync":2,"ranges":4}\n',
});
test(answers, {
  run: 'namespace create orders --replicas 5',
  out: 'namespace orders is made: 1 range with 5 replicas each, at least 3 in-sync for writes\n',
  err: /^5 replicas asked for, 3 nodes live: the ranges get the others as nodes join\n$/,
});
test(answers, {
  run: 'namespace create orders --split-at g "--p" \\xff --replicas 1',
  output: 'ndjson',
  out: '{"name":"orders","id":2,"replicationFactor":1,"minInSync":1,"ranges":4}\n',
});
test(answers, {
  run: 'namespace create --split-at=g --split-at p orders',
  output: 'ndjson',
  code: 64,
  err: /NAME is missing/,
});
test(answers, {
  run: 'namespace create --split-at=g orders',
  output: 'csv',
  out: 'name,id,replicationFactor,minInSync,ranges\r\norders,2,3,2,2\r\n',
});
test(answers, {
  run: 'namespace create orders --split-at g --split-at p',
  output: 'csv',
  out: 'name,id,replicationFactor,minInSync,ranges\r\norders,2,3,2,3\r\n',
});
test(answers, { run: 'namespace create orders --split-at', code: 64, err: /--split-at needs KEY/ });
test(answers, {
  run: 'namespace create orders --split-at --ranges 2',
  code: 64,
  err: /--split-at needs KEY/,
});
test(answers, {
  run: 'namespace create orders --split-at g g',
  code: 1,
  err: /^INVALID_ARGUMENT: two split keys/,
});
test(answers, {
  run: 'namespace create orders --split-at g --ranges 2',
  code: 64,
  err: /--ranges does not go with --split-at/,
});
test(answers, {
  run: 'namespace create orders --ranges 2 --ranges 3',
  code: 64,
  err: /--ranges is given twice/,
});
test(answers, { run: 'namespace create orders --replicas two', code: 64, err: /is a whole number, not two/ });
test(answers, {
  run: 'namespace create default',
  code: 1,
  err: /^REFUSED: namespace default exists already\n$/,
});
test(answers, {
  run: 'namespace create a/b',
  code: 1,
  err: /^INVALID_ARGUMENT: a namespace's name has 1 to 64/,
});
test(answers, {
  run: 'namespace create',
  code: 64,
  err: /^namespace create: NAME is missing\nusage: namespace create NAME \[--replicas N\] \[--min-in-sync M\] \[--ranges N\] \[--split-at KEY\.\.\.\] \[--split-bytes B\] \[--unit DELIM\]\n$/,
});
test(answers, {
  run: 'namespace frob',
  code: 64,
  err: /^there is no command namespace frob: namespace create, namespace list, namespace alter, namespace drop\n$/,
});
test(answers, { run: 'namespace', code: 64, err: /^there is no command namespace: namespace create, / });

test(answers, {
  run: 'namespace list',
  out: 'NAME     REPLICATION FACTOR  MIN IN SYNC  RANGES  IN USE\ndefault                   3            2       1  yes\n',
});
for (const run of ['namespace list', 'namespaces'])
  test(answers, {
    run,
    output: 'ndjson',
    out: '{"name":"default","id":1,"replicationFactor":3,"minInSync":2,"ranges":1,"inUse":true}\n',
  });

test(answers, {
  run: 'namespace create orders; put a 1; use orders; get a',
  code: 3,
  err: /^not found: a\n$/,
});
test(answers, {
  run: 'use nope; put never 1',
  code: 1,
  out: '',
  err: /^UNKNOWN_NAMESPACE: no namespace "nope"; there are: default\. To make it: namespace create nope\n$/,
});
test(answers, { run: 'use a/b', code: 1, err: /^INVALID_ARGUMENT: a namespace's name/ });
test(answers, { run: 'use', code: 64, err: /NAME is missing/ });
test(answers, { run: 'use default; put a 1', out: 'ok, revision 1\n' });

test('each namespace has its own rows, and `namespace list` shows which one is in use', async (t) => {
  const client = withNodes(3);
  const run = 'put a 1; namespace create orders; use orders; put a 2; get a; use default; get a; use orders';
  const { out, code } = await runTexts(client, [run, 'namespace list'], { output: 'ndjson' });
  t.is(code, 0);
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual(
    lines.flatMap(({ value }) => value ?? []),
    ['2', '1'],
  );
  t.deepEqual(
    lines.slice(-2).map(({ name, inUse }) => [name, inUse]),
    [
      ['default', false],
      ['orders', true],
    ],
  );
  t.true(client.closed);
});

test('the client of a namespace that is no longer in use is closed; at the end all are', async (t) => {
  const client = withNodes(3);
  const open: MemoryClient[] = [];
  const { inNamespace } = client;
  client.inNamespace = async (name) => {
    const other = (await inNamespace.call(client, name)) as MemoryClient;
    open.push(other);
    return other;
  };
  const run =
    'namespace create one; namespace create two; use one; use one; use two; use default; use two; put a 1';
  t.is((await runTexts(client, [run])).code, 0);
  t.deepEqual(
    open.map(({ namespace, closed }) => [namespace, closed]),
    [
      ['one', true],
      ['two', true],
      ['two', true],
    ],
  );
  t.true(client.closed);
});

test('a session that starts in a namespace that does not exist says how to make it', async (t) => {
  const connect = async () => {
    throw new RangekeeperError('UNKNOWN_NAMESPACE', 'no namespace "default"; there are: orders');
  };
  const result = await runTexts(new MemoryClient(), ['get a'], { connect });
  t.is(result.code, 1);
  t.is(
    result.err,
    'UNKNOWN_NAMESPACE: no namespace "default"; there are: orders. Start in one of these to make it: namespace create default\n',
  );
});

test('help shows a verb of two words, and all verbs that share the first one', async (t) => {
  const connect = async () => t.fail('help needs no cluster') as never;
  const help = async (command: string) => (await runTexts(new MemoryClient(), [command], { connect })).out;
  t.regex(
    await help('help'),
    / {2}namespace create NAME +make a namespace\n {2}namespace list +the namespaces/,
  );
  t.regex(await help('help namespace create'), /^namespace create NAME \[--replicas N\]/);
  t.notRegex(await help('help namespace create'), /namespace list/);
  t.regex(await help('help namespace'), /^namespace create NAME.*\n\nnamespace list\n/s);
  t.regex(await help('help namespaces'), /^namespace list\n/);
  const wrong = await runTexts(new MemoryClient(), ['help namespace frob'], { connect });
  t.deepEqual(
    [wrong.code, wrong.err],
    [
      64,
      'there is no command namespace frob: namespace create, namespace list, namespace alter, namespace drop\n',
    ],
  );
});
