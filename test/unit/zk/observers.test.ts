// The observers' runner: what a kick does at every moment. Reads answer when the test says so.

import test from 'ava';
import { silentLogger } from '../../../common/base/log.ts';
import { Observers, type WatchedReads } from '../../../common/zk/observers.ts';
import { ZkError, type ZkNode } from '../../../common/zk/store.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

const POLL_MS = 5_000;

interface Read {
  readonly path: string;
  answer(version: number): void;
  fail(error: Error): void;
}

/** A session whose reads wait. */
class Reads implements WatchedReads {
  connected = true;
  readonly made: Read[] = [];

  watch(path: string): Promise<ZkNode | null> {
    return new Promise((resolve, reject) => {
      const answer = (version: number) => resolve(node(version));
      this.made.push({ path, answer, fail: reject });
    });
  }

  watchChildren(): Promise<readonly string[] | null> {
    return Promise.reject(new Error('not in this test'));
  }

  /** The n-th read made, from 0. */
  nth(index: number): Read {
    const read = this.made[index];
    if (read === undefined) throw new Error(`there is no read ${index}`);
    return read;
  }
}

function node(version: number): ZkNode {
  return { data: new Uint8Array(0), version, mzxid: 100 + version, czxid: 100, ephemeralOwner: null };
}

function world(session: Reads | null = new Reads()) {
  const env = new VirtualEnv();
  const current: { session: Reads | null } = { session };
  const observers = new Observers(env, silentLogger, POLL_MS, () => current.session);
  const told: (number | null)[] = [];
  const listener = (value: ZkNode | null) => void told.push(value?.version ?? null);
  return { env, current, observers, told, listener, reads: session ?? new Reads() };
}

test('any number of kicks during a read make one more read', async (t) => {
  const { env, observers, reads, told, listener } = world();
  const observer = observers.observeData('/a', listener);
  for (let kick = 0; kick < 10; kick++) observer.kick();
  observers.kick('/a');
  t.is(reads.made.length, 1);
  reads.nth(0).answer(1);
  await env.run(0);
  t.is(reads.made.length, 2);
  reads.nth(1).answer(2);
  await env.run(0);
  t.is(reads.made.length, 2);
  t.deepEqual(told, [1, 2]);
});

test('a kick of another path reads nothing here', async (t) => {
  const { env, observers, reads, listener } = world();
  observers.observeData('/a', listener);
  reads.nth(0).answer(1);
  await env.run(0);
  observers.kick('/b');
  t.is(reads.made.length, 1);
});

test('the slow poll reads again, and an unchanged value is not reported', async (t) => {
  const { env, observers, reads, told, listener } = world();
  observers.observeData('/a', listener);
  reads.nth(0).answer(1);
  await env.run(POLL_MS * 1.2);
  t.is(reads.made.length, 2);
  reads.nth(1).answer(1);
  await env.run(POLL_MS * 1.2);
  reads.nth(2).answer(2);
  await env.run(0);
  t.deepEqual(told, [1, 2]);
});

test('very many paths are polled more slowly, so that there are not too many polls', async (t) => {
  const { env, observers, reads, listener } = world();
  const paths = 1_000;
  for (let path = 0; path < paths; path++) observers.observeData(`/${path}`, listener);
  let answered = 0;
  const answer = async (ms: number): Promise<void> => {
    for (const end = env.now() + ms; env.now() < end; await env.run(50)) {
      for (; answered < reads.made.length; answered++) reads.nth(answered).answer(1);
    }
  };
  await answer(1_000);
  t.is(reads.made.length, paths, 'each is read at once');
  await answer(25_000);
  const before = reads.made.length;
  await answer(20_000);
  const polled = reads.made.length - before;
  t.true(polled > 0.9 * paths && polled < 1.1 * paths, `${polled}`);
});

test('polls come in rounds, and each path is polled within one period', async (t) => {
  const { env, observers, reads, listener } = world();
  for (let path = 0; path < 100; path++) observers.observeData(`/${path}`, listener);
  let rounds = 0;
  for (let answered = 0; env.now() < POLL_MS * 2.5; await env.run(10)) {
    if (reads.made.length > answered) rounds++;
    for (; answered < reads.made.length; answered++) reads.nth(answered).answer(1);
  }
  const turns = new Map<string, number>();
  for (const { path } of reads.made) turns.set(path, (turns.get(path) ?? 0) + 1);
  t.true(Math.min(...turns.values()) >= 2, 'read at once, then polled');
  t.true(rounds < 30, `${rounds} rounds`);
});

for (const failure of ['lost', 'timeout', 'disconnected', 'ended', 'protocol'] as const) {
  test(`a read that ends ${failure} reports nothing; the next kick reads again`, async (t) => {
    const { env, observers, reads, told, listener } = world();
    const observer = observers.observeData('/a', listener);
    reads.nth(0).fail(new ZkError(failure, '/a'));
    await env.run(0);
    t.deepEqual(told, []);
    observer.kick();
    reads.nth(1).answer(1);
    await env.run(0);
    t.deepEqual(told, [1]);
  });
}

test('without a link nothing is read; the next one, or the next session, reads everything', async (t) => {
  const { env, current, observers, told, listener } = world(null);
  observers.observeData('/a', listener);
  observers.observeData('/b', listener);
  await env.run(POLL_MS * 3);
  const reads = new Reads();
  reads.connected = false;
  current.session = reads;
  observers.kickAll();
  await env.run(0);
  t.is(reads.made.length, 0);
  reads.connected = true;
  observers.kickAll();
  t.deepEqual(
    reads.made.map(({ path }) => path),
    ['/a', '/b'],
  );
  reads.nth(0).answer(1);
  await env.run(0);
  t.deepEqual(told, [1]);
});

test('a closed observer reports nothing, not even a read under way, and reads no more', async (t) => {
  const { env, observers, reads, told, listener } = world();
  const observer = observers.observeData('/a', listener);
  observer.close();
  reads.nth(0).answer(1);
  observer.kick();
  await env.run(POLL_MS * 3);
  t.deepEqual(told, []);
  t.is(reads.made.length, 1);
});

test('a listener that throws is called again at the next change', async (t) => {
  const { env, observers, reads } = world();
  let calls = 0;
  const observer = observers.observeData('/a', () => {
    calls++;
    throw new Error('broken');
  });
  reads.nth(0).answer(1);
  await env.run(0);
  observer.kick();
  reads.nth(1).answer(2);
  await env.run(0);
  t.is(calls, 2);
});

test('a listener that closes its observer, or opens others, does no harm', async (t) => {
  const { env, observers, reads, told, listener } = world();
  const observer = observers.observeData('/a', () => {
    observer.close();
    observers.observeData('/a', listener);
  });
  reads.nth(0).answer(1);
  await env.run(0);
  reads.nth(1).answer(1);
  await env.run(0);
  observers.kickAll();
  t.is(reads.made.length, 3);
  t.deepEqual(told, [1]);
});

test('at most 64 reads are under way at once, and all get their turn', async (t) => {
  const { env, observers, reads, told, listener } = world();
  for (let index = 0; index < 200; index++) observers.observeData(`/${index}`, listener);
  await env.run(0);
  t.is(reads.made.length, 64);
  for (let index = 0; index < 200; index++) {
    reads.nth(index).answer(index);
    await env.run(0);
    t.is(reads.made.length, Math.min(200, 65 + index));
  }
  t.is(told.length, 200);
});
