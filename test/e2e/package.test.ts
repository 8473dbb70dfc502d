// The two packages that `npm run pack` makes: what they contain, what they need, and how other programs use them.

import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { satisfies } from 'semver';
import { DevRun, temporaryFolder } from '../support/dev-run.ts';
import { pretendedNode, REFUSAL } from '../support/old-node.ts';
import { packageClosure } from '../support/package-closure.ts';
import { install, type Manifest, pack, runNpm } from '../support/packed.ts';
import { runNode } from '../support/run-node.ts';
import { packageOf, ROOT, scan } from '../support/source.ts';

const CLIENT = 'rangekeeper';
const SERVER = 'rangekeeper-server';
const OLDEST_NODE = '20.15.0';

/** A folder with the archives, a project with the client, and one with the server and the client that it brings along. */
const folders = { archives: '', client: '', server: '' };

test.before(async () => {
  for (const name of ['archives', 'client', 'server'] as const)
    folders[name] = await mkdtemp(join(tmpdir(), `rangekeeper-package-${name}-`));
  const archives = await pack(folders.archives);
  install(folders.client, archives.slice(0, 1));
  install(folders.server, archives);
});

test.after.always(async () => {
  for (const folder of Object.values(folders)) await rm(folder, { recursive: true, force: true });
});

function folderOf(name: string): string {
  return join(folders[name === CLIENT ? 'client' : 'server'], 'node_modules', name);
}

/** The files of a package of ours, sorted. */
function filesOf(name: string): string[] {
  return readdirSync(folderOf(name), { recursive: true })
    .map(String)
    .filter((file) => statSync(join(folderOf(name), file)).isFile())
    .sort();
}

function manifestOf(name: string): Manifest {
  return JSON.parse(readFileSync(join(folderOf(name), 'package.json'), 'utf8'));
}

/** The packages that the programs of a package of ours load. */
function importedBy(name: string): string[] {
  const programs = filesOf(name).filter((file) => /\.[cm]?js$/.test(file) && !file.includes('/ui/'));
  const specifiers = programs.flatMap((file) => {
    const text = readFileSync(join(folderOf(name), file), 'utf8');
    const required = [...text.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, specifier = '']) => specifier);
    return [...scan(file, text).imports.map(({ specifier }) => specifier), ...required];
  });
  return [...new Set(specifiers.flatMap((specifier) => packageOf(specifier) ?? []))].sort();
}

// ---- what they contain and need --------------------------------------------------------------------------------------

test('the client consists of one program, its types and what people read', (t) => {
  const files = filesOf(CLIENT);
  t.deepEqual(
    files.filter((file) => !file.startsWith('types/')),
    [
      ...['LICENSE', 'README.md', 'index.d.mts', 'index.d.ts', 'index.js', 'index.mjs'],
      ...['lib/client.js', 'lib/node-version.cjs', 'package.json'],
    ],
  );
  t.true(files.includes('types/client/api.d.ts'));
  t.deepEqual(
    files.filter(
      (file) =>
        file.startsWith('types/') && !/^types\/(client|common\/(base|model))\/[\w-]+\.d\.ts$/.test(file),
    ),
    [],
  );
});

test('the server consists of the programs and the page, and nothing else', (t) => {
  const files = filesOf(SERVER);
  const other = files.filter(
    (file) => !/^dist\/(bin|client|common|coordinator|kvnode|repl|webserver)\//.test(file),
  );
  t.deepEqual(other, [
    ...['LICENSE', 'README.md'],
    ...[
      'bin/commands.js',
      'bin/node-version.cjs',
      'bin/rangekeeper.cjs',
      'bin/rangekeeper.js',
      'package.json',
    ],
  ]);
  t.true(files.includes('dist/webserver/ui/index.html'));
  t.deepEqual(
    files.filter((file) => file.startsWith('dist/') && !file.includes('/ui/') && !file.endsWith('.js')),
    [],
  );
});

test('each depends on what its programs import, and on nothing else', (t) => {
  t.deepEqual(Object.keys(manifestOf(CLIENT).dependencies), importedBy(CLIENT));
  // One package of Fastify's is held back (bin/pack.js), and the client comes along.
  const held = ['light-my-request', CLIENT];
  t.deepEqual(Object.keys(manifestOf(SERVER).dependencies).sort(), [...importedBy(SERVER), ...held].sort());
  t.is(manifestOf(SERVER).dependencies[CLIENT], manifestOf(CLIENT).version);
});

test('the client needs six packages, and none of them runs a script when it is installed', (t) => {
  const needed = packageClosure(Object.keys(manifestOf(CLIENT).dependencies));
  t.deepEqual(needed.map(({ name }) => name).sort(), [
    ...['async', 'long', 'node-zookeeper-client', 'protobufjs', 'underscore', 'ws'],
  ]);
  t.deepEqual(
    needed.filter(({ hasInstallScript = false }) => hasInstallScript),
    [],
  );
});

test('the oldest Node.js that we support suffices for everything that is installed', (t) => {
  for (const name of [CLIENT, SERVER]) {
    const { engines, dependencies } = manifestOf(name);
    t.true(satisfies(OLDEST_NODE, engines.node));
    const tooNew = packageClosure(Object.keys(dependencies)).filter(
      (needed) => !satisfies(OLDEST_NODE, needed.engines?.node ?? '*'),
    );
    t.deepEqual(tooNew, []);
  }
  // Programs that install the packages do not get our overrides.
  t.is(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).overrides, undefined);
});

test('the project itself cannot be published by mistake', async (t) => {
  const { private: isPrivate } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  t.true(isPrivate);
  const { code, stderr } = await runNpm(['pack', '--dry-run']);
  t.is(code, 1);
  t.regex(stderr, /`npm run pack` makes the packages/);
});

// ---- programs that use them ------------------------------------------------------------------------------------------

/** Writes a file into the client's project, and returns its path. */
function written(name: string, ...lines: readonly string[]): string {
  const path = join(folders.client, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

const CALL = [
  `connect({ zk: 'not an address' }).catch((error) => {`,
  `  console.log(error instanceof RangekeeperError, error.code, formatBytes(parseBytes('a\\\\x00')));`,
  '});',
];

for (const [kind, file, load] of [
  [
    'an ES module',
    'program.mjs',
    `import { connect, formatBytes, parseBytes, RangekeeperError } from 'rangekeeper';`,
  ],
  [
    'CommonJS',
    'program.cjs',
    `const { connect, formatBytes, parseBytes, RangekeeperError } = require('rangekeeper');`,
  ],
] as const) {
  test(`${kind} uses the client`, async (t) => {
    const { code, stdout, stderr } = await runNode([written(file, load, ...CALL)]);
    t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'true INVALID_ARGUMENT a\\x00\n', stderr: '' });
  });
}

test('a program that loads it in both ways has one client', async (t) => {
  const program = written(
    'both.mjs',
    `import { createRequire } from 'node:module';`,
    `import * as imported from 'rangekeeper';`,
    `const required = createRequire(import.meta.url)('rangekeeper');`,
    `console.log(Object.keys(required).every((name) => imported[name] === required[name]));`,
    `console.log(Object.keys(imported).join() === Object.keys(required).sort().join());`,
  );
  t.is((await runNode([program])).stdout, 'true\ntrue\n');
});

for (const [file, load] of [
  ['old.mjs', `import { connect } from 'rangekeeper'; console.log(connect);`],
  ['old.cjs', `require('rangekeeper');`],
] as const) {
  test(`an old Node.js gets one clear error: ${file}`, async (t) => {
    const { code, stdout, stderr } = await runNode([...pretendedNode('18.20.8'), written(file, load)]);
    t.deepEqual([code, stdout], [1, '']);
    t.regex(stderr, /^Error: Rangekeeper needs Node\.js 20\.15 or newer; this is 18\.20\.8 \(.*\)$/m);
  });
}

test('every process of the server starts through a link, and refuses an old Node.js', async (t) => {
  const link = join(folders.server, 'rangekeeper');
  symlinkSync(join(folderOf(SERVER), 'bin', 'rangekeeper.cjs'), link);
  for (const command of ['repl', 'kvnode', 'coordinator', 'webserver', 'dev']) {
    const { code, stdout, stderr } = await runNode([link, command, '--help']);
    t.deepEqual({ code, stderr }, { code: 0, stderr: '' }, command);
    t.true(stdout.includes(`usage: rangekeeper ${command} [flags]`), command);
  }
  const { code, stderr } = await runNode([...pretendedNode('18.20.8'), link, 'repl']);
  t.is(code, 1);
  t.regex(stderr, REFUSAL);
});

test('the server runs a whole cluster, and the page is there', async (t) => {
  const program = [join(folderOf(SERVER), 'bin', 'rangekeeper.cjs'), 'dev'];
  // Newer Node.js would ask this proxy, where nobody answers, unless each request says that it wants none.
  const environment = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: 'http://127.0.0.1:9' };
  const dev = new DevRun(t, { data: temporaryFolder(t), program, environment }, '--nodes', '1');
  const { web } = await dev.up();
  t.regex(await (await fetch(web)).text(), /<title>/);
  const { code, stderr } = await dev.stop();
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
});

// ---- their types -----------------------------------------------------------------------------------------------------

const TYPED = [
  'async function use(client: Client): Promise<number> {',
  `  const { revision } = await client.put('a', 'b', { ifRevision: 0 });`,
  `  for await (const row of client.scan({ prefix: 'a' })) if (row.revision === revision) return row.value.length;`,
  '  return 0;',
  '}',
  `connect({ zk: 'a:1' }).then(use, (error) => error instanceof RangekeeperError && error.code === 'CONFLICT');`,
];

const IMPORT = `import { type Client, connect, RangekeeperError } from 'rangekeeper';`;
const REQUIRE = `import client = require('rangekeeper'); const { connect, RangekeeperError } = client;`;
/** A program for a browser, too, that has no types of Node.js, and one that has nothing else. */
const PLAIN = { types: [] };
const NODE = { lib: ['es2022'], types: ['node'], typeRoots: [join(ROOT, 'node_modules', '@types')] };

for (const [file, load, module, world] of [
  ['typed.mts', IMPORT, 'node16', PLAIN],
  ['typed.cts', IMPORT, 'node16', PLAIN],
  ['required.cts', REQUIRE, 'node16', NODE],
  ['bundled.ts', IMPORT, 'preserve', PLAIN],
  ['node.mts', IMPORT, 'nodenext', NODE],
] as const) {
  test(`TypeScript finds the types from ${file}`, async (t) => {
    const lines = load === REQUIRE ? TYPED.map((line) => line.replace(': Client', ': client.Client')) : TYPED;
    written(file, load, ...lines);
    // All declarations are checked.
    const strict = { target: 'es2022', strict: true, noEmit: true, skipLibCheck: false };
    const compilerOptions = { ...strict, ...world, module };
    const project = written(`${file}.json`, JSON.stringify({ compilerOptions, files: [file] }));
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const { code, stdout } = await runNode([compiler, '-p', project]);
    t.deepEqual({ code, stdout }, { code: 0, stdout: '' });
  });
}
