// Faults that node-zookeeper-client does not survive, with a real server and a proxy in place of the network. Each test is one trap of
// docs/zookeeper.md#traps.

import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../common/base/bytes.ts';
import { realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import { closeSession } from '../../common/zk/close-session.ts';
import type { Identity } from '../../common/zk/server-link.ts';
import { type Zk, ZkError, type ZkSession } from '../../common/zk/store.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { openZk, startZooKeeper, TEST_SESSION } from '../support/zookeeper.ts';

const data = toBytes('data');

interface World {
  readonly proxy: TcpProxy;
  readonly zk: Zk;
  readonly session: ZkSession;
  /** A session of another client, not through the proxy. */
  readonly other: ZkSession;
  /** The connect string of the server itself. */
  readonly connect: string;
  /** The identity of the first session, with which it can be closed. */
  readonly identity: Promise<Identity>;
}

async function behindProxy(t: ExecutionContext, sessionMs = 6_000): Promise<World> {
  const { connect, address } = await startZooKeeper(t);
  const proxy = await startProxy(t, Number(address.split(':')[1]));
  const otherZk = openZk(t, connect, { config: { ...TEST_SESSION, sessionMs: 30_000 } });
  const other = await otherZk.ready(WAIT_MS_MAX);
  await other.createRoot();
  let identified: (identity: Identity) => void = () => {};
  const identity = new Promise<Identity>((resolve) => {
    identified = resolve;
  });
  const zk = openZk(t, connect.replace(address, proxy.address), {
    identified,
    // Without polls, changes show only by watches and after reconnects.
    config: { ...TEST_SESSION, sessionMs, pollMs: 600_000 },
  });
  return { proxy, zk, session: await zk.ready(WAIT_MS_MAX), other, connect, identity };
}

/** Resolves once the session answers again. */
async function untilAnswering(session: ZkSession): Promise<void> {
  for (;;) {
    try {
      await session.get('/');
      return;
    } catch (error) {
      if (!(error instanceof ZkError) || error.failure === 'ended') throw error;
      await new Promise<void>((resolve) => realEnv.after(10, resolve));
    }
  }
}

function nextSession(zk: Zk, after: ZkSession): Promise<ZkSession> {
  return new Promise((resolve) => {
    const forget = zk.onSession((session) => {
      if (session.id === after.id) return;
      realEnv.soon(() => forget());
      resolve(session);
    });
  });
}

async function failureOf(operation: Promise<unknown>): Promise<ZkError> {
  try {
    await operation;
  } catch (error) {
    if (error instanceof ZkError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

test('a client leaves a server that accepts connections but never answers for one that does', async (t) => {
  const { address, connect } = await startZooKeeper(t);
  const mute = createServer(() => {});
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  t.teardown(() => mute.close());
  const muteAddress = mute.address();
  t.true(typeof muteAddress === 'object' && muteAddress !== null);
  const port = typeof muteAddress === 'object' && muteAddress !== null ? muteAddress.port : 0;
  // The order of servers is random: some of eight clients connect to the silent one first.
  const clients = Array.from({ length: 8 }, () =>
    openZk(t, connect.replace(address, `127.0.0.1:${port},${address}`)),
  );
  const sessions = await Promise.all(clients.map((zk) => zk.ready(WAIT_MS_MAX)));
  t.is(sessions.length, 8);
});

test('after a silent cut, operations in flight fail, and the session continues over the next link', async (t) => {
  const { proxy, session, other } = await behindProxy(t);
  await session.create('/a', data, 'persistent');
  proxy.hold('to-server', 'to-client');
  const [write, read] = await Promise.all([
    failureOf(session.set('/a', data, 0)),
    failureOf(session.get('/a')),
  ]);
  t.is(write.failure, 'lost');
  t.true(write.maybeApplied);
  t.is(read.failure, 'lost');
  t.false(read.maybeApplied);
  proxy.cut();
  proxy.release();
  await untilAnswering(session);
  t.false(session.ended);
  t.is((await other.get('/a'))?.version, 0);
});

test('a write whose answer is lost reports that it may have been applied, and here it was', async (t) => {
  const { proxy, session, other } = await behindProxy(t);
  await session.create('/a', data, 'persistent');
  proxy.hold('to-client');
  const error = await failureOf(session.set('/a', data, 0));
  t.is(error.failure, 'lost');
  t.true(error.maybeApplied);
  await other.barrier();
  t.is((await other.get('/a'))?.version, 1);
});

test('without a link operations fail at once, and are not sent later', async (t) => {
  const { proxy, session, other } = await behindProxy(t);
  await session.create('/a', data, 'persistent');
  proxy.refusing = true;
  proxy.cut();
  await failureOf(session.get('/a'));
  const failures = await Promise.all([
    failureOf(session.set('/a', data, 0)),
    failureOf(session.create('/b', data, 'persistent')),
    failureOf(session.multi([{ kind: 'delete', path: '/a', version: 0 }])),
    failureOf(session.barrier()),
  ]);
  for (const error of failures) {
    t.is(error.failure, 'disconnected');
    t.false(error.maybeApplied);
  }
  proxy.refusing = false;
  await untilAnswering(session);
  await session.barrier();
  t.is((await other.get('/a'))?.version, 0);
  t.is(await other.get('/b'), null);
});

test('a connection that is cut in the middle of an answer does not affect the next one', async (t) => {
  const { proxy, session } = await behindProxy(t);
  const large = new Uint8Array(100_000).fill(7);
  await session.create('/a', large, 'persistent');
  proxy.changeAnswer = (chunk) => (chunk.length > 1_000 ? chunk.subarray(0, 1_000) : chunk);
  t.is((await failureOf(session.get('/a'))).failure, 'lost');
  proxy.changeAnswer = (chunk) => chunk;
  await untilAnswering(session);
  t.deepEqual((await session.get('/a'))?.data, large);
  t.false(session.ended);
});

test('an error code that the library does not know fails the operation and nothing else', async (t) => {
  const { proxy, session } = await behindProxy(t);
  const NO_NODE = Buffer.from([0xff, 0xff, 0xff, 0x9b]);
  const accepted = proxy.accepted;
  proxy.changeAnswer = (chunk) => {
    const changed = Buffer.from(chunk);
    // The answer to a multi contains it twice.
    for (let at = chunk.indexOf(NO_NODE); at !== -1; at = chunk.indexOf(NO_NODE, at + 4))
      changed.writeInt32BE(-125, at);
    return changed;
  };
  const error = await failureOf(session.delete('/missing', 0));
  t.is(error.failure, 'protocol');
  t.true(error.maybeApplied, 'an unknown error says nothing about the outcome');
  const inMulti = await failureOf(session.multi([{ kind: 'check', path: '/missing', version: 0 }]));
  t.is(inMulti.failure, 'protocol');
  t.is(inMulti.opIndex, 0);
  proxy.changeAnswer = (chunk) => chunk;
  t.truthy(await session.get('/'));
  t.is(proxy.accepted, accepted, 'the connection is the same');
});

test('garbage instead of an answer ends the connection, but neither the process nor the session', async (t) => {
  const { proxy, session } = await behindProxy(t);
  for (const garbage of [
    Buffer.from('HTTP/1.1 400 Bad Request\r\n'),
    Buffer.alloc(64),
    Buffer.from([0, 0, 0, 1, 9]),
  ]) {
    proxy.changeAnswer = (chunk) => (chunk.length >= 16 ? garbage : chunk);
    t.is((await failureOf(session.get('/'))).failure, 'lost');
    proxy.changeAnswer = (chunk) => chunk;
    proxy.cut();
    await untilAnswering(session);
  }
  t.false(session.ended);
});

test('closing a session whose connection is silent does not hang', async (t) => {
  const { proxy, zk, session } = await behindProxy(t, 60_000);
  proxy.hold('to-server', 'to-client');
  const closed = zk.close().then(() => 'closed');
  t.true(session.ended);
  // A connection without answers is given up after T/3, which would be 20 s here.
  const tooLong = new Promise<string>((resolve) => realEnv.after(10_000, () => resolve('hangs')));
  t.is(await Promise.race([closed, tooLong]), 'closed');
  t.is((await failureOf(session.get('/'))).failure, 'ended');
});

test('a close before, during or after connecting has no bad effects', async (t) => {
  const { connect } = await startZooKeeper(t);
  await openZk(t, connect).close();
  for (let turns = 0; turns < 20; turns++) {
    const zk = openZk(t, connect);
    for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => realEnv.soon(resolve));
    await zk.close();
    t.is(zk.session?.ended ?? true, true);
  }
  const nobody = openZk(t, '127.0.0.1:1');
  await t.throwsAsync(nobody.ready(100), { instanceOf: ZkError });
  await nobody.close();
});

test('a session whose heartbeats are not answered for T is given up, and a new one follows when the server is back', async (t) => {
  const { proxy, zk, session } = await behindProxy(t, 2_000);
  const reason = new Promise<string>((resolve) => session.onEnd(resolve));
  proxy.hold('to-server', 'to-client');
  t.regex(await reason, /no heartbeat answered/);
  t.is(zk.session, null);
  proxy.cut();
  proxy.release();
  const next = await nextSession(zk, session);
  t.not(next.id, session.id);
  await untilAnswering(next);
});

test('an expired session ends, and observers continue in the next one', async (t) => {
  const { proxy, zk, session, other, connect, identity } = await behindProxy(t, 6_000);
  await session.create('/a', data, 'persistent');
  const versions: number[] = [];
  let notify: () => void = () => {};
  const observer = zk.observeData('/a', (node) => {
    versions.push(node?.version ?? -1);
    notify();
  });
  while (versions.at(-1) !== 0) await new Promise<void>((resolve) => (notify = resolve));
  const reason = new Promise<string>((resolve) => session.onEnd(resolve));
  proxy.refusing = true;
  proxy.cut();
  const env = realEnv;
  const closed = await closeSession({
    ...{ connect, identity: await identity, sessionMs: 6_000, env, logger: silentLogger },
  });
  t.is(closed, 'closed');
  for (let version = 0; version < 5; version++) await other.set('/a', data, version);
  proxy.refusing = false;
  t.is(await reason, 'expired at the server');
  while (versions.at(-1) !== 5) await new Promise<void>((resolve) => (notify = resolve));
  t.deepEqual(versions, [0, 5]);
  const next = await zk.ready(WAIT_MS_MAX);
  await other.set('/a', data, 5);
  while (versions.at(-1) !== 6) await new Promise<void>((resolve) => (notify = resolve));
  t.not(next.id, session.id);
  observer.close();
});

test('changes during a cut are seen after it, without a poll', async (t) => {
  const { proxy, zk, session, other } = await behindProxy(t);
  await session.create('/a', data, 'persistent');
  const versions: number[] = [];
  let notify: () => void = () => {};
  const observer = zk.observeData('/a', (node) => {
    versions.push(node?.version ?? -1);
    notify();
  });
  while (versions.at(-1) !== 0) await new Promise<void>((resolve) => (notify = resolve));
  proxy.refusing = true;
  proxy.cut();
  for (let version = 0; version < 3; version++) await other.set('/a', data, version);
  proxy.refusing = false;
  while (versions.at(-1) !== 3) await new Promise<void>((resolve) => (notify = resolve));
  t.false(session.ended);
  observer.close();
});

test('500 changes may be merged into a few calls, and the last one is always reported', async (t) => {
  const { zk, session, other } = await behindProxy(t);
  await session.create('/a', data, 'persistent');
  const versions: number[] = [];
  const last = new Promise<void>((resolve) => {
    zk.observeData('/a', (node) => {
      versions.push(node?.version ?? -1);
      if (node?.version === 500) resolve();
    });
  });
  for (let version = 0; version < 500; version++) void other.set('/a', data, version);
  await last;
  t.deepEqual(
    versions,
    [...new Set(versions)].sort((a, b) => a - b),
    'each version is reported at most once, in order',
  );
});

test('a thousand observed paths are all read again after a cut', async (t) => {
  const { proxy, zk, session, other } = await behindProxy(t);
  await session.create('/many', data, 'persistent');
  const paths = Array.from({ length: 1_000 }, (_, index) => `/many/${index}`);
  await Promise.all(paths.map((path) => session.create(path, data, 'persistent')));
  const versions = new Map<string, number>();
  let notify: () => void = () => {};
  for (const path of paths) {
    zk.observeData(path, (node) => {
      versions.set(path, node?.version ?? -1);
      notify();
    });
  }
  const allAt = async (version: number) => {
    while (paths.some((path) => versions.get(path) !== version)) {
      await new Promise<void>((resolve) => (notify = resolve));
    }
  };
  await allAt(0);
  proxy.refusing = true;
  proxy.cut();
  await Promise.all(paths.map((path) => other.set(path, data, 0)));
  proxy.refusing = false;
  await allAt(1);
  t.false(session.ended);
});
