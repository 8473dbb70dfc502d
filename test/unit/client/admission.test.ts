// How many calls a client accepts: as many as the cluster answers in time, or all if the rate is not known.

import test from 'ava';
import { Admission } from '../../../client/admission.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

const BUSY = 1_024;
const MAX = 65_536;
const DEADLINE_MS = 1_000;

class Load {
  now = 0;
  readonly admission = new Admission();

  /** Begins calls until one is refused, at most `count`. Returns how many were accepted. */
  begin(count: number, deadlineMs = DEADLINE_MS): number {
    for (let taken = 0; taken < count; taken++) {
      if (!this.admission.hasRoom(deadlineMs, this.now)) return taken;
      this.admission.begun();
    }
    return count;
  }

  end(count: number, answered = true): void {
    for (let i = 0; i < count; i++) this.admission.ended(answered);
  }

  /** In each ms `perMs` calls are answered, and new ones begin until one is refused. */
  run(ms: number, perMs: number): void {
    for (const until = this.now + ms; this.now < until; ) {
      this.now++;
      this.end(perMs);
      this.begin(perMs);
    }
  }
}

test('before any call is answered, all are accepted up to the bound of memory', (t) => {
  const load = new Load();
  t.is(load.begin(2 * MAX), MAX);
  load.now += 10_000;
  t.is(load.begin(1), 0);
  load.end(1, false);
  t.is(load.begin(2), 1);
});

const rooms: readonly (readonly [perMs: number, deadlineMs: number, room: number])[] = [
  [20, 1_000, 5_000],
  [20, 400, 2_000],
  [40, 1_000, 10_000],
  [40, 10_000, MAX],
];

for (const [perMs, deadlineMs, room] of rooms) {
  test(`${perMs} answers a ms, a deadline of ${deadlineMs} ms: ${room} calls under way`, (t) => {
    const load = new Load();
    load.begin(1_900);
    load.run(250, perMs);
    t.is(1_900 + load.begin(2 * MAX, deadlineMs), room);
  });
}

test('calls that failed do not count for the rate', (t) => {
  const load = new Load();
  load.begin(2 * BUSY);
  load.now += 250;
  load.end(BUSY, false);
  load.begin(BUSY);
  load.now += 250;
  t.is(load.begin(BUSY), BUSY);
});

test('a pause of the cluster changes nothing, and the answers after it halve the room at most', (t) => {
  const load = new Load();
  load.begin(2_000);
  load.run(300, 40);
  load.now += 3_000;
  t.is(load.begin(5_000), 5_000, 'of 10,000 for which there is room');
  load.now += 3_000;
  load.end(1_000);
  t.is(load.begin(1), 0, 'there is room for 5,000');
  load.end(2_000);
  t.is(load.begin(2_000), 1_000);
});

test('the rate is forgotten when the load is over, because later answers do not measure the cluster', (t) => {
  const load = new Load();
  load.begin(2_000);
  load.run(300, 1);
  t.is(load.begin(1), 0);
  load.end(977);
  t.is(load.begin(5_000), 5_000);
});

test('a client refuses at once a call that the owner would not answer in time, and sends nothing', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  const owner = cluster.node('n-1');
  const put = () => client.put('a', '1', { deadlineMs: DEADLINE_MS });
  owner.behave = () => 'silent';
  const silent = Array.from({ length: 2 * BUSY }, () => t.throwsAsync(put()));
  await cluster.env.run(10);
  owner.behave = () => 'default';
  for (let i = 0; i < 8; i++) {
    await cluster.env.run(10);
    await cluster.env.until(put());
  }
  await cluster.env.run(20);
  const asked = owner.asked('write');
  const calls: readonly (() => Promise<unknown>)[] = [
    put,
    () => client.get('a', { deadlineMs: 100 }),
    () => client.scanPage({ deadlineMs: 100 }),
  ];
  for (const call of calls) {
    const before = cluster.env.now();
    const error = await t.throwsAsync(cluster.env.until(call()), { instanceOf: RangekeeperError });
    t.deepEqual([error?.code, cluster.env.now() - before], ['OVERLOADED', 0]);
  }
  t.is(owner.asked('write'), asked);
  await cluster.env.run(DEADLINE_MS);
  await Promise.all(silent);
  t.is((await cluster.env.until(put())).node, 'n-1', 'and takes calls again');
});
