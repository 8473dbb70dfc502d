// Builds dist/ from the sources: TypeScript and the page. It does nothing if no source has changed since the last successful build.
// The output of the compilers goes to stderr.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const stampFile = join(dist, '.stamp');
const page = join('webserver', 'ui');
/** What `npm run pack` makes (pack.js). */
const packages = 'packages';

/** The files and folders on which a build depends. */
const SOURCES = [
  ...['common', 'client', 'kvnode', 'coordinator', 'webserver', 'repl', 'bench', 'test', 'bin'],
  ...['package.json', 'package-lock.json', 'tsconfig.json'],
];

/** A compiler has failed. Its own messages are on stderr. */
export class BuildError extends Error {
  name = 'BuildError';
  /** The message is for people; a stack would not help. */
  isForPeople = true;
}

/** Resolves to false if there was nothing to do. @param begins called if there is something to do, which takes some seconds */
export async function build(begins = () => {}) {
  const stamp = stampOf(SOURCES);
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return false;
  begins();
  rmSync(stampFile, { force: true });
  mkdirSync(dist, { recursive: true });
  removeOrphans(dist);
  await Promise.all([compile(), bundle()]);
  writeFileSync(stampFile, stamp);
  return true;
}

function compile() {
  return run('typescript', 'tsc', []);
}

function bundle() {
  return run('vite', 'vite', ['build', join(root, page), '--logLevel', 'warn']);
}

/** Runs a command of an installed package. Its output goes to stderr. */
function run(packageName, command, args) {
  const folder = join(root, 'node_modules', packageName);
  if (!existsSync(folder)) throw new BuildError(`${packageName} is not installed: \`npm ci\` installs it`);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const script = join(folder, typeof bin === 'string' ? bin : bin[command]);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new BuildError(`the build failed in ${command}`));
    });
  });
}

/** A hash of the names, sizes and times of all sources. It does not read their contents. */
function stampOf(sources) {
  const hash = createHash('sha256');
  for (const path of sources.flatMap((name) => filesBelow(join(root, name)))) {
    const { size, mtimeMs } = statSync(path);
    hash.update(`${relative(root, path)} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => name !== 'node_modules')
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}

/** Removes what was built from sources that no longer exist. Otherwise a deleted test would still run. */
function removeOrphans(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const source = join(root, relative(dist, path));
    if (entry.isDirectory()) {
      if (![page, packages].includes(relative(dist, path))) removeOrphans(path);
    } else if (!existsSync(source) && !existsSync(source.replace(/\.(d\.ts|js|js\.map)$/, '.ts'))) {
      rmSync(path);
    }
  }
}
