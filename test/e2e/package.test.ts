// The package that `npm pack` makes, used by another program.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../support/dev-run.ts';
import { runNode } from '../support/run-node.ts';
import { ROOT } from '../support/source.ts';

test('the package contains the library, its types, the processes and the page, and nothing else', async (t) => {
  const folder = temporaryFolder(t);
  // The project is built already, because this test runs from dist.
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  execFileSync('npm', pack, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  const [archive = ''] = readdirSync(folder);
  t.regex(archive, /^rangekeeper-.*\.tgz$/);

  const installed = join(folder, 'node_modules', 'rangekeeper');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(folder, archive), '-C', installed, '--strip-components=1']);
  symlinkSync(join(ROOT, 'node_modules'), join(installed, 'node_modules'));
  const files = readdirSync(installed, { recursive: true }).map(String);
  const packed = files.filter((file) => !file.startsWith('node_modules'));
  for (const file of ['README.md', 'dist/client/index.d.ts', 'dist/webserver/ui/index.html']) {
    t.true(packed.includes(file), file);
  }
  t.deepEqual(
    packed.filter((file) => file.startsWith('dist/test') || /(?<!\.d)\.ts$/.test(file)),
    [],
  );

  const program = join(folder, 'program.js');
  writeFileSync(
    program,
    `import('rangekeeper').then(({ connect, RangekeeperError }) =>
      connect({ zk: 'not an address' }).catch((error) => {
        console.log(error instanceof RangekeeperError, error.code);
      }));`,
  );
  t.deepEqual(await runNode([program]), { code: 0, stdout: 'true INVALID_ARGUMENT\n', stderr: '' });

  for (const command of ['repl', 'kvnode', 'coordinator', 'webserver', 'dev']) {
    const { code, stderr } = await runNode([join(installed, 'bin', 'rangekeeper.cjs'), command, '--help']);
    t.deepEqual({ code, stderr }, { code: 0, stderr: '' }, command);
  }
});
