// The computation of the lease as a table: heartbeats as (sent, answered) in ms, and when the lease ends. T = 1000, tick = 200,
// slack = 100: a heartbeat counts if it was answered 200 ms before a later one was sent, and the lease ends 800 ms after its
// sending.

import test from 'ava';
import { Lease, type LeaseTerms } from '../../../common/zk/lease.ts';

const terms: LeaseTerms = { timeoutMs: 1_000, tickMs: 200, slackMs: 100 };
const NONE = Number.NEGATIVE_INFINITY;

type Row = readonly [title: string, heartbeats: readonly (readonly [number, number])[], until: number];

const rows: readonly Row[] = [
  ['no heartbeat, no lease', [], NONE],
  ['one heartbeat proves nothing', [[0, 1]], NONE],
  [
    'nor does a second one that was sent before the first could be reported',
    [
      [0, 1],
      [200, 201],
    ],
    NONE,
  ],
  [
    'a second one sent late enough confirms the first',
    [
      [0, 0],
      [200, 205],
    ],
    800,
  ],
  [
    'the newest that is old enough counts',
    [
      [0, 10],
      [100, 110],
      [200, 210],
      [310, 320],
    ],
    900,
  ],
  [
    'a slow answer delays the confirmation: the next one was sent too early after it',
    [
      [0, 10],
      [100, 250],
      [300, 310],
    ],
    800,
  ],
  [
    'it is the sending that counts, not the answer',
    [
      [0, 300],
      [500, 501],
    ],
    800,
  ],
  [
    'after a stall one answered heartbeat does not prolong what the ones before it gave',
    [
      [0, 5],
      [200, 205],
      [205, 210],
      [1_700, 1_705],
    ],
    1_005,
  ],
  [
    'after a stall the second heartbeat late enough does',
    [
      [0, 5],
      [205, 210],
      [1_700, 1_705],
      [1_905, 1_910],
    ],
    2_500,
  ],
];

for (const [title, heartbeats, until] of rows) {
  test(title, (t) => {
    const lease = new Lease();
    for (const [sentAt, answeredAt] of heartbeats) lease.answered({ sentAt, answeredAt }, terms);
    t.is(lease.until, until);
  });
}

test('the lease never goes back, whatever the terms become', (t) => {
  const lease = new Lease();
  lease.answered({ sentAt: 0, answeredAt: 0 }, terms);
  lease.answered({ sentAt: 200, answeredAt: 200 }, terms);
  lease.answered({ sentAt: 900, answeredAt: 900 }, { ...terms, timeoutMs: 300 });
  t.is(lease.until, 800);
});

test('answers out of order are a defect', (t) => {
  const lease = new Lease();
  lease.answered({ sentAt: 200, answeredAt: 201 }, terms);
  t.throws(() => lease.answered({ sentAt: 100, answeredAt: 202 }, terms), { message: /order/ });
  t.throws(() => lease.answered({ sentAt: 300, answeredAt: 299 }, terms), {
    message: /sent before it is answered/,
  });
});

test('endless heartbeats need bounded memory, and the lease moves on', (t) => {
  const lease = new Lease();
  for (let sentAt = 0; sentAt <= 100_000; sentAt += 100) {
    lease.answered({ sentAt, answeredAt: sentAt + 3 }, terms);
  }
  t.is(lease.until, 100_000 - 300 + 800);
});
