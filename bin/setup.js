// From a bare clone to a running program: packages, build, and the programs that packages do not bring (ZooKeeper,
// Chromium), then the script asked for. What is missing is installed where this process may (it is root on a machine with
// apt); elsewhere it is named in one line and nothing runs: a part that is silently skipped would look tested.
// All that is said here goes to stderr; stdout belongs to the program that runs in the end.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from './build.js';
import { runCommand, runEntry } from './rangekeeper.js';

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
};

/** A message that says all; its stack would not help. */
class SetupError extends Error {
  name = 'SetupError';
  isForPeople = true;
}

export async function runScript(name, argv) {
  const script = Object.hasOwn(SCRIPTS, name ?? '') ? SCRIPTS[name] : undefined;
  if (script === undefined)
    throw new SetupError(`bootstrap.js takes one of ${Object.keys(SCRIPTS).join(', ')}`);
  // Before there is a process of its own to pass it on to, a signal just ends this one.
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

/** A campaign of the simulator, or one seed again. */
async function sim(argv) {
  await prepare();
  await runEntry('rangekeeper sim', 'test/sim/main.js', argv);
}

async function testDocker(argv) {
  await prepare();
  await runEntry('test:docker', 'test/docker/main.js', argv);
}

/** Breaks copies of the product and shows which tests find it. */
async function mutants(argv) {
  await prepare();
  await runEntry('mutants', 'test/mutants/main.js', argv);
}

/** `argv` goes to ava. */
async function test(argv) {
  await prepare();
  await needZooKeeper();
  await needChromium();
  process.exitCode = (await checks()) || (await runPackage('ava', 'ava', argv));
}

/** Types, style, layers: all that can be told without running. */
async function check() {
  await prepare();
  process.exitCode =
    (await checks()) || (await runPackage('ava', 'ava', ['dist/test/unit/project/tidy.test.js']));
}

/** The first exit code that is not 0. The build has checked all types but those of the page. */
async function checks() {
  say('checking the types of the page, and the style');
  const page = ['--noEmit', '-p', join('webserver', 'ui')];
  return (
    (await runPackage('typescript', 'tsc', page)) || runPackage('@biomejs/biome', 'biome', ['check', '.'])
  );
}

/** Packages and build. */
async function prepare() {
  if (!packagesAreInstalled()) await installPackages();
  if (await build()) say('built');
}

/** Compares what npm says it installed with what the lock file wants; times of files tell little after a checkout. */
function packagesAreInstalled() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional === true || installed[path]?.version === entry.version,
  );
}

/** No package here needs an install script: classic-level brings its binaries along. */
async function installPackages() {
  say('installing packages (npm ci)');
  const args = ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'];
  // npm names itself to the scripts it runs; without it, the one on the path.
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
 * Installs Debian packages when `missing` gives a reason; throws the reason where that may not be, or does not help, as
 * where the user has named a place of their own.
 */
async function need(missing, packages, named) {
  const reason = missing();
  if (reason === null) return;
  if (named || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) throw new SetupError(reason);
  say(`installing ${packages.join(' ')} (apt-get)`);
  const options = { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = ['install', '-y', '-q', '--no-install-recommends', ...packages];
  // Lists of packages may be absent or old. Whether that mattered is told by the second command.
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

/** Resolves to the exit code; signals that reach this process are passed on. */
function run(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, options);
    const pass = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, pass);
    child.once('error', (error) => reject(new SetupError(`cannot run ${command}: ${error.message}`)));
    child.once('exit', (code, signal) => {
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, pass);
      if (signal !== null) process.exit(signal === 'SIGINT' ? 130 : 143);
      resolve(code);
    });
  });
}

function say(text) {
  process.stderr.write(`rangekeeper: ${text}\n`);
}
