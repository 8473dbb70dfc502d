// What `export` does to what is at its target: files keep what they are, links stay, pipes, devices and descriptors are written to.
// And what `import` does with a pipe.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { runTexts } from '../../support/repl-run.ts';
import { SmallDisk } from '../../support/small-disk.ts';

const MEMORY_REPL = fileURLToPath(new URL('../../support/memory-repl.js', import.meta.url));
const ROOT = process.getuid?.() === 0;

const directory = () => mkdtemp(join(tmpdir(), 'rk-target-'));

async function clientWith(rows: number): Promise<MemoryClient> {
  const client = new MemoryClient();
  for (let i = 0; i < rows; i++) await client.put(`k${String(i).padStart(6, '0')}`, 'v');
  return client;
}

const ROW = '{"key":"k000000","value":"v"}\n';

/** Exports one row. */
async function exportRow(t: ExecutionContext, path: string): Promise<void> {
  const { code, err } = await runTexts(await clientWith(1), [`export ${path}`]);
  t.is(code, 0, err);
}

/** An export that stops in the middle, as it fails or is interrupted. */
async function breakExport(path: string, how: 'fails' | 'is interrupted'): Promise<number> {
  const client = await clientWith(3_000);
  const stop = new AbortController();
  let pages = 0;
  client.beforeCall = () => {
    if (++pages < 3) return;
    if (how === 'fails') throw new RangekeeperError('INTERNAL', 'a defect');
    stop.abort();
    return new Promise(() => {});
  };
  return (await runTexts(client, [`export ${path}`], { signal: stop.signal })).code;
}

test('a new file gets the usual mode, and nothing else is left beside it', async (t) => {
  const path = await directory();
  await exportRow(t, join(path, 'x'));
  t.is((await stat(join(path, 'x'))).mode & 0o777, 0o666 & ~process.umask());
  t.deepEqual(await readdir(path), ['x']);
  t.is(await readFile(join(path, 'x'), 'utf8'), ROW);
});

test('the longest name has room for a temporary one', async (t) => {
  const path = join(await directory(), 'x'.repeat(255));
  await exportRow(t, path);
  t.is(await readFile(path, 'utf8'), ROW);
});

for (const mode of [0o600, 0o640, 0o666, 0o777]) {
  test(`a file of mode ${mode.toString(8)} keeps it`, async (t) => {
    const path = join(await directory(), 'x');
    await writeFile(path, 'old');
    await chmod(path, mode);
    await exportRow(t, path);
    t.is((await stat(path)).mode & 0o777, mode);
    t.is(await readFile(path, 'utf8'), ROW);
  });
}

test('a file of somebody else stays theirs', async (t) => {
  const path = join(await directory(), 'x');
  await writeFile(path, 'old');
  if (ROOT) await chown(path, 12_345, 23_456);
  const { uid, gid } = await stat(path);
  await exportRow(t, path);
  const after = await stat(path);
  t.deepEqual([after.uid, after.gid], [uid, gid]);
});

test('files with names like those of temporary files are left alone', async (t) => {
  const path = await directory();
  await writeFile(join(path, 'x.partial'), 'not yours');
  await exportRow(t, join(path, 'x'));
  t.is(await breakExport(join(path, 'x'), 'fails'), 1);
  t.is(await readFile(join(path, 'x.partial'), 'utf8'), 'not yours');
  t.deepEqual((await readdir(path)).sort(), ['x', 'x.partial']);
});

for (const how of ['fails', 'is interrupted'] as const) {
  test(`if an export ${how}, the old file stays, and nothing else is left`, async (t) => {
    const path = await directory();
    await writeFile(join(path, 'x'), 'old');
    t.is(await breakExport(join(path, 'x'), how), how === 'fails' ? 1 : 130);
    t.is(await readFile(join(path, 'x'), 'utf8'), 'old');
    t.is(await breakExport(join(path, 'new'), how), how === 'fails' ? 1 : 130);
    t.deepEqual(await readdir(path), ['x']);
  });
}

test('if the process ends at once, as on a second Ctrl-C, no temporary file is left', async (t) => {
  const path = await directory();
  const module = new URL('../../../repl/transfer/replacement.js', import.meta.url);
  const code = `import { Replacement } from '${module}';
    import { realEnv } from '${new URL('../../../common/base/env.js', import.meta.url)}';
    import { readdirSync } from 'node:fs';
    await Replacement.open({ env: realEnv, path: Buffer.from('${path}/x'), old: null, copies: true, syncs: true });
    console.log(readdirSync('${path}').length);
    process.exit();`;
  t.is(spawnSync(process.execPath, ['--input-type=module', '-e', code]).stdout.toString(), '1\n');
  t.deepEqual(await readdir(path), []);
});

test('a symbolic link stays, and the file to which it leads is replaced', async (t) => {
  const path = await directory();
  await mkdir(join(path, 'd'));
  await writeFile(join(path, 'd', 'x'), 'old', { mode: 0o600 });
  await symlink('d/x', join(path, 'one'));
  await symlink(join(path, 'one'), join(path, 'two'));
  await exportRow(t, join(path, 'two'));
  t.is(await readlink(join(path, 'two')), join(path, 'one'));
  t.is(await readlink(join(path, 'one')), 'd/x');
  t.is(await readFile(join(path, 'd', 'x'), 'utf8'), ROW);
  t.is((await stat(join(path, 'd', 'x'))).mode & 0o777, 0o600);
  t.deepEqual((await readdir(path)).sort(), ['d', 'one', 'two']);
});

test('a link that leads nowhere stays, and its target is made', async (t) => {
  const path = await directory();
  await mkdir(join(path, 'd'));
  await symlink('d/new', join(path, 'link'));
  await exportRow(t, join(path, 'link'));
  t.is(await readlink(join(path, 'link')), 'd/new');
  t.is(await readFile(join(path, 'd', 'new'), 'utf8'), ROW);
});

test('all hard links of a file show the export', async (t) => {
  const path = await directory();
  await writeFile(join(path, 'x'), 'old and longer than a row of the export is');
  await link(join(path, 'x'), join(path, 'y'));
  await exportRow(t, join(path, 'x'));
  t.is(await readFile(join(path, 'y'), 'utf8'), ROW);
  t.is((await stat(join(path, 'x'))).ino, (await stat(join(path, 'y'))).ino);
  t.deepEqual((await readdir(path)).sort(), ['x', 'y']);
});

test('all hard links show the export, however long the old file is', async (t) => {
  for (const length of [0, 10, ROW.length - 1, ROW.length, ROW.length + 1]) {
    const path = await directory();
    await writeFile(join(path, 'x'), '#'.repeat(length));
    await link(join(path, 'x'), join(path, 'y'));
    await exportRow(t, join(path, 'x'));
    t.is(await readFile(join(path, 'y'), 'utf8'), ROW);
  }
});

test('a full disk takes nothing from a file with hard links', async (t) => {
  const disk = SmallDisk.mount(t, await directory(), 1);
  if (disk === null) return t.pass('this process may not mount a file system');
  const file = join(disk.path, 'x');
  await writeFile(file, 'old');
  await link(file, join(disk.path, 'y'));
  const client = await clientWith(3);
  for (const key of ['a', 'b', 'c']) await client.put(key, 'v'.repeat(200_000));
  const { code, err } = await runTexts(client, [`export ${file}`]);
  t.is(code, 1);
  t.regex(err, /\/x: no space left on device \(ENOSPC\)\n$/);
  t.is(await readFile(file, 'utf8'), 'old');
  t.deepEqual((await readdir(disk.path)).sort(), ['x', 'y']);
});

test('the reason why export --tree cannot make its directory is the right one', async (t) => {
  const path = await directory();
  await writeFile(join(path, 'file'), '');
  const cases: readonly (readonly [string, RegExp])[] = [
    [join(path, 'file'), /\/file is not a directory\n$/],
    [join(path, 'file', 'x'), /not a directory \(ENOTDIR\)\n$/],
    ['/proc/rangekeeper/tree', /no such file or directory \(ENOENT\)\n$/],
  ];
  for (const [target, says] of cases) {
    const { code, err } = await runTexts(await clientWith(1), [`export --tree ${target}`]);
    t.is(code, 1);
    t.regex(err, says);
  }
  await runTexts(await clientWith(1), [`export --tree ${join(path, 'a/b/c')}`]);
  t.is(await readFile(join(path, 'a/b/c/k000000'), 'utf8'), 'v');
});

const refused = test.macro({
  async exec(t, make: (path: string) => Promise<unknown>, name: string, says: RegExp) {
    const path = await directory();
    await make(path);
    const before = await readdir(path);
    const { code, out, err } = await runTexts(await clientWith(1), [`export ${join(path, name)}`]);
    t.deepEqual({ code, out }, { code: 1, out: '' });
    t.regex(err, says);
    t.is(err.split('\n').length, 2, 'one line');
    t.deepEqual(await readdir(path), before);
  },
  title: (title) => `refused in one line: ${title}`,
});

test('a directory', refused, (path) => mkdir(join(path, 'd')), 'd', /\/d is a directory: export --tree/);
test('the name of a directory', refused, async () => {}, 'd/', /\/d\/ is a directory/);
test(
  'a folder that is not there',
  refused,
  async () => {},
  'no/x',
  /\/no\/x: no such file or directory \(ENOENT\)/,
);
test(
  'links in a circle',
  refused,
  (path) => symlink('a', join(path, 'a')),
  'a',
  /\/a: too many symbolic links/,
);

/** A device that may be broken, unlike the one in /dev; null: this user may not make one, nor break that one. */
function device(path: string, minor: number): boolean {
  return spawnSync('mknod', [path, 'c', '1', String(minor)]).status === 0;
}

test('a device is written to, and stays one; a full one is one error', async (t) => {
  const path = await directory();
  const [sink, full] = [join(path, 'null'), join(path, 'full')];
  if (!device(sink, 3) || !device(full, 7)) return t.pass();
  await exportRow(t, sink);
  t.true((await lstat(sink)).isCharacterDevice());
  const { code, out, err } = await runTexts(await clientWith(1), [`export ${full}`]);
  t.deepEqual([code, out], [1, '']);
  t.regex(err, /\/full: no space left on device \(ENOSPC\)\n$/);
  t.true((await lstat(full)).isCharacterDevice());
});

/** Runs the REPL as a process over `rows` rows. */
function start(rows: number, stdio: ('pipe' | number)[], ...texts: string[]) {
  const child = spawn(process.execPath, [MEMORY_REPL, String(rows), '100', ...texts], { stdio });
  const stream = (descriptor: number) => child.stdio[descriptor] as Readable;
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, stream, ended };
}

const rowsIn = (output: Buffer) => output.toString().split('\n').length - 1;

test('a named pipe is written to in order, and stays one; without a reader it waits, until Ctrl-C', async (t) => {
  const path = join(await directory(), 'pipe');
  spawnSync('mkfifo', [path]);
  const running = start(20_000, ['pipe', 'pipe', 'pipe'], `export ${path}`);
  const reader = spawn('cat', [path]);
  t.is(rowsIn(await buffer(reader.stdout)), 20_000);
  t.is(await running.ended, 0, await text(running.stream(2)));
  t.true((await lstat(path)).isFIFO());

  const lonely = start(1, ['pipe', 'pipe', 'pipe'], 'put a 1', `export ${path}`);
  await once(lonely.stream(1), 'data');
  lonely.child.kill('SIGINT');
  t.is(await lonely.ended, 130);
});

test('if the reader of a pipe does not read, Ctrl-C ends the export; if it goes away, that is one error', async (t) => {
  const path = join(await directory(), 'pipe');
  spawnSync('mkfifo', [path]);
  for (const how of ['SIGINT', 'gone'] as const) {
    const running = start(50_000, ['pipe', 'pipe', 'pipe'], `export ${path}`);
    const reader = spawn('sh', ['-c', 'exec 3<"$0"; head -c 10 <&3; read wait', path]);
    await once(reader.stdout, 'data');
    if (how === 'SIGINT') running.child.kill('SIGINT');
    else reader.stdin.end();
    const err = await text(running.stream(2));
    t.is(await running.ended, how === 'SIGINT' ? 130 : 1);
    if (how === 'gone') t.regex(err, /\/pipe: broken pipe \(EPIPE\)\n$/);
    reader.stdin.end();
  }
});

test('import reads a named pipe, and waits for its writer until Ctrl-C', async (t) => {
  const path = join(await directory(), 'pipe');
  spawnSync('mkfifo', [path]);
  const running = start(0, ['pipe', 'pipe', 'pipe'], `import ${path}`, 'count');
  await writeFile(path, ROW.repeat(5_000));
  t.regex(await text(running.stream(1)), /^imported 5000 rows.*\n1\n$/s);
  t.is(await running.ended, 0);

  const lonely = start(0, ['pipe', 'pipe', 'pipe'], 'put a 1', `import ${path}`);
  await once(lonely.stream(1), 'data');
  lonely.child.kill('SIGINT');
  t.is(await lonely.ended, 130);
});

test('a descriptor of a pipe or a socket is written to, twice in order', async (t) => {
  const socket = start(5_000, ['pipe', 'pipe', 'pipe', 'pipe'], 'export /dev/fd/3', 'export /proc/self/fd/3');
  const both = await buffer(socket.stream(3));
  t.is(await socket.ended, 0, await text(socket.stream(2)));
  t.is(rowsIn(both), 10_000);
  t.deepEqual(both.subarray(both.length / 2), both.subarray(0, both.length / 2));

  const piped = spawn('sh', [
    '-c',
    '{ echo head >&3; "$0" "$1" 5000 100 "export /dev/fd/3"; echo tail >&3; } 3>&1 >&2 | cat',
    process.execPath,
    MEMORY_REPL,
  ]);
  const lines = (await text(piped.stdout)).split('\n');
  t.deepEqual([lines.length, lines[0], lines.at(-2)], [5_003, 'head', 'tail']);
});

test('a descriptor of a file is written where it stands, and the file stays the same', async (t) => {
  const path = join(await directory(), 'x');
  const file = openSync(path, 'w');
  writeSync(file, 'head\n');
  const { ino } = await stat(path);
  const running = start(1, ['pipe', 'pipe', 'pipe', file], 'export /dev/fd/3');
  t.is(await running.ended, 0, await text(running.stream(2)));
  writeSync(file, 'tail\n');
  closeSync(file);
  t.regex(await readFile(path, 'utf8'), /^head\n\{"key":"k000000","value":"v{100}"\}\ntail\n$/);
  t.is((await stat(path)).ino, ino);
});

test('/dev/stdout is standard output, and a descriptor that is not open is one error', async (t) => {
  const running = start(2_000, ['pipe', 'pipe', 'pipe'], 'put a 1', 'export /dev/stdout', 'get a');
  const lines = (await text(running.stream(1))).trim().split('\n');
  t.is(await running.ended, 0);
  t.deepEqual([lines.length, lines[0], lines.at(-1)], [2_003, 'ok, revision 2001', '1']);

  const closed = start(1, ['pipe', 'pipe', 'pipe'], 'export /dev/fd/999');
  t.regex(await text(closed.stream(2)), /^\/dev\/fd\/999: .* did not pass this descriptor on .*\n$/);
  t.is(await closed.ended, 1);
});

for (const verb of ['export', 'import'])
  test(`${verb} leaves the descriptors alone that Node.js has opened for itself`, async (t) => {
    const refusals = [3, 4, 5, 6, 7, 8].map(async (descriptor) => {
      const running = start(1, ['pipe', 'pipe', 'pipe'], `${verb} /dev/fd/${descriptor}`);
      t.regex(await text(running.stream(2)), /: .* did not pass this descriptor on \(npx .*\)\n$/);
      t.is(await running.ended, 1);
    });
    await Promise.all(refusals);
  });

test('export --tree replaces a file: it keeps its mode, and its hard links elsewhere keep their content', async (t) => {
  const [to, outside] = [await directory(), await directory()];
  await writeFile(join(outside, 'victim'), 'untouched');
  await link(join(outside, 'victim'), join(to, 'k000000'));
  await writeFile(join(to, 'k000001'), 'a secret, longer than the row', { mode: 0o600 });
  spawnSync('mkfifo', [join(to, 'k000002')]);
  // It has a reader, so it could be written to.
  const reader = spawn('cat', [join(to, 'k000002')]);
  const result = await runTexts(await clientWith(4), [`export --tree ${to}`], { output: 'json' });
  reader.kill();
  t.is(result.code, 1);
  t.deepEqual(JSON.parse(result.out).refusedBy, { 'a link or a device is where the file must be': 1 });
  t.is(await readFile(join(outside, 'victim'), 'utf8'), 'untouched');
  t.is(await readFile(join(to, 'k000000'), 'utf8'), 'v');
  t.is(await readFile(join(to, 'k000001'), 'utf8'), 'v');
  t.is((await stat(join(to, 'k000001'))).mode & 0o777, 0o600);
  t.deepEqual((await readdir(to)).sort(), ['k000000', 'k000001', 'k000002', 'k000003']);
});
