// The verbs that ask the leader for tasks: what they ask for, what they show, and how they end.

import test from 'ava';
import type { Task } from '../../../client/admin-api.ts';
import { conditionOf } from '../../../common/model/range-condition.ts';
import type { Asked } from '../../support/memory-admin.ts';
import { runTexts } from '../../support/repl-run.ts';
import { descriptor, twoNodes } from '../../support/two-node-client.ts';

const asks = test.macro({
  async exec(t, run: string, ...asked: Asked[]) {
    const client = twoNodes();
    const { code, out, err } = await runTexts(client, [run]);
    t.deepEqual([code, err], [0, '']);
    t.deepEqual(client.asked, asked);
    t.is(out, asked[0]?.includes('dry run') ? '' : 'done\n');
  },
  title: (_, run) => `${run} asks the leader`,
});

test(asks, 'split m', ['split', ['m']]);
test(asks, 'split g \\x70 --wait', ['split', ['g', 'p'], 'ended']);
test(asks, 'merge a', ['merge', 'a']);
test(asks, 'move 4 kv-1 n-b', ['move', 4, 'n-a', 'n-b']);
test(asks, 'transfer 4 kv-2', ['transfer', 4, 'n-b']);
test(asks, 'drain kv-1', ['drain', 'n-a']);
test(asks, 'drain kv-1 --wait', ['drain', 'n-a', 'ended']);
test(asks, 'undrain n-a', ['undrain', 'n-a']);
test(asks, 'decommission kv-2', ['decommission', 'n-b']);
test(asks, 'isolate 4', ['isolate', 4, null]);
test(asks, 'isolate 4 kv-1', ['isolate', 4, 'n-a']);
test(asks, 'isolate user/7', ['isolate', 'user/7', null]);
test(asks, 'isolate 4 --key', ['isolate', '4', null]);
test(asks, 'pin 4', ['pin', 4]);
test(asks, 'unpin 4', ['unpin', 4]);
test(asks, 'rebalance', ['rebalance']);
test(asks, 'cancel c0ffee', ['cancelTask', 'c0ffee']);
test(asks, 'namespace alter orders --replicas 5 --split-bytes 1048576 --unit /', [
  'alterNamespace',
  { kind: 'alter-namespace', name: 'orders', replicationFactor: 5, splitBytes: 1_048_576, unit: '/' },
]);
test(asks, 'namespace drop orders --yes orders', ['dropNamespace', 'orders']);

interface Case {
  readonly run: string;
  readonly task?: Partial<Task>;
  readonly output?: 'json' | 'csv';
  readonly out?: string;
  readonly err?: string | RegExp;
  readonly code?: number;
  /** Default: that something was asked. */
  readonly isAsked?: boolean;
}

const answers = test.macro({
  async exec(t, { run, task, output, out, err, code, isAsked }: Case) {
    const client = twoNodes();
    client.task = { ...client.task, ...task };
    const result = await runTexts(client, [run], output === undefined ? {} : { output });
    t.is(result.code, code ?? 0, result.err);
    t.is(result.out, out ?? '');
    if (err instanceof RegExp) t.regex(result.err, err);
    else t.is(result.err, err ?? '');
    t.is(client.asked.length > 0, isAsked ?? true);
  },
  title: (_, { run, output, task }: Case) => [run, output, task?.state].filter(Boolean).join(', '),
});

const STEPS = {
  progress: 'two ranges move',
  steps: ['range 4 goes to kv-2: it owns nothing', 'range 5, too'],
};

test(answers, {
  run: 'drain kv-1 --dry-run',
  task: STEPS,
  out: 'STEP  WHAT\n   1  range 4 goes to kv-2: it owns nothing\n   2  range 5, too\n',
  err: 'two ranges move\n',
});
test(answers, {
  run: 'rebalance --dry-run',
  task: STEPS,
  output: 'json',
  out: '[\n  {"step":1,"what":"range 4 goes to kv-2: it owns nothing"},\n  {"step":2,"what":"range 5, too"}\n]\n',
  err: 'two ranges move\n',
});
test(answers, {
  run: 'forget kv-2 --dry-run',
  task: STEPS,
  out: 'STEP  WHAT\n   1  range 4 goes to kv-2: it owns nothing\n   2  range 5, too\n',
  err: 'n-b is forgotten\n',
});
test(answers, {
  run: 'drain kv-1',
  task: { state: 'running', progress: '3 of 9 ranges have moved' },
  out: '3 of 9 ranges have moved\n',
  err: 'the task goes on: cancel c0ffee ends it, tasks shows how far it is\n',
});
test(answers, {
  run: 'split m',
  output: 'csv',
  out: 'task,state,progress\r\nc0ffee,done,done\r\n',
});
test(answers, {
  run: 'merge z',
  task: { state: 'failed', progress: 'the range of z has no right neighbour' },
  code: 1,
  err: 'REFUSED: the range of z has no right neighbour\n',
});
test(answers, { run: 'drain kv-9', code: 64, err: 'there is no node kv-9\n', isAsked: false });
test(answers, { run: 'move 4 kv-1', code: 64, err: /TO is missing/, isAsked: false });
test(answers, {
  run: 'split',
  code: 64,
  err: /^split: KEY is missing\nusage: split KEY\.\.\. \[--dry-run\]/,
  isAsked: false,
});
test(answers, {
  run: 'split a b c',
  code: 1,
  err: /INVALID_ARGUMENT: a split takes 1 to 2 keys/,
  isAsked: false,
});
test(answers, {
  run: 'cancel ../x',
  code: 1,
  err: /INVALID_ARGUMENT: a task is named by its id/,
  isAsked: false,
});
test(answers, { run: 'namespace alter orders', code: 64, err: /give --replicas/, isAsked: false });
test(answers, {
  run: 'namespace alter orders --split-bytes 1',
  code: 1,
  err: /INVALID_ARGUMENT: splitBytes is 65536 to/,
  isAsked: false,
});
test(answers, {
  run: 'namespace drop orders',
  code: 64,
  err: 'namespace drop: all rows of orders would be lost; --yes orders says that this is meant\n',
  isAsked: false,
});
test(answers, {
  run: 'namespace drop orders --yes order',
  code: 64,
  err: 'namespace drop: --yes order is not the name orders\n',
  isAsked: false,
});

test('tasks lists what was asked for', async (t) => {
  const client = twoNodes();
  const createdAt = new Date('2026-01-02T03:04:05Z');
  const listed = { ...client.task, progress: '', request: 'drain n-a', createdAt, dryRun: false };
  client.listed = [{ ...listed, state: 'running', progress: '3 of 9' }];
  const { out } = await runTexts(client, ['tasks']);
  t.is(
    out,
    'TASK    CREATED AT                REQUEST    DRY RUN  STATE    PROGRESS\nc0ffee  2026-01-02T03:04:05.000Z  drain n-a  no       running  3 of 9\n',
  );
});

test('what a range is doing, in one word', (t) => {
  const facts = { hasLiveOwner: true, isReadOnly: false };
  const reshape = {
    children: [8, 9],
    cuts: [Buffer.from('m')],
    partner: null,
    byHand: true,
    reason: 'a test',
  };
  t.is(conditionOf(descriptor, facts), 'normal');
  t.is(conditionOf({ ...descriptor, reshape }, facts), 'splitting');
  t.is(conditionOf({ ...descriptor, reshape: { ...reshape, partner: 5 } }, facts), 'merging');
  t.is(conditionOf({ ...descriptor, retire: 'n-b' }, facts), 'moving');
  t.is(conditionOf({ ...descriptor, transferTo: 'n-b' }, facts), 'moving');
  t.is(conditionOf({ ...descriptor, reshape }, { ...facts, isReadOnly: true }), 'read-only');
  t.is(conditionOf({ ...descriptor, reshape }, { hasLiveOwner: false, isReadOnly: true }), 'no owner');
  t.is(conditionOf({ ...descriptor, state: 'replaced' }, facts), 'replaced');
  t.is(conditionOf({ ...descriptor, state: 'dropped' }, facts), 'dropped');
});

test('ranges and where show the state of a range, and the ranges that it came of', async (t) => {
  const client = twoNodes();
  const parents = [3, 2].map((range) => ({ range, final: { epoch: 6, seq: 1 } }));
  client.images = [{ descriptor: { ...descriptor, parents, retire: 'n-b' }, version: 1 }];
  const { out } = await runTexts(client, ['ranges'], { output: 'ndjson' });
  t.like(JSON.parse(out), { state: 'moving', parents: '3 2' });
  client.closed = false;
  t.regex((await runTexts(client, ['where a'])).out, /\nstate {5}moving\n.*\ncame of {3}3 2\n/s);
});
