// Files as a user has them, through the real program and a real cluster: a CSV file of a spreadsheet comes in, and goes out to a
// link, a pipe, a device and a descriptor.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { LONG_TIMEOUTS, PROGRAM, Repl } from '../support/repl-process.ts';
import { TestCluster } from '../support/test-cluster.ts';

test.serial('a CSV file comes in, and goes out to whatever is there', async (t) => {
  const cluster = await TestCluster.start(t);
  await cluster.allInSync();
  const path = await mkdtemp(join(tmpdir(), 'rangekeeper-files-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  const run = (commands: string, ...flags: string[]) => Repl.start(cluster, '-e', commands, ...flags).ended;

  await writeFile(join(path, 'people.csv'), '\uFEFFkey,value\nada,"London\r\nUK"\r\nbob,NYC\r\n\ncid,2\n');
  const script = join(path, 'commands');
  await writeFile(script, `import ${path}/nosuch.csv\nimport ${path}/people.csv\nget bob\n`);
  const imported = await Repl.start(cluster, '-f', script, '--keep-going', '--output', 'ndjson').ended;
  t.is(imported.code, 1);
  t.true(imported.err.includes(`${script}:1: ${path}/nosuch.csv: no such file or directory (ENOENT)\n`));
  t.true(imported.out.includes('"imported":3') && imported.out.includes('"value":"NYC"'), imported.out);

  const expected = (await run('export')).out;
  t.is(
    expected,
    '{"key":"ada","value":"London\\r\\nUK"}\n{"key":"bob","value":"NYC"}\n{"key":"cid","value":"2"}\n',
  );

  await writeFile(join(path, 'secret'), 'old', { mode: 0o600 });
  await symlink('secret', join(path, 'link'));
  t.is((await run(`export ${path}/link`)).code, 0);
  t.true((await lstat(join(path, 'link'))).isSymbolicLink());
  t.is((await stat(join(path, 'secret'))).mode & 0o777, 0o600);
  t.is(await readFile(join(path, 'secret'), 'utf8'), expected);

  spawnSync('mkfifo', [join(path, 'pipe')]);
  const reader = spawn('cat', [join(path, 'pipe')]);
  const [piped, ended] = await Promise.all([text(reader.stdout), run(`export ${path}/pipe`)]);
  t.deepEqual([piped, ended.code], [expected, 0]);
  t.true((await lstat(join(path, 'pipe'))).isFIFO());

  const args = [PROGRAM, 'repl', '--zk', cluster.connect, '-e', 'export /dev/fd/3'];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...LONG_TIMEOUTS },
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const closed = once(child, 'close');
  t.is(await text(child.stdio[3] as Readable), expected);
  t.deepEqual(await closed, [0, null]);

  const full = join(path, 'full');
  if (spawnSync('mknod', [full, 'c', '1', '7']).status !== 0) return;
  const refused = await run(`export ${full}`);
  t.deepEqual([refused.code, refused.out], [1, '']);
  t.regex(refused.err, /\/full: no space left on device \(ENOSPC\)\n$/);
});
