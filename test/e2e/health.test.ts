// Every server process listens from its start: /livez says that it runs, and /readyz what it still waits for. Whatever ends it is a
// line of its log. The processes are real, with and without a ZooKeeper.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { delay, realEnv } from '../../common/base/env.ts';
import { TestProcess, WAIT_MS_MAX } from '../support/processes.ts';
import { startZooKeeper } from '../support/zookeeper.ts';

/** An address at which nobody listens. */
const NO_ZOOKEEPER = '127.0.0.1:1/none';

interface Server {
  readonly process: TestProcess;
  readonly url: string;
}

async function directoryFor(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'rangekeeper-health-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function spawn(t: ExecutionContext, args: readonly string[], logFile: string): TestProcess {
  const process = TestProcess.start(args, logFile);
  t.teardown(() => process.end('SIGTERM'));
  return process;
}

async function serve(
  t: ExecutionContext,
  directory: string,
  command: string,
  flags: readonly string[],
): Promise<Server> {
  const process = spawn(t, [command, '--listen', '127.0.0.1:0', ...flags], join(directory, `${command}.log`));
  const { address } = await process.logged('listening');
  return { process, url: `http://${address}` };
}

async function page({ url }: Server, path: string): Promise<string> {
  const answer = await fetch(`${url}${path}`);
  return `${answer.status} ${(await answer.text()).trimEnd()}`;
}

/** Waits until /readyz gives this answer. */
async function until(server: Server, expected: RegExp): Promise<void> {
  const end = realEnv.now() + WAIT_MS_MAX;
  for (;;) {
    const answer = await page(server, '/readyz');
    if (expected.test(answer)) return;
    if (realEnv.now() > end) throw new Error(`/readyz answers ${answer}, not ${expected}`);
    await delay(realEnv, 20);
  }
}

const waits = test.macro({
  async exec(t, command: string, missing: string) {
    const directory = await directoryFor(t);
    const data = command === 'kvnode' ? ['--data', join(directory, 'data')] : [];
    const server = await serve(t, directory, command, ['--zk', NO_ZOOKEEPER, ...data]);
    t.is(await page(server, '/livez'), '200 ok');
    await until(server, new RegExp(`^503 ${missing}$`));
    t.is(await page(server, '/livez'), '200 ok');
    t.regex(await page(server, '/metrics'), /^200/);
    t.is(await server.process.end('SIGTERM'), 0);
    t.deepEqual(server.process.otherOutput, []);
  },
  title: (_, command: string, missing) => `without ZooKeeper a ${command} lives, and says: ${missing}`,
});

test.serial(waits, 'kvnode', 'waiting for ZooKeeper');
test.serial(waits, 'coordinator', 'waiting for ZooKeeper');
test.serial(waits, 'webserver', 'ZooKeeper does not answer');

test.serial('a node reports that it waits for a coordinator, and later that it is ready', async (t) => {
  const { connect } = await startZooKeeper(t);
  const directory = await directoryFor(t);
  const zk = ['--zk', connect];
  const node = await serve(t, directory, 'kvnode', [...zk, '--data', join(directory, 'data')]);
  await node.process.logged('waiting for a coordinator to make the cluster');
  t.is(await page(node, '/livez'), '200 ok');
  t.is(await page(node, '/readyz'), '503 waiting for a coordinator to make the cluster');
  const webserver = await serve(t, directory, 'webserver', zk);
  await until(webserver, /^503 there is no cluster under this root yet$/);

  const coordinator = await serve(t, directory, 'coordinator', zk);
  await until(coordinator, /^200 ok$/);
  await until(node, /^200 ok$/);
  await until(webserver, /^200 ok$/);
  t.regex(await page(node, '/metrics'), /^rangekeeper_node_memory_limit_bytes [0-9]+$/m);
});

test.serial(
  'if the directory is in use, the second process logs one line and ends with code 1',
  async (t) => {
    const directory = await directoryFor(t);
    const flags = ['--zk', NO_ZOOKEEPER, '--data', join(directory, 'data')];
    const first = await serve(t, directory, 'kvnode', flags);
    await until(first, /waiting for ZooKeeper/);
    const second = spawn(t, ['kvnode', ...flags], join(directory, 'second.log'));
    t.is(await second.untilEnded(), 1);
    t.regex(second.fatalMessage ?? '', /^kvnode: .* is in use by another process$/);
    t.deepEqual(second.otherOutput, []);
  },
);

test.serial('if the port is in use, the second process logs one line and ends with code 1', async (t) => {
  const directory = await directoryFor(t);
  const first = await serve(t, directory, 'coordinator', ['--zk', NO_ZOOKEEPER]);
  for (const command of ['kvnode', 'coordinator', 'webserver']) {
    const listen = ['--listen', first.url.replace('http://', '')];
    const data = command === 'kvnode' ? ['--data', join(directory, 'data')] : [];
    const second = spawn(
      t,
      [command, '--zk', NO_ZOOKEEPER, ...listen, ...data],
      join(directory, `${command}.log`),
    );
    t.is(await second.untilEnded(), 1);
    t.regex(second.fatalMessage ?? '', /in use/, command);
    t.deepEqual(second.otherOutput, [], command);
  }
});

test.serial('a wrong flag gives one line of plain text and code 64', async (t) => {
  const directory = await directoryFor(t);
  const wrong = spawn(t, ['kvnode', '--data', 'd', '--memory', '1MB'], join(directory, 'wrong.log'));
  t.is(await wrong.untilEnded(), 64);
  t.deepEqual(wrong.otherOutput, [
    'rangekeeper kvnode: --memory: 976.6 KiB is too little: a node needs 200 MiB or more (see rangekeeper kvnode --help)',
  ]);
  t.deepEqual(wrong.lines, []);
});
