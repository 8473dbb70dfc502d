// The session layer when ZooKeeper servers restart, freeze and lose their leader.

import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../common/base/bytes.ts';
import { realEnv } from '../../common/base/env.ts';
import type { ManagedServer } from '../../common/zk/managed-server.ts';
import { type Zk, ZkError, type ZkSession } from '../../common/zk/store.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { openZk, startEnsemble, startOwnZooKeeper, TEST_SESSION } from '../support/zookeeper.ts';

const data = toBytes('data');
const PATIENCE_MS = 30_000;
const pause = () => new Promise<void>((resolve) => realEnv.after(20, resolve));

/** Whatever session `zk` has by then answers. */
async function untilAnswering(zk: Zk): Promise<ZkSession> {
  for (;;) {
    const session = await zk.ready(PATIENCE_MS);
    try {
      await session.barrier();
      return session;
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      await pause();
    }
  }
}

test('0 of 80 clients are stuck after 8 restarts of the server', async (t) => {
  const server = await startOwnZooKeeper(t);
  const clients = Array.from({ length: 80 }, () =>
    openZk(t, `${server.address}/root`, { config: { ...TEST_SESSION, sessionMs: 6_000 } }),
  );
  await Promise.all(clients.map((zk) => zk.ready(PATIENCE_MS)));
  for (let restart = 0; restart < 8; restart++) {
    await (restart % 2 === 0 ? server.kill() : server.stop());
    await server.start();
    const answering = await Promise.all(clients.map(untilAnswering));
    t.is(answering.length, 80);
  }
});

async function modes(servers: readonly ManagedServer[]): Promise<(string | null)[]> {
  return Promise.all(servers.map((server) => server.mode()));
}

async function leaderOf(servers: readonly ManagedServer[]): Promise<ManagedServer> {
  const index = (await modes(servers)).indexOf('leader');
  const leader = servers[index];
  if (leader === undefined) throw new Error('no leader');
  return leader;
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
  let told: () => void = () => {};
  zk.observeData(path, (node) => {
    versions.push(node?.version ?? -1);
    told();
  });
  return {
    versions,
    async until(version) {
      while (versions.at(-1) !== version) await new Promise<void>((resolve) => (told = resolve));
    },
  };
}

async function ensembleStory(t: ExecutionContext): Promise<void> {
  const servers = await startEnsemble(t);
  const config = { ...TEST_SESSION, sessionMs: 4_000 };
  const clients = Array.from({ length: 9 }, () => openZk(t, connectTo(servers), { config }));
  const sessions = await Promise.all(clients.map((zk) => zk.ready(PATIENCE_MS)));
  const [writer] = sessions;
  if (writer === undefined) throw new Error('no session');
  await writer.createRoot();
  await writer.create('/a', data, 'persistent');
  const watching = clients.map((zk) => watched(zk, '/a'));
  await Promise.all(watching.map((watch) => watch.until(0)));

  const dead = await leaderOf(servers);
  await dead.kill();
  const after = await Promise.all(clients.map(untilAnswering));
  t.deepEqual(
    after.map((session) => session.id),
    sessions.map((session) => session.id),
    'every session outlives the leader',
  );
  const [survivor] = after;
  await survivor?.set('/a', data, 0);
  await Promise.all(watching.map((watch) => watch.until(1)));

  const rest = servers.filter((server) => server !== dead);
  await dead.start();
  const frozen = await leaderOf(rest);
  frozen.pause();
  const later = await Promise.all(clients.map(untilAnswering));
  await later[0]?.set('/a', data, 1);
  await Promise.all(watching.map((watch) => watch.until(2)));
  frozen.resume();
  for (const { versions } of watching) t.deepEqual(versions, [0, 1, 2], 'never back to an older version');
}

test(
  'an ensemble of three loses its leader, then has the next one frozen; every client goes on',
  ensembleStory,
);

test('a frozen server is left and taken up again, and what was under way is told lost', async (t) => {
  const server = await startOwnZooKeeper(t);
  const zk = openZk(t, server.address, { config: { ...TEST_SESSION, sessionMs: 6_000 } });
  const session = await zk.ready(PATIENCE_MS);
  server.pause();
  const error = await t.throwsAsync(session.create('/a', data, 'persistent'), { instanceOf: ZkError });
  t.is(error?.failure, 'lost');
  t.true(error?.maybeApplied);
  const refused = await t.throwsAsync(session.get('/a'), { instanceOf: ZkError });
  t.is(refused?.failure, 'disconnected');
  server.resume();
  t.is((await untilAnswering(zk)).id, session.id);
});

test('a server that is behind what this process has seen is not used, not even for a new session', async (t) => {
  const ahead = await startOwnZooKeeper(t);
  const behind = await startOwnZooKeeper(t);
  const proxy = await startProxy(t, behind.port);
  proxy.refusing = true;
  const config = { ...TEST_SESSION, sessionMs: 600 };
  const zk = openZk(t, `${ahead.address},${proxy.address}`, { config });
  const session = await zk.ready(PATIENCE_MS);
  await session.create('/a', data, 'persistent');
  const ended = new Promise<string>((resolve) => session.onEnd(resolve));
  proxy.refusing = false;
  await ahead.kill();
  t.regex(await ended, /no link/);
  const accepted = proxy.accepted;
  while (proxy.accepted < accepted + 3) await pause();
  t.is(zk.session, null);
  await ahead.start();
  const next = await untilAnswering(zk);
  t.truthy(await next.get('/a'));
});
