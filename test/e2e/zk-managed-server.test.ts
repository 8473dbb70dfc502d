// ZooKeeper as a child process: it is started, stopped and killed, keeps its data, reports errors in one line, and never stays
// behind.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../common/base/bytes.ts';
import { realEnv } from '../../common/base/env.ts';
import { findServer } from '../../common/zk/find-server.ts';
import { ManagedServer, type ServerOptions, ServerStartError } from '../../common/zk/managed-server.ts';
import { fourLetterWord, freePorts, isPortFree } from '../../common/zk/server-port.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';
import { freeze, memberThatIs, openZk, startOwnZooKeeper } from '../support/zookeeper.ts';

async function options(t: ExecutionContext): Promise<ServerOptions> {
  const directory = await mkdtemp(join(tmpdir(), 'rangekeeper sérver-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const [port] = await freePorts(realEnv, '127.0.0.1', 1);
  return {
    program: findServer(process.env),
    env: realEnv,
    directory,
    port: port ?? 0,
    tickMs: 200,
    sessionMsMin: 400,
    sessionMsMax: 60_000,
  };
}

test('data survive a stop and a kill; a second start is refused; a second stop does nothing', async (t) => {
  const server = await startOwnZooKeeper(t);
  await memberThatIs('standalone', [server]);
  await t.throwsAsync(server.start(), { instanceOf: ServerStartError });
  const zk = openZk(t, server.address);
  const session = await zk.ready(WAIT_MS_MAX);
  await session.create('/kept', toBytes('1'), 'persistent');
  await server.stop();
  await server.stop();
  t.is(await server.mode(), null);
  await server.start();
  await server.kill();
  await server.start();
  const again = await openZk(t, server.address).ready(WAIT_MS_MAX);
  t.deepEqual((await again.get('/kept'))?.data, toBytes('1'));
});

test('a busy port is reported in one line', async (t) => {
  const settings = await options(t);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(settings.port, '127.0.0.1', resolve));
  t.teardown(() => other.close());
  const error = await t.throwsAsync(new ManagedServer(settings).start(), { instanceOf: ServerStartError });
  t.is(error?.message, `ZooKeeper cannot start: port ${settings.port} on 127.0.0.1 is in use`);
});

test('a server that ends at once is reported in one line, with the reason', async (t) => {
  const settings = await options(t);
  const broken = { ...settings.program, classPath: '/nowhere' };
  const server = new ManagedServer({ ...settings, program: broken });
  const error = await t.throwsAsync(server.start(), { instanceOf: ServerStartError });
  t.regex(error?.message ?? '', /^ZooKeeper ended while starting: .*QuorumPeerMain/);
  t.false(error?.message.includes('\n'));
});

test('a java that cannot be run is reported', async (t) => {
  const settings = await options(t);
  const broken = { ...settings.program, java: '/nowhere/java' };
  const server = new ManagedServer({ ...settings, program: broken });
  const error = await t.throwsAsync(server.start(), { instanceOf: ServerStartError });
  t.regex(error?.message ?? '', /\/nowhere\/java/);
});

test('it can be reached at 127.0.0.1 only', async (t) => {
  const server = await startOwnZooKeeper(t);
  const others = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ address }) => address)
    .filter((address) => address !== '127.0.0.1');
  for (const address of others)
    t.is(await fourLetterWord(realEnv, address, server.port, 'srvr'), '', address);
  await memberThatIs('standalone', [server]);
});

test('a paused server answers only after it is resumed, and can be stopped while it is paused', async (t) => {
  const server = await startOwnZooKeeper(t);
  await freeze(server);
  t.is(await fourLetterWord(realEnv, '127.0.0.1', server.port, 'ruok'), '');
  server.resume();
  await memberThatIs('standalone', [server]);
  await freeze(server);
  await server.stop();
  t.true(await isPortFree('127.0.0.1', server.port));
});

test('a server ends when the process that started it is killed', async (t) => {
  const settings = await options(t);
  const script = `
    import { realEnv } from ${JSON.stringify(new URL('../../common/base/env.js', import.meta.url).href)};
    import { findServer } from ${JSON.stringify(new URL('../../common/zk/find-server.js', import.meta.url).href)};
    import { ManagedServer } from ${JSON.stringify(new URL('../../common/zk/managed-server.js', import.meta.url).href)};
    const settings = ${JSON.stringify({ ...settings, program: undefined, env: undefined })};
    await new ManagedServer({ ...settings, env: realEnv, program: findServer(process.env) }).start();
    console.log('started');
  `;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => starter.kill('SIGKILL'));
  await new Promise<void>((resolve) => starter.stdout.once('data', () => resolve()));
  t.false(await isPortFree('127.0.0.1', settings.port));
  starter.kill('SIGKILL');
  while (!(await isPortFree('127.0.0.1', settings.port))) {
    await new Promise<void>((resolve) => realEnv.after(20, resolve));
  }
  t.pass();
});
