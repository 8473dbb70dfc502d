// The real REPL on a real cluster, with -e, pipes, files and a pseudo-terminal. An import continues while an owner is killed, and an
// export returns every byte.

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { every, realEnv } from '../../common/base/env.ts';
import { type Ended, LONG_TIMEOUTS, PROGRAM, Repl } from '../support/repl-process.ts';
import { seededRng } from '../support/rng.ts';
import { TestCluster } from '../support/test-cluster.ts';

function run(cluster: TestCluster, commands: string, ...flags: readonly string[]): Promise<Ended> {
  return Repl.start(cluster, ...flags, '-e', commands).ended;
}

function pipe(cluster: TestCluster, input: string, ...flags: readonly string[]): Promise<Ended> {
  const repl = Repl.start(cluster, ...flags);
  repl.child.stdin?.end(input);
  return repl.ended;
}

async function directory(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'rangekeeper-repl-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

test.serial('answers, formats and exit codes', async (t) => {
  const cluster = await TestCluster.start(t);
  await cluster.allInSync();

  const written = await run(cluster, 'put a 1; cas a 99 2');
  t.is(written.code, 4);
  t.regex(written.out, /^ok, revision \d+\n$/);
  t.regex(written.err, /^CONFLICT: /);
  const read = await run(cluster, 'get a', '--output', 'json');
  const found = JSON.parse(read.out);
  t.like(found, { key: 'a', value: '1', stale: false, staleMs: 0 });
  t.is((await run(cluster, `cas a ${found.revision} 2; get a`)).out.split('\n')[1], '2');
  const stale = JSON.parse((await run(cluster, 'get a --read stale', '--output', 'json')).out);
  // Either a replica answers, which may be behind, or the owner, which is not.
  t.true(['1', '2'].includes(stale.value));
  t.is(typeof stale.stale, 'boolean');

  const missing = await run(cluster, 'get nothing');
  t.deepEqual([missing.code, missing.out], [3, '']);
  t.is((await run(cluster, 'put a')).code, 64);
  t.is((await run(cluster, `put ${'k'.repeat(4_097)} v`)).code, 1);
  t.is((await run(cluster, 'get a', '--namespace', 'nope')).code, 1);
  const nowhere = await run(cluster, 'get a', '--zk', '127.0.0.1:1/nowhere', '--connect-ms', '1000');
  t.deepEqual([nowhere.code, nowhere.out], [2, '']);
  t.regex(
    nowhere.err,
    /^NO_CLUSTER: no cluster at 127\.0\.0\.1:1\/nowhere: [^\n]*nothing listens there[^\n]*\n$/,
  );
  const root = cluster.connect.slice(cluster.connect.indexOf('/'));
  for (const [zk, found] of [
    [
      cluster.connect.replace(root, ''),
      /ZooKeeper is there, .* no cluster under \/; .*one level below: \/test-\d+\n$/,
    ],
    [
      `${cluster.connect}/deeper`,
      new RegExp(`no cluster under ${root}/deeper; .* one level up: ${root}\\n$`),
    ],
  ] as const) {
    const wrong = await run(cluster, 'get a', '--zk', zk, '--connect-ms', '1000');
    t.deepEqual([wrong.code, wrong.out], [2, '']);
    t.regex(wrong.err, found);
  }

  const piped = await pipe(
    cluster,
    'put "k 1" \\x00\\xff\n# a comment\nget "k 1"; del "k 1"\ncount --prefix k\nget x\ncount',
  );
  t.is(piped.code, 3);
  t.regex(piped.out.replace('\0', 'NUL'), /^ok, revision \d+\nNUL\ufffd\ndeleted, revision \d+\n0\n$/);
  const json = await run(cluster, 'put j {"name": "ada"}; Get j; get j --raw');
  t.regex(json.out, /^ok, revision \d+\n\{"name": "ada"\}\n\{"name": "ada"\}$/);

  const { descriptor, where } = await whereIs(cluster, 'a');
  t.is(where.range, descriptor.id);
  t.is(where.owner.id, descriptor.owner.node);
  t.is(where.inSync.length, descriptor.inSync.length);
  const ranges = await run(cluster, 'ranges', '--output', 'ndjson');
  t.is(ranges.out.trim().split('\n').length, (await cluster.descriptors()).length);
  const nodes = JSON.parse((await run(cluster, 'nodes', '--output', 'json')).out);
  t.deepEqual(
    nodes.map((node: { name: string; live: boolean }) => [node.name, node.live]),
    [
      ['n1', true],
      ['n2', true],
      ['n3', true],
    ],
  );
  const status = JSON.parse((await run(cluster, 'status', '--output', 'json')).out);
  t.deepEqual(
    status.map((node: { problem: string | null }) => node.problem),
    [null, null, null],
  );
});

/** What the REPL says about the key's range, if ZooKeeper said the same before and after. */
async function whereIs(cluster: TestCluster, key: string) {
  for (;;) {
    const descriptor = await cluster.descriptorOf(key);
    const { out } = await run(cluster, `where ${key}`, '--output', 'json');
    if (isDeepStrictEqual(descriptor, await cluster.descriptorOf(key)))
      return { descriptor, where: JSON.parse(out) };
  }
}

test.serial('it ends when the reader of its output ends, and on Ctrl-C during a command', async (t) => {
  const cluster = await TestCluster.start(t);
  await cluster.allInSync();
  const lines = Array.from({ length: 2_000 }, (_, i) => `{"key":"k${i}","value":"${'v'.repeat(1_000)}"}\n`);
  const imported = Repl.start(cluster, '-e', 'import -');
  imported.child.stdin?.end(lines.join(''));
  t.is((await imported.ended).code, 0);

  const deaf = Repl.start(cluster, '-e', 'export', '-e', 'put never 1');
  await deaf.sees('out', '"k');
  deaf.child.stdout?.destroy();
  const gone = await deaf.ended;
  t.is(gone.code, 141, 'as a program that SIGPIPE has ended');
  t.regex(gone.err, /^(exported [^\n]*\n)*$/);
  t.is((await run(cluster, 'get never')).code, 3);

  const waiting = Repl.start(cluster, '-e', 'import -');
  waiting.child.stdin?.write('{"key":"half","value":"1"}\n');
  await untilStored(cluster, 'half');
  waiting.child.kill('SIGINT');
  const interrupted = await waiting.ended;
  t.is(interrupted.code, 130);
  t.regex(interrupted.err, /interrupted: run it again to import the rest\n$/);
});

/** Resolves once the key is there. */
async function untilStored(cluster: TestCluster, key: string): Promise<void> {
  while ((await run(cluster, `get ${key} --read fallback`)).code !== 0) {}
}

test.serial('a folder is imported while an owner is killed, and exported without a difference', async (t) => {
  const cluster = await TestCluster.start(t, { sessionMs: 30_000 });
  await cluster.allInSync();
  const path = await directory(t);
  const tree = await growTree(join(path, 'from'));

  // The owner of the middle range is stopped first, with a long session timeout, so that the import cannot end before the kill.
  const victim = await cluster.ownerOf('k');
  await victim.process.freeze();
  const importing = Repl.start(cluster, '--output', 'json', '-e', `import --tree ${join(path, 'from')}`);
  await untilStored(cluster, '0/file-0');
  t.is(importing.child.exitCode, null, 'the import is still running');
  await victim.process.end('SIGKILL');
  const imported = await importing.ended;
  t.is(imported.code, 0, imported.err);
  const counts = JSON.parse(imported.out);
  t.is(counts.imported, tree.size);
  t.is(counts.refused, 0);

  t.is((await run(cluster, 'count')).out, `${tree.size}\n`);
  t.is((await run(cluster, `export --tree ${join(path, 'to')}`)).code, 0);
  for (const [name, content] of tree) t.deepEqual(await readFile(join(path, 'to', name)), content, name);

  await cluster.restart(victim);
  await cluster.allInSync();
  const again = await run(cluster, `import --tree ${join(path, 'from')}; count`);
  t.is(again.code, 0, again.err);
  t.true(again.out.endsWith(`\n${tree.size}\n`));
});

/** Creates files of many sizes, in so many folders that every range has some of their keys. */
async function growTree(root: string): Promise<Map<string, Buffer>> {
  const random = seededRng(7);
  const files = new Map<string, Buffer>();
  for (let i = 0; i < 1_500; i++) {
    const folder = i.toString(36).slice(-1);
    const size = i % 300 === 0 ? 1024 * 1024 : random.below(20_000);
    files.set(join(folder, `file-${i}`), Buffer.alloc(size, `${i}:${random.below(1e9)};`));
  }
  for (const [name, content] of files) {
    await mkdir(join(root, name, '..'), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return files;
}

test.serial('without an owner a put ends with 5, and a fallback read is answered by a replica', async (t) => {
  const cluster = await TestCluster.start(t);
  await cluster.allInSync();
  t.is((await run(cluster, 'put a 1; get a')).code, 0);
  for (const coordinator of cluster.coordinators) await coordinator.end('SIGKILL');
  const where = JSON.parse((await run(cluster, 'where a', '--output', 'json')).out);
  await cluster.node(where.owner.id).process.end('SIGKILL');
  const put = await run(cluster, 'put a 2', '--deadline-ms', '8000');
  t.is(put.code, 5, put.err);
  const read = await run(cluster, 'get a --read fallback');
  t.deepEqual([read.code, read.out], [0, '1\n'], read.err);
  t.regex(read.err, /^stale, /);
  cluster.startCoordinator();
  const after = await run(cluster, 'put a 3; get a');
  t.is(after.code, 0, after.err);
  t.true(after.out.endsWith('\n3\n'));
});

/** Presses a key again and again until the text appears. */
async function pressUntil(terminal: Repl, key: string, text: string): Promise<void> {
  const from = terminal.out.length;
  const pressing = every(realEnv, 1_000, () => terminal.child.stdin?.write(key));
  terminal.child.stdin?.write(key);
  await terminal.sees('out', text, from).finally(() => pressing.cancel());
}

test.serial('a pseudo-terminal has a prompt, history, completion of keys, Ctrl-C and Ctrl-D', async (t) => {
  const cluster = await TestCluster.start(t);
  await cluster.allInSync();
  await run(cluster, 'put user/ada 1815');
  const home = await directory(t);
  const command = `exec '${process.execPath}' '${PROGRAM}' repl --zk '${cluster.connect}'`;
  const at = async (keys: string, text: string | RegExp) => {
    const from = terminal.out.length;
    terminal.child.stdin?.write(keys);
    await terminal.sees('out', text, from);
  };
  const environment = { ...LONG_TIMEOUTS, HOME: home, XDG_STATE_HOME: home, TERM: 'xterm', SHELL: '/bin/sh' };
  const terminal = new Repl('script', ['-qec', command, '/dev/null'], environment);
  await terminal.sees('out', 'default> ');
  // Completion waits only half a second for keys, so a connection must exist, and the key may be pressed again.
  await at('count\r', /\n1\s.*default> /s);
  await at('get us', 'us');
  await pressUntil(terminal, '\t', 'er/ada ');
  await at('\r', /1815.*default> /s);
  await at('put never 1', 'never 1');
  await at('\x03', /\^C.*default> /s);
  await at('\x1b[A', 'get user/ada');
  await at('\r', /1815.*default> /s);
  terminal.child.stdin?.write('\x04');
  t.is((await terminal.ended).code, 0);
  t.is(await readFile(join(home, 'rangekeeper', 'history'), 'utf8'), 'count\nget user/ada \nget user/ada \n');
  t.is((await run(cluster, 'get never')).code, 3);
});
