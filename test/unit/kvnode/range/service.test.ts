// The answers of a node to its clients: one range [b, y) with one replica, owned in epoch 3, over a real storage on a
// disk in memory. Only the lease is controlled by the test.

import test from 'ava';
import { formatBytes, toBytes } from '../../../../common/base/bytes.ts';
import { realEnv } from '../../../../common/base/env.ts';
import { Failure } from '../../../../common/base/errors.ts';
import { DEFAULT_REPLICATION } from '../../../../common/model/config.ts';
import { type Descriptor, FRESH_RANGE } from '../../../../common/model/descriptor.ts';
import { origin } from '../../../../common/model/ids.ts';
import { replyFromError } from '../../../../common/wire/error-reply.ts';
import type { Mutation, ReplyBody, RequestBody } from '../../../../common/wire/messages.ts';
import { encodeOperation } from '../../../../common/wire/operation.ts';
import { ClientService } from '../../../../kvnode/client-service.ts';
import { RangeHost } from '../../../../kvnode/range/range-host.ts';
import { WaitingBytes } from '../../../../kvnode/range/waiting-writes.ts';
import { Replica } from '../../../../kvnode/replica/replica.ts';
import { TwinWorld } from '../../../suites/storage/world.ts';

const EPOCH = 3;
const BOUNDS = { start: toBytes('b'), end: toBytes('y') };
const META = { range: 1, inc: 1, namespace: 'default', namespaceId: 1, ...BOUNDS };
const EMPTY = {
  epochSeen: 0,
  base: origin,
  runs: [],
  lastSeq: 0,
  applied: origin,
  committed: 0,
  void: false,
};

const DESCRIPTOR: Descriptor = {
  ...{ namespace: 'default', namespaceId: 1, id: 1, ...BOUNDS },
  ...{ epoch: EPOCH, owner: { node: 'n', inc: 1, session: 's' }, replicas: [{ node: 'n', inc: 1 }] },
  ...{ inSync: ['n'], minInSync: 1, state: 'serving', nextInc: 2, ...FRESH_RANGE, base: origin },
  ...{ transferTo: null, retire: null },
};

interface Stage {
  ask(request: RequestBody): Promise<ReplyBody>;
  put(key: string, value: string, ifRevision?: number | null): Promise<ReplyBody>;
  leased: boolean;
  readonly host: RangeHost;
  /** The bytes that wait in all ranges of the node. */
  readonly waiting: WaitingBytes;
}

/** The node without its network and without ZooKeeper. A turn is taken when something was touched or synced. */
async function stage(): Promise<Stage> {
  const storage = await new TwinWorld().open();
  storage.createReplica(META, origin, 0);
  const waiting = new WaitingBytes();
  const stage = { leased: true, waiting };
  const replica = new Replica({
    self: 'n',
    recovered: { ...META, ...EMPTY },
    log: storage.logOf(1),
    config: DEFAULT_REPLICATION,
    leaseValid: () => stage.leased,
    isHealthy: () => true,
    stampBase: 0,
  });
  const host = new RangeHost({
    ...{ env: realEnv, replica, meta: META, storage, appliedSeq: 0, config: DEFAULT_REPLICATION },
    waitingOnNode: waiting,
    checks: { checkApplied: () => {} },
  });
  const turn = () => host.applyReady(replica.take(realEnv.now()), realEnv.now(), Number.POSITIVE_INFINITY);
  storage.onSynced((group) => {
    replica.step({ kind: 'synced', group }, realEnv.now());
    turn();
  });
  const service = new ClientService({
    env: realEnv,
    storage,
    host: (range) => (range === 1 ? host : undefined),
    touched: turn,
    status: () => {
      throw new Error('not used in this test');
    },
    check: () => 'NOT_READY',
    refusal: (range) => replyFromError(new Failure('NOT_OWNER', `range ${range} has no replica here`)),
  });
  replica.step({ kind: 'image', image: { descriptor: DESCRIPTOR, version: 1 }, session: 's' }, realEnv.now());
  const ask = (request: RequestBody): Promise<ReplyBody> => {
    return new Promise((resolve) => service.serve({ reply: (_id, body) => resolve(body) }, 1, request));
  };
  const put = (key: string, value: string, ifRevision: number | null = null) => {
    return ask(write([{ kind: 'put', key: toBytes(key), value: toBytes(value), ifRevision }]));
  };
  while ((await ask(get('b'))).kind === 'error') await new Promise<void>((resolve) => realEnv.soon(resolve));
  return Object.assign(stage, { ask, put, host });
}

/** Each write has a number of its own: it is no repetition of the last one (R13). */
let writes = 0;

function write(
  mutations: readonly Mutation[],
  { epoch = EPOCH, range = 1, number = ++writes } = {},
): RequestBody {
  const operation = encodeOperation({
    clientId: new Uint8Array(16),
    number,
    doneBelow: 1,
    base: 0,
    mutations,
  });
  return { kind: 'write', range, epoch, operation };
}

function get(
  key: string,
  change: { epoch?: number; range?: number; mode?: 'stale'; minSeq?: number } = {},
): RequestBody {
  return {
    kind: 'get',
    range: 1,
    epoch: EPOCH,
    key: toBytes(key),
    mode: 'linearizable',
    minSeq: 0,
    ...change,
  };
}

function scan(
  start: string,
  end: string | null,
  change: { reverse?: boolean; limitRows?: number; keysOnly?: boolean; valueBytesMax?: number } = {},
): RequestBody {
  const limits = { limitRows: 10, limitBytes: 10_000 };
  const what = { reverse: false, keysOnly: false, countOnly: false, valueBytesMax: null };
  const how = { ...what, mode: 'linearizable', minSeq: 0 } as const;
  const bounds = { start: toBytes(start), end: end === null ? null : toBytes(end) };
  return { kind: 'scan', range: 1, epoch: EPOCH, ...bounds, ...limits, ...how, ...change };
}

/** A reply as one line of text. */
function summaryOf(reply: ReplyBody): string {
  switch (reply.kind) {
    case 'error':
      return reply.code === 'CONFLICT'
        ? `CONFLICT at ${reply.revision}, decided at ${reply.seq}`
        : reply.code;
    case 'write-reply':
      return `written at ${reply.revision}`;
    case 'get-reply':
      return `${reply.found ? formatBytes(reply.value) : 'nothing'}${reply.stale ? ', stale' : ''}`;
    case 'scan-reply': {
      const bound = reply.bound === null ? '∞' : formatBytes(reply.bound);
      return `${reply.rows
        .decode()
        .map(({ key, value, valueLength }) =>
          valueLength === undefined
            ? formatBytes(key)
            : `${formatBytes(key)}=${formatBytes(value)}…${valueLength}`,
        )
        .join(' ')} | ${bound}`;
    }
    default:
      return reply.kind;
  }
}

const answers = test.macro<[RequestBody, string]>({
  async exec(t, request, expected) {
    const { ask, put } = await stage();
    for (const key of ['c', 'd', 'e']) await put(key, key.toUpperCase());
    t.is(summaryOf(await ask(request)), expected);
  },
  title: (title = '') => title,
});

const put = (key: string, ifRevision: number | null = null): Mutation => {
  return { kind: 'put', key: toBytes(key), value: toBytes('v'), ifRevision };
};

test('a waiting write does not depend on the buffer of its message', async (t) => {
  const { ask } = await stage();
  const values = ['small', 'x'.repeat(5_000), 'y'.repeat(200_000)];
  const asked = values.map((value, i) => {
    const request = write([{ kind: 'put', key: toBytes(`c${i}`), value: toBytes(value), ifRevision: null }]);
    const answer = ask(request);
    if (request.kind === 'write') request.operation.fill(0);
    return answer;
  });
  for (const answer of asked) t.is((await answer).kind, 'write-reply');
  for (const [i, value] of values.entries()) {
    const found = await ask(get(`c${i}`));
    t.is(found.kind === 'get-reply' ? formatBytes(found.value) : null, value);
  }
});

test('a read', answers, get('c'), 'C');
test('a read of an absent key', answers, get('x'), 'nothing');
test('a read outside the range', answers, get('z'), 'WRONG_RANGE');
test('a read below the range', answers, get('a'), 'WRONG_RANGE');
test('a read in another epoch', answers, get('c', { epoch: 2 }), 'STALE_EPOCH');
test('a read of a range that is not on this node', answers, get('c', { range: 9 }), 'NOT_OWNER');
test('a stale read at the owner is fresh', answers, get('c', { mode: 'stale' }), 'C');
test(
  'a stale read of a seq that is not applied yet',
  answers,
  get('c', { mode: 'stale', minSeq: 99 }),
  'BEHIND',
);
test('a write', answers, write([put('x')]), 'written at 5');
test('a write outside the range', answers, write([put('c'), put('z')]), 'WRONG_RANGE');
test('a write outside the range in another epoch', answers, write([put('z')], { epoch: 4 }), 'STALE_EPOCH');
test('S8: a batch with a key outside the range gets the answer that the range knows under its number', async (t) => {
  const { ask } = await stage();
  const number = ++writes;
  t.is(summaryOf(await ask(write([put('c'), put('d')], { number }))), 'written at 2');
  t.is(summaryOf(await ask(write([put('c'), put('z')], { number }))), 'written at 2');
  t.is(summaryOf(await ask(write([put('c'), put('z')]))), 'WRONG_RANGE');
});
test('a write in another epoch', answers, write([put('c')], { epoch: 4 }), 'STALE_EPOCH');
test(
  'a write with a malformed operation',
  answers,
  { ...write([put('c')]), operation: toBytes('?') } as RequestBody,
  'INVALID_ARGUMENT',
);
test('a write whose condition holds', answers, write([put('c', 2)]), 'written at 5');
test('a write whose condition does not hold', answers, write([put('c', 7)]), 'CONFLICT at 2, decided at 5');
test('a condition on an absent key', answers, write([put('x', 7)]), 'CONFLICT at 0, decided at 5');
test(
  'a batch with a check that does not hold',
  answers,
  write([put('d'), { kind: 'check', key: toBytes('c'), ifRevision: 1 }]),
  'CONFLICT at 2, decided at 5',
);

test('a repeated conflict reports the seq of the repetition, never an older one', async (t) => {
  const { ask, put: putRow } = await stage();
  await putRow('c', '1');
  const conflicting = write([put('c', 7)]);
  const first = await ask(conflicting);
  await putRow('d', '2');
  const again = await ask(conflicting);
  t.is(summaryOf(first), 'CONFLICT at 2, decided at 3');
  t.is(summaryOf(again), 'CONFLICT at 2, decided at 5');
});
test('a scan ends where the range ends', answers, scan('b', null), 'c d e | y');
test('a scan ends at its bound', answers, scan('b', 'e'), 'c d | e');
test('a full page says how far it is complete', answers, scan('b', null, { limitRows: 2 }), 'c d | d\\x00');
test('a reverse scan', answers, scan('b', 'y', { reverse: true, limitRows: 2 }), 'e d | d');
test('a reverse scan from beyond the range', answers, scan('b', null, { reverse: true }), 'WRONG_RANGE');
test('a scan of keys only', answers, scan('b', 'd', { keysOnly: true }), 'c=…1 | d');
test('a scan that cuts values', answers, scan('b', 'e', { valueBytesMax: 0 }), 'c=…1 d=…1 | e');
test('a scan with room for the values', answers, scan('b', 'e', { valueBytesMax: 1 }), 'c d | e');
test('a scan that begins outside the range', answers, scan('a', 'c'), 'WRONG_RANGE');
test('a scan of nothing', answers, scan('d', 'd'), 'INVALID_ARGUMENT');

test('R11: without a lease there are no linearizable reads and no new writes; stale reads say so', async (t) => {
  const node = await stage();
  await node.put('c', 'C');
  node.leased = false;
  t.is(summaryOf(await node.ask(get('c'))), 'NOT_READY');
  t.is(summaryOf(await node.ask(scan('b', null))), 'NOT_READY');
  t.is(summaryOf(await node.put('c', 'D')), 'NOT_READY');
  t.is(summaryOf(await node.ask(get('c', { mode: 'stale' }))), 'C, stale');
});

test('NOT_OWNER and STALE_EPOCH carry the descriptor', async (t) => {
  const { ask } = await stage();
  const reply = await ask(get('c', { epoch: 2 }));
  t.is(reply.kind === 'error' ? reply.descriptor?.version : null, 1);
});

test('too many scans at once are refused, and later ones are taken', async (t) => {
  const { ask } = await stage();
  const replies = await Promise.all(Array.from({ length: 200 }, () => ask(scan('b', null))));
  const outcomes = new Set(replies.map(summaryOf));
  t.deepEqual([...outcomes].sort(), [' | y', 'OVERLOADED']);
  t.is(summaryOf(await ask(scan('b', null))), ' | y');
});

test('writes are refused while too much waits in all ranges of the node, and later ones are taken', async (t) => {
  const { put, waiting } = await stage();
  const { uncommittedNodeBytesMax } = DEFAULT_REPLICATION;
  waiting.all = uncommittedNodeBytesMax;
  t.is(summaryOf(await put('b', '1')), 'OVERLOADED');
  waiting.all = uncommittedNodeBytesMax - 1_500;
  t.is(summaryOf(await put('b', '1')), 'written at 2');
  t.is(waiting.all, uncommittedNodeBytesMax - 1_500, 'an answered write does not wait any more');
  const both = [put('b', 'x'.repeat(1_000)), put('b', 'x'.repeat(1_000))];
  t.deepEqual((await Promise.all(both)).map(summaryOf), ['written at 3', 'OVERLOADED']);
});

test('a conflict says which mutation failed, also if it is asked for again', async (t) => {
  const { ask, put: putRow } = await stage();
  await putRow('c', '1');
  const conflicting = write([put('d', 0), put('c', 0)]);
  const first = await ask(conflicting);
  await putRow('c', '2');
  const again = await ask(conflicting);
  for (const reply of [first, again]) t.like(reply, { code: 'CONFLICT', revision: 2, index: 1 });
});

test('what clients ask is counted once it is served; what is refused is not', async (t) => {
  const { ask, put, host } = await stage();
  host.load.restart();
  const begun = realEnv.now();
  await put('c', 'value');
  await put('z', 'outside');
  await ask(get('c'));
  await ask(get('z'));
  await ask(scan('b', null));
  await ask(scan('b', null, { limitRows: 0 }));
  await ask(
    write([{ kind: 'put', key: toBytes('c'), value: toBytes('v'), ifRevision: null }], { epoch: EPOCH - 1 }),
  );
  host.load.fold(begun + 1_000);
  const { reads, writes, bytesIn, bytesOut } = host.load.rates;
  const seconds = host.load.forMs / 1_000;
  t.is(Math.round(reads * seconds), 2);
  t.is(Math.round(writes * seconds), 1);
  t.true(bytesIn > 0 && bytesOut > 0);
  t.deepEqual(host.load.samples.map(formatBytes), ['c', 'c', 'b']);
});
