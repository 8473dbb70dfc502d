// The rings in which requests and writes wait: what was added is found however long it has waited, nothing else is found, and what
// was taken is gone.

import test from 'ava';
import { PendingRequests } from '../../../common/net/requests.ts';
import { decodeOperation, encodeOperation } from '../../../common/wire/operation.ts';
import { WaitingBytes, type WaitingWrite, WaitingWrites } from '../../../kvnode/range/waiting-writes.ts';

test('a request that waits while the ring comes around many times is still found, once', (t) => {
  const requests = new PendingRequests<string>();
  requests.add(1, 'request 1', 10);
  for (let id = 2; id < 1_000; id++) {
    requests.add(id, `request ${id}`, 20);
    if (id !== 500) t.is(requests.take(id), `request ${id}`);
  }
  t.is(requests.size, 2);
  t.deepEqual(
    requests.all().map(({ id, deadline }) => [id, deadline]),
    [
      [1, 10],
      [500, 20],
    ],
  );
  t.is(requests.take(1), 'request 1');
  t.is(requests.take(1), null);
  t.is(requests.take(500), 'request 500');
  t.is(requests.take(501), null);
  t.is(requests.size, 0);
  t.deepEqual(requests.all(), []);
});

test('any number of requests can wait at once, in order of their numbers', (t) => {
  const requests = new PendingRequests<string>();
  const ids = Array.from({ length: 5_000 }, (_, index) => index + 7);
  for (const id of ids) requests.add(id, `request ${id}`, id * 2);
  t.deepEqual(
    requests.all(),
    ids.map((id) => ({ id, handler: `request ${id}`, deadline: id * 2 })),
  );
  for (const id of ids.toReversed()) t.is(requests.take(id), `request ${id}`);
  t.is(requests.size, 0);
});

const operation = decodeOperation(
  encodeOperation({
    ...{ clientId: new Uint8Array(16), number: 1, doneBelow: 1, base: 0 },
    mutations: [{ kind: 'delete', key: new Uint8Array(1), ifRevision: null }],
  }),
);
const waiting = (seq: number): WaitingWrite => ({
  ...{ seq, epoch: 3, operation, bytes: 10, client: { reply() {} }, requestId: seq },
});

test('writes wait in the order of the log, and only the next one of its epoch is taken', (t) => {
  const node = new WaitingBytes();
  const writes = new WaitingWrites(node);
  for (let seq = 1; seq <= 40; seq++) writes.push(waiting(seq));
  t.is(writes.take(2, 1), null, 'another epoch');
  t.is(writes.take(3, 2), null, 'not the next one');
  for (let seq = 1; seq <= 30; seq++) t.is(writes.take(3, seq)?.requestId, seq);
  // The ring is full in its middle and has to widen there.
  for (let seq = 41; seq <= 200; seq++) writes.push(waiting(seq));
  t.deepEqual([writes.bytes, node.all], [170 * 10, 170 * 10]);
  for (let seq = 31; seq <= 150; seq++) t.is(writes.take(3, seq)?.requestId, seq);
  t.deepEqual(
    writes.takeAll().map(({ seq }) => seq),
    Array.from({ length: 50 }, (_, index) => 151 + index),
  );
  t.deepEqual([writes.bytes, node.all], [0, 0]);
  t.is(writes.take(3, 201), null);
});
