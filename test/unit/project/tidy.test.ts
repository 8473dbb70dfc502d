// The style of the project as tests: each rule of tidy-rules.ts holds for all sources, and finds a sample that breaks it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import * as citations from '../../support/citation-rules.ts';
import {
  plainText,
  projectSources,
  projectTexts,
  ROOT,
  type Source,
  scan,
  type Text,
  textOf,
} from '../../support/source.ts';
import * as rules from '../../support/tidy-rules.ts';

const sources = projectSources();
const texts = projectTexts(sources);

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
    ['kvnode/h.ts', `import { createHistogram, performance } from 'node:perf_hooks';`],
  ),
);

test(
  'requests to processes of the cluster ask no proxy',
  holds,
  rules.noProxies,
  samples(
    ['bin/a.ts', `await fetch('http://127.0.0.1:1/readyz');`],
    ['repl/b.ts', `import { get } from 'node:http';`],
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
  'no file has a name that fits everything',
  holds,
  rules.names,
  samples(['kvnode/utils.ts', ''], ['common/util/a.ts', '']),
);

test('every file begins with a comment', holds, rules.heads, samples(['kvnode/a.ts', `import 'b';`]));

test(
  'no phrase disables the compiler or the linter, or postpones work',
  holds,
  rules.phrases,
  samples(
    ['kvnode/a.ts', 'b as unknown as C'],
    ['test/unit/b.test.ts', 'test.skip(c)'],
    ['test/unit/c.test.ts', 'test.serial.only(c)'],
    ['kvnode/d.ts', 'console.log(1)'],
    ['bin/e.js', 'if (process.argv[1] === here) run();'],
    ['kvnode/e.ts', ['//', 'TODO later'].join(' ')],
    ['kvnode/f.ts', `// ${'@ts'}-ignore`],
  ),
);

/** Built from parts, so that this file does not break its own rule. */
const MACHINE_PATHS = new RegExp(
  [`/(home|Users)/(?!linuxbrew\\b)\\w`, '/work' + '/', '(?<![\\w/])/root' + '/', 'C:\\\\Users'].join('|'),
);

test('no file names a place on one machine', (t) => {
  const found = texts.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) => (MACHINE_PATHS.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
  t.deepEqual(found, []);
  t.regex('see /home/' + 'ada/notes', MACHINE_PATHS);
});

// ---- citations -------------------------------------------------------------------------------------------------------

for (const rule of [citations.citedRules, citations.citedFiles, citations.citedSections, citations.links]) {
  test(`citations lead somewhere: ${rule.name}`, (t) => t.deepEqual(rule(texts), []));
}

/** Number 99 of a kind, which is never written in full, so that this file does not break its own rule. */
const numbered = (kind: string): string => `${kind}99`;
const read = (path: string, text: string): Text =>
  /\.(ts|js)$/.test(path) ? textOf(scan(path, text)) : plainText(path, text);

const refuses = test.macro({
  exec(t, rule: citations.TextRule, complaints: number, ...files: readonly (readonly [string, string])[]) {
    const found = rule(files.map(([path, text]) => read(path, text)));
    t.is(found.length, complaints, found.join('; '));
    for (const complaint of found) t.regex(complaint, /^[\w/.-]+:\d+: \S/);
  },
  title: (title) => `citations: ${title}`,
});

for (const kind of ['R', 'S', 'M']) {
  const rule = numbered(kind);
  const heading = ['docs/a.md', `# A\n\n### ${rule} Name\n`] as const;
  test(`${kind} in a comment`, refuses, citations.citedRules, 1, ['a.ts', `// ${rule}: so it is.`]);
  test(`${kind} in a string`, refuses, citations.citedRules, 1, ['a.ts', `const a = '${rule} holds';`]);
  test(`${kind} in a document`, refuses, citations.citedRules, 1, ['NOTES.md', `as ${rule} says`]);
  test(`${kind} defined elsewhere`, refuses, citations.citedRules, 2, ['NOTES.md', `# ${rule}\n## ${rule}`]);
  test(`${kind} defined`, refuses, citations.citedRules, 0, heading, ['a.ts', `// ${rule}: so it is.`]);
  test(`${kind} defined twice`, refuses, citations.citedRules, 1, heading, ['docs/b.md', `## ${rule} Again`]);
}

const ZK_FILE = ['common/zk/lease.ts', ''] as const;
const GUIDE = ['docs/guide.md', '# Guide\n\n## How `it` works, shortly\n'] as const;

test('a document that is not there', refuses, citations.citedFiles, 1, [
  'a.ts',
  '// See NO_DESIGN.md section 4.',
]);
test(
  'a path that is not there',
  refuses,
  citations.citedFiles,
  1,
  ['a.ts', '/** As in zk/gone.ts. */'],
  ZK_FILE,
);
test('the path of another folder', refuses, citations.citedFiles, 1, ['a.ts', '// net/lease.ts'], ZK_FILE);
test('a file in a document', refuses, citations.citedFiles, 1, ['README.md', 'It is in `gone.ts`.'], ZK_FILE);
test('a file in a configuration', refuses, citations.citedFiles, 1, ['a.yaml', '# see b/gone.js'], ZK_FILE);
test(
  'a build of what is not there',
  refuses,
  citations.citedFiles,
  1,
  ['README.md', 'dist/gone.js'],
  ZK_FILE,
);
test(
  'files that are there, by name, path or build',
  refuses,
  citations.citedFiles,
  0,
  ['a.ts', '// lease.ts, zk/lease.ts, common/zk/lease.ts. Node.js, https://a.b/c.md, node.json, *.md'],
  ['README.md', 'Run dist/common/zk/lease.js, or ../docs/guide.md#anything.'],
  ZK_FILE,
  GUIDE,
);
test('code cites nothing', refuses, citations.citedFiles, 0, ['a.ts', `const a = 'gone.ts';`]);

test(
  'a section that is not there',
  refuses,
  citations.citedSections,
  1,
  ['a.ts', '// docs/guide.md#gone'],
  GUIDE,
);
test('a section of no document', refuses, citations.citedSections, 1, ['a.ts', '// docs/none.md#how'], GUIDE);
test('an own section that is not there', refuses, citations.citedSections, 1, ['README.md', '[a](#gone)']);
test(
  'sections that are there',
  refuses,
  citations.citedSections,
  0,
  ['a.ts', '// docs/guide.md#how-it-works-shortly'],
  ['README.md', '# Here\n[a](#here) [b](docs/guide.md#guide)'],
  GUIDE,
);

test('a link to no file', refuses, citations.links, 1, ['docs/b.md', '[a](gone.md)'], GUIDE);
test('a link from elsewhere', refuses, citations.links, 1, ['README.md', '[a](guide.md)'], GUIDE);
test('a link out of the project', refuses, citations.links, 1, ['README.md', '[a](../docs/guide.md)'], GUIDE);
test(
  'links that lead somewhere',
  refuses,
  citations.links,
  0,
  ['docs/b.md', '[a](guide.md#x) [b](../docs/) [c](../README.md) [d](https://a.b/c) [e](#f)'],
  ['README.md', '[a](docs/guide.md)'],
  GUIDE,
);

test('the lock file names no registry', (t) => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const resolved = Object.values(packages as Record<string, { resolved?: string }>)
    .map((entry) => entry.resolved)
    .filter((url) => url !== undefined && !url.startsWith('https://registry.npmjs.org/'));
  t.deepEqual(resolved, []);
});

test('every dependency is imported or run', (t) => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  // light-my-request is only held back for Fastify (bin/pack.js).
  const run = ['typescript', '@biomejs/biome', 'vite', 'light-my-request'];
  const used = new Set(sources.flatMap(({ imports }) => imports.map(({ specifier }) => specifier)));
  const isUsed = (name: string): boolean =>
    [...used].some((specifier) => specifier === name || specifier.startsWith(`${name}/`));
  const unused = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
    (name) => !name.startsWith('@types/') && !run.includes(name) && !isUsed(name),
  );
  t.deepEqual(unused, []);
});
