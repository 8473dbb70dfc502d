// Sessions while ZooKeeper servers restart, freeze and lose their leader.

import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../common/base/bytes.ts';
import { realEnv } from '../../common/base/env.ts';
import type { ManagedServer } from '../../common/zk/managed-server.ts';
import { type Zk, ZkError, type ZkSession } from '../../common/zk/store.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import {
  freeze,
  memberThatIs,
  openZk,
  startEnsemble,
  startOwnZooKeeper,
  TEST_SESSION,
} from '../support/zookeeper.ts';

const data = toBytes('data');
const pause = () => new Promise<void>((resolve) => realEnv.after(20, resolve));

/** Waits until the present session of `zk` answers. */
async function untilAnswering(zk: Zk): Promise<ZkSession> {
  for (;;) {
    const session = await zk.ready(WAIT_MS_MAX);
    try {
      await session.barrier();
      return session;
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      await pause();
    }
  }
}

test('none of 80 clients is stuck after 8 restarts of the server', async (t) => {
  const server = await startOwnZooKeeper(t);
  const clients = Array.from({ length: 80 }, () => openZk(t, `${server.address}/root`));
  await Promise.all(clients.map((zk) => zk.ready(WAIT_MS_MAX)));
  for (let restart = 0; restart < 8; restart++) {
    await (restart % 2 === 0 ? server.kill() : server.stop());
    await server.start();
    const answering = await Promise.all(clients.map(untilAnswering));
    t.is(answering.length, 80);
  }
});

/** Sets the znode, and retries after failures. A write whose answer was lost may have been applied. */
async function setSurely(zk: Zk, path: string, version: number): Promise<void> {
  for (;;) {
    const session = await untilAnswering(zk);
    try {
      await session.set(path, data, version);
      return;
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      if (error.failure === 'bad-version') return;
    }
  }
}

function connectTo(servers: readonly ManagedServer[]): string {
  return `${servers.map((server) => server.address).join(',')}/root`;
}

interface Watched {
  readonly versions: number[];
  until(version: number): Promise<void>;
}

function watched(zk: Zk, path: string): Watched {
  const versions: number[] = [];
  let changed: () => void = () => {};
  zk.observeData(path, (node) => {
    versions.push(node?.version ?? -1);
    changed();
  });
  return {
    versions,
    async until(version) {
      while (versions.at(-1) !== version) await new Promise<void>((resolve) => (changed = resolve));
    },
  };
}

async function ensembleStory(t: ExecutionContext): Promise<void> {
  const servers = await startEnsemble(t);
  const clients = Array.from({ length: 9 }, () => openZk(t, connectTo(servers)));
  const sessions = await Promise.all(clients.map((zk) => zk.ready(WAIT_MS_MAX)));
  const [writer] = sessions;
  const [client] = clients;
  if (writer === undefined || client === undefined) throw new Error('no session');
  await writer.createRoot();
  await writer.create('/a', data, 'persistent');
  // Each answer is also a barrier: without one, a server that is behind may first report that the znode is absent.
  await Promise.all(clients.map(untilAnswering));
  const watching = clients.map((zk) => watched(zk, '/a'));
  await Promise.all(watching.map((watch) => watch.until(0)));

  const dead = await memberThatIs('leader', servers);
  await dead.kill();
  const after = await Promise.all(clients.map(untilAnswering));
  t.deepEqual(
    after.map((session) => session.id),
    sessions.map((session) => session.id),
    'every session survives the leader',
  );
  await setSurely(client, '/a', 0);
  await Promise.all(watching.map((watch) => watch.until(1)));

  const rest = servers.filter((server) => server !== dead);
  await dead.start();
  const frozen = await memberThatIs('leader', rest);
  await freeze(frozen);
  await Promise.all(clients.map(untilAnswering));
  await setSurely(client, '/a', 1);
  await Promise.all(watching.map((watch) => watch.until(2)));
  frozen.resume();
  for (const { versions } of watching)
    t.deepEqual(versions, [0, 1, 2], 'no version is reported twice or out of order');
}

test(
  'an ensemble of three loses its leader, then the next leader is frozen; every client continues',
  ensembleStory,
);

test('clients leave a frozen server and use it again later; operations under way are reported as lost', async (t) => {
  const server = await startOwnZooKeeper(t);
  const zk = openZk(t, server.address, { config: { ...TEST_SESSION, sessionMs: 15_000 } });
  const session = await zk.ready(WAIT_MS_MAX);
  await freeze(server);
  const error = await t.throwsAsync(session.create('/a', data, 'persistent'), { instanceOf: ZkError });
  t.is(error?.failure, 'lost');
  t.true(error?.maybeApplied);
  const refused = await t.throwsAsync(session.get('/a'), { instanceOf: ZkError });
  t.is(refused?.failure, 'disconnected');
  server.resume();
  t.is((await untilAnswering(zk)).id, session.id);
});

test('a server that is behind what this process has seen is never used, not even for a new session', async (t) => {
  const ahead = await startOwnZooKeeper(t);
  const behind = await startOwnZooKeeper(t);
  const proxy = await startProxy(t, behind.port);
  proxy.refusing = true;
  const config = { ...TEST_SESSION, sessionMs: 3_000 };
  const zk = openZk(t, `${ahead.address},${proxy.address}`, { config });
  const session = await zk.ready(WAIT_MS_MAX);
  await session.create('/a', data, 'persistent');
  const ended = new Promise<string>((resolve) => session.onEnd(resolve));
  proxy.refusing = false;
  await ahead.kill();
  t.regex(await ended, /no heartbeat answered/);
  const accepted = proxy.accepted;
  while (proxy.accepted < accepted + 3) await pause();
  t.is(zk.session, null);
  await ahead.start();
  const next = await untilAnswering(zk);
  t.truthy(await next.get('/a'));
});
