// When a node looks at what it owns: by how much that is, and by what is under way.

import test from 'ava';
import { DEFAULT_REPLICATION } from '../../../common/model/config.ts';
import { type Ticked, TickPace } from '../../../kvnode/tick-scheduler.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

class Looked implements Ticked {
  readonly range: number;
  isOwner = true;
  idleUntil = Number.POSITIVE_INFINITY;
  lookAt = Number.POSITIVE_INFINITY;
  looks = 0;

  constructor(range: number) {
    this.range = range;
  }
}

/** A node with so many replicas; `look` is what a tick does to one that it looks at. */
function nodeWith(count: number, look: (replica: Looked) => void = () => {}) {
  const env = new VirtualEnv();
  const replicas = Array.from({ length: count }, (_, at) => new Looked(at + 1));
  const pauses: number[] = [];
  const tick = (allOwners: boolean): void => {
    const { due, pausedMs } = pace.begin(replicas, allOwners);
    pauses.push(pausedMs);
    for (const replica of due) {
      replica.looks++;
      look(replica);
      pace.lookAgain(replica);
    }
  };
  const pace = new TickPace(env, DEFAULT_REPLICATION, () => tick(false));
  return { env, replicas, pace, pauses, tick };
}

const busy = test.macro(async (t, count: number, ticksEach: number) => {
  const { env, replicas, pace } = nodeWith(count);
  for (const replica of replicas) {
    replica.idleUntil = 0;
    pace.lookAgain(replica);
  }
  await env.run(200);
  for (const replica of replicas) replica.looks = 0;
  await env.run(10_000);
  const looks = replicas.map((replica) => replica.looks * ticksEach);
  t.true(Math.min(...looks) >= 380 && Math.max(...looks) <= 410, `${looks}`);
});

test('a few under way: all in every tick', busy, 3, 1);
test('as many as one tick takes', busy, 64, 1);
test('more: in turns', busy, 128, 2);
test('very many: each every fourth tick all the same', busy, 1_000, 4);

test('where nothing is under way, a replica is looked at when its followers are due, and else not at all', async (t) => {
  const { env, replicas, pace, pauses } = nodeWith(3, (replica) => {
    if (replica.range === 1) replica.idleUntil = env.now() + 1_000;
  });
  for (const replica of replicas) pace.lookAgain(replica);
  const [first] = replicas;
  if (first === undefined) return t.fail();
  first.idleUntil = env.now() + 1_000;
  pace.lookAgain(first);
  await env.run(10_500);
  t.deepEqual(
    replicas.map(({ looks }) => looks),
    [10, 0, 0],
  );
  t.true(pauses.length < 60, `${pauses.length} ticks`);
  first.idleUntil = 0;
  pace.lookAgain(first);
  await env.run(30);
  t.is(first.looks, 11, 'it does not wait for its quiet turn');
});

test('what happens to a replica over and over does not put its turn off', async (t) => {
  const { env, replicas, pace } = nodeWith(1);
  for (let ms = 0; ms < 100; ms += 5) {
    for (const replica of replicas) {
      replica.idleUntil = 0;
      pace.lookAgain(replica);
    }
    await env.run(5);
  }
  t.true((replicas[0]?.looks ?? 0) >= 3);
});

test('all owners are looked at where that is asked for', (t) => {
  const { replicas, tick } = nodeWith(2);
  const [, follower] = replicas;
  if (follower === undefined) return t.fail();
  follower.isOwner = false;
  tick(true);
  t.deepEqual(
    replicas.map(({ looks }) => looks),
    [1, 0],
  );
});

test('quiet replicas of a large node are looked at together, hardly later than they could be', async (t) => {
  const looked: { readonly at: number; readonly dueAt: number }[] = [];
  const { env, replicas, pace, tick } = nodeWith(1_000, (replica) => {
    looked.push({ at: env.now(), dueAt: replica.idleUntil });
    replica.idleUntil = Number.POSITIVE_INFINITY;
  });
  tick(false);
  looked.length = 0;
  for (const replica of replicas) {
    replica.idleUntil = env.now() + pace.quietMs + replica.range;
    pace.lookAgain(replica);
  }
  await env.run(2 * pace.quietMs);
  t.is(looked.length, replicas.length);
  t.true(new Set(looked.map(({ at }) => at)).size <= 5, 'in a few ticks');
  t.true(Math.max(...looked.map(({ at, dueAt }) => at - dueAt)) <= pace.quietMs / 8 + 25);
  t.true(looked.every(({ at, dueAt }) => at >= dueAt));
});

test('how long there was no tick is told, and on an idle node that is never long', async (t) => {
  const { env, pauses } = nodeWith(1);
  await env.run(5_000);
  t.true(Math.max(...pauses) < DEFAULT_REPLICATION.lagMs / 1.5, `${Math.max(...pauses)}`);
  env.stall(2_000);
  await env.run(300);
  t.true(Math.max(...pauses) >= 2_000);
});

const quiet = test.macro((t, owned: number, quietMs: number) => {
  const { pace, tick } = nodeWith(owned);
  tick(false);
  t.is(pace.quietMs, quietMs);
});

test('followers of a few ranges hear from the owner often', quiet, 3, 100);
test('those of many less often', quiet, 1_000, 3_000);
