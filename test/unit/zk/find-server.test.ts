// Finds a ZooKeeper to run: that of ZOOKEEPER_HOME or of packages. If something is missing, the error is one clear line.

import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { findServer, MissingServerError } from '../../../common/zk/find-server.ts';

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'rangekeeper-find-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function withJava(root: string): Promise<string> {
  await mkdir(join(root, 'bin'), { recursive: true });
  await writeFile(join(root, 'bin', 'java'), '');
  await chmod(join(root, 'bin', 'java'), 0o755);
  return root;
}

test('ZOOKEEPER_HOME and JAVA_HOME come first', async (t) => {
  const home = await folder(t);
  await mkdir(join(home, 'lib'));
  await writeFile(join(home, 'lib', 'zookeeper-3.8.4.jar'), '');
  const java = await withJava(await folder(t));
  const program = findServer({ ZOOKEEPER_HOME: home, JAVA_HOME: java, PATH: '/nowhere' });
  t.is(program.source, home);
  t.is(program.java, join(java, 'bin', 'java'));
  t.true(program.classPath.includes(join(home, 'lib', '*')));
});

test('java is found on the PATH', async (t) => {
  const home = await folder(t);
  await writeFile(join(home, 'zookeeper-3.4.14.jar'), '');
  const java = await withJava(await folder(t));
  const program = findServer({ ZOOKEEPER_HOME: home, PATH: `/nowhere:${join(java, 'bin')}` });
  t.is(program.java, join(java, 'bin', 'java'));
});

test("Debian's package is found", async (t) => {
  const debianJars = await folder(t);
  const java = await withJava(await folder(t));
  const places = { debianJars, homebrewPrefixes: [] };
  for (const name of ['zookeeper.jar', 'slf4j-simple.jar']) await writeFile(join(debianJars, name), '');
  const program = findServer({ JAVA_HOME: java }, places);
  t.is(program.classPath, `${join(debianJars, 'zookeeper.jar')}:${join(debianJars, 'slf4j-simple.jar')}`);
});

test("Homebrew's packages are found", async (t) => {
  const prefix = await folder(t);
  const lib = join(prefix, 'opt', 'zookeeper', 'libexec', 'lib');
  await mkdir(lib, { recursive: true });
  await writeFile(join(lib, 'zookeeper-3.9.3.jar'), '');
  await withJava(join(prefix, 'opt', 'openjdk'));
  const program = findServer({}, { debianJars: '/nowhere', homebrewPrefixes: ['/nowhere', prefix] });
  t.is(program.source, join(prefix, 'opt', 'zookeeper', 'libexec'));
  t.is(program.java, join(prefix, 'opt', 'openjdk', 'bin', 'java'));
});

const nowhere = { debianJars: '/nowhere', homebrewPrefixes: ['/nowhere'] };

interface Missing {
  readonly what: 'java' | 'zookeeper';
  readonly cure: RegExp;
}

function missing(t: ExecutionContext, variables: Record<string, string>, { what, cure }: Missing): void {
  const error = t.throws(() => findServer(variables, nowhere), { instanceOf: MissingServerError });
  t.is(error?.what, what);
  t.regex(error?.message ?? '', cure);
  t.false(error?.message.includes('\n'));
}

test('a ZOOKEEPER_HOME without a ZooKeeper is named in the error', async (t) => {
  const home = await folder(t);
  await writeFile(join(home, 'zookeeper-jute-3.8.4.jar'), '');
  missing(
    t,
    { ZOOKEEPER_HOME: home, PATH: '' },
    { what: 'zookeeper', cure: /ZOOKEEPER_HOME=.* holds no ZooKeeper/ },
  );
});

test('no ZooKeeper: the error says what to install', (t) => {
  missing(t, {}, { what: 'zookeeper', cure: /apt-get install libzookeeper-java.*brew install zookeeper/ });
});

test('no Java: the error says what to install', async (t) => {
  const home = await folder(t);
  await writeFile(join(home, 'zookeeper-3.4.14.jar'), '');
  const cure = /apt-get install default-jre-headless.*brew install openjdk/;
  missing(t, { ZOOKEEPER_HOME: home, PATH: home }, { what: 'java', cure });
});
