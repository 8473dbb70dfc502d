// From a new clone to a running program: if something is missing, one line says what, and there is an exit code.

import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { temporaryFolder } from '../support/dev-run.ts';
import { pretendedNode, REFUSAL } from '../support/old-node.ts';
import { runNode } from '../support/run-node.ts';
import { ROOT } from '../support/source.ts';

const BOOTSTRAP = join(ROOT, 'bin', 'bootstrap.js');

/** A folder with only the sources that run before anything is installed. */
function bareClone(t: ExecutionContext): string {
  const clone = temporaryFolder(t);
  for (const name of ['bin', 'package.json', 'package-lock.json']) {
    cpSync(join(ROOT, name), join(clone, name), { recursive: true });
  }
  return clone;
}

for (const [version, file, ...argv] of [
  ['18.19.0', 'bootstrap.js', 'start'],
  ['20.14.0', 'bootstrap.js', 'start'],
  ['18.19.0', 'rangekeeper.cjs', 'repl', '--help'],
  ['20.14.0', 'rangekeeper.js', 'repl', '--help'],
] as const) {
  test(`Node ${version} is refused as too old in one line by ${file}`, async (t) => {
    const program = join(ROOT, 'bin', file);
    const { code, stdout, stderr } = await runNode([...pretendedNode(version), program, ...argv]);
    t.deepEqual([code, stdout], [1, '']);
    t.regex(stderr, REFUSAL);
  });
}

for (const file of ['rangekeeper.js', 'rangekeeper.cjs', 'bootstrap.js']) {
  test(`a symbolic link to ${file} does what the file does`, async (t) => {
    const link = join(temporaryFolder(t), 'program');
    symlinkSync(join(ROOT, 'bin', file), link);
    const { code, stdout, stderr } = await runNode([link, 'repl', '--help']);
    t.deepEqual([code, stderr], [0, '']);
    t.true(stdout.includes('usage: rangekeeper repl [flags]'));
  });
}

test('a build through a symbolic link builds', async (t) => {
  const clone = bareClone(t);
  const link = join(clone, 'make');
  symlinkSync(join(clone, 'bin', 'build.js'), link);
  const { code, stderr } = await runNode([link]);
  t.is(code, 1);
  t.is(stderr, 'typescript is not installed: `npm ci` installs it\n');
});

test('packages that cannot be installed end the start with the exit code of npm', async (t) => {
  const clone = bareClone(t);
  const npm = join(clone, 'npm.js');
  writeFileSync(npm, `console.log(process.argv.slice(2).join(' ')); process.exitCode = 7;`);
  const result = await runNode([join(clone, 'bin', 'bootstrap.js'), 'start'], { npm_execpath: npm });
  t.deepEqual([result.code, result.stdout], [1, '']);
  t.deepEqual(result.stderr.split('\n'), [
    'rangekeeper: installing packages (npm ci)',
    'ci --ignore-scripts --include=dev --no-audit --no-fund',
    'rangekeeper: npm ci failed with exit code 7; what it said is above',
    '',
  ]);
});

test('packages are installed again when the lock file has changed', async (t) => {
  const clone = bareClone(t);
  const npm = join(clone, 'npm.js');
  writeFileSync(npm, 'process.exitCode = 7;');
  const modules = join(clone, 'node_modules');
  mkdirSync(modules);
  const start = () => runNode([join(clone, 'bin', 'bootstrap.js'), 'start'], { npm_execpath: npm });

  cpSync(join(ROOT, 'node_modules', '.package-lock.json'), join(modules, '.package-lock.json'));
  const complete = (await start()).stderr;
  t.false(complete.includes('installing packages'), 'nothing is missing');
  t.true(complete.includes('rangekeeper: building dist/ (some seconds)\n'), 'a wait has its reason');
  writeFileSync(join(modules, '.package-lock.json'), JSON.stringify({ packages: {} }));
  t.true((await start()).stderr.includes('installing packages'), 'packages are missing');
});

for (const [variable, script] of [
  ['ZOOKEEPER_HOME', 'start'],
  ['ZOOKEEPER_HOME', 'test'],
  ['CHROMIUM', 'test'],
] as const) {
  test(`${script} with a wrong ${variable} reports that and runs nothing`, async (t) => {
    const nowhere = join(temporaryFolder(t), 'nowhere');
    const { code, stdout, stderr } = await runNode([BOOTSTRAP, script], { [variable]: nowhere });
    t.deepEqual([code, stdout], [1, '']);
    t.regex(stderr, new RegExp(`(^|\n)rangekeeper: .*${variable}.*\n$`));
  });
}

test('the dispatcher lists its commands, and says how to build', async (t) => {
  const rangekeeper = join(ROOT, 'bin', 'rangekeeper.cjs');
  const help = await runNode([rangekeeper, '--help']);
  t.deepEqual([help.code, help.stderr], [0, '']);
  for (const name of ['repl', 'dev', 'kvnode', 'coordinator', 'webserver']) {
    t.true(help.stdout.includes(`\n  ${name} `), name);
    const { code, stdout } = await runNode([rangekeeper, name, '--help']);
    t.is(code, 0, name);
    t.true(stdout.includes(`usage: rangekeeper ${name} [flags]`), name);
  }
  const none = await runNode([rangekeeper]);
  t.deepEqual([none.code, none.stdout], [64, '']);
  const unknown = await runNode([rangekeeper, 'serve']);
  t.is(unknown.code, 64);
  t.regex(unknown.stderr, /^rangekeeper: no command serve\nusage: /);

  const bare = await runNode([join(bareClone(t), 'bin', 'rangekeeper.cjs'), 'repl']);
  t.deepEqual([bare.code, bare.stdout], [1, '']);
  t.regex(bare.stderr, /^rangekeeper: not built; `npm start` .*\n$/);
});
