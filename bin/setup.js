// Runs the npm scripts, from a bare clone if need be. It installs packages, builds, and provides the programs that no package
// contains (ZooKeeper, Chromium). It installs a missing program if it can (as root on a machine with apt). Otherwise one line
// names it and nothing runs, because tests that were skipped silently would seem to have passed. All messages of this file go
// to stderr; stdout belongs to the program that it runs.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from './build-dist.js';
import { runCommand, runEntry } from './commands.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const SCRIPTS = {
  start,
  test,
  check,
  repl,
  bench,
  sim,
  'test:docker': testDocker,
  mutants,
  pack,
};

/** An error whose message is for people; a stack would not help. */
class SetupError extends Error {
  name = 'SetupError';
  isForPeople = true;
}

export async function runScript(name, argv) {
  const script = Object.hasOwn(SCRIPTS, name ?? '') ? SCRIPTS[name] : undefined;
  if (script === undefined)
    throw new SetupError(`bootstrap.js takes one of ${Object.keys(SCRIPTS).join(', ')}`);
  // No signals are handled here: until there is a child process to pass them to, a signal ends this process.
  await script(argv);
}

async function start(argv) {
  await prepare();
  await needZooKeeper();
  await runCommand(['dev', ...argv]);
}

async function repl(argv) {
  await prepare();
  const cluster = join('.rangekeeper', 'dev.json');
  if (existsSync(cluster)) process.env.RANGEKEEPER_ZK ||= JSON.parse(readFileSync(cluster, 'utf8')).zk;
  await runCommand(['repl', ...argv]);
}

async function bench(argv) {
  await prepare();
  await needZooKeeper();
  await runEntry('rangekeeper bench', 'bench/main.js', argv);
}

/** Runs a campaign of the simulator, or replays one seed. */
async function sim(argv) {
  await prepare();
  await runEntry('rangekeeper sim', 'test/sim/main.js', argv);
}

async function testDocker(argv) {
  await prepare();
  await runEntry('test:docker', 'test/docker/main.js', argv);
}

/** Breaks copies of the product, and shows which tests find it. */
async function mutants(argv) {
  await prepare();
  await runEntry('mutants', 'test/mutants/main.js', argv);
}

/** Makes the packages that are published. @param argv the folder for them */
async function pack([folder]) {
  await prepare();
  const { packAll } = await import('./pack.js');
  for (const archive of await packAll(folder ?? join(root, 'dist', 'packages')))
    process.stdout.write(`${archive}\n`);
}

/** Runs all tests. @param argv passed to ava */
async function test(argv) {
  await prepare();
  await needZooKeeper();
  await needChromium();
  process.exitCode = (await checks()) || (await runPackage('ava', 'ava', argv));
}

/** Checks types, style and layers: everything that needs no running program. */
async function check() {
  await prepare();
  process.exitCode =
    (await checks()) || (await runPackage('ava', 'ava', ['dist/test/unit/project/tidy.test.js']));
}

/** Checks the types of the page, which the build does not, and the style. Resolves to the first exit code that is not 0. */
async function checks() {
  say('checking the types of the page, and the style');
  const page = ['--noEmit', '-p', join('webserver', 'ui')];
  return (
    (await runPackage('typescript', 'tsc', page)) || runPackage('@biomejs/biome', 'biome', ['check', '.'])
  );
}

/** Installs packages and builds, if necessary. */
async function prepare() {
  if (!packagesAreInstalled()) await installPackages();
  if (await build(() => say('building dist/ (some seconds)'))) say('built');
}

/** Compares what npm has installed with the lock file. Times of files say little after a checkout. */
function packagesAreInstalled() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional === true || installed[path]?.version === entry.version,
  );
}

/** No package needs an install script: classic-level contains its binaries. */
async function installPackages() {
  say('installing packages (npm ci)');
  const args = ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'];
  // npm passes its own path to the scripts that it runs. Without it, use the npm on the path.
  const npm = process.env.npm_execpath;
  const [command, ...first] = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm'];
  const code = await run(command, [...first, ...args], { stdio: ['ignore', 2, 2] });
  if (code !== 0) throw new SetupError(`npm ci failed with exit code ${code}; what it said is above`);
}

async function needZooKeeper() {
  const { findServer } = await import(pathToFileURL(join(root, 'dist/common/zk/find-server.js')).href);
  const missing = () => {
    try {
      findServer(process.env);
      return null;
    } catch (error) {
      return error.message;
    }
  };
  await need(missing, ['libzookeeper-java', 'default-jre-headless'], process.env.ZOOKEEPER_HOME);
}

async function needChromium() {
  const { findChromium } = await import(pathToFileURL(join(root, 'dist/test/support/chromium.js')).href);
  const missing = () =>
    findChromium(process.env) === null
      ? 'no Chromium found: install it (Debian: apt-get install chromium), or set CHROMIUM to its path'
      : null;
  await need(missing, ['chromium'], process.env.CHROMIUM);
}

/**
 * Installs Debian packages if `missing` returns a reason. Throws the reason if this process must not install, if that did not
 * help, or if the user has named a path.
 */
async function need(missing, packages, userPath) {
  const reason = missing();
  if (reason === null) return;
  if (userPath || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) throw new SetupError(reason);
  say(`installing ${packages.join(' ')} (apt-get)`);
  const options = { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = ['install', '-y', '-q', '--no-install-recommends', ...packages];
  // The lists of packages may be missing or old. If the update fails, the install shows whether that matters.
  await run('apt-get', ['update', '-q'], options);
  await run('apt-get', install, options);
  const still = missing();
  if (still !== null) throw new SetupError(still);
}

async function runPackage(packageName, command, args) {
  const folder = join(root, 'node_modules', packageName);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const script = join(folder, typeof bin === 'string' ? bin : bin[command]);
  return run(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
}

/** Runs a command and resolves to its exit code. Signals to this process are passed on. */
function run(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, options);
    const passOn = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, passOn);
    child.once('error', (error) => reject(new SetupError(`cannot run ${command}: ${error.message}`)));
    child.once('exit', (code, signal) => {
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, passOn);
      if (signal !== null) process.exit(signal === 'SIGINT' ? 130 : 143);
      resolve(code);
    });
  });
}

function say(text) {
  process.stderr.write(`rangekeeper: ${text}\n`);
}
