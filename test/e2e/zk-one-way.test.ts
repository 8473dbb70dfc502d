// Cuts of every kind between a process and ZooKeeper, above all in one direction: a process that receives no answers must not keep
// its session alive by its requests. ZooKeeper itself measures that the session ends within T + 1 s: a session of another process
// with that timeout is cut off at the same moment, and must end later.

import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../common/base/bytes.ts';
import { realEnv } from '../../common/base/env.ts';
import { fourLetterWord } from '../../common/zk/server-port.ts';
import type { Zk, ZkSession } from '../../common/zk/store.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { openZk, startOwnZooKeeper, startZooKeeper, TEST_SESSION } from '../support/zookeeper.ts';

const SESSION_MS = 2_000;
const data = toBytes('data');

/** Resolves when the znode is gone. */
function gone(zk: Zk, path: string): Promise<void> {
  return new Promise((resolve) => {
    const observer = zk.observeData(path, (node) => {
      if (node !== null) return;
      observer.close();
      resolve();
    });
  });
}

const nothing = (): Buffer => Buffer.alloc(0);

const CUTS: Readonly<Record<string, (proxy: TcpProxy) => void>> = {
  'answers are lost': (proxy) => proxy.hold('to-client'),
  'answers are lost, and nobody is connected any more': (proxy) => {
    proxy.hold('to-client');
    proxy.refusing = true;
  },
  'connections break instead of an answer': (proxy) => {
    proxy.changeAnswer = nothing;
  },
  'requests are lost': (proxy) => proxy.hold('to-server'),
  'both are lost': (proxy) => proxy.hold('to-server', 'to-client'),
  'connections break, and are refused': (proxy) => {
    proxy.refusing = true;
    proxy.cut();
  },
};

const endsInTime = test.macro<[cut: (proxy: TcpProxy) => void, leased: boolean]>(async (t, cut, leased) => {
  const { connect, address } = await startZooKeeper(t);
  const port = Number(address.split(':')[1]);
  const [proxy, silence] = [await startProxy(t, port), await startProxy(t, port)];
  const watcher = openZk(t, connect);
  const other = await watcher.ready(WAIT_MS_MAX);
  await other.createRoot();
  const zk = openZk(t, connect.replace(address, proxy.address), {
    config: { ...TEST_SESSION, sessionMs: SESSION_MS },
  });
  const measure = openZk(t, connect.replace(address, silence.address), {
    config: { ...TEST_SESSION, sessionMs: SESSION_MS + 1_000, heartbeatsPerSession: 30 },
  });
  const session = await zk.ready(WAIT_MS_MAX);
  await session.create('/subject', data, 'ephemeral');
  await (await measure.ready(WAIT_MS_MAX)).create('/measure', data, 'ephemeral');
  if (leased) await leasedAt(session, '/subject');
  const ended = new Promise<string>((resolve) => session.onEnd(resolve));
  cut(proxy);
  silence.hold('to-server', 'to-client');
  const begun = realEnv.now();
  await gone(watcher, '/subject');
  t.log(`gone after ${Math.round(realEnv.now() - begun)} ms`);
  t.not(
    await other.get('/measure'),
    null,
    'it ends before a session of T + 1 s that was cut off at the same time',
  );
  t.regex(await ended, /no heartbeat answered/);
  t.is(session.leaseUntil(), Number.NEGATIVE_INFINITY);
  proxy.changeAnswer = (chunk) => chunk;
  proxy.refusing = false;
  proxy.cut();
  proxy.release();
  t.not((await zk.ready(WAIT_MS_MAX)).id, session.id, 'it comes back in a new session');
});

for (const [what, cut] of Object.entries(CUTS)) {
  test(`${what}: a session with a lease ends within T + 1 s`, endsInTime, cut, true);
  test(`${what}: a session without a lease ends within T + 1 s`, endsInTime, cut, false);
}

/** Creates the znode and waits for a valid lease on it. */
async function leasedAt(session: ZkSession, path: string): Promise<void> {
  session.startLease(path);
  while (session.leaseUntil() < realEnv.now()) {
    await new Promise<void>((resolve) => realEnv.after(20, resolve));
  }
}

async function sessionsAt(t: ExecutionContext, port: number): Promise<number> {
  const answer = await fourLetterWord(realEnv, '127.0.0.1', port, 'mntr');
  const count = /^zk_global_sessions\t(\d+)/m.exec(answer ?? '')?.[1];
  t.truthy(count, answer ?? 'no answer');
  return Number(count);
}

test('a ZooKeeper that is slow to answer handshakes is reached, and no session is left behind', async (t) => {
  const { port } = await startOwnZooKeeper(t);
  const proxy = await startProxy(t, port);
  // A handshake takes 2.4 s, and the first one times out after T/3 = 2 s.
  proxy.delayMs = 1_200;
  const zk = openZk(t, proxy.address, { config: { ...TEST_SESSION, sessionMs: 6_000 } });
  await zk.ready(WAIT_MS_MAX);
  t.is(proxy.accepted, 2, 'the second one had enough time');
  t.is(await sessionsAt(t, port), 1, 'the session of the first handshake is closed');
});
