// `rangekeeper dev`: what a user sees, and what stays on the machine afterwards.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { DevDirectory } from '../../bin/dev/directory.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { DevRun, gone, isThere, rangekeeper, temporaryFolder } from '../support/dev-run.ts';

test('data survive an orderly stop, a killed owner and a killed dev; no child process does', async (t) => {
  const data = join(temporaryFolder(t), 'data');

  const first = new DevRun(t, data);
  const { processes, web } = await first.up();
  t.deepEqual(
    processes.map(({ name }) => name),
    ['zookeeper', 'coordinator', 'n1', 'n2', 'n3', 'webserver'],
  );
  t.is((await fetch(web)).status, 200);
  t.is((await first.repl('put user/1 ada')).code, 0);
  const children = first.pids();
  t.true(children.every(isThere));
  const stopped = await first.stop();
  t.is(stopped.code, 0);
  t.regex(stopped.stdout, /SIGTERM: stopping\n$/);
  t.is(stopped.stderr, '');
  t.false(children.some(isThere), 'dev ends after its children');
  t.is(first.record(), null);

  const second = new DevRun(t, data);
  await second.up();
  t.is((await second.repl('get user/1')).stdout, 'ada\n');
  const { owner } = JSON.parse((await second.repl('where user/1', '--output', 'json')).stdout);
  const victim = second.pidOf(owner.name);
  process.kill(victim, 'SIGKILL');
  await second.says(
    new RegExp(`${owner.name} \\(pid ${victim}\\) was ended by SIGKILL; it is started again in 3 s`),
  );
  t.is((await second.repl('put user/1 lovelace')).code, 0);
  await second.says(new RegExp(`${owner.name} runs again, pid [0-9]+`));
  const orphans = second.pids();
  t.false(orphans.includes(victim));
  second.child.process.kill('SIGKILL');

  // Started at once: it waits until the child processes of the killed one, which still use the data, have ended.
  const third = new DevRun(t, data);
  await third.up();
  t.false(orphans.some(isThere));
  t.is((await third.repl('get user/1')).stdout, 'lovelace\n');
  t.is((await third.stop()).code, 0);
});

test('a signal during its start stops it in order, too', async (t) => {
  const run = new DevRun(t, temporaryFolder(t));
  while (run.pids().length === 0) await delay(realEnv, 20);
  const children = run.pids();
  const { code, stderr } = await run.stop();
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  await gone(children);
  t.pass();
});

test('--nodes, --no-restart and --fresh work; a killed ZooKeeper is restarted', async (t) => {
  const data = temporaryFolder(t);
  const one = new DevRun(t, data, '--nodes', '1', '--no-restart');
  await one.up();
  t.is((await one.repl('put user/1 ada')).code, 0);
  process.kill(one.pidOf('n1'), 'SIGKILL');
  await one.says(/n1 \(pid [0-9]+\) was ended by SIGKILL; it stays down/);
  await one.stop();

  const again = new DevRun(t, data, '--fresh');
  const { processes } = await again.up();
  t.is(processes.filter(({ name }) => name.startsWith('n')).length, 3);
  t.is((await again.repl('get user/1')).code, 3);
  process.kill(again.pidOf('zookeeper'), 'SIGKILL');
  await again.says(/zookeeper runs again, pid [0-9]+/);
  t.is((await again.repl('put user/1 eve')).code, 0);
  await again.stop();
});

const refused = test.macro({
  async exec(t, code: number, message: RegExp, ...flags: readonly string[]) {
    const result = await rangekeeper('dev', '--data', temporaryFolder(t), ...flags);
    t.is(result.code, code);
    t.is(result.stdout, '');
    t.regex(result.stderr, message);
    t.is(result.stderr.indexOf('\n'), result.stderr.length - 1, 'one line');
  },
  title: (title) => `refused in one line: ${title}`,
});

test('an unknown flag is refused', refused, 64, /^rangekeeper dev: unknown option '--nods'/, '--nods', '3');
test(
  'zero nodes are refused',
  refused,
  64,
  /^rangekeeper dev: --nodes: 0 is not a number from 1 to 32/,
  '--nodes',
  '0',
);

/** Takes a port until the returned function is called. @param port 0: a free one */
async function taken(t: ExecutionContext, port = 0): Promise<{ port: number; release: () => Promise<void> }> {
  const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  return {
    port: address.port,
    release: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

for (const flag of ['--zk-port', '--web-port']) {
  test(`a busy ${flag} is refused in one line`, async (t) => {
    const { port } = await taken(t);
    const ports = { '--zk-port': '0', '--web-port': '0', [flag]: String(port) };
    const result = await rangekeeper('dev', '--data', temporaryFolder(t), ...Object.entries(ports).flat());
    t.is(result.code, 1);
    t.regex(
      result.stderr,
      /^rangekeeper dev: port [0-9]+ on 127\.0\.0\.1, wanted for .*, is in use.*; .*\n$/,
    );
    t.true(result.stderr.includes(flag));
    // Only Linux tells who it is.
    if (process.platform === 'linux') t.true(result.stderr.includes(`(pid ${process.pid})`));
  });
}

test('a port that is taken for a moment is waited for, at the start and when a process is started again', async (t) => {
  const zk = await taken(t);
  const run = new DevRun(t, temporaryFolder(t), '--nodes', '1', '--zk-port', String(zk.port));
  await run.says(
    new RegExp(`port ${zk.port} on 127.0.0.1, wanted for ZooKeeper, is in use.*; waiting up to 5 s for it`),
  );
  await zk.release();
  const { web } = await run.up();

  const server = run.pidOf('zookeeper');
  process.kill(server, 'SIGKILL');
  await gone([server]);
  const again = await taken(t, zk.port);
  await run.says(/ZooKeeper cannot start: port [0-9]+ on 127\.0\.0\.1 is in use; it is tried again in 3 s/);
  await again.release();
  await run.says(/zookeeper runs again, pid [0-9]+/);

  const page = run.pidOf('webserver');
  process.kill(page, 'SIGKILL');
  await gone([page]);
  const webPort = await taken(t, Number(new URL(web).port));
  await run.says(
    /webserver \(pid [0-9]+\) ended with code 1: .*address already in use.*; it is started again in 3 s/,
  );
  await webPort.release();
  const { code, stderr } = await run.stop();
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
});

test('a data directory that another dev uses is refused in one line', async (t) => {
  const data = temporaryFolder(t);
  const holder = await DevDirectory.open(data);
  t.teardown(() => holder.close());
  const result = await rangekeeper('dev', '--data', data, '--zk-port', '0', '--web-port', '0');
  t.is(result.code, 1);
  t.regex(result.stderr, /^rangekeeper dev: .* is in use by another rangekeeper dev; stop it, .*\n$/);
});
