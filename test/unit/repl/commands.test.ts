// Every verb over a client in memory: what it writes to stdout in each format, what to stderr, and the exit code.

import test from 'ava';
import { realEnv } from '../../../common/base/env.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import type { ReplicaCheck } from '../../../common/model/range-check.ts';
import type { NodeStatus } from '../../../common/model/status.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { runTexts } from '../../support/repl-run.ts';
import {
  twoNodes as cluster,
  descriptor,
  REPLICA,
  SOUND,
  statusWith,
} from '../../support/two-node-client.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

interface Case {
  readonly run: string;
  readonly output?: 'table' | 'json' | 'ndjson' | 'csv';
  readonly out?: string;
  readonly err?: RegExp;
  readonly code?: number;
}

const PROVENANCE = '"range":4,"epoch":7,"node":{"id":"n-a","name":"kv-1"}';

const answers = test.macro({
  async exec(t, { run, output, out, err, code }: Case) {
    const client = cluster();
    await client.put('a', '1');
    await client.put('b\x00', new Uint8Array([0xff, 0x0a]));
    await client.put('c,"d"', 'x y');
    const result = await runTexts(client, [run], output === undefined ? {} : { output });
    t.is(result.code, code ?? 0, result.err);
    if (out !== undefined) t.is(result.out, out);
    if (err === undefined) t.is(result.err, '');
    else t.regex(result.err, err);
  },
  title: (_, { run, output }: Case) => `${run}${output === undefined ? '' : ` as ${output}`}`,
});

test(answers, { run: 'put n v', out: 'ok, revision 4\n' });
test(answers, { run: 'put n v', output: 'json', out: `{"revision":4,${PROVENANCE}}\n` });
test(answers, { run: 'put n v', output: 'csv', out: 'revision,range,epoch,node\r\n4,4,7,n-a\r\n' });
test(answers, { run: 'put n v; put n w --if-revision 4; get n', out: 'ok, revision 4\nok, revision 5\nw\n' });
test(answers, {
  run: 'put a v --if-revision 9',
  code: 4,
  out: '',
  err: /^CONFLICT: the key a is at revision 1, not at revision 9\n$/,
});
test(answers, { run: 'cas a 1 2', out: 'ok, revision 4\n' });
test(answers, { run: 'cas n 0 2', out: 'ok, revision 4\n' });
test(answers, { run: 'cas n 1 2', code: 4, err: /^CONFLICT: the key n is absent, not at revision 1/ });
test(answers, { run: 'get a', out: '1\n' });
test(answers, { run: 'get "c,\\"d\\""', out: 'x y\n' });
test(answers, {
  run: 'get a',
  output: 'json',
  out: `{"key":"a","value":"1","revision":1,"stale":false,"staleMs":0,${PROVENANCE}}\n`,
});
test(answers, {
  run: 'get b\\x00 --read stale',
  output: 'ndjson',
  out: `{"key":"b\\u0000","value64":"/wo=","revision":2,"stale":true,"staleMs":120,${PROVENANCE}}\n`,
});
test(answers, {
  run: 'get b\\x00',
  output: 'csv',
  out: 'key,value,revision,stale,staleMs,range,epoch,node,key64,value64\r\nb\x00,,2,false,0,4,7,n-a,,/wo=\r\n',
});
test(answers, { run: 'get a --read stale', out: '1\n', err: /^stale, at most 120 ms behind\n$/ });
test(answers, { run: 'get a --read=fallback', out: '1\n', err: /^stale, at most 120 ms behind\n$/ });
test(answers, { run: 'get x', code: 3, out: '', err: /^not found: x\n$/ });
test(answers, { run: 'get x', output: 'json', code: 3, out: 'null\n', err: /^not found: x\n$/ });
test(answers, { run: 'get x', output: 'ndjson', code: 3, out: '', err: /^not found: x\n$/ });
test(answers, { run: 'del a; get a', code: 3, out: 'deleted, revision 4\n', err: /not found/ });
test(answers, { run: 'del x', out: 'was absent, revision 4\n' });
test(answers, { run: 'del a --if-revision 2', code: 4, err: /CONFLICT/ });
test(answers, {
  run: 'scan',
  out: 'KEY    REVISION  VALUE\na             1  1\nb\\x00         2  \\xff\\x0a\nc,"d"         3  x y\n',
});
test(answers, { run: 'scan --keys', out: 'a\nb\\x00\nc,"d"\n' });
test(answers, { run: 'scan --keys --reverse --limit 2', out: 'c,"d"\nb\\x00\n' });
test(answers, { run: 'scan --keys --limit 0', out: '' });
test(answers, { run: 'scan --keys --prefix b', out: 'b\\x00\n' });
test(answers, { run: 'scan b --keys', out: 'b\\x00\n' });
test(answers, { run: 'count c', out: '1\n' });
test(answers, { run: 'scan b --prefix b', code: 64, err: /^give PREFIX or --prefix, not both\n$/ });
test(answers, { run: 'scan b --end c', code: 64, err: /--prefix does not go with --start or --end/ });
test(answers, { run: 'SCAN b --keys; Get a', out: 'b\\x00\n1\n' });
test(answers, { run: 'scan --keys --start b --end c', out: 'b\\x00\n' });
test(answers, {
  run: 'scan --keys --start b --read stale',
  out: 'b\\x00\nc,"d"\n',
  err: /^stale, at most 120 ms/,
});
test(answers, { run: 'scan --prefix a --end b', code: 64, err: /--prefix does not go with/ });
test(answers, { run: 'scan --prefix zz', out: 'KEY  REVISION  VALUE\n' });
test(answers, { run: 'scan --prefix zz', output: 'json', out: '[]\n' });
test(answers, {
  run: 'scan --start b',
  output: 'json',
  out: '[\n  {"key":"b\\u0000","revision":2,"value64":"/wo=","stale":false,"staleMs":0},\n  {"key":"c,\\"d\\"","revision":3,"value":"x y","stale":false,"staleMs":0}\n]\n',
});
test(answers, {
  run: 'scan --start c',
  output: 'csv',
  out: 'key,revision,value,stale,staleMs,key64,value64\r\n"c,""d""",3,x y,false,0,,\r\n',
});
test(answers, { run: 'count', out: '3\n' });
test(answers, { run: 'count --prefix c', output: 'json', out: '{"count":1}\n' });
test(answers, {
  run: 'ranges',
  out: 'RANGE  START  END  STATE   EPOCH  OWNER  OWNER LIVE  REPLICAS   IN SYNC  MIN IN SYNC  PARENTS  PROBLEM\n    4  ""     -    normal      7  kv-1   yes         kv-1 kv-2  kv-1               1  -        kv-2 is down\n',
});
test(answers, {
  run: 'ranges',
  output: 'ndjson',
  out: '{"range":4,"start":"","end":null,"state":"normal","epoch":7,"owner":{"id":"n-a","name":"kv-1"},"ownerLive":true,"replicas":[{"id":"n-a","name":"kv-1"},{"id":"n-b","name":"kv-2"}],"inSync":[{"id":"n-a","name":"kv-1"}],"minInSync":1,"parents":null,"problem":"kv-2 is down"}\n',
});
test(answers, {
  run: 'where a',
  out: 'range     4 [, ∞) of default\nstate     normal\nowner     kv-1 (127.0.0.1:5001)\nepoch     7\nreplicas  kv-1 kv-2\nin-sync   kv-1 (at least 1 for writes)\nproblem   kv-2 is down\n',
});
test(answers, {
  run: 'nodes',
  output: 'csv',
  out: 'name,id,zone,mode,live,address,owned,replicas,downSince,remark\r\nkv-1,n-a,z,active,true,127.0.0.1:5001,1,1,,\r\nkv-2,n-b,z,active,false,,0,1,,\r\n',
});
test(answers, {
  run: 'status',
  output: 'csv',
  out: 'node,version,upSeconds,leaseMs,owned,replicas,readOnly,logBytes,memoryBytes,problem\r\nn-a,,,,,,,,,UNREACHABLE: node n-a does not answer\r\nn-b,,,,,,,,,down\r\n',
});
test(answers, { run: 'forget kv-9', code: 64, err: /there is no node kv-9/ });
test(answers, { run: 'forget kv-1', code: 1, err: /^REFUSED: n-a is live\n$/ });
test(answers, { run: 'forget kv-2', out: 'n-b is forgotten\n' });
test(answers, { run: 'forget n-b', output: 'csv', out: 'node,outcome\r\nn-b,n-b is forgotten\r\n' });
test(answers, {
  run: 'check',
  out: 'RANGE  NODE  SEQ  ROWS  CHECKSUM  VERDICT\n    4  kv-1    9     2  00000abc  sound\n    4  kv-2    9     2  00000abc  sound\n',
});
test(answers, {
  run: 'check 4',
  output: 'csv',
  out: 'range,node,seq,rows,checksum,verdict\r\n4,n-a,9,2,00000abc,sound\r\n4,n-b,9,2,00000abc,sound\r\n',
});
test(answers, { run: 'check 5', code: 64, err: /there is no range 5/ });
test(answers, { run: 'check a', code: 64, err: /RANGE is a number/ });
test(answers, { run: 'raise-epochs 4', code: 64, err: /too many words, the first is 4\n/ });

for (const verdict of ['damaged', 'undecided', 'alone'] as const) {
  test(`check where the range is ${verdict}`, async (t) => {
    const client = cluster();
    const bad = { node: 'n-b', rows: null, checksum: null, verdict: 'silent' } as const;
    client.checks.set(4, { ...SOUND, verdict, replicas: [SOUND.replicas[0] as ReplicaCheck, bad] });
    const result = await runTexts(client, ['check'], { output: 'ndjson' });
    t.is(result.code, verdict === 'alone' ? 0 : 1);
    t.regex(result.out, /"rows":null,"checksum":null,"verdict":"silent"/);
  });
}

test(answers, { run: 'status kv-9', code: 64, err: /there is no node kv-9/ });
test(answers, { run: 'status kv-1', code: 2, err: /UNREACHABLE/ });
test(answers, { run: 'put "" 1', code: 1, err: /^INVALID_ARGUMENT: the key is empty\n$/ });
test(answers, { run: 'frobnicate', code: 64, err: /^there is no command frobnicate: put get / });
test(answers, { run: 'gte a', code: 64, err: /^there is no command gte, did you mean get\?\n$/ });
test(answers, { run: 'set a 1', code: 64, err: /^there is no command set, did you mean put\?\n$/ });
test(answers, { run: 'help sacn', code: 64, err: /^there is no command sacn, did you mean scan\?\n$/ });
test(answers, {
  run: 'scan --prefx a',
  code: 64,
  err: /^scan: there is no option --prefx, did you mean --prefix\?\n/,
});
test(answers, {
  run: 'get a --PRETTY',
  code: 64,
  err: /there is no option --PRETTY, did you mean --pretty\?\n/,
});
test(answers, { run: "put n it's", code: 64, err: /^quotes go around a whole word, [^\n]+: it's\n$/ });
test(answers, { run: 'put j {"name":"ada"}; get j', out: 'ok, revision 4\n{"name":"ada"}\n' });
test(answers, { run: 'VERSION', out: 'rangekeeper 0.1.0\n' });
test(answers, {
  run: 'put a',
  code: 64,
  err: /^put: VALUE is missing\nusage: put KEY VALUE \[--if-revision N\]\n$/,
});
test(answers, { run: 'put a "1', code: 64, err: /a " is not closed/ });
test(answers, { run: 'import', code: 64, err: /give FILE, - or --tree DIR/ });
test(answers, { run: 'exit; put a 9', out: '' });

for (const { what, report, problem } of [
  {
    what: 'a lease of 0',
    report: { ...healthy(), leaseMs: 0 },
    problem: 'no lease, so no writes and no linearizable reads',
  },
  { what: 'a read-only range', report: healthy(0), problem: '1 range is read-only' },
  { what: 'three read-only ranges', report: healthy(0, 0, 0), problem: '3 ranges are read-only' },
]) {
  test(`status of a node with ${what} says PROBLEM`, async (t) => {
    const client = cluster();
    client.views = client.views.filter(({ live }) => live !== null);
    client.statuses.set('n-a', report);
    const { code, out, err } = await runTexts(client, ['status']);
    t.is(code, 0);
    t.true(out.endsWith(`  ${problem}\n`), out);
    t.is(err, `PROBLEM: kv-1: ${problem}\n`);
  });
}

test('status names the nodes that have the same problem together', async (t) => {
  const client = cluster();
  const [view] = client.views.filter(({ live }) => live !== null);
  if (view === undefined) return t.fail('a live node');
  const record = view.record === null ? null : { ...view.record, name: 'kv-9' };
  client.views = [view, { ...view, id: 'n-z', record }];
  for (const id of ['n-a', 'n-z']) client.statuses.set(id, { ...healthy(), leaseMs: 0 });
  const { err } = await runTexts(client, ['status']);
  t.is(err, 'PROBLEM: kv-1, kv-9: no lease, so no writes and no linearizable reads\n');
});

test('status of a sound node says no PROBLEM', async (t) => {
  const client = cluster();
  client.views = client.views.filter(({ live }) => live !== null);
  client.statuses.set('n-a', healthy());
  const { out, err } = await runTexts(client, ['status']);
  t.true(out.endsWith('  -\n'), out);
  t.is(err, '');
});

/** A node that has nothing to complain of, except that these replicas have been read-only since then. */
function healthy(...readOnlySince: readonly number[]): NodeStatus {
  const replicas = readOnlySince.map((since) => ({ ...REPLICA, readOnlySince: since }));
  return { ...statusWith(...replicas), orphans: [], unreachable: [], unhealthy: null };
}

test('the age of what is shown during an outage counts from the last answer of ZooKeeper', async (t) => {
  const env = new VirtualEnv();
  const client = cluster();
  let refreshes = 0;
  client.beforeCall = async ({ method }) => {
    if (method !== 'refresh') return;
    env.stall(14_000);
    refreshes += 1;
    if (refreshes > 1) throw new RangekeeperError('NO_CLUSTER', 'no answer within 3333 ms');
  };
  const { err } = await runTexts(client, ['nodes', 'nodes', 'ranges', 'where a', 'status'], {
    env,
    keepGoing: true,
  });
  const outages = err.split('\n').filter((line) => line.startsWith('as of'));
  t.deepEqual(
    outages,
    ['14', '28', '42', '56'].map((seconds) => `as of ${seconds} s ago: ZooKeeper does not answer`),
  );
});

test('status shows what a node reports, and its replicas one by one', async (t) => {
  const client = cluster();
  client.statuses.set('n-a', statusWith(REPLICA));
  const all = await runTexts(client, ['status'], { output: 'csv' });
  t.regex(
    all.out,
    /\r\nn-a,0\.1\.0,\d+,1235,1,1,1,10,20,1 range is read-only; orphans: 9; no connection with kv-2; the disk is full\r\n/,
  );
  client.closed = false;
  const one = await runTexts(client, ['status kv-1'], { output: 'csv' });
  t.is(one.out.split('\r\n')[1], '4,owner,7,12,12,11,11,1970-01-01T00:00:00.000Z,,kv-2 probe lag 9,');
});

/** Three nodes with the name kv-1: one serves, one is unreachable, one is gone; with the leader's notes about them. */
function confusing(): MemoryClient {
  const client = cluster();
  const record = { zone: 'z', capacity: 1, mode: 'active', name: 'kv-1' } as const;
  const [first] = client.views;
  if (first?.live == null) throw new Error('a live node');
  const since = realEnv.wallNow() - 65_000;
  const unreachable = { by: ['n-a'], since, cutOff: true };
  const nothing = { downSince: null, unreachable: null, stuckIn: null };
  client.views = [
    first,
    {
      id: 'n-c',
      record: { ...record, id: 'n-c', noted: { ...nothing, unreachable, stuckIn: 's-c' } },
      live: { ...first.live, id: 'n-c', session: 's-c', standing: 'stopping' },
    },
    { id: 'n-d', record: { ...record, id: 'n-d', noted: { ...nothing, downSince: since } }, live: null },
  ];
  return client;
}

test('nodes helps to distinguish nodes of the same name, and says what is wrong with each', async (t) => {
  const { out } = await runTexts(confusing(), ['nodes'], { output: 'json' });
  const rows: { id: string; remark: string; downSince: string | null }[] = JSON.parse(out);
  t.deepEqual(
    rows.map(({ id }) => id),
    ['n-a', 'n-c', 'n-d'],
  );
  const [a, c, d] = rows;
  t.is(a?.remark, 'same name as n-c, n-d');
  t.regex(c?.remark ?? '', /^stopping; no connection with kv-1 for 1 min 5 s, so it gets no replicas/);
  t.regex(c?.remark ?? '', /replicas on it do not catch up.*; same name as n-a, n-d$/);
  t.regex(d?.remark ?? '', /^down for 1 min 5 s; same name as n-a, n-c$/);
  t.is(typeof d?.downSince, 'string');
});

test('a name that several nodes have is refused with their ids; an id is accepted', async (t) => {
  const refused = await runTexts(confusing(), ['forget kv-1']);
  t.is(refused.code, 64);
  t.regex(refused.err, /several nodes are called kv-1.*: n-a \(live\), n-c \(live\), n-d \(gone\)/);
  const client = confusing();
  t.is((await runTexts(client, ['forget n-d'])).out, 'n-d is forgotten\n');
  t.is((await runTexts(confusing(), ['status kv-1'])).code, 64);
});

test('ranges names the replicas of a range that cannot reach each other', async (t) => {
  const client = cluster();
  const [a, b] = client.views;
  if (a?.live == null || b?.record == null) throw new Error('two nodes');
  const unreachable = { by: ['n-a', 'n-x'], since: 0, cutOff: true };
  client.views = [
    a,
    {
      id: b.id,
      record: { ...b.record, noted: { downSince: null, unreachable, stuckIn: null } },
      live: { ...a.live, id: b.id, session: 's-b' },
    },
  ];
  const { out } = await runTexts(client, ['ranges'], { output: 'ndjson' });
  t.is(JSON.parse(out).problem, 'kv-2 has no connection with kv-1');
});

test('help lists every verb, and shows the details of one, without a cluster', async (t) => {
  const connect = async () => t.fail('help needs no cluster') as never;
  const all = await runTexts(new MemoryClient(), ['help'], { connect });
  t.regex(all.out, / {2}cas KEY REVISION VALUE +compare and set/);
  const nodes = await runTexts(new MemoryClient(), ['help nodes'], { connect });
  t.regex(nodes.out, /count ranges of the namespace in use; `status` counts those of all namespaces/);
  const one = await runTexts(new MemoryClient(), ['help scan'], { connect });
  t.regex(one.out, /^scan \[PREFIX\] \[--prefix P\]/);
  t.regex(one.out, /--read linearizable\|fallback\|stale/);
  const none = await runTexts(new MemoryClient(), ['help frob'], { connect });
  t.is(none.code, 64);
});

const exits = test.macro({
  async exec(t, code: ConstructorParameters<typeof RangekeeperError>[0], expected: number) {
    const client = new MemoryClient();
    client.beforeCall = () => {
      throw new RangekeeperError(code, 'for a reason');
    };
    const result = await runTexts(client, ['put a 1']);
    t.is(result.code, expected);
    t.is(result.err, `${code}: for a reason\n`);
    t.is(result.out, '');
  },
  title: (_, code, expected) => `a put that ends with ${code} exits with ${expected}`,
});

test(exits, 'INVALID_ARGUMENT', 1);
test(exits, 'OVERLOADED', 1);
test(exits, 'DEADLINE', 1);
test(exits, 'INTERNAL', 1);
test(exits, 'NO_CLUSTER', 2);
test(exits, 'WRONG_CLUSTER', 2);
test(exits, 'UNREACHABLE', 2);
test(exits, 'CONFLICT', 4);
test(exits, 'NO_OWNER', 5);
test(exits, 'READ_ONLY', 5);
test(exits, 'NOT_READY', 5);
test(exits, 'OUTCOME_UNKNOWN', 6);

test('on a terminal a long value is cut to the line, and its length is shown; with --keys nothing is cut', async (t) => {
  const client = new MemoryClient();
  await client.put('k'.repeat(50), 'é'.repeat(100));
  const scan = await runTexts(client, ['scan'], { columns: 80 });
  const [, row = ''] = scan.out.split('\n');
  t.is([...row].length, 82, 'the key is two characters longer than its column');
  t.regex(row, /^k{50} {9}1 {2}é+… \(200 B\)$/);
  client.closed = false;
  const keys = await runTexts(client, ['scan --keys'], { columns: 20 });
  t.is(keys.out, `${'k'.repeat(50)}\n`);
});

test('ranges are read again; without ZooKeeper they are shown as last known', async (t) => {
  const client = cluster();
  client.beforeCall = ({ method }) => {
    if (method !== 'refresh') return;
    client.images = [{ descriptor: { ...descriptor, epoch: 8 }, version: 2 }];
  };
  const anew = await runTexts(client, ['where a'], { output: 'json' });
  t.is(JSON.parse(anew.out).epoch, 8);
  t.is(anew.err, '');
  client.closed = false;
  client.beforeCall = () => {
    throw new RangekeeperError('NO_CLUSTER', 'no connection to ZooKeeper');
  };
  const away = await runTexts(client, ['ranges', 'nodes', 'where a']);
  t.is(away.code, 0);
  t.is(away.err, 'as of 0 s ago: ZooKeeper does not answer\n'.repeat(3));
});
