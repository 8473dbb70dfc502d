// When a node ticks its replicas, depending on their number and on what is under way.

import test from 'ava';
import { DEFAULT_REPLICATION } from '../../../common/model/config.ts';
import { TickScheduler, type TickTarget } from '../../../kvnode/tick-scheduler.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

class CountingReplica implements TickTarget {
  readonly range: number;
  isOwner = true;
  idleUntil = Number.POSITIVE_INFINITY;
  nextTickAt = Number.POSITIVE_INFINITY;
  ticks = 0;

  constructor(range: number) {
    this.range = range;
  }
}

/** A node with `count` replicas. `onTick` is called for each replica that is ticked. */
function nodeWith(count: number, onTick: (replica: CountingReplica) => void = () => {}) {
  const env = new VirtualEnv();
  const replicas = Array.from({ length: count }, (_, index) => new CountingReplica(index + 1));
  const pauses: number[] = [];
  const tick = (allOwners: boolean): void => {
    const { due, pausedMs } = scheduler.beginTick(replicas, allOwners);
    pauses.push(pausedMs);
    for (const replica of due) {
      replica.ticks++;
      onTick(replica);
      scheduler.reschedule(replica);
    }
  };
  const scheduler = new TickScheduler(env, DEFAULT_REPLICATION, () => tick(false));
  return { env, replicas, scheduler, pauses, tick };
}

const busy = test.macro(async (t, count: number, groups: number) => {
  const { env, replicas, scheduler } = nodeWith(count);
  for (const replica of replicas) {
    replica.idleUntil = 0;
    scheduler.reschedule(replica);
  }
  await env.run(200);
  for (const replica of replicas) replica.ticks = 0;
  await env.run(10_000);
  const ticks = replicas.map((replica) => replica.ticks * groups);
  t.true(Math.min(...ticks) >= 380 && Math.max(...ticks) <= 410, `${ticks}`);
});

test('a few busy replicas are all ticked in every tick', busy, 3, 1);
test('as many as fit into one tick, too', busy, 64, 1);
test('more busy replicas are ticked in two groups', busy, 128, 2);
test('each of very many is ticked in every fourth tick', busy, 1_000, 4);

test('an idle replica is ticked only when its followers are due', async (t) => {
  const { env, replicas, scheduler, pauses } = nodeWith(3, (replica) => {
    if (replica.range === 1) replica.idleUntil = env.now() + 1_000;
  });
  for (const replica of replicas) scheduler.reschedule(replica);
  const [first] = replicas;
  if (first === undefined) return t.fail();
  first.idleUntil = env.now() + 1_000;
  scheduler.reschedule(first);
  await env.run(10_500);
  t.deepEqual(
    replicas.map(({ ticks }) => ticks),
    [10, 0, 0],
  );
  t.true(pauses.length < 60, `${pauses.length} ticks`);
  first.idleUntil = 0;
  scheduler.reschedule(first);
  await env.run(30);
  t.is(first.ticks, 11, 'it does not wait for its next idle tick');
});

test('frequent events of a replica do not postpone its tick', async (t) => {
  const { env, replicas, scheduler } = nodeWith(1);
  for (let ms = 0; ms < 100; ms += 5) {
    for (const replica of replicas) {
      replica.idleUntil = 0;
      scheduler.reschedule(replica);
    }
    await env.run(5);
  }
  t.true((replicas[0]?.ticks ?? 0) >= 3);
});

test('a tick of all owners skips the followers', (t) => {
  const { replicas, tick } = nodeWith(2);
  const [, follower] = replicas;
  if (follower === undefined) return t.fail();
  follower.isOwner = false;
  tick(true);
  t.deepEqual(
    replicas.map(({ ticks }) => ticks),
    [1, 0],
  );
});

test('idle replicas of a large node are ticked together, at most an eighth of the interval late', async (t) => {
  const ticked: { readonly at: number; readonly dueAt: number }[] = [];
  const { env, replicas, scheduler, tick } = nodeWith(1_000, (replica) => {
    ticked.push({ at: env.now(), dueAt: replica.idleUntil });
    replica.idleUntil = Number.POSITIVE_INFINITY;
  });
  tick(false);
  ticked.length = 0;
  for (const replica of replicas) {
    replica.idleUntil = env.now() + scheduler.heartbeatMs + replica.range;
    scheduler.reschedule(replica);
  }
  await env.run(2 * scheduler.heartbeatMs);
  t.is(ticked.length, replicas.length);
  t.true(new Set(ticked.map(({ at }) => at)).size <= 5, 'in a few ticks');
  t.true(Math.max(...ticked.map(({ at, dueAt }) => at - dueAt)) <= scheduler.heartbeatMs / 8 + 25);
  t.true(ticked.every(({ at, dueAt }) => at >= dueAt));
});

test('a tick reports the time since the previous one, which is short on an idle node', async (t) => {
  const { env, pauses } = nodeWith(1);
  await env.run(5_000);
  t.true(Math.max(...pauses) < DEFAULT_REPLICATION.lagMs / 1.5, `${Math.max(...pauses)}`);
  env.stall(2_000);
  await env.run(300);
  t.true(Math.max(...pauses) >= 2_000);
});

const heartbeats = test.macro((t, owned: number, heartbeatMs: number) => {
  const { scheduler, tick } = nodeWith(owned);
  tick(false);
  t.is(scheduler.heartbeatMs, heartbeatMs);
});

test('an owner of a few ranges sends heartbeats often', heartbeats, 3, 100);
test('an owner of many ranges sends them less often', heartbeats, 1_000, 3_000);
