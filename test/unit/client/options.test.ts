// Options and operations that a client does not know, or that have the wrong type, are refused before anything is sent.

import test from 'ava';
import type { Client } from '../../../client/api.ts';
import { connect } from '../../../client/index.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { MemoryClient } from '../../support/memory-client.ts';

/** What a caller without types may pass. */
const BAD_NAME =
  "a namespace's name has 1 to 64 characters of A-Z a-z 0-9 _ . - and begins with a letter or digit";

const any = (value: unknown): never => value as never;

type Call = (client: Client) => unknown;

const refused: readonly (readonly [string, Call, string])[] = [
  [
    'a misspelt condition',
    (client) => client.put('a', 'b', any({ ifrevision: 3 })),
    'put has no option ifrevision; did you mean ifRevision?',
  ],
  [
    'a condition on a read',
    (client) => client.get('a', any({ ifRevision: 3 })),
    'get has no option ifRevision; there are deadlineMs, signal, read',
  ],
  [
    'another case',
    (client) => client.delete('a', any({ IFREVISION: 1 })),
    'delete has no option IFREVISION; did you mean ifRevision?',
  ],
  [
    'options of a batch',
    (client) => client.batch([], any({ ifRevision: 1 })),
    'batch has no option ifRevision; there are deadlineMs, signal',
  ],
  [
    'options of a scan',
    (client) => client.scan(any({ prefex: 'a' })),
    'scan has no option prefex; did you mean prefix?',
  ],
  [
    'a cursor for a scan',
    (client) => client.scan(any({ cursor: null })),
    'scan has no option cursor; there are deadlineMs, signal, read, prefix, start, end, limit, reverse, keysOnly, valueBytesMax',
  ],
  [
    'options of a page',
    (client) => client.scanPage(any({ limt: 3 })),
    'scanPage has no option limt; did you mean limit?',
  ],
  [
    'a limit for a count',
    (client) => client.count(any({ limit: 3 })),
    'count has no option limit; there are deadlineMs, signal, read, prefix, start, end',
  ],
  [
    'options of refresh',
    (client) => client.refresh(any({ deadlineMs: 3 })),
    'refresh has no option deadlineMs; there are signal',
  ],
  [
    'options of namespaces',
    (client) => client.namespaces(any({ x: 3 })),
    'namespaces has no option x; there are signal',
  ],
  [
    'options of inNamespace',
    (client) => client.inNamespace('default', any({ sgnal: 3 })),
    'inNamespace has no option sgnal; did you mean signal?',
  ],
  [
    'options of createNamespace',
    (client) => client.createNamespace('orders', any({ replica: 3 })),
    'createNamespace has no option replica; did you mean replicas?',
  ],
  [
    'null for createNamespace',
    (client) => client.createNamespace('orders', any(null)),
    'the options of createNamespace must be an object, not null',
  ],
  [
    'options of nodeStatus',
    (client) => client.nodeStatus('n-1', any({ deadline: 3 })),
    'nodeStatus has no option deadline; did you mean deadlineMs?',
  ],
  [
    'options of forgetNode',
    (client) => client.forgetNode('n-1', any({ force: true })),
    'forgetNode has no option force; there are deadlineMs, signal, dryRun, wait, onProgress',
  ],
  [
    'options of raiseEpochs',
    (client) => client.raiseEpochs(any({ dryrun: true })),
    'raiseEpochs has no option dryrun; did you mean dryRun?',
  ],
  [
    'options of checkRange',
    (client) => client.checkRange(1, any({ 'a b': 1 })),
    'checkRange has no option "a b"; there are deadlineMs, signal',
  ],
  ['null', (client) => client.put('a', 'b', any(null)), 'the options of put must be an object, not null'],
  ['text', (client) => client.get('a', any('stale')), 'the options of get must be an object, not "stale"'],
  [
    'an array',
    (client) => client.scanPage(any([])),
    'the options of scanPage must be an object, not an array',
  ],
  ['no batch', (client) => client.batch(any(undefined)), 'batch takes an array of operations, not undefined'],
  [
    'no array',
    (client) => client.batch(any({ put: 1 })),
    'batch takes an array of operations, not an object',
  ],
  [
    'no operation',
    (client) => client.batch(any([null])),
    'operation 0 of the batch must be an object, not null',
  ],
  [
    'an empty operation',
    (client) => client.batch(any([{}])),
    'operation 0 of the batch must have one of put, delete and check',
  ],
  [
    'two operations in one',
    (client) => client.batch(any([{ put: { key: 'a', value: '' }, delete: { key: 'a' } }])),
    'operation 0 of the batch must have one of put, delete and check',
  ],
  [
    'an unknown operation',
    (client) => client.batch(any([{ delet: { key: 'a' } }])),
    'operation 0 of the batch has no field delet; did you mean delete?',
  ],
  [
    'a misspelt condition in a batch',
    (client) =>
      client.batch(
        any([{ check: { key: 'a', revision: 1 } }, { put: { key: 'a', value: '', ifrevision: 1 } }]),
      ),
    'put in operation 1 of the batch has no field ifrevision; did you mean ifRevision?',
  ],
  [
    'a field of another operation',
    (client) => client.batch(any([{ delete: { key: 'a', revision: 1 } }])),
    'delete in operation 0 of the batch has no field revision; did you mean ifRevision?',
  ],
  [
    'a check without a revision',
    (client) => client.batch(any([{ check: { key: 'a' } }])),
    'check in operation 0 of the batch needs a revision',
  ],
  [
    'an operation that is text',
    (client) => client.batch(any([{ put: 'a' }])),
    'put in operation 0 of the batch must be an object, not "a"',
  ],
  [
    'an array with nothing in it',
    (client) => client.batch(new Array(1)),
    'operation 0 of the batch must be an object, not undefined',
  ],
  [
    'half of a surrogate pair in a key',
    (client) => client.get('a\ud83d'),
    'a key is not well-formed Unicode: half of a surrogate pair at index 1',
  ],
  [
    'half of a surrogate pair in a value',
    (client) => client.put('a', '\ude00'),
    'a value is not well-formed Unicode: half of a surrogate pair at index 0',
  ],
  [
    'half of a surrogate pair in a bound',
    (client) => client.scan({ prefix: `${'x'.repeat(99)}\ud83d` }),
    'a bound is not well-formed Unicode: half of a surrogate pair at index 99',
  ],
  [
    'half of a surrogate pair in a batch',
    (client) => client.batch([{ put: { key: '\ud83d', value: '' } }]),
    'a key is not well-formed Unicode: half of a surrogate pair at index 0',
  ],
  [
    'half of a surrogate pair to locate',
    (client) => client.locate('\ud83d'),
    'a key is not well-formed Unicode: half of a surrogate pair at index 0',
  ],
  [
    'no value',
    (client) => client.put('a', any(undefined)),
    'a value must be a string or bytes, not undefined',
  ],
  ['reverse as text', (client) => client.scan(any({ reverse: 'no' })), 'reverse is true or false, not "no"'],
];

const refusedByClusters: typeof refused = [
  [
    'a deadline as text',
    (client) => client.get('a', any({ deadlineMs: '100' })),
    'deadlineMs is a positive number of milliseconds, not "100"',
  ],
  [
    'a signal that is none',
    (client) => client.get('a', any({ signal: {} })),
    'signal is an AbortSignal, not an object',
  ],
  [
    'half of a surrogate pair as a node',
    (client) => client.nodeStatus('\ud83d'),
    'a node is a name, not "\\ud83d"',
  ],
  [
    'half of a surrogate pair as a node to forget',
    (client) => client.forgetNode('n-\ud83d'),
    'a node is a name, not "n-\\ud83d"',
  ],
  [
    'a symbol as a range',
    (client) => client.checkRange(any(Symbol('x'))),
    'a range is a positive integer, not a symbol',
  ],
  [
    'a symbol as a length of values',
    (client) => client.scan(any({ valueBytesMax: Symbol('x') })),
    'valueBytesMax is 0 or a positive integer, not a symbol',
  ],
  ['a cursor that is a number', (client) => client.scanPage(any({ cursor: 5 })), 'a cursor is text, not 5'],
  ['no namespace', (client) => client.inNamespace(any(undefined)), BAD_NAME],
  [
    'no event',
    (client) =>
      client.on(
        any('keys'),
        any(() => {}),
      ),
    'the events are ranges, nodes, zookeeper, and not "keys"',
  ],
  ['no listener', (client) => client.on('nodes', any(null)), 'a listener is a function, not null'],
];

async function refusal(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (error instanceof RangekeeperError && error.code === 'INVALID_ARGUMENT') return error.message;
    throw error;
  }
  return 'it was not refused';
}

for (const [what, call, message] of refused) {
  test(`refused by the twin in memory: ${what}`, async (t) => {
    const client = new MemoryClient();
    t.is(await refusal(() => call(client)), message);
    t.is(client.revision, 0);
  });
}

for (const [what, call, message] of [...refused, ...refusedByClusters]) {
  test(`refused before anything is sent: ${what}`, async (t) => {
    const cluster = new FakeCluster();
    const client = await cluster.connect();
    t.is(await refusal(() => call(client)), message);
    t.true([...cluster.nodes.values()].every(({ requests }) => requests.length === 0));
  });
}

const connects: readonly (readonly [string, unknown, string])[] = [
  [
    'nothing',
    undefined,
    "zk must be ZooKeeper's connect string, such as host:port,host:port/root, not undefined",
  ],
  ['no zk', {}, "zk must be ZooKeeper's connect string, such as host:port,host:port/root, not undefined"],
  ['a number', { zk: 5 }, "zk must be ZooKeeper's connect string, such as host:port,host:port/root, not 5"],
  [
    'an unknown option',
    { zk: '127.0.0.1:1', nameSpace: 'x' },
    'connect has no option nameSpace; did you mean namespace?',
  ],
  ['a namespace that is a number', { zk: '127.0.0.1:1', namespace: 5 }, BAD_NAME],
  ['text', '127.0.0.1:1', 'the options of connect must be an object, not "127.0.0.1:1"'],
  [
    'half of a surrogate pair in the root',
    { zk: '127.0.0.1:1/\ud83d' },
    'ZooKeeper connect string "127.0.0.1:1/\\ud83d": "/\\ud83d" is not a path (expected host:port,host:port/root)',
  ],
  [
    'a logger that is none',
    { zk: '127.0.0.1:1', logger: () => {} },
    'logger has methods such as warn, unlike a function',
  ],
];

for (const [what, options, message] of connects)
  test(`connect with ${what}`, async (t) => t.is(await refusal(() => connect(any(options))), message));
