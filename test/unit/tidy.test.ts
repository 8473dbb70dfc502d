// Style as a failing test: each rule of tidy-rules.ts holds for the whole project, and finds a sample that breaks it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { projectFiles, projectSources, ROOT, type Source, scan } from '../support/source.ts';
import * as rules from '../support/tidy-rules.ts';

const sources = projectSources();

const holds = test.macro({
  exec(t, rule: rules.Rule, broken: readonly Source[]) {
    t.deepEqual(rule(sources), []);
    for (const sample of broken) t.true(rule([sample]).length > 0, `${sample.path} must break the rule`);
  },
  title: (title) => title ?? '',
});

/** Each breaks the rule by itself. */
function samples(...files: readonly (readonly [path: string, text: string])[]): Source[] {
  return files.map(([path, text]) => scan(path, text));
}

test(
  'a file imports its own folder or a lower layer',
  holds,
  rules.layers,
  samples(
    ['common/base/a.ts', `import { b } from '../model/b.ts';`],
    ['common/net/a.ts', `import type { B } from '../zk/b.ts';`],
    ['kvnode/storage/a.ts', `import { b } from '../../coordinator/b.ts';`],
    ['webserver/a.ts', `import { b } from '../test/support/b.ts';`],
    ['repl/a.ts', `export { b } from '../webserver/b.ts';`],
  ),
);

test('imports go in no circle', holds, rules.circles, samples(['kvnode/a.ts', `import './a.ts';`]));

test('a circle over several files is found once', (t) => {
  const three = samples(
    ['repl/a.ts', `import type { B } from './b.ts';`],
    ['repl/b.ts', `import { c } from './c.ts';`],
    ['repl/c.ts', `import { b } from './b.ts';`],
  );
  t.deepEqual(rules.circles(three), ['repl/b.ts → repl/c.ts → repl/b.ts: imports go in a circle']);
});

test(
  'what the page shares uses nothing of Node',
  holds,
  rules.pureLayers,
  samples(
    ['common/base/a.ts', `import { readFileSync } from 'node:fs';`],
    ['common/model/a.ts', `const b = Buffer.from(c);`],
  ),
);

test(
  'each package has its one importer',
  holds,
  rules.packageImporters,
  samples(
    ['kvnode/a.ts', `import { WebSocket } from 'ws';`],
    ['coordinator/a.ts', `import { pino } from 'pino';`],
    ['repl/a.ts', `import chalk from 'chalk';`],
  ),
);

test('a second importer of a package is found', (t) => {
  const twice = samples(
    ['common/net/a.ts', `import { WebSocket } from 'ws';`],
    ['common/net/b.ts', `import { WebSocket } from 'ws';`],
  );
  t.is(rules.packageImporters(twice).length, 1);
});

test(
  'time, timers and randomness come from Env',
  holds,
  rules.worldThroughEnv,
  samples(
    ['kvnode/a.ts', `const now = Date.now();`],
    ['kvnode/b.ts', `const now = new Date();`],
    ['kvnode/c.ts', `setTimeout(() => {}, 1);`],
    ['kvnode/d.ts', `const r = Math.random();`],
    ['kvnode/e.ts', `const id = crypto.randomUUID();`],
    ['kvnode/f.ts', `import { randomBytes } from 'node:crypto';`],
    ['test/unit/g.ts', `import { setTimeout } from 'node:timers/promises';`],
  ),
);

test(
  'paths of znodes are spelled in one file',
  holds,
  rules.znodePaths,
  samples(['coordinator/a.ts', `get('/live')`], ['kvnode/b.ts', 'get(`/nodes/7`)']),
);

test(
  'every file is reached from something that runs',
  holds,
  rules.noDeadFile,
  samples(['kvnode/alone.ts', ''], ['test/support/alone.ts', '']),
);

test('a product file that only a test reaches is dead', (t) => {
  const tested = samples(
    ['kvnode/alone.ts', ''],
    ['test/unit/alone.test.ts', `import { a } from '../../kvnode/alone.ts';`],
  );
  t.is(rules.noDeadFile(tested).length, 1);
});

test(
  'every export is used',
  holds,
  rules.noUnusedExport,
  samples(['kvnode/a.ts', 'export const alone = 1;'], ['kvnode/b.ts', 'export interface Unused {}']),
);

test('no file is too long', holds, rules.sizes, samples(['kvnode/a.ts', '\n'.repeat(451)]));

test(
  'no file is a drawer for everything',
  holds,
  rules.names,
  samples(['kvnode/utils.ts', ''], ['common/util/a.ts', '']),
);

test('every file says why it exists', holds, rules.heads, samples(['kvnode/a.ts', `import 'b';`]));

test(
  'nothing is talked past the compiler, the linter or the reader',
  holds,
  rules.phrases,
  samples(
    ['kvnode/a.ts', 'b as unknown as C'],
    ['test/unit/b.test.ts', 'test.skip(c)'],
    ['test/unit/c.test.ts', 'test.serial.only(c)'],
    ['kvnode/d.ts', 'console.log(1)'],
    ['kvnode/e.ts', ['//', 'TODO later'].join(' ')],
    ['kvnode/f.ts', `// ${'@ts'}-ignore`],
  ),
);

/** Made up of parts, so that this file does not break its own rule. */
const MACHINE_PATHS = new RegExp(
  [`/(home|Users)/(?!linuxbrew\\b)\\w`, '/work' + '/', '(?<![\\w/])/root' + '/', 'C:\\\\Users'].join('|'),
);

test('no file names a place on one machine', (t) => {
  const text =
    /\.(ts|tsx|js|mjs|json|md|css|html|proto|ya?ml|sh)$|(^|\/)(Dockerfile|run|\.npmrc|\.dockerignore|\.gitignore)$/;
  const found = projectFiles()
    .filter((path) => text.test(path))
    .flatMap((path) =>
      readFileSync(join(ROOT, path), 'utf8')
        .split('\n')
        .flatMap((line, index) => (MACHINE_PATHS.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
    );
  t.deepEqual(found, []);
  t.regex('see /home/' + 'ada/notes', MACHINE_PATHS);
});

test('the lock file names no registry', (t) => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const resolved = Object.values(packages as Record<string, { resolved?: string }>)
    .map((entry) => entry.resolved)
    .filter((url) => url !== undefined && !url.startsWith('https://registry.npmjs.org/'));
  t.deepEqual(resolved, []);
});

test('every dependency is imported or run', (t) => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const run = ['typescript', '@biomejs/biome', 'vite'];
  const used = new Set(sources.flatMap(({ imports }) => imports.map(({ specifier }) => specifier)));
  const isUsed = (name: string): boolean =>
    [...used].some((specifier) => specifier === name || specifier.startsWith(`${name}/`));
  const unused = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
    (name) => !name.startsWith('@types/') && !run.includes(name) && !isUsed(name),
  );
  t.deepEqual(unused, []);
});
