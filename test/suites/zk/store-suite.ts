// The conformance suite of common/zk/store.ts, for real and simulated ones. It registers one test for each behaviour.

import type { ExecutionContext, TestFn } from 'ava';
import { toBytes } from '../../../common/base/bytes.ts';
import { commitParts, type Part } from '../../../common/zk/gathered.ts';
import {
  type Zk,
  ZkError,
  type ZkFailure,
  type ZkOp,
  type ZkOpResult,
  type ZkSession,
} from '../../../common/zk/store.ts';

/** A ZooKeeper with an empty root for one test. */
export interface StoreWorld {
  /** Opens a client, as another process would. */
  open(): Zk;
  /** Maximum time to wait for something that must happen, ms. */
  readonly waitMsMax: number;
  /** Waits for `promise`. Moves the virtual clock, if there is one. */
  until<T>(promise: Promise<T>): Promise<T>;
}

type Story = (t: ExecutionContext, world: StoreWorld) => Promise<void>;

const data = toBytes('data');

// Results of the operations of a multi.
const DONE: ZkOpResult = { kind: 'done' };
const created = (path: string): ZkOpResult => ({ kind: 'created', path });
const setTo = (version: number): ZkOpResult => ({ kind: 'set', version });

async function opened(world: StoreWorld): Promise<{ zk: Zk; session: ZkSession }> {
  const zk = world.open();
  const session = await zk.ready(world.waitMsMax);
  await session.createRoot();
  return { zk, session };
}

async function refused(
  t: ExecutionContext,
  failure: ZkFailure,
  operation: () => Promise<unknown>,
): Promise<ZkError> {
  const error = await t.throwsAsync(operation, { instanceOf: ZkError });
  if (error === undefined) throw new Error('nothing was thrown');
  t.is(error.failure, failure);
  return error;
}

/** Collects the values that an observer reports, and waits for a value. */
function recorder<T>(): {
  listener(value: T): void;
  until(test: (value: T) => boolean): Promise<T>;
  values: T[];
} {
  const values: T[] = [];
  const waiting = new Set<() => void>();
  return {
    values,
    listener(value) {
      values.push(value);
      for (const check of waiting) check();
    },
    until: (wanted) =>
      new Promise((resolve) => {
        const check = () => {
          const last = values.at(-1);
          if (values.length === 0 || !wanted(last as T)) return;
          waiting.delete(check);
          resolve(last as T);
        };
        waiting.add(check);
        check();
      }),
  };
}

const stories: Readonly<Record<string, Story>> = {
  'without a root everything is absent': async (t, world) => {
    const session = await world.open().ready(world.waitMsMax);
    t.is(await session.get('/'), null);
    t.is(await session.get('/cluster'), null);
    t.is(await session.children('/nodes'), null);
    await refused(t, 'no-node', () => session.create('/cluster', data, 'persistent'));
    await session.barrier();
    await session.createRoot();
    await session.createRoot();
    t.truthy(await session.get('/'));
  },

  'a znode is created, read, changed and deleted': async (t, world) => {
    const { session } = await opened(world);
    t.is(await session.create('/a', data, 'persistent'), '/a');
    const made = await session.get('/a');
    t.deepEqual(made?.data, data);
    t.is(made?.version, 0);
    t.is(made?.ephemeralOwner, null);
    t.is(made?.mzxid, made?.czxid);
    t.is(await session.set('/a', toBytes('more'), 0), 1);
    const changed = await session.get('/a');
    t.deepEqual(changed?.data, toBytes('more'));
    t.true((changed?.mzxid ?? 0) > (made?.mzxid ?? 0));
    t.is(changed?.czxid, made?.czxid);
    await session.delete('/a', 1);
    t.is(await session.get('/a'), null);
  },

  'empty data stays empty': async (t, world) => {
    const { session } = await opened(world);
    await session.create('/a', new Uint8Array(0), 'persistent');
    t.is((await session.get('/a'))?.data.length, 0);
  },

  'children are sorted names': async (t, world) => {
    const { session } = await opened(world);
    for (const name of ['/p', '/p/b', '/p/c', '/p/a']) await session.create(name, data, 'persistent');
    t.deepEqual(await session.children('/p'), ['a', 'b', 'c']);
    t.deepEqual(await session.children('/'), ['p']);
    t.deepEqual(await session.children('/p/a'), []);
  },

  'refusals say why, and that nothing was applied': async (t, world) => {
    const { session } = await opened(world);
    await session.create('/p', data, 'persistent');
    await session.create('/p/c', data, 'persistent');
    const errors = [
      await refused(t, 'node-exists', () => session.create('/p', data, 'persistent')),
      await refused(t, 'no-node', () => session.create('/q/c', data, 'persistent')),
      await refused(t, 'no-node', () => session.set('/q', data, 0)),
      await refused(t, 'no-node', () => session.delete('/q', 0)),
      await refused(t, 'bad-version', () => session.set('/p', data, 1)),
      await refused(t, 'bad-version', () => session.delete('/p/c', 7)),
      await refused(t, 'not-empty', () => session.delete('/p', 0)),
    ];
    t.true(errors.every((error) => !error.maybeApplied));
    t.deepEqual(
      errors.map((error) => error.path),
      ['/p', '/q/c', '/q', '/q', '/p', '/p/c', '/p'],
    );
  },

  'version 0 is a version like any other, alone and in a multi': async (t, world) => {
    const { session } = await opened(world);
    await session.create('/a', data, 'persistent');
    await session.set('/a', data, 0);
    const attempts: ZkOp[] = [
      { kind: 'check', path: '/a', version: 0 },
      { kind: 'set', path: '/a', data, version: 0 },
      { kind: 'delete', path: '/a', version: 0 },
    ];
    await refused(t, 'bad-version', () => session.set('/a', data, 0));
    await refused(t, 'bad-version', () => session.delete('/a', 0));
    for (const op of attempts) await refused(t, 'bad-version', () => session.multi([op]));
    t.is((await session.get('/a'))?.version, 1);
    await session.multi([{ kind: 'check', path: '/a', version: 1 }]);
  },

  'a multi executes all operations or none, and names the refused one': async (t, world) => {
    const { session } = await opened(world);
    await session.create('/a', data, 'persistent');
    const good: ZkOp = { kind: 'set', path: '/a', data: toBytes('new'), version: 0 };
    const error = await refused(t, 'no-node', () =>
      session.multi([
        good,
        { kind: 'create', path: '/b', data, mode: 'persistent' },
        { kind: 'check', path: '/missing', version: 0 },
        { kind: 'set', path: '/also-missing', data, version: 3 },
      ]),
    );
    t.is(error.opIndex, 2);
    t.is(error.path, '/missing');
    t.false(error.maybeApplied);
    t.is((await session.get('/a'))?.version, 0);
    t.is(await session.get('/b'), null);
  },

  'a multi returns a result for each operation': async (t, world) => {
    const { session } = await opened(world);
    await session.create('/a', data, 'persistent');
    await session.create('/gone', data, 'persistent');
    const results = await session.multi([
      { kind: 'check', path: '/a', version: 0 },
      { kind: 'set', path: '/a', data, version: 0 },
      { kind: 'create', path: '/b', data, mode: 'persistent' },
      { kind: 'create', path: '/b/s-', data, mode: 'persistent-sequential' },
      { kind: 'delete', path: '/gone', version: 0 },
    ]);
    t.deepEqual(results, [DONE, setTo(1), created('/b'), created('/b/s-0000000000'), DONE]);
    t.deepEqual(await session.multi([]), []);
  },

  'each of many parts in one multi is done or refused by itself': async (t, world) => {
    const { session } = await opened(world);
    const paths = Array.from({ length: 100 }, (_, index) => `/p${index}`);
    for (const path of paths) await session.create(path, data, 'persistent');
    for (const path of ['/p0', '/p41', '/p99']) await session.set(path, toBytes('other'), 0);
    await session.delete('/p42', 0);
    const parts = paths.map((path): Part => [{ kind: 'set', path, data: toBytes('own'), version: 0 }]);
    const outcomes = await commitParts(session, parts, [{ kind: 'check', path: '/p0', version: 1 }]);
    t.deepEqual(
      outcomes.flatMap((outcome, index) => (outcome.kind === 'done' ? [] : [[index, outcome.kind]])),
      [0, 41, 42, 99].map((index) => [index, 'refused']),
    );
    t.deepEqual(outcomes[1], { kind: 'done', results: [setTo(1)] });
    const read = await Promise.all(paths.map((path) => session.get(path)));
    t.deepEqual(
      read.map((node) => node?.version),
      paths.map((path) => (path === '/p42' ? undefined : 1)),
    );
  },

  'an operation of a multi sees the effects of those before it': async (t, world) => {
    const { session } = await opened(world);
    const results = await session.multi([
      { kind: 'create', path: '/a', data, mode: 'persistent' },
      { kind: 'create', path: '/a/b', data, mode: 'persistent' },
      { kind: 'set', path: '/a', data: toBytes('1'), version: 0 },
      { kind: 'set', path: '/a', data: toBytes('2'), version: 1 },
      { kind: 'delete', path: '/a/b', version: 0 },
      { kind: 'check', path: '/a', version: 2 },
    ]);
    t.deepEqual(results, [created('/a'), created('/a/b'), setTo(1), setTo(2), DONE, DONE]);
    t.deepEqual((await session.get('/a'))?.data, toBytes('2'));
    t.is(await session.get('/a/b'), null);
  },

  'sequential znodes get rising numbers, also after one is deleted': async (t, world) => {
    const { session } = await opened(world);
    await session.create('/q', data, 'persistent');
    t.is(await session.create('/q/e-', data, 'persistent-sequential'), '/q/e-0000000000');
    t.is(await session.create('/q/e-', data, 'ephemeral-sequential'), '/q/e-0000000001');
    await session.delete('/q/e-0000000001', 0);
    t.is(await session.create('/q/e-', data, 'persistent-sequential'), '/q/e-0000000002');
  },

  'data above the limit are refused, and the session lives on': async (t, world) => {
    const { session } = await opened(world);
    const large = new Uint8Array(512 * 1024);
    const tooLarge = new Uint8Array(512 * 1024 + 1);
    await session.create('/a', large, 'persistent');
    await refused(t, 'too-large', () => session.set('/a', tooLarge, 0));
    await refused(t, 'too-large', () => session.create('/b', tooLarge, 'persistent'));
    await refused(t, 'too-large', () =>
      session.multi([
        { kind: 'set', path: '/a', data: large, version: 0 },
        { kind: 'create', path: '/b', data, mode: 'persistent' },
      ]),
    );
    t.is((await session.get('/a'))?.data.length, large.length);
  },

  'an ephemeral znode names its session, and is deleted with it': async (t, world) => {
    const { session } = await opened(world);
    const other = world.open();
    const mortal = await other.ready(world.waitMsMax);
    await mortal.create('/live', data, 'ephemeral');
    await session.barrier();
    t.is((await session.get('/live'))?.ephemeralOwner, mortal.id);
    await other.close();
    await session.barrier();
    t.is(await session.get('/live'), null);
  },

  'a barrier shows what others wrote before it': async (t, world) => {
    const { session } = await opened(world);
    const { session: writer } = await opened(world);
    await writer.create('/a', data, 'persistent');
    await session.barrier();
    t.truthy(await session.get('/a'));
  },

  'an observer reports the present value, and the last one after changes': async (t, world) => {
    const { session } = await opened(world);
    const seen = recorder<{ version: number } | null>();
    const observer = world.open().observeData('/a', (node) => seen.listener(node));
    await seen.until((node) => node === null);
    await session.create('/a', data, 'persistent');
    await seen.until((node) => node?.version === 0);
    for (let version = 0; version < 100; version++) await session.set('/a', data, version);
    await seen.until((node) => node?.version === 100);
    await session.delete('/a', 100);
    await seen.until((node) => node === null);
    await session.create('/a', data, 'persistent');
    await seen.until((node) => node?.version === 0);
    observer.close();
    const versions = seen.values.map((node) => node?.version ?? -1);
    const doubled = versions.filter((version, index) => version === versions[index - 1]);
    t.deepEqual(doubled, [], 'an unchanged value is not reported twice');
  },

  'an observer of children reports new and deleted names, also if it begins before the parent exists': async (
    t,
    world,
  ) => {
    const { session } = await opened(world);
    const seen = recorder<readonly string[] | null>();
    const observer = world.open().observeChildren('/p', (names) => seen.listener(names));
    await seen.until((names) => names === null);
    await session.create('/p', data, 'persistent');
    await seen.until((names) => names?.length === 0);
    await session.create('/p/b', data, 'persistent');
    await session.create('/p/a', data, 'persistent');
    t.deepEqual(await seen.until((names) => names?.length === 2), ['a', 'b']);
    await session.delete('/p/b', 0);
    t.deepEqual(await seen.until((names) => names?.length === 1), ['a']);
    observer.close();
  },

  'data and children of one path are observed separately': async (t, world) => {
    const { zk, session } = await opened(world);
    await session.create('/p', data, 'persistent');
    const node = recorder<{ version: number } | null>();
    const names = recorder<readonly string[] | null>();
    const observers = [
      zk.observeData('/p', (value) => node.listener(value)),
      zk.observeChildren('/p', (value) => names.listener(value)),
    ];
    await Promise.all([
      node.until((value) => value?.version === 0),
      names.until((value) => value?.length === 0),
    ]);
    await session.create('/p/c', data, 'persistent');
    await names.until((value) => value?.length === 1);
    await session.set('/p', data, 0);
    await node.until((value) => value?.version === 1);
    t.is(node.values.length, 2);
    t.is(names.values.length, 2);
    for (const observer of observers) observer.close();
  },

  'a listener that throws does not affect others': async (t, world) => {
    const { zk, session } = await opened(world);
    await session.create('/a', data, 'persistent');
    let calls = 0;
    const bad = zk.observeData('/a', () => {
      calls++;
      throw new Error('the listener is broken');
    });
    zk.onSession(() => {
      throw new Error('so is this one');
    });
    const seen = recorder<{ version: number } | null>();
    const good = zk.observeData('/a', (node) => seen.listener(node));
    await seen.until((node) => node?.version === 0);
    await session.set('/a', data, 0);
    await seen.until((node) => node?.version === 1);
    await zk.ready(world.waitMsMax);
    t.true(calls >= 1);
    bad.close();
    good.close();
  },

  'a closed observer reports nothing more': async (t, world) => {
    const { zk, session } = await opened(world);
    await session.create('/a', data, 'persistent');
    const closed = recorder<{ version: number } | null>();
    const open = recorder<{ version: number } | null>();
    const first = zk.observeData('/a', (node) => closed.listener(node));
    const second = zk.observeData('/a', (node) => open.listener(node));
    await Promise.all([closed.until(() => true), open.until(() => true)]);
    first.close();
    first.kick();
    await session.set('/a', data, 0);
    await open.until((node) => node?.version === 1);
    second.close();
    t.is(closed.values.length, 1);
  },

  'a lease starts with its znode and ends with the session': async (t, world) => {
    const { zk, session } = await opened(world);
    t.is(session.leaseUntil(), Number.NEGATIVE_INFINITY);
    await session.create('/live', data, 'ephemeral');
    session.startLease('/live');
    while (session.leaseUntil() === Number.NEGATIVE_INFINITY) await session.barrier();
    const ended = new Promise<string>((resolve) => session.onEnd(resolve));
    await zk.close();
    await ended;
    t.true(session.ended);
    t.is(session.leaseUntil(), Number.NEGATIVE_INFINITY);
    await refused(t, 'ended', () => session.get('/live'));
    await new Promise((resolve) => session.onEnd(resolve));
  },

  'if the znode of a lease is gone, its heartbeat ends the session, and a new session follows': async (
    t,
    world,
  ) => {
    const { zk, session } = await opened(world);
    const { session: other } = await opened(world);
    await session.create('/live', data, 'ephemeral');
    session.startLease('/live');
    const next = new Promise<ZkSession>((resolve) => {
      zk.onSession((candidate) => {
        if (candidate.id !== session.id) resolve(candidate);
      });
    });
    await other.delete('/live', 0);
    const successor = await next;
    t.true(session.ended);
    t.is(session.leaseUntil(), Number.NEGATIVE_INFINITY);
    t.false(successor.ended);
    t.is(zk.session, successor);
    t.truthy(await successor.get('/'));
  },

  'a client can close only its own former sessions': async (t, world) => {
    const { zk, session } = await opened(world);
    const { session: other } = await opened(world);
    t.false(await zk.closeFormer(other.id));
    t.false(await zk.closeFormer(session.id), 'the present one is not a former one');
  },
};

/** Registers the suite; `world` is called once for each test. */
export function registerStoreSuite(
  test: TestFn,
  name: string,
  world: (t: ExecutionContext) => Promise<StoreWorld>,
): void {
  for (const [title, story] of Object.entries(stories)) {
    test(`${name}: ${title}`, async (t) => {
      const made = await world(t);
      await made.until(story(t, made));
    });
  }
}
