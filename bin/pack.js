// Makes the two packages that are published, from a built dist/: `npm run pack`. Each gets a folder, for `npm publish`, and an
// archive, for `npm install`:
//
//   rangekeeper         the client: one CommonJS file, an ES module that passes on what that file exports, and the types
//   rangekeeper-server  the programs as they are in dist/, and the page
//
// What a package contains, and on what it depends, follows from the imports of its entries. So nothing of bench/ or test/ gets in,
// and no dependency is forgotten or left behind. The fixed part of each package.json is in packages/; versions come from the
// package.json of the project.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { COMMANDS, INNER_COMMANDS } from './commands.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

/** What is imported by name, not by path. */
const PACKAGE = /^(node:)?@?[a-z]/;

const CLIENT = 'client/index';

/**
 * Packages that Fastify uses, in the last version for the oldest Node that we support. As a dependency of ours they take the place of
 * the newest one, which needs a newer Node.
 */
const HELD_BACK = ['light-my-request'];

/** Makes both packages in `folder`. Resolves to the paths of the archives. */
export async function packAll(folder) {
  return [await packClient(folder), await packServer(folder)];
}

async function packClient(folder) {
  const target = emptyFolder(folder, 'rangekeeper');
  const [{ code, imports, exports: names }] = await bundle([join(dist, `${CLIENT}.js`)], 'cjs');
  // `await using` has types of its own, which programs for es2022 do not load by themselves.
  const types = `/// <reference lib="esnext.disposable" />\nexport * from './types/${CLIENT}.ts';\n`;
  writeFiles(target, {
    'lib/client.js': code,
    'index.js': `'use strict';\n\nvar refusal = require('./lib/node-version.cjs').refusal();\nif (refusal) throw new Error(refusal);\nmodule.exports = require('./lib/client.js');\n`,
    'index.mjs': `import client from './index.js';\n\nexport const { ${names.join(', ')} } = client;\n`,
    'index.d.ts': types,
    'index.d.mts': types,
  });
  cpSync(join(root, 'bin', 'node-version.cjs'), join(target, 'lib', 'node-version.cjs'));
  for (const file of declarations(join(dist, `${CLIENT}.d.ts`)))
    cpSync(file, join(target, 'types', relative(dist, file)));
  return finish(target, dependencies(imports));
}

async function packServer(folder) {
  const target = emptyFolder(folder, 'rangekeeper-server');
  const entries = Object.values({ ...COMMANDS, ...INNER_COMMANDS }).map(({ entry }) => join(dist, entry));
  const chunks = await bundle(entries, 'esm');
  // Rolldown adds modules of its own.
  const files = chunks.flatMap(({ moduleIds }) => moduleIds).filter((file) => file.startsWith(dist));
  for (const file of files) cpSync(file, join(target, relative(root, file)));
  cpSync(join(dist, 'webserver', 'ui'), join(target, 'dist', 'webserver', 'ui'), { recursive: true });
  for (const name of ['rangekeeper.cjs', 'rangekeeper.js', 'commands.js', 'node-version.cjs'])
    cpSync(join(root, 'bin', name), join(target, 'bin', name));
  const imports = chunks.flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports, ...HELD_BACK]);
  return finish(target, { rangekeeper: projectManifest().version, ...dependencies(imports) });
}

/** The chunks that the entries and everything that they import make. Nothing is left out as unused. */
async function bundle(input, format) {
  const build = await rolldown({ input, platform: 'node', external: PACKAGE, treeshake: format === 'cjs' });
  try {
    const { output } = await build.generate({ format });
    return output;
  } finally {
    await build.close();
  }
}

/** A declaration file and all that it imports. */
function declarations(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:\bfrom |\bimport\()['"](\.[^'"]+)['"]/g))
    declarations(join(dirname(file), path.replace(/\.[jt]s$/, '.d.ts')), found);
  return found;
}

/** The packages among these imports, in the versions of the project. */
function dependencies(imports) {
  const versions = projectManifest().dependencies;
  const names = imports.flatMap((specifier) => /^(?!node:)(@[^/]+\/)?[^./][^/]*/.exec(specifier)?.[0] ?? []);
  return Object.fromEntries([...new Set(names)].sort().map((name) => [name, versions[name]]));
}

function emptyFolder(folder, name) {
  const target = join(folder, name);
  rmSync(target, { recursive: true, force: true });
  cpSync(join(root, 'bin', 'packages', name), target, { recursive: true });
  return target;
}

function writeFiles(target, files) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(target, name)), { recursive: true });
    writeFileSync(join(target, name), text);
  }
}

/** Completes package.json and makes the archive. */
function finish(target, needed) {
  const { version, license, engines } = projectManifest();
  const own = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8'));
  const { name, description, ...rest } = own;
  const manifest = { name, version, description, license, engines, ...rest, dependencies: needed };
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'));
  const folder = dirname(target);
  execFileSync('npm', ['pack', target, '--pack-destination', folder, '--loglevel', 'error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return join(folder, `${name}-${version}.tgz`);
}

function projectManifest() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
}
