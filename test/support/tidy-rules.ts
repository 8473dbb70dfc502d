// The project's rules of style as functions from sources to complaints. tidy.test.ts runs them on the project, and each of them on
// a sample that breaks it. A complaint names the file and the line, and says what to do instead.

import { lineAt, packageOf, type Source, targetOf } from './source.ts';

export type Rule = (sources: readonly Source[]) => string[];

/** Which folders a folder may import from, besides itself. */
const COMMON = [
  'common/base',
  'common/model',
  'common/wire',
  'common/net',
  'common/zk',
  'client',
  'common/process',
];
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  'common/base': [],
  'common/model': ['common/base'],
  'common/wire': ['common/base', 'common/model'],
  'common/net': ['common/base', 'common/model', 'common/wire'],
  'common/zk': ['common/base', 'common/model'],
  'common/process': ['common/base', 'common/model'],
  client: ['common/base', 'common/model', 'common/wire', 'common/net', 'common/zk'],
  kvnode: COMMON,
  coordinator: COMMON,
  'webserver/ui': ['common/base', 'common/model', 'webserver'],
  webserver: COMMON,
  repl: COMMON,
  // Benchmarks also measure storage and replication by themselves.
  bench: [...COMMON, 'kvnode'],
  bin: [...COMMON, 'kvnode', 'coordinator', 'repl', 'webserver'],
};

/** The longest key of LAYERS that the path lies in; null for tests and configuration. */
export function layerOf(path: string): string | null {
  const inside = Object.keys(LAYERS).filter((layer) => path.startsWith(`${layer}/`));
  return inside.sort((a, b) => b.length - a.length)[0] ?? null;
}

export const layers: Rule = (sources) =>
  sources.flatMap((source) => {
    const layer = layerOf(source.path);
    if (layer === null) return [];
    return source.imports.flatMap(({ specifier, line, isUrl }) => {
      const target = targetOf(source.path, specifier);
      if (target === null || isUrl) return [];
      const other = layerOf(target);
      if (other === layer || (other !== null && LAYERS[layer]?.includes(other))) return [];
      return [`${source.path}:${line}: ${layer} must not import ${target}: it is not in a lower layer`];
    });
  });

/**
 * No imports form a circle: such files could not be read, or tested, one by one. The simulator is exempt, because the parts of its
 * world know each other.
 */
export const circles: Rule = (sources) => {
  const imported = new Map(
    sources
      .filter(({ path }) => !path.startsWith('test/sim/'))
      .map(({ path, imports }) => [
        path,
        imports.filter(({ isUrl }) => !isUrl).map(({ specifier }) => targetOf(path, specifier)),
      ]),
  );
  const complaints: string[] = [];
  const done = new Set<string>();
  const follow = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) {
      complaints.push(`${[...way.slice(way.indexOf(path)), path].join(' → ')}: imports go in a circle`);
      return;
    }
    if (done.has(path)) return;
    for (const target of imported.get(path) ?? []) if (target !== null) follow(target, [...way, path]);
    done.add(path);
  };
  for (const path of imported.keys()) follow(path, []);
  return complaints;
};

/** The page uses these layers, so they may use nothing of Node. */
export const pureLayers: Rule = (sources) =>
  sources
    .filter(({ path }) => /^(common\/(base|model)|webserver\/(editor|ui\/src))\//.test(path))
    .flatMap((source) => [
      ...source.imports
        .filter(({ specifier }) => specifier.startsWith('node:'))
        .map(({ specifier, line }) => `${source.path}:${line}: ${specifier} is not there in a browser`),
      ...matches(source, /\b(Buffer|process)\s*\./g, (word) => `${word} is not there in a browser`),
    ]);

/** Where each package may be imported, and by how many files at most. */
const PACKAGES: Readonly<Record<string, readonly { where: RegExp; files: number }[]>> = {
  'node-zookeeper-client': [{ where: /^common\/zk\//, files: 1 }],
  protobufjs: [
    { where: /^common\/wire\//, files: 1 },
    // Tests compare our codec with it.
    { where: /^test\//, files: 1 },
  ],
  ws: [
    { where: /^common\/net\//, files: 1 },
    { where: /^webserver\/[^/]+$/, files: 1 },
    // Benchmarks compare our protocol with this raw limit.
    { where: /^bench\//, files: 1 },
    { where: /^test\//, files: Number.POSITIVE_INFINITY },
  ],
  ioredis: [{ where: /^bench\//, files: 1 }],
  uplot: [{ where: /^bench\/report\//, files: 1 }],
  'csv-parse': [{ where: /^repl\//, files: 1 }],
  'string-width': [{ where: /^common\/process\//, files: 1 }],
  pino: [{ where: /^common\/process\/log\.ts$/, files: 1 }],
  'classic-level': [
    { where: /^kvnode\/storage\//, files: 1 },
    // Benchmarks compare our state store with this raw limit.
    { where: /^bench\//, files: 1 },
  ],
  '@node-rs/crc32': [{ where: /^kvnode\/storage\/crc32c\.ts$/, files: 1 }],
  snappyjs: [{ where: /^kvnode\/storage\/state\/level\//, files: 1 }],
  fastify: [{ where: /^webserver\/[^/]+$/, files: 1 }],
  '@fastify/static': [{ where: /^webserver\/[^/]+$/, files: 1 }],
  '@fastify/compress': [{ where: /^webserver\/[^/]+$/, files: 1 }],
  preact: [{ where: /^webserver\/ui\//, files: Number.POSITIVE_INFINITY }],
  rolldown: [{ where: /^bin\/pack\.js$/, files: 1 }],
  vite: [{ where: /^webserver\/ui\/vite\.config\./, files: 1 }],
  ava: [{ where: /^test\//, files: Number.POSITIVE_INFINITY }],
  'fast-check': [{ where: /^test\//, files: Number.POSITIVE_INFINITY }],
  semver: [{ where: /^test\//, files: 1 }],
  'playwright-core': [{ where: /^test\//, files: 1 }],
  'axe-core': [{ where: /^test\//, files: 1 }],
};

export const packageImporters: Rule = (sources) => {
  const complaints: string[] = [];
  const importers = new Map<{ where: RegExp; files: number }, Set<string>>();
  for (const { path, imports } of sources) {
    for (const { specifier, line, isUrl } of imports) {
      const name = packageOf(specifier);
      if (name === null || isUrl) continue;
      const place = PACKAGES[name]?.find(({ where }) => where.test(path));
      if (place === undefined) complaints.push(`${path}:${line}: ${name} must not be imported here`);
      else importers.set(place, (importers.get(place) ?? new Set()).add(path));
    }
  }
  for (const [{ where, files }, paths] of importers) {
    if (paths.size > files) complaints.push(`${[...paths].join(', ')}: ${where} allows ${files} importer`);
  }
  return complaints;
};

/** Time and random numbers come from Env only, otherwise the simulator could not control them. */
const WORLD = [
  /\bDate\.now\b/g,
  /\bnew Date\(\s*\)/g,
  /\bperformance\.now\b/g,
  /\bprocess\.hrtime\b/g,
  /(?<![.\w])(setTimeout|setInterval|setImmediate)\b/g,
  /\bAbortSignal\.timeout\b/g,
  /\bMath\.random\b/g,
  /\bcrypto\.(random\w*|getRandomValues)\b/g,
];
/** The real Env, its twin for tests, and the one of the browser, which has no setImmediate. */
const ENVS = /^(common\/base\/env|test\/support\/virtual-env|webserver\/ui\/src\/clock)\.ts$/;
const WORLD_MODULES = /^node:(timers|perf_hooks)/;
/** A histogram counts the values that it gets, and reads no clock. */
const HISTOGRAM_IMPORT = /^\{ createHistogram \}$/;
const RANDOM_IMPORT = /\b(random\w+|getRandomValues|webcrypto)\b/;

export const worldThroughEnv: Rule = (sources) =>
  sources
    .filter(({ path }) => !ENVS.test(path))
    .flatMap((source) => [
      ...WORLD.flatMap((pattern) =>
        matches(source, pattern, (word) => `${word}: take an Env (common/base/env.ts)`),
      ),
      ...source.imports
        .filter(
          ({ specifier, clause }) =>
            (WORLD_MODULES.test(specifier) && !HISTOGRAM_IMPORT.test(clause.trim())) ||
            (specifier === 'node:crypto' && RANDOM_IMPORT.test(clause)),
        )
        .map(
          ({ specifier, line }) => `${source.path}:${line}: ${specifier}: take an Env (common/base/env.ts)`,
        ),
    ]);

/** The browser's page has no other way, and tests may choose. */
const MAY_FETCH = /^(test|webserver\/ui)\//;
/** Each gives an agent of its own. */
const ASKS_DIRECTLY = /^(common\/net\/direct\.ts|docker\/ready\.js)$/;

/** With NODE_USE_ENV_PROXY other requests ask a proxy, also for 127.0.0.1. */
export const noProxies: Rule = (sources) =>
  sources
    .filter(({ path }) => !MAY_FETCH.test(path) && !ASKS_DIRECTLY.test(path))
    .flatMap((source) => [
      ...matches(source, /(?<![.\w])fetch\(/g, () => 'fetch: use common/net/direct.ts, which asks no proxy'),
      ...source.imports
        .filter(
          ({ specifier, clause }) => /^node:https?$/.test(specifier) && /\b(get|request)\b/.test(clause),
        )
        .map(({ specifier, line }) => `${source.path}:${line}: ${specifier}: use common/net/direct.ts`),
    ]);

const ZNODE =
  /^\/(cluster|coordinators|coordinator-epoch|nodes|live|namespaces|tasks|events|rebuilding)(\/|$)/;

export const znodePaths: Rule = (sources) =>
  sources
    .filter(({ path }) => path !== 'common/zk/znodes.ts' && !path.startsWith('test/'))
    .flatMap(({ path, strings }) =>
      strings
        .filter(({ text }) => ZNODE.test(text))
        .map(({ text, line }) => `${path}:${line}: ${text}: paths of znodes are in common/zk/znodes.ts`),
    );

/** Files that are started by name and not imported. */
const ENTRIES =
  /^((kvnode(\/process\/guardian)?|coordinator|webserver|repl|bench|test\/(docker|sim|mutants))\/main\.ts|bin\/(dev\.ts|bootstrap\.js|build\.js|rangekeeper\.js)|bench\/load\/program\.ts|test\/mutants\/campaign\.ts|docker\/ready\.js|client\/index\.ts|webserver\/ui\/(vite\.config\.\w+|src\/main\.tsx)|test\/.*\.test\.ts)$/;

/** Each file is reached by imports. A product file that only tests reach counts as dead, too. */
export const noDeadFile: Rule = (sources) => {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set<string>();
  const visit = (path: string): void => {
    const source = byPath.get(path) ?? byPath.get(path.replace(/\.js$/, '.ts'));
    if (source === undefined || reached.has(source.path)) return;
    reached.add(source.path);
    for (const { specifier } of source.imports) {
      const target = targetOf(source.path, specifier);
      if (target !== null && (!source.path.startsWith('test/') || target.startsWith('test/'))) visit(target);
    }
  };
  for (const { path } of sources) if (ENTRIES.test(path)) visit(path);
  return sources
    .filter(({ path }) => !reached.has(path) && !path.endsWith('.d.ts'))
    .map(({ path }) => `${path}: nothing that runs imports it`);
};

const EXPORTED = /^export (?:async )?(?:const|function\*?|class|interface|type|abstract class) (\w+)/gm;

/** Names that other programs use, or that Node, Vite and runMain look for. */
const OFFERED = /^(client\/(api|index)\.ts|webserver\/ui\/vite\.config\.)|(^|\/)main\.tsx?$|^bin\/dev\.ts$/;

export const noUnusedExport: Rule = (sources) => {
  const words = new Map<string, number>();
  for (const { code } of sources) {
    for (const [word] of code.matchAll(/[A-Za-z_$][\w$]*/g)) words.set(word, (words.get(word) ?? 0) + 1);
  }
  return sources
    .filter(({ path }) => !OFFERED.test(path))
    .flatMap((source) =>
      [...source.code.matchAll(EXPORTED)]
        .filter(([, name = '']) => (words.get(name) ?? 0) < 2)
        .map((match) => `${source.path}:${lineAt(source.code, match.index)}: nobody uses ${match[1]}`),
    );
};

const LINES_MAX = 450;

export const sizes: Rule = (sources) =>
  sources
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > LINES_MAX)
    .map(({ path, lines }) => `${path}: ${lines} lines, at most ${LINES_MAX}: split it by nouns`);

export const names: Rule = (sources) =>
  sources
    .filter(({ path }) => /(^|\/)(utils?|helpers?|misc|stuff)(\/|\.)/.test(path))
    .map(({ path }) => `${path}: name it after what it is`);

export const heads: Rule = (sources) =>
  sources
    .filter(({ text }) => !/^(#![^\n]*\n)?(\/\/|\/\*)/.test(text))
    .map(({ path }) => `${path}: must begin with a comment that says what it is for`);

/** Phrases that the compiler and the linter accept, and what to do instead. */
const PHRASES: readonly (readonly [RegExp, string])[] = [
  [/\bas unknown as\b/g, 'narrow the type instead'],
  [/\btest(?:\.\w+)*\.(?:skip|only|todo|failing)\b/g, 'a test that does not run is a defect'],
  [/\bconsole\.\w+/g, 'log through a Logger, answer on process.stdout'],
  [/\benum \w+/g, 'use a union'],
  [/\bargv\[1\]|\bimport\.meta\.main\b/g, 'a symbolic link deceives it: let a file of its own only run'],
];
const COMMENTS: readonly (readonly [RegExp, string])[] = [
  [/@ts-(?:ignore|expect-error|nocheck)/, 'fix the type instead'],
  [/\bbiome-ignore\b/, 'fix the code instead'],
  [/\b(?:TODO|FIXME|XXX)\b/, 'do it, or open an issue'],
];

export const phrases: Rule = (sources) =>
  sources.flatMap((source) => [
    ...PHRASES.flatMap(([pattern, cure]) => matches(source, pattern, (word) => `${word}: ${cure}`)),
    ...COMMENTS.flatMap(([pattern, cure]) =>
      source.comments
        .filter(({ text }) => pattern.test(text))
        .map(({ line }) => `${source.path}:${line}: ${cure}`),
    ),
  ]);

function matches(
  source: Pick<Source, 'path' | 'code'>,
  pattern: RegExp,
  complaint: (word: string) => string,
): string[] {
  return [...source.code.matchAll(pattern)].map(
    (match) => `${source.path}:${lineAt(source.code, match.index)}: ${complaint(match[0].trim())}`,
  );
}
