// A program in TypeScript may check the library's declarations (`skipLibCheck: false`), with the types of Node or of a browser.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve('typescript/package.json')), 'lib', 'tsc.js');
const library = fileURLToPath(new URL('../../../client/index.js', import.meta.url));
const packages = join(dirname(require.resolve('typescript/package.json')), '..');

const PROGRAM = `import { type BatchOp, type Client, connect, RangekeeperError } from '${library}';

export async function main(signal: AbortSignal): Promise<number> {
  await using client: Client = await connect({ zk: '127.0.0.1:2181', signal });
  const ops: BatchOp[] = [{ put: { key: 'a', value: 'b', ifRevision: 0 } }, { check: { key: 'c', revision: 0 } }];
  await client.batch(ops);
  const found = await client.get('a', { signal });
  const user = found?.json<{ name: string }>();
  await using rows = client.scan({ prefix: new Uint8Array([1]) });
  for await (const row of rows) if (row.text() === user?.name) return row.revision;
  try {
    await client.put('a', 'b', { ifRevision: 3 });
  } catch (error) {
    if (error instanceof RangekeeperError && error.code === 'CONFLICT') return error.details.index ?? 0;
    throw error;
  }
  return 0;
}
`;

const MISSPELT = `import type { Client } from '${library}';
export const put = (client: Client) => client.put('a', 'b', { ifrevision: 3 });
`;

const settings: readonly (readonly [string, readonly string[]])[] = [
  ['the types of Node', ['--lib', 'es2022', '--types', 'node']],
  ['the types of a browser', ['--lib', 'es2022,dom', '--types', '']],
];

for (const [what, options] of settings) {
  test(`declarations with ${what}`, (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'rangekeeper-'));
    t.teardown(() => rmSync(directory, { recursive: true }));
    symlinkSync(packages, join(directory, 'node_modules'));
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
    const compile = (program: string): string => {
      writeFileSync(join(directory, 'program.ts'), program);
      const strict = ['--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false', '--noEmit'];
      const target = ['--target', 'es2022', '--module', 'nodenext'];
      const args = [tsc, 'program.ts', ...strict, ...target, ...options];
      return spawnSync(process.execPath, args, { cwd: directory, encoding: 'utf8' }).stdout;
    };
    t.is(compile(PROGRAM), '');
    t.regex(compile(MISSPELT), /'ifrevision' does not exist in type 'WriteOptions'/);
  });
}
