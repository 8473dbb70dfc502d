// The REPL after ZooKeeper was restored to an older state: the conflicts that replicas report, and the output of raise-epochs.

import test from 'ava';
import type { RaisedRange } from '../../../common/model/raise-epochs.ts';
import type { ReplicaStatus } from '../../../common/model/status.ts';
import { runTexts } from '../../support/repl-run.ts';
import { REPLICA, statusWith, twoNodes } from '../../support/two-node-client.ts';

const BEHIND: ReplicaStatus = { ...REPLICA, role: 'follower', epochSeen: 9, conflict: 'see raise-epochs' };
const OTHER: ReplicaStatus = { ...REPLICA, range: 3, descriptorEpoch: null, conflict: 'of another range' };

test('status shows one conflict of each node, preferably one that raise-epochs ends', async (t) => {
  const client = twoNodes();
  client.statuses.set('n-a', statusWith(OTHER, REPLICA, BEHIND));
  const { out } = await runTexts(client, ['status'], { output: 'ndjson' });
  const { problem } = JSON.parse(out.split('\n')[0] ?? '');
  t.regex(problem, /^range 4: see raise-epochs; and 1 more; 3 ranges are read-only; orphans: 9/);
  client.closed = false;
  client.statuses.set('n-a', statusWith(OTHER));
  const other = await runTexts(client, ['status'], { output: 'ndjson' });
  t.regex(
    JSON.parse(other.out.split('\n')[0] ?? '').problem,
    /^range 3: of another range; 1 range is read-only; orphans/,
  );
});

test('ranges and where show the conflicts that replicas of a range report, whoever owns it', async (t) => {
  const client = twoNodes();
  const [a, b] = client.views;
  if (a?.live == null || b === undefined) throw new Error('two nodes');
  client.views = [a, { ...b, live: { ...a.live, id: b.id, session: 's-b' } }];
  client.statuses.set('n-a', statusWith(OTHER, BEHIND));
  client.statuses.set('n-b', { ...statusWith(BEHIND), node: 'n-b' });
  const { out } = await runTexts(client, ['ranges'], { output: 'ndjson' });
  t.like(JSON.parse(out), { ownerLive: true, problem: 'kv-1, kv-2: see raise-epochs' });
  client.closed = false;
  t.regex((await runTexts(client, ['where a'])).out, /\nproblem {3}kv-1, kv-2: see raise-epochs\n$/);
});

const RAISED: RaisedRange = {
  ...{ namespace: 'default', range: 4, epoch: 3, epochSeen: 7, node: 'n-a', outcome: 'begun' },
  reason: 'in epoch 8 at kv-1 (n-a), whose log ends at 7/12',
};
const REFUSED: RaisedRange = {
  ...RAISED,
  range: 5,
  node: null,
  outcome: 'refused',
  reason: 'no report of kv-2 (n-b)',
};
const SILENT = { node: 'n-b', reason: 'it is not live' };

interface RaiseCase {
  readonly run: string;
  readonly ranges: readonly RaisedRange[];
  readonly silent?: boolean;
  readonly output?: 'csv' | 'json';
  readonly out: string | RegExp;
  readonly err: RegExp;
  readonly code: number;
}

const raises = test.macro({
  async exec(t, { run, ranges, silent, output, out, err, code }: RaiseCase) {
    const client = twoNodes();
    client.raised = { ranges, silent: silent === true ? [SILENT] : [] };
    const result = await runTexts(client, [run], { output: output ?? 'table' });
    t.is(result.code, code);
    if (typeof out === 'string') t.is(result.out, out);
    else t.regex(result.out, out);
    t.regex(result.err, err);
    t.deepEqual(client.raises, [{ force: run.includes('--force'), dryRun: run.includes('--dry-run') }]);
  },
  title: (_, { run, ranges, silent }: RaiseCase) =>
    `${run}: ${ranges.map(({ outcome }) => outcome).join(', ') || 'no conflict'}${silent === true ? ', one is silent' : ''}`,
});

const NOTHING = /^no range is in conflict: there is nothing to raise\n$/;

test(raises, { run: 'raise-epochs', ranges: [], out: '', err: NOTHING, code: 0 });
test(raises, {
  run: 'raise-epochs --dry-run',
  ranges: [],
  output: 'json',
  out: '[]\n',
  err: NOTHING,
  code: 0,
});
test(raises, {
  run: 'raise-epochs',
  ranges: [],
  silent: true,
  out: '',
  err: /^kv-2 \(n-b\) has not reported: it is not live\nno range is in conflict/,
  code: 0,
});
test(raises, {
  run: 'raise-epochs',
  ranges: [RAISED],
  out: /^RANGE {2}NAMESPACE {2}EPOCH {2}EPOCH SEEN {2}OUTCOME {2}NODE {2}REASON\n {4}4 {2}default {8}3 {11}7 {2}begun {4}kv-1 {2}in epoch 8 at/,
  err: /^$/,
  code: 0,
});
test(raises, {
  run: 'raise-epochs --dry-run',
  ranges: [{ ...RAISED, outcome: 'would-begin' }],
  output: 'csv',
  out: /^range,namespace,epoch,epochSeen,outcome,node,reason\r\n4,default,3,7,would-begin,n-a,"in epoch 8/,
  err: /^$/,
  code: 0,
});
test(raises, {
  run: 'raise-epochs',
  ranges: [RAISED, REFUSED],
  silent: true,
  out: /5 {2}default .* refused {2}- {5}no report of kv-2/,
  err: /^kv-2 \(n-b\) has not reported: it is not live\nSuch a node may hold .*--force goes on without it: what only it holds is then lost/,
  code: 1,
});
test(raises, {
  run: 'raise-epochs --force',
  ranges: [RAISED],
  silent: true,
  out: /begun/,
  err: /has not reported: it is not live\n--force: acknowledged writes that only such a node holds are lost/,
  code: 0,
});
test(raises, {
  run: 'raise-epochs',
  ranges: [
    REFUSED,
    { ...REFUSED, range: 6, outcome: 'unknown', reason: 'no coordinator has answered in time' },
  ],
  output: 'csv',
  out: /\r\n6,default,3,7,unknown,,no coordinator has answered in time\r\n$/,
  err: /^$/,
  code: 6,
});
