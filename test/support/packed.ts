// The published packages, made as a user makes them (`npm run pack`), and installed in a project of its own. The packages that they
// depend on are copied from node_modules, so no registry is asked, and one that was forgotten is missing.

import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageClosure } from './package-closure.ts';
import type { Finished } from './run-node.ts';
import { ROOT } from './source.ts';

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Makes both packages in the folder. Resolves to the paths of the archives: the client's, the server's. */
export async function pack(folder: string): Promise<readonly [string, string]> {
  const { code, stdout, stderr } = await runNpm(['run', '--silent', 'pack', '--', folder]);
  const [client, server] = stdout.trim().split('\n');
  if (code !== 0 || client === undefined || server === undefined) throw new Error(`npm run pack: ${stderr}`);
  return [client, server];
}

/** Runs npm in the clone, with all scripts that npm runs by itself. */
export async function runNpm(args: readonly string[]): Promise<Finished> {
  const execute = promisify(execFile);
  return execute('npm', args, { cwd: ROOT }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}

/** Installs archives in the project's node_modules. Returns the names of all packages that are there then, sorted. */
export function install(project: string, archives: readonly string[]): string[] {
  const own = archives.map((archive) => unpack(project, archive));
  const others = packageClosure(own.flatMap(({ dependencies }) => Object.keys(dependencies)));
  for (const { path } of others)
    cpSync(join(ROOT, path), join(project, path), { recursive: true, dereference: true });
  return [...own, ...others].map(({ name }) => name).sort();
}

function unpack(project: string, archive: string): Manifest {
  const name = archive.includes('rangekeeper-server-') ? 'rangekeeper-server' : 'rangekeeper';
  const target = join(project, 'node_modules', name);
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['-xzf', archive, '-C', target, '--strip-components=1']);
  return JSON.parse(readFileSync(join(target, 'package.json'), 'utf8'));
}
